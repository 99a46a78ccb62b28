//! Reads what other processes tell, and lets them know of this one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::hub::Hub;
use super::packed::Packed;
use super::position::Position;
use super::send::{send, send_in};
use super::texts::FeedTexts;
use super::write_set::WriteSet;
use crate::cache::{Defence, is_on};
use crate::database::Database;
use crate::driver::{DriverError, DriverTransaction};
use crate::error::Source;
use crate::row::Row;
use crate::value::Value;

/// How often a process shows the others that it lives, if there are others.
pub(super) const BEAT: Duration = Duration::from_secs(5);
/// A process that has not shown this for so long is taken for dead. Each process measures that by its own steady clock: the
/// time of day may be set back or forward.
const DEAD_AFTER: Duration = Duration::from_secs(15);
/// For so long after a beat the others tell a process what they change. Rows are served for `staleness` after that, which is no
/// longer than what is left until [`DEAD_AFTER`].
const SURELY_TOLD: Duration = Duration::from_secs(10);
/// Polls go on meanwhile, so nothing but them waits longer for a connection or the writer, unless it presses. The next poll tries
/// again.
const PATIENCE: Duration = Duration::from_millis(250);

/// A registered process, as it sees itself.
pub(super) struct FeedReader {
    id: Uuid,
    texts: &'static FeedTexts,
    position: Position,
    /// The server that gave it. Another one may have lost the last commits, and given their numbers anew.
    server: String,
    /// The database's mark at the last poll. If it is the same, nobody has committed anything.
    mark: Option<Vec<u8>>,
    /// The last poll failed.
    has_failed: bool,
    /// Something may have been missed, since what was told could not be read.
    owes_everything: bool,
    /// How many outcomes of this process were unknown at the last poll, and until when it reads what it has told itself: the
    /// server may commit after the connection broke.
    unknown: (usize, Duration),
    others: i64,
    /// The others' beats, and since when each has been the same.
    beats: HashMap<Uuid, (i64, Duration)>,
    beat_at: Duration,
    /// When the latest beat began that succeeded, or the latest poll that found no others.
    shown_at: Duration,
    /// Earlier positions, to delete what all snapshots younger than the retention can see.
    passed: VecDeque<(Duration, u64)>,
    /// Below this number nothing is kept any more.
    pruned: u64,
}

/// What one poll found.
struct Polled {
    position: Position,
    server: String,
    floor: u64,
    others: i64,
    is_asked: bool,
}

