//! The N+1 detector: counts reads, writes and calls to other modules that repeat where one would have been enough.
//!
//! A read repeats when one line of one scope runs the same text again, each time with other parameters. A write repeats
//! when it is the same kind of change, a call when it is the same method. Retries and polls send the same parameters,
//! so they are not counted. Loads of a whole cohort or page are exempt by [`RepeatCheck`]. The idea is that of Bullet
//! and Prosopite (Rails), which look at what was sent and from where.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;

use super::Scope;
use super::callers::Stack;
use crate::driver::Params;
use crate::statement::{CallSite, RepeatKind, RepeatedRecord, Statement};
use crate::value::{Value, days_of};

/// Whether a read, a write or a call is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RepeatCheck {
    /// The default.
    Counted,
    /// Not counted: it handles many rows at once, continues a page, or its author gave a reason why it repeats.
    Skipped,
}

impl RepeatCheck {
    /// For an author who gives a reason. An empty reason does not count.
    pub(crate) fn unless(reason: &str) -> Self {
        if reason.trim().is_empty() { RepeatCheck::Counted } else { RepeatCheck::Skipped }
    }

    /// Counted only if both are.
    pub(crate) fn and(self, other: RepeatCheck) -> Self {
        if self == RepeatCheck::Counted { other } else { self }
    }
}

/// This many keys at once are a batch, and a loop over batches is intended.
pub(crate) const BATCH: usize = 100;

/// How many repeats are counted without an allocation. Most scopes have no more.
const FEW: usize = 8;
/// How many repeats are counted at all. Each is a line of the program, so only very long work has more.
const MOST: usize = 128;
/// How many parameter sets back a retry or a poll is recognized.
const RECENT: usize = 4;
/// How many values of a list are hashed. The list's keys are sorted and distinct.
const LIST: usize = 8;

#[derive(Default)]
pub(super) struct Repeats(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    few: [Option<SeenStatement>; FEW],
    more: Vec<SeenStatement>,
    /// What has repeated too often.
    found: Vec<FoundRepeat>,
    /// For tests: how many batches were begun at a line, and from where. When a batch is sent, no frame of the author
    /// is on the stack any more.
    begun: Vec<(CallSite, u32, Option<Stack>)>,
}

/// What repeats.
struct Repeated {
    kind: RepeatKind,
    name: Cow<'static, str>,
    module: &'static str,
    text: Cow<'static, str>,
}

struct FoundRepeat {
    /// Its index in `few` and `more`.
    index: usize,
    record: RepeatedRecord,
    stack: Option<Stack>,
}

#[derive(Clone, Copy)]
struct SeenStatement {
    site: CallSite,
    /// The statement's text, the name of the change, or the method.
    what: u64,
    /// The hashes of the last parameter sets.
    recent: [u32; RECENT],
    times: u32,
}

impl SeenStatement {
    /// Counts a run, unless its parameters repeat one of the last runs. Without `params` every run counts.
    fn run(&mut self, params: Option<u32>) -> bool {
        if let Some(params) = params {
            if self.recent.contains(&params) {
                return false;
            }
            self.recent[self.times as usize % RECENT] = params;
        }
        self.times = self.times.saturating_add(1);
        true
    }
}

impl Counts {
    /// The index of the counter, which is created if missing; `None` when there are too many.
    fn place(&mut self, site: CallSite, what: u64) -> Option<usize> {
        let is_it =
            |seen: &SeenStatement| seen.what == what && (std::ptr::eq(seen.site, site) || seen.site == site);
        let new = SeenStatement { site, what, recent: [0; RECENT], times: 0 };
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

    fn at(&mut self, index: usize) -> &mut SeenStatement {
        match index.checked_sub(FEW) {
            Some(index) => &mut self.more[index],
            None => self.few[index].as_mut().expect("a place that was given out is taken"),
        }
    }
}

impl Scope {
    /// Counts a statement that returns rows.
    pub(super) fn count_read(&self, statement: &Statement, params: &[Value], site: CallSite) {
        if reads(&statement.text) {
            let what = hash_of_text(&statement.text);
            self.count(site, what, Some(hash_of(params)), || {
                Repeated::statement(RepeatKind::Read, statement)
            });
        } else {
            self.count_write(statement, Params::One(params), site);
        }
    }

