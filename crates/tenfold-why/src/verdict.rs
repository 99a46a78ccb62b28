//! One sentence, and how sure it is.

use crate::answer::{
    ChangeFinding, Diagnosis, DiagnosisState, EndpointFinding, OverloadFinding, OverloadSender, PartFinding,
};
use crate::changes::{ChangeKind, LedgerChange};
use crate::event::PartKey;
use crate::hyphenated::hyphenated;
use crate::incident::{Incident, Worse};

/// A part that explains less than this is not named as the reason.
const LEAST_SHARE: f64 = 0.5;
/// So much is left at least, however long requests wait for connections and places.
const LEAST_BESIDE_QUEUES: f64 = 0.2;
/// A change that scores less than this is not named as the cause.
const LEAST_SCORE: f64 = 0.6;
/// So many times as many requests as before are a reason why some are refused.
const MORE: f64 = 1.5;
/// If a change may have happened at any time of more than this, in seconds, the verdict says between which times.
const LONG_WINDOW_S: f64 = 60.0;

pub(crate) fn no_incident() -> Diagnosis {
    Diagnosis {
        verdict: "No incident: no endpoint and no job got slower or fails more often.".to_owned(),
        confidence: 1.0,
        ..Diagnosis::default()
    }
}

/// The answer about a time in which nothing was recorded: nothing is known of it.
pub(crate) fn nothing_recorded() -> Diagnosis {
    let verdict = "Nothing was recorded in that time: no request and no job ended.".to_owned();
    Diagnosis { verdict, confidence: 0.0, ..no_incident() }
}

/// Writes the verdict of an answer whose findings are there.
///
/// Its confidence has three parts: how unlikely chance is, how much the first part explains, how close the first change
/// is. The weights are a choice: an onset alone is half of an answer.
pub(crate) fn complete(answer: &mut Diagnosis, incident: &Incident) {
    let Some(endpoint) = answer.endpoints.first() else { return };
    let reason = reason(&answer.parts);
    if let Some(place) = reason {
        answer.parts[..=place].rotate_right(1);
    }
    let part = reason.and_then(|_| answer.parts.first());
    // That jobs wait is no reason; what keeps the workers busy is one.
    let part = part.filter(|part| incident.worse != Worse::Waiting || part.change.part.holder().is_some());
    let refusal =
        answer.overload.as_ref().filter(|_| incident.worse == Worse::Refused).map(RefusalReason::of);
    let sender = refusal.as_ref().and_then(|reason| reason.sender?.organization);
    // That its requests rose is told by the refusals.
    let is_told = |change: &LedgerChange| {
        change.kind == ChangeKind::Surge && sender.is_some() && change.organization == sender
    };
    let is_named = |found: &&ChangeFinding| found.score >= LEAST_SCORE && !is_told(&found.change);
    let change = answer.changes.first().filter(is_named);
    let certain = (-endpoint.p.max(1e-12).log10() / 12.0).clamp(0.0, 1.0);
    let explained = refusal.as_ref().and_then(|reason| reason.explains);
    let is_known = part.is_some() || change.is_some() || explained.is_some();
    let explained = explained.or(part.map(|part| part.share)).unwrap_or(0.0);
    let caused = change.map_or(0.0, |change| change.score);
    answer.confidence = 0.5 * certain + 0.3 * explained + 0.2 * caused;
    let since = clock(i64::from(incident.onset));
    let mut sentence = match incident.worse {
        Worse::Slower => slower(endpoint, &since),
        Worse::Failing => failing(endpoint, &since),
        Worse::Waiting => waiting(endpoint, &since),
        Worse::Refused => refused(endpoint, &since),
    };
    sentence += &unanswered(endpoint, incident.silent_since);
    sentence += &match (&refusal, &answer.overload) {
        (Some(reason), _) => reason.text.clone(),
        (None, Some(overload)) => also_refused(overload),
        (None, None) => String::new(),
    };
    if let Some(part) = part {
        sentence += &format!("; {}", because(part, incident.worse));
    }
    if let Some(change) = change {
        sentence += &format!("; {}: {}", moment(change), change.change.what);
    }
    if !is_known {
        answer.state = DiagnosisState::CauseUnknown;
        sentence = format!("Something is wrong, cause unknown: {sentence}");
    }
    sentence += &match answer.organizations.len() {
        0 => ".".to_owned(),
        1 => ". 1 organization is affected.".to_owned(),
        many => format!(". {many} organizations are affected."),
    };
    answer.verdict = sentence;
}