impl FeedReader {
    /// Registers the process. From its position on it is told everything.
    pub(super) async fn register(database: &Database) -> Result<Self, DriverError> {
        let began = database.clock().steady();
        let (id, texts) = (database.clock().new_id(), FeedTexts::of(database.dialect()));
        let transaction = database.driver().begin(None, None).await?;
        for text in texts.adopt {
            send_in(&*transaction, text, &[], &mut |_| Ok(())).await?;
        }
        send_in(&*transaction, texts.register, &[Value::Uuid(id)], &mut |_| Ok(())).await?;
        let (mut begin, mut server) = (String::new(), String::new());
        let mut read = |row: &Row<'_>| {
            (begin, server) = (row.text(0)?, row.text(1)?);
            Ok(())
        };
        send_in(&*transaction, texts.begin, &[], &mut read).await?;
        transaction.commit().await?;
        let now = database.clock().steady();
        Ok(FeedReader {
            id,
            texts,
            position: position(&begin)?,
            server,
            mark: None,
            has_failed: false,
            owes_everything: false,
            unknown: (0, Duration::ZERO),
            others: 0,
            beats: HashMap::new(),
            beat_at: now,
            shown_at: began,
            passed: VecDeque::new(),
            pruned: 0,
        })
    }

    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    /// Reads what was told since the last time and says it here. After a poll that failed, anything may have changed: the
    /// server may be another one now.
    pub(super) async fn poll(&mut self, database: &Database, hub: &Hub) {
        let (began, certified) = (database.clock().steady(), database.clock().since_boot());
        match self.try_poll(database, hub, began).await {
            Ok(()) => {
                self.has_failed = false;
                // A process that was silent for longer may have been taken for dead, and is told nothing then.
                if began <= self.shown_at + SURELY_TOLD {
                    hub.certify(certified);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    tracing::warn!(?error, "what other processes changed cannot be read; it is tried again");
                }
            }
        }
    }

    async fn try_poll(&mut self, database: &Database, hub: &Hub, now: Duration) -> Result<(), DriverError> {
        let mark = database.driver().commit_mark();
        if mark.is_none() || mark != self.mark || self.has_failed {
            let unknown = hub.unknown();
            if unknown != self.unknown.0 {
                self.unknown = (unknown, now + database.feed_settings().retention);
            }
            let polled = self.read(database, hub, now < self.unknown.1).await;
            self.owes_everything |= polled.is_err();
            let polled = polled?;
            // What such a COMMIT has changed may be among the rows that this poll has passed over.
            let is_overtaken = hub.unknown() != unknown;
            let missed = self.position.is_behind(polled.floor)
                || polled.position.is_before(&self.position)
                || polled.server != self.server;
            (self.position, self.server) = (polled.position, polled.server);
            self.others = polled.others;
            hub.note_others(polled.others > 0);
            // Before it is said that this was read.
            if std::mem::take(&mut self.owes_everything) || missed || is_overtaken {
                hub.say_everything();
            }
            if polled.is_asked {
                self.pass(database).await?;
            }
            self.mark = mark;
        }
        if self.others == 0 {
            self.shown_at = now;
        }
        // What was read is told by now: to be late with the rest means nothing to those who wait.
        if let Err(error) = self.keep_up(database, hub, now).await {
            tracing::debug!(
                ?error,
                "this process could not tell the others that it is there; it is tried again"
            );
        }
        Ok(())
    }

    /// Reads what was told, also by this process itself if `reads_own`.
    async fn read(&self, database: &Database, hub: &Hub, reads_own: bool) -> Result<Polled, DriverError> {
        let (mut at, mut is_asked, mut is_clear, mut is_migrated) = (None, false, true, false);
        // Said as one: who watches two of the changes looks once.
        let mut writes = WriteSet::default();
        let mut read = |row: &Row<'_>| {
            if row.text(0)? == "at" {
                at = Some((row.text(1)?, row.text(2)?, row.integer(3)?, row.text(4)?));
                return Ok(());
            }
            for line in row.text(1)?.lines() {
                match Packed::read(line) {
                    Some(told) => {
                        is_asked |= told.asks;
                        is_migrated |= told.everything;
                        // Line by line, because of many keys together only the table is known.
                        let mut line = WriteSet::default();
                        told.add_to(&mut line);
                        hub.change(&line);
                        told.add_to(&mut writes);
                    }
                    // Another version of the application wrote something that this one does not know.
                    None => is_clear = false,
                }
            }
            Ok(())
        };
        let next = Value::Text(self.position.next.to_string());
        let but = if reads_own { Uuid::nil() } else { self.id };
        let open = if is_on(Defence::Cursor) || self.position.open.is_empty() {
            Value::Text(self.position.open.clone())
        } else {
            Value::Text("{}".to_owned())
        };
        let params = [next, open, Value::Uuid(self.id), Value::Uuid(but)];
        send(database, self.texts.poll, &params, &mut read).await?;
        if is_migrated {
            // What a delete reaches by foreign keys may be more now, and this process has to tell it.
            let learned = database.learn_schema().await;
            learned.map_err(|error| DriverError::Other(Source::new(error.to_string())))?;
        }
        if is_clear && !is_migrated {
            hub.watchers.say(&writes)
        } else {
            hub.say_everything()
        }
        let (text, floor, others, server) = at.ok_or_else(|| unexpected("no position"))?;
        if server.is_empty() {
            return Err(unexpected("the server is a standby"));
        }
        let floor = floor.parse().map_err(|_| unexpected(&floor))?;
        Ok(Polled { position: position(&text)?, server, floor, others, is_asked })
    }

    /// Says how far this process has read.
    async fn pass(&self, database: &Database) -> Result<(), DriverError> {
        let params = [Value::Uuid(self.id), Value::Text(self.position.text.clone())];
        let transaction = database.driver().begin(None, None).await?;
        send_in(&*transaction, self.texts.pass, &params, &mut |_| Ok(())).await?;
        transaction.commit().await
    }

    /// What a process does from time to time: it shows the others that it lives, looks whether they do, and deletes what
    /// is old.
    async fn keep_up(&mut self, database: &Database, hub: &Hub, now: Duration) -> Result<(), DriverError> {
        let retention = database.feed_settings().retention;
        if self.others > 0 && now >= self.beat_at {
            self.beat(database, hub, now).await?;
            self.beat_at = now + BEAT;
        }
        if self.passed.back().is_none_or(|(at, _)| now >= *at + retention / 4) {
            self.passed.push_back((now, self.position.needs));
        }
        let old = self.passed.iter().take_while(|(at, _)| now >= *at + retention).last().copied();
        if let Some((at, needs)) = old {
            self.prune(database, needs, now >= at + 2 * retention).await?;
            self.passed.retain(|(later, _)| *later > at);
        }
        Ok(())
    }

    async fn beat(&mut self, database: &Database, hub: &Hub, now: Duration) -> Result<(), DriverError> {
        let own = [Value::Uuid(self.id)];
        let transaction = begin(database, now > self.shown_at + BEAT + BEAT / 2).await?;
        let was_forgotten = send_in(&*transaction, self.texts.beat, &own, &mut |_| Ok(())).await? == 0;
        if was_forgotten {
            send_in(&*transaction, self.texts.register, &own, &mut |_| Ok(())).await?;
        }
        let mut beats = HashMap::new();
        let mut read = |row: &Row<'_>| {
            let (id, beat) = (row.uuid(0)?, row.integer(1)?);
            let known = self.beats.get(&id).filter(|(known, _)| *known == beat);
            beats.insert(id, (beat, known.map_or(now, |(_, since)| *since)));
            Ok(())
        };
        send_in(&*transaction, self.texts.others, &own, &mut read).await?;
        let mut forgotten = 0;
        for (id, (beat, since)) in &beats {
            if now >= *since + DEAD_AFTER {
                let params = [Value::Uuid(*id), Value::Integer(*beat)];
                forgotten += send_in(&*transaction, self.texts.forget, &params, &mut |_| Ok(())).await?;
            }
        }
        transaction.commit().await?;
        if let Some(announcement) = hub.announcement() {
            announcement.forgotten.fetch_add(forgotten, Ordering::Release);
        }
        (self.beats, self.shown_at) = (beats, now);
        if was_forgotten {
            // The others took this process for dead, and may have told it nothing.
            hub.say_everything();
        }
        Ok(())
    }

    /// Deletes what was told before this number.
    async fn prune(&mut self, database: &Database, needs: u64, presses: bool) -> Result<(), DriverError> {
        if needs <= self.pruned {
            return Ok(());
        }
        let transaction = begin(database, presses).await?;
        for text in self.texts.prune {
            send_in(&*transaction, text, &[Value::Text(needs.to_string())], &mut |_| Ok(())).await?;
        }
        transaction.commit().await?;
        self.pruned = needs;
        Ok(())
    }

    /// The process ends: nobody waits for it any more.
    pub(super) async fn leave(&self, database: &Database) -> Result<(), DriverError> {
        let transaction = database.driver().begin(None, None).await?;
        send_in(&*transaction, self.texts.leave, &[Value::Uuid(self.id)], &mut |_| Ok(())).await?;
        transaction.commit().await
    }
}

async fn begin(database: &Database, presses: bool) -> Result<Arc<dyn DriverTransaction>, DriverError> {
    let until = (!presses).then(|| Instant::now() + PATIENCE);
    database.driver().begin(until, None).await
}

fn position(text: &str) -> Result<Position, DriverError> {
    Position::read(text).ok_or_else(|| unexpected(text))
}

fn unexpected(found: &str) -> DriverError {
    DriverError::Other(Source::new(format!("what processes tell each other cannot be read: {found:?}")))
}
