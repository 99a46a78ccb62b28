//! What is still to be sent, and how many alerts an hour there may be.

use std::collections::VecDeque;
use std::time::Duration;

use tenfold::data::Uuid;
use tenfold::prelude::Timestamp;

/// How many deliveries wait at most; the oldest makes room.
const MOST: usize = 32;
/// How often a delivery is tried: within some 15 minutes.
const ATTEMPTS: u32 = 5;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// How an alert is sent.
#[derive(Clone, Copy)]
pub(super) enum AlertChannel {
    Webhook,
    Mail,
}

impl AlertChannel {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            AlertChannel::Webhook => "webhook",
            AlertChannel::Mail => "mail",
        }
    }
}

/// An alert for one channel.
pub(super) struct AlertDelivery {
    /// The same at each attempt, so that a receiver can tell.
    pub id: Uuid,
    pub channel: AlertChannel,
    pub text: String,
    /// JSON, for a webhook.
    pub body: String,
    pub attempts: u32,
    pub due: Timestamp,
}

/// The deliveries of a process.
#[derive(Default)]
pub(super) struct DeliveryQueue {
    waiting: VecDeque<AlertDelivery>,
    /// When alerts were made, within the last hour.
    made: VecDeque<Timestamp>,
    held_back: u32,
}

impl DeliveryQueue {
    /// Whether one more alert may be made in this hour, and how many were held back before it.
    pub(super) fn admit(&mut self, now: Timestamp, an_hour: u32) -> Option<u32> {
        while self.made.front().is_some_and(|made| now - HOUR >= *made) {
            self.made.pop_front();
        }
        if self.made.len() >= an_hour as usize {
            self.held_back += 1;
            tracing::warn!("an alert was held back: console.alerts_an_hour is {an_hour}");
            return None;
        }
        self.made.push_back(now);
        Some(std::mem::take(&mut self.held_back))
    }

    pub(super) fn push(&mut self, delivery: AlertDelivery) {
        if self.waiting.len() >= MOST {
            self.waiting.pop_front();
        }
        self.waiting.push_back(delivery);
    }

    /// Takes what is to be sent now.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<AlertDelivery> {
        let waiting = std::mem::take(&mut self.waiting);
        let (due, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| one.due <= now);
        self.waiting = later.into();
        due
    }

    /// Sets a delivery that failed to be tried again, each time after twice as long; gives it up in the end.
    pub(super) fn put_back(&mut self, mut delivery: AlertDelivery, now: Timestamp) {
        delivery.attempts += 1;
        if delivery.attempts >= ATTEMPTS {
            let (channel, id) = (delivery.channel.as_str(), delivery.id);
            tracing::error!(channel, %id, "an alert is given up after {ATTEMPTS} attempts: {}", delivery.text);
            return;
        }
        delivery.due = now + MINUTE * 2_u32.pow(delivery.attempts - 1);
        self.push(delivery);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_alerts_are_made_in_an_hour_than_allowed() {
        let mut queue = DeliveryQueue::default();
        let at = |minute: u32| Timestamp::UNIX_EPOCH + MINUTE * minute;
        assert_eq!([0, 1].map(|minute| queue.admit(at(minute), 2)), [Some(0), Some(0)]);
        assert_eq!([2, 59].map(|minute| queue.admit(at(minute), 2)), [None, None]);
        assert_eq!(queue.admit(at(60), 2), Some(2), "how many were held back is told");
        assert_eq!(queue.admit(at(60), 2), None);
    }
}