/// Why requests are refused.
struct RefusalReason {
    /// How a sentence goes on that says that they are.
    text: String,
    /// How much that explains, 0 to 1; `None` if it is no reason.
    explains: Option<f64>,
    sender: Option<OverloadSender>,
}

impl RefusalReason {
    fn of(overload: &OverloadFinding) -> Self {
        let ((before, now), answered) = (overload.came, overload.answered);
        let reason = |text: String, explains| {
            let text = format!(": more requests come than the service can answer{text}");
            RefusalReason { text, explains, sender: overload.sender }
        };
        if overload.for_bytes {
            let text = ": more bytes are held for clients than http.buffer_limit allows".to_owned();
            return RefusalReason { text, explains: Some(LEAST_SHARE), sender: None };
        }
        if let Some(sender) = &overload.sender {
            return reason(format!("; {}", sends(sender)), Some(sender.of_growth));
        }
        if before <= 0.0 {
            return reason(
                format!("; {now:.1} come a second, and {:.1} are answered", answered.1),
                Some(0.0),
            );
        }
        if now >= MORE * before {
            let text = format!("; {now:.1} come a second instead of {before:.1}");
            return reason(text, Some(1.0 - before / now));
        }
        reason(format!("; {:.1} are answered a second instead of {:.1}", answered.1, answered.0), None)
    }
}

fn sends(sender: &OverloadSender) -> String {
    let (before, now) = sender.sent;
    let share = 100.0 * sender.share;
    let times = match before > 0.0 {
        true => format!(", {} times as many as before", factor(now / before)),
        false => ", and none is known of before".to_owned(),
    };
    match sender.organization {
        Some(id) => format!("the organization {} sends {share:.0} % of them{times}", hyphenated(id)),
        None => format!("{share:.0} % of them come without a session{times}"),
    }
}

/// What has no answer yet, and since when none was given.
fn unanswered(endpoint: &EndpointFinding, silent_since: Option<u32>) -> String {
    let mut text = match endpoint.unfinished {
        0 => String::new(),
        1 => ", and 1 request is still running".to_owned(),
        many => format!(", and {many} requests are still running"),
    };
    if let Some(last) = silent_since {
        text += &format!(", and none has ended since {}", clock(i64::from(last)));
    }
    text
}

/// What is refused beside what got worse.
fn also_refused(overload: &OverloadFinding) -> String {
    format!(", and {:.0} % of all requests are refused", 100.0 * overload.refused)
}

/// A factor with two digits or more.
fn factor(times: f64) -> String {
    if times < 10.0 { format!("{times:.1}") } else { format!("{times:.0}") }
}

/// The place of the part that is named as the reason.
///
/// Waits for others are left out as long as something else explains what they do not: the one that makes others wait waits too. A lock
/// whose holder is known is a reason like any other, and those that wait for it keep connections and places from others: it is the reason of these waits,
/// too.
fn reason(parts: &[PartFinding]) -> Option<usize> {
    let has_lock = |part: &PartFinding| matches!(part.change.part, PartKey::LockWait(Some(_)));
    let is_queued = |part: &&PartFinding| {
        matches!(part.change.part, PartKey::PoolWait | PartKey::AdmissionWait | PartKey::SchedulerWait)
    };
    let queued: f64 = parts.iter().filter(is_queued).map(|part| part.share).sum();
    let least = LEAST_SHARE * (1.0 - queued).max(LEAST_BESIDE_QUEUES);
    if let Some(place) = parts.iter().position(|part| has_lock(part) && part.share >= least) {
        return Some(place);
    }
    let own: f64 = parts.iter().filter(|part| !part.change.part.is_wait()).map(|part| part.share).sum();
    let is_reason = |part: &&PartFinding| part.share >= LEAST_SHARE * own.max(0.5);
    let first = parts.first().filter(is_reason).map(|_| 0);
    first.or_else(|| parts.iter().position(|part| part.change.part.is_wait() && part.share >= LEAST_SHARE))
}

fn slower(endpoint: &EndpointFinding, since: &str) -> String {
    let (name, before, now) = (&endpoint.name, spoken(endpoint.before_ms), spoken(endpoint.now_ms));
    format!("{name} takes {now} instead of {before} since {since} UTC")
}

