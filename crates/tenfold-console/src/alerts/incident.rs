//! What is news: an incident that begins, and one that is over.

use std::collections::BTreeSet;

use tenfold::prelude::Timestamp;
use tenfold::telemetry::diagnosis::{Diagnosis, DiagnosisState};

/// An answer with less confidence begins no alert. An onset that chance does not do (p ≤ 1e-12) is worth 0.5 alone; a less certain one needs
/// a statement or a change that explains it (decision 65). On noise 0.15 was seen.
const FLOOR: f64 = 0.5;
/// One with less confidence does not go on: weak signs come and go, and no end would be told.
const GOES_ON: f64 = 0.25;
/// Jobs that wait for less than this in their queue, in milliseconds, begin no alert: each night's batch makes some wait.
const LONG_WAIT_MS: f64 = 300_000.0;
/// An incident is over when it is not in so many answers, one a minute: it may pause.
const CALM: u32 = 3;
/// Two answers whose onsets differ by no more tell of one incident: the second is refined as more is seen.
const SAME_ONSET_US: i64 = 120_000_000;
/// How many incidents are told apart at once.
const MOST_OPEN: usize = 8;

/// What a process knows of its incidents.
#[derive(Default)]
pub(super) struct IncidentWatch {
    open: Vec<OpenIncident>,
}

/// An incident that an alert was sent for.
pub(super) struct OpenIncident {
    /// The endpoints and jobs that got worse.
    endpoints: BTreeSet<String>,
    since_us: i64,
    /// In how many answers in a row it was not.
    calm: u32,
}

/// Something to tell.
pub(super) enum IncidentNews {
    /// The incident of the answer is a new one.
    Began,
    /// This one is over.
    Over(OpenIncident),
}

impl IncidentWatch {
    /// What is new in an answer.
    pub(super) fn judge(&mut self, answer: &Diagnosis) -> Vec<IncidentNews> {
        let is_incident = answer.state != DiagnosisState::NoIncident;
        let goes_on = is_incident && answer.confidence >= GOES_ON;
        let known = self.open.iter().position(|open| goes_on && open.is_in(answer));
        for (place, open) in self.open.iter_mut().enumerate() {
            if known == Some(place) {
                open.endpoints.extend(names(answer));
                open.calm = 0;
            } else {
                open.calm += 1;
            }
        }
        let over = self.open.extract_if(.., |open| open.calm >= CALM);
        let mut news: Vec<IncidentNews> = over.map(IncidentNews::Over).collect();
        let is_new = is_incident && known.is_none() && answer.confidence >= FLOOR && !is_short_wait(answer);
        if is_new && self.open.len() < MOST_OPEN {
            let (endpoints, since_us) = (names(answer).collect(), answer.since_us.unwrap_or_default());
            self.open.push(OpenIncident { endpoints, since_us, calm: 0 });
            news.push(IncidentNews::Began);
        }
        news
    }
}

impl IncidentWatch {
    /// The incident that began just now was not told: the next answer that has it begins it again.
    pub(super) fn withdraw(&mut self) {
        self.open.pop();
    }
}

impl OpenIncident {
    fn is_in(&self, answer: &Diagnosis) -> bool {
        let is_as_old =
            answer.since_us.is_some_and(|since| since.abs_diff(self.since_us) <= SAME_ONSET_US as u64);
        is_as_old || names(answer).any(|name| self.endpoints.contains(&name))
    }

    /// The sentence that it is over.
    pub(super) fn over(&self) -> String {
        let names: Vec<&str> = self.endpoints.iter().take(3).map(String::as_str).collect();
        let more = if self.endpoints.len() > names.len() { " and others" } else { "" };
        let since = Timestamp::from_microsecond(self.since_us).unwrap_or_default();
        format!(
            "Over: {}{more} no longer differ from what is usual; they got worse at {since}.",
            names.join(", ")
        )
    }
}

/// Whether jobs wait, and not for long yet.
fn is_short_wait(answer: &Diagnosis) -> bool {
    let first = answer.endpoints.first();
    first.is_some_and(|endpoint| endpoint.queue.is_some() && endpoint.now_ms < LONG_WAIT_MS)
}

