//! Fourteen days in the history's file: an hour of an endpoint is a row, with its minutes as one JSON text.
//!
//! Whatever is written adds to what is there, so two processes that follow each other within a minute both count.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use tenfold_data::{DataError, SystemContext, SystemTx, sql};
use tenfold_observe::telemetry::diagnosis::{MinuteCell, SavedMinute, SecondCell};

pub(super) const MIGRATION: &str =
    "CREATE TABLE tenfold_why_hours (hour bigint NOT NULL, endpoint text NOT NULL, body text NOT NULL, PRIMARY KEY (hour, endpoint));
     CREATE TABLE tenfold_why_changes (at bigint NOT NULL, what text NOT NULL, kind text NOT NULL, PRIMARY KEY (at, what));";

/// How many endpoints of an hour a question reads at most: more than a process tells apart with `why.series` at its most.
const MOST_ENDPOINTS: usize = 2_001;
/// How many hours of an endpoint are read at most: those of fourteen days, and the ones at both ends.
const MOST_HOURS: i64 = 340;

/// How much is kept of the last fourteen days.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DayBounds {
    /// How many hours of all endpoints together.
    pub hours: usize,
    /// How long they may be together, in bytes.
    pub bytes: u64,
}

/// A minute of its hour, how many failed, the durations' sum in microseconds, and the histogram's buckets.
#[derive(Serialize, Deserialize)]
struct MinuteText(u32, u32, u64, Vec<(u8, u32)>);

/// A row: hour, endpoint, and its minutes.
type HourRow = (i64, String, String);

/// The minutes of an endpoint's hours.
type Hours = BTreeMap<(i64, String), BTreeMap<u32, MinuteCell>>;

/// Adds minutes to their hours.
pub(super) async fn write(tx: &mut SystemTx<'_>, minutes: Vec<SavedMinute>) -> Result<(), DataError> {
    let mut hours = Hours::new();
    minutes.into_iter().for_each(|minute| add(&mut hours, minute));
    let (first, last) = (hours.keys().next(), hours.keys().next_back());
    let (Some((first, _)), Some((last, _))) = (first, last) else { return Ok(()) };
    let known: Vec<HourRow> = sql!(
        "tenfold_why_hours.known",
        "SELECT hour, endpoint, body FROM tenfold_why_hours WHERE hour BETWEEN $1 AND $2"
    )
    .bind(*first)
    .bind(*last)
    .all(tx)
    .await?;
    for (hour, endpoint, body) in known {
        if hours.contains_key(&(hour, endpoint.clone())) {
            read((hour, endpoint, body)).into_iter().for_each(|minute| add(&mut hours, minute));
        }
    }
    for ((hour, endpoint), minutes) in hours {
        sql!(
            "tenfold_why_hours.write",
            "INSERT INTO tenfold_why_hours (hour, endpoint, body) VALUES ($1, $2, $3)
             ON CONFLICT (hour, endpoint) DO UPDATE SET body = excluded.body"
        )
        .bind(hour)
        .bind(endpoint)
        .bind(text(&minutes))
        .repeated("once a minute, in a file of its own that only this task writes")
        .execute(tx)
        .await?;
    }
    Ok(())
}

fn add(hours: &mut Hours, saved: SavedMinute) {
    let hour = hours.entry((i64::from(saved.minute / 60), saved.endpoint)).or_default();
    hour.entry(saved.minute % 60).or_default().merge(&saved.cell);
}

fn text(minutes: &BTreeMap<u32, MinuteCell>) -> String {
    let minutes = minutes.iter().map(|(minute, cell)| {
        MinuteText(*minute, cell.errors, cell.sum_us, cell.durations.buckets().collect())
    });
    serde_json::to_string(&minutes.collect::<Vec<_>>()).unwrap_or_default()
}