fn failing(endpoint: &EndpointFinding, since: &str) -> String {
    let (before, now) = (100.0 * endpoint.failed_before, 100.0 * endpoint.failed_now);
    format!("{now:.0} % of {} fail instead of {before:.1} % since {since} UTC", endpoint.name)
}

fn refused(endpoint: &EndpointFinding, since: &str) -> String {
    let (before, now) = (100.0 * endpoint.refused_before, 100.0 * endpoint.refused_now);
    let before = if before < 0.1 { String::new() } else { format!(" instead of {before:.1} %") };
    format!("{now:.0} % of {} are refused{before} since {since} UTC", endpoint.name)
}

fn waiting(endpoint: &EndpointFinding, since: &str) -> String {
    let (name, queue) = (&endpoint.name, endpoint.queue.as_deref().unwrap_or_default());
    let (before, now) = (spoken(endpoint.before_ms), spoken(endpoint.now_ms));
    format!("{name} waits {now} instead of {before} in the queue {queue} since {since} UTC")
}

fn because(part: &PartFinding, worse: Worse) -> String {
    let change = &part.change;
    if let PartKey::Queue { busy_with: Some(busy_with), .. } = &change.part {
        return format!("its workers are busy with {busy_with}");
    }
    let name = match &change.part {
        PartKey::Statement(place) => format!("the statement {} ({}:{})", place.name, place.file, place.line),
        other => other.label().into_owned(),
    };
    // Else it is what takes the time until requests are cut off.
    let fails = worse == Worse::Failing && change.failed.1 > change.failed.0;
    if let PartKey::Outbound(_) = change.part {
        return called(part, &name, fails);
    }
    if fails {
        return format!("{name} fails");
    }
    let share = 100.0 * part.share;
    if change.times.0 <= 0.0 && matches!(change.part, PartKey::Statement(_)) {
        return format!(
            "{name} is new there, {:.1} times a request: {share:.0} % of the difference",
            change.times.1
        );
    }
    let is_work = matches!(change.part, PartKey::Statement(_) | PartKey::Commit | PartKey::Other);
    if is_work && change.by_count_ms > 0.5 * change.added_ms {
        return format!(
            "{name} runs {:.1} times as often: {share:.0} % of the difference",
            change.more_often()
        );
    }
    if is_work {
        return format!("{name} takes {:.1} times as long: {share:.0} % of the difference", change.slower());
    }
    format!("{name} explains {share:.0} % of the difference")
}

/// The same for calls to another service.
fn called(part: &PartFinding, name: &str, fails: bool) -> String {
    let change = &part.change;
    if fails {
        let (before, now) = change.failed_shares();
        return format!("{:.0} % of {name} fail instead of {:.1} %", 100.0 * now, 100.0 * before);
    }
    let (share, each) = (100.0 * part.share, spoken(change.each_ms.1));
    if change.times.0 <= 0.0 {
        return format!(
            "{name} are new there, {:.1} of {each} each: {share:.0} % of the difference",
            change.times.1
        );
    }
    if change.by_count_ms > 0.5 * change.added_ms {
        return format!(
            "{name} run {:.1} times as often: {share:.0} % of the difference",
            change.more_often()
        );
    }
    format!("{name} take {each} instead of {}: {share:.0} % of the difference", spoken(change.each_ms.0))
}

/// A duration in milliseconds, in seconds from one second on.
fn spoken(ms: f64) -> String {
    if ms < 1_000.0 { format!("{ms:.1} ms") } else { format!("{:.1} s", ms / 1_000.0) }
}

/// When a change was. A longer time in which it may have happened is said as it is.
fn moment(change: &ChangeFinding) -> String {
    let ChangeFinding { change, lead_s, .. } = change;
    match change.unseen_us {
        Some(unseen_us) if change.window_s() > LONG_WINDOW_S => {
            let [from, to] = [unseen_us, change.at_us].map(|at_us| clock(at_us.div_euclid(1_000_000)));
            format!("between {from} and {to} UTC")
        }
        _ if *lead_s < 1.0 => "at that moment".to_owned(),
        _ => format!("{lead_s:.0} s before"),
    }
}

/// The time of day in UTC.
fn clock(second: i64) -> String {
    let of_day = second.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}
