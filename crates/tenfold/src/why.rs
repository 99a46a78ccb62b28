//! The answer to "what is wrong?", as JSON and as text.

mod archive;
pub(crate) mod days;
mod future;
pub(crate) mod history;
mod lock;
mod maintenance;
mod noted;
mod opening;
mod page;
mod plans;
pub(crate) mod question;
pub(crate) mod records;
pub(crate) mod schedules;
mod schema;
pub(crate) mod settings;
mod unfinished;
mod unread;

use serde_json::{Value, json};
use tenfold_data::{Timestamp, Uuid};
use tenfold_observe::telemetry::diagnosis::{
    Diagnosis, EndpointFinding, OverloadFinding, PartFinding, PartKey,
};

pub use self::plans::StatementPlans;
pub use self::records::records;

/// An answer as `GET /console/why.json` gives it and `app why --json` prints it.
///
/// `statements` are the parts that are statements, `outbound` calls to other services, `waits` those that are waits for others; `since` and `at` are RFC 3339,
/// durations are milliseconds in a mean request, of one call in `outbound`, and waits of jobs in `endpoints` with a
/// `queue`; `overload` has requests a second, and is `null` unless some are refused; shares go from 0 to 1. `more_often` and `slower` are factors. `plan_before` and `plan_now` are texts of the database, or
/// `null` if they are not known.
pub fn json(answer: &Diagnosis) -> Value {
    let changes: Vec<Value> = answer
        .changes
        .iter()
        .map(|found| {
            json!({
                "what": found.change.what,
                "at": moment(found.change.at_us),
                "lead_s": rounded(found.lead_s),
                "share": rounded(found.share),
            })
        })
        .collect();
    let ids = |parties: &[tenfold_observe::telemetry::diagnosis::Party]| {
        parties.iter().map(|party| Uuid::from_u128(party.id).to_string()).collect::<Vec<_>>()
    };
    json!({
        "verdict": answer.verdict,
        "confidence": rounded(answer.confidence),
        "since": answer.since_us.map(moment),
        "endpoints": answer.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "overload": answer.overload.as_ref().map(overload),
        "statements": answer.parts.iter().filter_map(statement).collect::<Vec<_>>(),
        "outbound": answer.parts.iter().filter_map(outbound).collect::<Vec<_>>(),
        "waits": answer.parts.iter().filter_map(wait).collect::<Vec<_>>(),
        "organizations": ids(&answer.organizations),
        "users": ids(&answer.users),
        "changes": changes,
        "traces": answer.traces.iter().map(|trace| format!("{trace:032x}")).collect::<Vec<_>>(),
    })
}

fn endpoint(endpoint: &EndpointFinding) -> Value {
    json!({
        "route": endpoint.name,
        "queue": endpoint.queue,
        "before_ms": rounded(endpoint.before_ms),
        "now_ms": rounded(endpoint.now_ms),
        "errors": endpoint.errors,
        "unfinished": endpoint.unfinished,
        "refused": endpoint.refused,
        "refused_share": rounded(endpoint.refused_now),
    })
}

fn overload(overload: &OverloadFinding) -> Value {
    let two = |(before, now): (f64, f64)| json!({"before_s": rounded(before), "now_s": rounded(now)});
    let sender = overload.sender.as_ref().map(|sender| {
        json!({
            "organization": sender.organization.map(|id| Uuid::from_u128(id).to_string()),
            "share": rounded(sender.share),
            "before_s": rounded(sender.sent.0),
            "now_s": rounded(sender.sent.1),
        })
    });
    json!({
        "came": two(overload.came),
        "answered": two(overload.answered),
        "refused_share": rounded(overload.refused),
        "for_bytes": overload.for_bytes,
        "sender": sender,
    })
}

fn statement(part: &PartFinding) -> Option<Value> {
    let place = part.change.part.statement()?;
    Some(json!({
        "name": place.name,
        "file": place.file,
        "line": place.line,
        "more_often": rounded(part.change.more_often()),
        "slower": rounded(part.change.slower()),
        "share": rounded(part.share),
        "plan_before": part.plan.before,
        "plan_now": part.plan.now,
    }))
}

fn outbound(part: &PartFinding) -> Option<Value> {
    let (change, failed) = (&part.change, part.change.failed_shares());
    let PartKey::Outbound(service) = &change.part else { return None };
    Some(json!({
        "name": service.as_deref().unwrap_or("other services"),
        "before_ms": rounded(change.each_ms.0),
        "now_ms": rounded(change.each_ms.1),
        "more_often": rounded(change.more_often()),
        "slower": rounded(change.slower()),
        "failed_before": rounded(failed.0),
        "failed_now": rounded(failed.1),
        "share": rounded(part.share),
    }))
}

fn wait(part: &PartFinding) -> Option<Value> {
    let change = &part.change;
    let in_a_request = |times: f64, each: f64| rounded(times * each);
    change.part.is_wait().then(|| {
        json!({
            "what": change.part.label(),
            "holder": change.part.holder(),
            "before_ms": in_a_request(change.times.0, change.each_ms.0),
            "now_ms": in_a_request(change.times.1, change.each_ms.1),
            "share": rounded(part.share),
        })
    })
}