/// The minutes of a row; none if it is damaged, or another version wrote it differently.
pub(super) fn read((hour, endpoint, body): HourRow) -> Vec<SavedMinute> {
    let minutes: Vec<MinuteText> = serde_json::from_str(&body).unwrap_or_default();
    let first = u32::try_from(hour).ok().and_then(|hour| hour.checked_mul(60));
    let minutes = minutes.into_iter().filter(|MinuteText(minute, ..)| *minute < 60);
    let minutes = minutes.filter_map(|MinuteText(minute, errors, sum_us, buckets)| {
        let mut cell = MinuteCell { errors, sum_us, ..MinuteCell::default() };
        buckets.into_iter().for_each(|(bucket, times)| cell.durations.add(bucket, times));
        Some(SavedMinute { endpoint: endpoint.clone(), minute: first?.checked_add(minute)?, cell })
    });
    minutes.collect()
}

/// The sums of a row's minutes that are in a range.
pub(super) fn sums(row: HourRow, minutes: &Range<u32>) -> Vec<SecondCell> {
    let all = read(row).into_iter().filter(|saved| minutes.contains(&saved.minute));
    all.map(|saved| saved.sums()).collect()
}

/// Removes what is too old or too much; `times` is from which second since 1970 to which. What is of the time after it has bounds
/// of its own. Call it once an hour.
pub(super) async fn forget(
    tx: &mut SystemTx<'_>,
    bounds: DayBounds,
    times: Range<i64>,
) -> Result<(), DataError> {
    let (hours, bytes) = (i64::try_from(bounds.hours), i64::try_from(bounds.bytes));
    sql!(
        "tenfold_why_hours.forget",
        "DELETE FROM tenfold_why_hours WHERE hour < $1 OR (hour, endpoint) IN (
             SELECT hour, endpoint FROM (
                 SELECT hour, endpoint, row_number() OVER newest AS place, sum(octet_length(body)) OVER newest AS bytes
                 FROM tenfold_why_hours
                 WINDOW newest AS (PARTITION BY hour > $4 ORDER BY hour DESC, endpoint)
             ) hours WHERE place > $2 OR bytes > $3
         )"
    )
    .bind(times.start.div_euclid(3_600))
    .bind(hours.unwrap_or(i64::MAX))
    .bind(bytes.unwrap_or(i64::MAX))
    .bind(times.end.div_euclid(3_600))
    .execute(tx)
    .await
    .map(drop)
}

/// Removes what is of the time after this second, since 1970.
pub(super) async fn forget_future(tx: &mut SystemTx<'_>, latest: i64) -> Result<(), DataError> {
    sql!("tenfold_why_hours.forget_future", "DELETE FROM tenfold_why_hours WHERE hour > $1")
        .bind(latest.div_euclid(3_600))
        .execute(tx)
        .await
        .map(drop)
}

/// The rows of a range of hours, of one endpoint, the oldest first.
pub(super) async fn rows(
    cx: &SystemContext,
    endpoint: &str,
    (first, last): (i64, i64),
) -> Result<Vec<HourRow>, DataError> {
    let rows = sql!(
        "tenfold_why_hours.read",
        "SELECT hour, endpoint, body FROM tenfold_why_hours
         WHERE hour BETWEEN $1 AND $2 AND endpoint = $3 ORDER BY hour LIMIT $4"
    );
    rows.bind(first).bind(last).bind(endpoint.to_owned()).bind(MOST_HOURS).all(cx).await
}

/// The rows of all endpoints in an hour.
pub(super) async fn hour(cx: &SystemContext, hour: i64) -> Result<Vec<HourRow>, DataError> {
    let rows = sql!(
        "tenfold_why_hours.hour",
        "SELECT hour, endpoint, body FROM tenfold_why_hours WHERE hour = $1 ORDER BY endpoint LIMIT $2"
    );
    let rows: Vec<HourRow> =
        rows.bind(hour).bind(i64::try_from(MOST_ENDPOINTS).unwrap_or(i64::MAX)).all(cx).await?;
    if rows.len() == MOST_ENDPOINTS {
        tracing::warn!(hour, "an hour of the history for `why` has more endpoints than are looked at");
    }
    Ok(rows)
}
