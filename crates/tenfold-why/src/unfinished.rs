//! Requests that have no answer yet: while everything hangs, nothing ends that could be recorded.

use crate::event::WideEvent;
use crate::journal::Journal;
use crate::seconds::SecondCell;

impl Journal {
    /// A copy for one question, with requests that have no answer yet. Each counts with the time that it has taken so far, in the second
    /// in which it began, so that the onset is when the first of them began. Their `at_us` is when they began.
    pub fn with_unfinished(&self, requests: &[WideEvent]) -> Journal {
        let mut copy = self.clone();
        requests.iter().for_each(|request| copy.add_unfinished(request));
        copy
    }

    fn add_unfinished(&mut self, request: &WideEvent) {
        let (second, index, most) = (request.second(), self.endpoint(&request.name), self.most_seconds());
        let cell = |times, errors, slow, time_us: u64| {
            let ms = time_us as f64 / 1_000.0;
            let sum_log = ms.max(0.001).ln() as f32;
            SecondCell { second, count: times, errors, slow, sum_ms: ms as f32, sum_log }
        };
        for used in &request.parts {
            self.part(index, &used.part, second)
                .restore(cell(used.times, used.failed, 0, used.time_us), most);
        }
        let endpoint = &mut self.endpoints[index];
        let is_slow = endpoint.usual.add(request.duration_us as f64 / 1_000.0);
        endpoint.seconds.restore(cell(1, 0, u32::from(is_slow), request.duration_us), most);
        let mut sample = self.sample(index, request);
        // As if it ended now.
        sample.at_us += i64::try_from(request.duration_us).unwrap_or(i64::MAX);
        self.samples.push(sample);
        *self.unfinished.entry(index).or_default() += 1;
    }
}