/// An answer in JSON as a text of a few lines, for a terminal.
pub(crate) fn text(answer: &Value) -> String {
    let percent = 100.0 * answer["confidence"].as_f64().unwrap_or_default();
    let mut out = format!("{}\n", word(&answer["verdict"]));
    if answer["since"].is_null() {
        return out;
    }
    out += &format!("\nsince          {}, confidence {percent:.0} %\n", word(&answer["since"]));
    out += &endpoints(answer);
    out += &overloaded(&answer["overload"]);
    for row in rows(answer, "statements") {
        let place = format!("{} ({}:{})", word(&row["name"]), word(&row["file"]), row["line"]);
        let (often, slower) = (&row["more_often"], &row["slower"]);
        out += &format!(
            "statement      {place}: {often} times as often, {slower} times as long, share {}\n",
            row["share"]
        );
        out += &plans(row);
    }
    out += &calls(answer);
    for row in rows(answer, "waits") {
        let (before, now) = (&row["before_ms"], &row["now_ms"]);
        out += &format!(
            "wait           {}: {before} ms before, {now} ms now, share {}\n",
            word(&row["what"]),
            row["share"]
        );
    }
    for (title, key) in [("organizations", "organizations"), ("users", "users")] {
        let ids: Vec<&str> = rows(answer, key).map(word).collect();
        if !ids.is_empty() {
            out += &format!(
                "{title:<15}{}: {}{}\n",
                ids.len(),
                ids[..ids.len().min(SHOWN)].join(", "),
                more(&ids)
            );
        }
    }
    for row in rows(answer, "changes") {
        let (at, lead) = (word(&row["at"]), &row["lead_s"]);
        out += &format!(
            "change         {at}, {lead} s before: {}, share {}\n",
            word(&row["what"]),
            row["share"]
        );
    }
    for trace in rows(answer, "traces") {
        out += &format!("trace          /console/traces/{}\n", word(trace));
    }
    out
}

/// What got worse.
fn endpoints(answer: &Value) -> String {
    let line = |row: &Value| {
        let (name, before, now) = (word(&row["route"]), &row["before_ms"], &row["now_ms"]);
        match row["queue"].as_str() {
            Some(queue) => {
                format!("endpoint       {name}: waits {now} ms in the queue {queue}, {before} ms before\n")
            }
            None => {
                let (errors, unfinished) = (&row["errors"], &row["unfinished"]);
                let unfinished = match unfinished.as_u64() {
                    None | Some(0) => String::new(),
                    Some(_) => format!(", {unfinished} still running"),
                };
                let refused = match row["refused"].as_u64() {
                    None | Some(0) => String::new(),
                    Some(refused) => format!(", {refused} refused"),
                };
                format!(
                    "endpoint       {name}: {before} ms before, {now} ms now, {errors} errors{unfinished}{refused}\n"
                )
            }
        }
    };
    rows(answer, "endpoints").map(line).collect()
}

/// What comes and what is answered, if requests are refused.
fn overloaded(overload: &Value) -> String {
    if overload.is_null() {
        return String::new();
    }
    let two = |of: &Value| format!("{} a second before, {} now", of["before_s"], of["now_s"]);
    let (came, answered) = (two(&overload["came"]), two(&overload["answered"]));
    let mut out = format!("requests       {came}\nanswered       {answered}\n");
    let sender = &overload["sender"];
    if !sender.is_null() {
        let who = sender["organization"].as_str().unwrap_or("without a session");
        out += &format!("most from      {who}: {}, share {}\n", two(sender), sender["share"]);
    }
    out
}

/// The calls to other services.
fn calls(answer: &Value) -> String {
    let line = |row: &Value| {
        let (before, now, often) = (&row["before_ms"], &row["now_ms"], &row["more_often"]);
        let (name, failed, share) = (word(&row["name"]), &row["failed_now"], &row["share"]);
        format!(
            "calls          {name}: {before} ms before, {now} ms now, {often} times as often, {failed} of them fail, share {share}\n"
        )
    };
    rows(answer, "outbound").map(line).collect()
}

/// The plans of a statement, if they are known: both if they differ.
fn plans(row: &Value) -> String {
    let (before, now) = (row["plan_before"].as_str(), row["plan_now"].as_str());
    let lines = |title: &str, plan: &str| {
        let titles = std::iter::once(title).chain(std::iter::repeat(""));
        plan.lines().zip(titles).map(|(line, title)| format!("  {title:<13}{line}\n")).collect::<String>()
    };
    match (before, now) {
        (Some(before), Some(now)) if before == now => lines("same plan", now),
        (Some(before), Some(now)) => lines("plan before", before) + &lines("plan now", now),
        (Some(before), None) => lines("plan before", before),
        (None, Some(now)) => lines("plan now", now),
        (None, None) => String::new(),
    }
}

/// How many ids a line shows.
const SHOWN: usize = 5;

fn more(ids: &[&str]) -> &'static str {
    if ids.len() > SHOWN { ", …" } else { "" }
}

fn rows<'a>(answer: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    answer[key].as_array().into_iter().flatten()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn moment(at_us: i64) -> String {
    Timestamp::from_microsecond(at_us).map_or_else(|_| String::new(), |at| at.to_string())
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
