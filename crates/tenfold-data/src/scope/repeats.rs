//! The N+1 detector: counts reads that repeat where one would have done.
//!
//! A read repeats when the same text is asked for at the same line of one scope, each time with other parameters. A
//! retry and a poll ask with the same ones; what carries a whole cohort or page is told apart by [`Watch`]. The idea
//! is that of Bullet and Prosopite (Rails), which look at what was sent and where from.

use std::hash::{BuildHasher as _, Hasher};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::FixedState;

use super::Scope;
use crate::statement::{CallSite, RepeatedRecord, Statement};
use crate::value::Value;

/// Whether a read is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// As a rule.
    Repeats,
    /// Not counted: it loads for many at once, goes on behind a page, or its author says why it repeats.
    Nothing,
}

impl Watch {
    /// For an author who gives a reason; an empty one is none.
    pub(crate) fn unless(reason: &str) -> Self {
        if reason.trim().is_empty() { Watch::Repeats } else { Watch::Nothing }
    }

    /// Counted only if both say so.
    pub(crate) fn and(self, other: Watch) -> Self {
        if self == Watch::Repeats { other } else { self }
    }
}

/// So many keys at once are a batch, and a loop over batches is meant.
pub(super) const BATCH: usize = 100;

/// Reads that are told apart without an allocation; most scopes have no more.
const FEW: usize = 8;
/// Reads that are told apart at all. They are lines of the program, so only a very long piece of work has more.
const MOST: usize = 128;
/// How many parameter sets back a retry or a poll is known again.
const RECENT: usize = 4;
/// How many values of a list tell it from another; the list's keys are sorted and differ.
const LIST: usize = 8;

#[derive(Default)]
pub(super) struct Repeats(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    few: [Option<Seen>; FEW],
    more: Vec<Seen>,
    /// What has repeated too often, with its place in `few` and `more`.
    found: Vec<(usize, RepeatedRecord)>,
}

#[derive(Clone, Copy)]
struct Seen {
    site: CallSite,
    text: u64,
    /// The last parameter sets, by their hashes.
    recent: [u32; RECENT],
    times: u32,
}

impl Seen {
    /// Counts a run, unless it asks what was asked just before.
    fn run(&mut self, params: u32) -> bool {
        if self.recent.contains(&params) {
            return false;
        }
        self.recent[self.times as usize % RECENT] = params;
        self.times = self.times.saturating_add(1);
        true
    }
}

impl Counts {
    /// The place of a read, which is made if it is not there; none when there are too many.
    fn place(&mut self, site: CallSite, text: u64) -> Option<usize> {
        let is_it = |seen: &Seen| seen.text == text && (std::ptr::eq(seen.site, site) || seen.site == site);
        let new = Seen { site, text, recent: [0; RECENT], times: 0 };
        for (index, place) in self.few.iter_mut().enumerate() {
            match place {
                Some(seen) if is_it(seen) => return Some(index),
                Some(_) => {}
                None => {
                    *place = Some(new);
                    return Some(index);
                }
            }
        }
        if let Some(index) = self.more.iter().position(is_it) {
            return Some(FEW + index);
        }
        (FEW + self.more.len() < MOST).then(|| {
            self.more.push(new);
            FEW + self.more.len() - 1
        })
    }

    fn at(&mut self, index: usize) -> &mut Seen {
        match index.checked_sub(FEW) {
            Some(index) => &mut self.more[index],
            None => self.few[index].as_mut().expect("a place that was given out is taken"),
        }
    }
}

impl Scope {
    /// Counts a read.
    pub(super) fn watch(&self, statement: &Statement, params: &[Value], site: CallSite) {
        if !reads(&statement.text) {
            return;
        }
        let (text, params) = (hash_of_text(&statement.text), hash_of(params));
        let mut counts = self.repeats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = counts.place(site, text) else { return };
        let seen = counts.at(index);
        if seen.run(params) && seen.times == self.database.n_plus_one_threshold() {
            let (name, module, trace) = (statement.name.clone(), statement.module, self.trace);
            let found = RepeatedRecord { name, module, trace, site, times: 0 };
            counts.found.push((index, found));
        }
    }

    /// Tells the log and the observers, each once, what has repeated. For the end of the scope.
    pub(super) fn report_repeats(&self) {
        let mut found: Vec<RepeatedRecord> = {
            let mut counts = self.repeats.0.lock().unwrap_or_else(PoisonError::into_inner);
            let found = std::mem::take(&mut counts.found);
            let counted = |(index, record)| RepeatedRecord { times: counts.at(index).times, ..record };
            found.into_iter().map(counted).collect()
        };
        found.sort_by_key(|record| std::cmp::Reverse(record.times));
        let Some(worst) = found.first() else { return };
        // Within the span of the work, so that the line is found with its trace.
        tracing::warn!(
            statement = &*worst.name,
            module = worst.module,
            code.file.path = worst.site.file(),
            code.line.number = worst.site.line(),
            times = worst.times,
            others = found.len() - 1,
            "N+1: the statement ran again and again, where one for all would do"
        );
        for record in &found {
            self.database.observers().iter().for_each(|observer| observer.repeated(record));
        }
    }
}

/// Whether a text only reads.
fn reads(text: &str) -> bool {
    let text = text.trim_ascii_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|first| first.eq_ignore_ascii_case(word));
    begins("select") || (begins("with") && !text.to_ascii_lowercase().contains(" returning "))
}

fn hash_of_text(text: &str) -> u64 {
    FixedState::default().hash_one(text)
}

/// Never 0, which stands for none.
fn hash_of(params: &[Value]) -> u32 {
    let mut hasher = FixedState::default().build_hasher();
    params.iter().for_each(|value| write(&mut hasher, value));
    (hasher.finish() as u32).max(1)
}

fn write(hasher: &mut impl Hasher, value: &Value) {
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Uuid(id) => hasher.write_u128(id.as_u128()),
        Value::Text(text) => hasher.write(text.as_bytes()),
        Value::Integer(n) => hasher.write_i64(*n),
        Value::Real(n) => hasher.write_u64(n.to_bits()),
        Value::Boolean(flag) => hasher.write_u8(u8::from(*flag)),
        Value::Time(time) => hasher.write_i64(time.as_microsecond()),
        Value::Bytes(bytes) => hasher.write(bytes),
        Value::List(values) => {
            hasher.write_usize(values.len());
            values.iter().take(LIST).chain(values.last()).for_each(|value| write(hasher, value));
        }
        // No key, and dear to write out.
        Value::Json(_) => hasher.write_u8(1),
    }
}