    /// Counts a statement that changes rows, unless it changes many at once. It is identified by its name, because its
    /// text differs with the columns that it changes.
    pub(super) fn count_write(&self, statement: &Statement, params: Params<'_>, site: CallSite) {
        if params.rows() < BATCH {
            let (what, params) = (hash_of_text(&statement.name), hash_of(params.first()));
            self.count(site, what, Some(params), || Repeated::statement(RepeatKind::Write, statement));
        }
    }

    /// Counts a call to another module. `asks` distinguishes its arguments from others, if they are known.
    pub(crate) fn count_call(
        &self,
        module: &'static str,
        method: &'static str,
        asks: Option<&[Value]>,
        site: CallSite,
    ) {
        let what = hash_of_text(method) ^ hash_of_text(module);
        self.count(site, what, asks.map(hash_of), || Repeated {
            kind: RepeatKind::Call,
            name: format!("{module}.{method}").into(),
            module,
            text: "".into(),
        });
    }

    fn count(&self, site: CallSite, what: u64, params: Option<u32>, describe: impl FnOnce() -> Repeated) {
        let mut counts = self.repeats.lock();
        let Some(index) = counts.place(site, what) else { return };
        let seen = counts.at(index);
        if !seen.run(params) || seen.times != self.database.n_plus_one_threshold() {
            return;
        }
        let begun = counts.begun.iter_mut().find(|(begun, ..)| *begun == site);
        let stack = match begun {
            Some((.., stack)) => stack.take(),
            None => self.database.wants_callers().then(Stack::here),
        };
        let Repeated { kind, name, module, text } = describe();
        let (trace, callers) = (self.trace, Vec::new());
        let record = RepeatedRecord { kind, name, module, text, trace, site, callers, times: 0 };
        counts.found.push(FoundRepeat { index, record, stack });
    }

    /// Notes where a batch was begun, if an observer wants it. The stack is kept only for the batch that reaches the
    /// N+1 threshold.
    pub(super) fn note_begun(&self, site: CallSite) {
        if !self.database.wants_callers() {
            return;
        }
        let mut counts = self.repeats.lock();
        let place = counts.begun.iter().position(|(begun, ..)| *begun == site).unwrap_or_else(|| {
            counts.begun.push((site, 0, None));
            counts.begun.len() - 1
        });
        let (_, times, stack) = &mut counts.begun[place];
        *times += 1;
        if *times == self.database.n_plus_one_threshold() {
            *stack = Some(Stack::here());
        }
    }

    /// Reports to the log and the observers, once each, what has repeated. Call it at the end of the scope.
    pub(super) fn report_repeats(&self) {
        let found: Vec<FoundRepeat> = {
            let mut counts = self.repeats.lock();
            let mut found = std::mem::take(&mut counts.found);
            found.iter_mut().for_each(|found| found.record.times = counts.at(found.index).times);
            found
        };
        let told = |FoundRepeat { record, stack, .. }: FoundRepeat| {
            let callers = stack.map_or_else(Vec::new, |stack| stack.above(record.site));
            RepeatedRecord { callers, ..record }
        };
        let mut found: Vec<RepeatedRecord> = found.into_iter().map(told).collect();
        found.sort_by_key(|record| std::cmp::Reverse(record.times));
        let Some(worst) = found.first() else { return };
        // Within the span of the work, so that the log line carries its trace.
        tracing::warn!(
            kind = worst.kind.as_str(),
            statement = &*worst.name,
            module = worst.module,
            code.file.path = worst.site.file(),
            code.line.number = worst.site.line(),
            times = worst.times,
            others = found.len() - 1,
            "N+1: it ran again and again, where once for all would do"
        );
        for record in &found {
            self.database.observers().iter().for_each(|observer| observer.repeated(record));
        }
    }
}

impl Repeats {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repeated {
    fn statement(kind: RepeatKind, statement: &Statement) -> Self {
        let (name, text) = (statement.name.clone(), statement.text.clone());
        Repeated { kind, name, module: statement.module, text }
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

/// Never 0, because 0 stands for none.
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
        Value::Date(date) => hasher.write_i64(days_of(*date)),
        Value::Real(n) => hasher.write_u64(n.to_bits()),
        Value::Boolean(flag) => hasher.write_u8(u8::from(*flag)),
        Value::Time(time) => hasher.write_i64(time.as_microsecond()),
        Value::Bytes(bytes) => hasher.write(bytes),
        Value::List(values) => {
            hasher.write_usize(values.len());
            values.iter().take(LIST).chain(values.last()).for_each(|value| write(hasher, value));
        }
        // Not a key, and expensive to write out.
        Value::Json(_) => hasher.write_u8(1),
    }
}