/// What got worse. Jobs that wait are not those that got slow.
fn names(answer: &Diagnosis) -> impl Iterator<Item = String> + '_ {
    answer.endpoints.iter().map(|endpoint| match &endpoint.queue {
        Some(queue) => format!("{} in the queue {queue}", endpoint.name),
        None => endpoint.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use tenfold::telemetry::diagnosis::EndpointFinding;

    use super::*;

    fn answer(endpoint: &str, second: i64, confidence: f64) -> Diagnosis {
        let found = EndpointFinding {
            name: endpoint.to_owned(),
            queue: None,
            since_us: second * 1_000_000,
            before_ms: 1.0,
            now_ms: 9.0,
            failed_before: 0.0,
            failed_now: 0.0,
            errors: 0,
            unfinished: 0,
            refused: 0,
            refused_before: 0.0,
            refused_now: 0.0,
            p: 1e-9,
        };
        Diagnosis {
            state: DiagnosisState::Known,
            confidence,
            since_us: Some(second * 1_000_000),
            endpoints: vec![found],
            ..calm()
        }
    }

    fn calm() -> Diagnosis {
        Diagnosis { confidence: 1.0, ..Diagnosis::default() }
    }

    fn told(watch: &mut IncidentWatch, answer: &Diagnosis) -> Vec<&'static str> {
        let word = |news| match news {
            IncidentNews::Began => "began",
            IncidentNews::Over(_) => "over",
        };
        watch.judge(answer).into_iter().map(word).collect()
    }

    #[test]
    fn a_weak_sign_is_no_alert() {
        let mut watch = IncidentWatch::default();
        assert_eq!(told(&mut watch, &answer("GET /a", 100, 0.15)), [""; 0]);
        assert_eq!(told(&mut watch, &answer("GET /a", 100, 0.49)), [""; 0]);
        assert_eq!(told(&mut watch, &answer("GET /a", 100, 0.5)), ["began"]);
        let weak = answer("GET /a", 100, 0.15);
        let told: Vec<usize> = (0..4).map(|_| told(&mut watch, &weak).len()).collect();
        assert_eq!(told, [0, 0, 1, 0], "a weak sign lets it end");
    }

    #[test]
    fn an_incident_is_told_once_until_it_was_calm_for_a_while() {
        let mut watch = IncidentWatch::default();
        assert_eq!(told(&mut watch, &answer("GET /a", 1_000, 0.9)), ["began"]);
        // Its onset is refined, another endpoint comes first, and it pauses.
        assert_eq!(told(&mut watch, &answer("GET /b", 1_060, 0.9)), [""; 0]);
        assert_eq!(told(&mut watch, &calm()), [""; 0]);
        assert_eq!(told(&mut watch, &calm()), [""; 0]);
        assert_eq!(told(&mut watch, &answer("GET /b", 4_000, 0.9)), [""; 0]);
        assert_eq!((0..4).map(|_| told(&mut watch, &calm()).len()).collect::<Vec<_>>(), [0, 0, 1, 0]);
        assert_eq!(told(&mut watch, &answer("GET /a", 9_000, 0.9)), ["began"]);
    }

    #[test]
    fn jobs_that_wait_are_told_after_minutes_and_apart() {
        let waits = |now_ms| {
            let mut answer = answer("mail.send", 1_000, 0.9);
            answer.endpoints[0].queue = Some("default".to_owned());
            answer.endpoints[0].now_ms = now_ms;
            answer
        };
        let mut watch = IncidentWatch::default();
        assert_eq!(told(&mut watch, &waits(60_000.0)), [""; 0]);
        assert_eq!(told(&mut watch, &waits(400_000.0)), ["began"]);
        assert_eq!(told(&mut watch, &waits(60_000.0)), [""; 0], "it goes on");
        assert_eq!(told(&mut watch, &answer("mail.send", 2_000, 0.9)), ["began"], "they are slow as well");
    }

    #[test]
    fn another_incident_beside_it_is_told_too() {
        let mut watch = IncidentWatch::default();
        assert_eq!(told(&mut watch, &answer("GET /a", 1_000, 0.9)), ["began"]);
        assert_eq!(told(&mut watch, &answer("GET /b", 2_000, 0.9)), ["began"]);
        assert_eq!(told(&mut watch, &answer("GET /a", 1_000, 0.9)), [""; 0]);
    }
}
