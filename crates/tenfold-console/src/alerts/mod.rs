//! Alerts: once a minute a process asks itself what is wrong, and tells the operators of an incident that begins or ends.
//!
//! Each process judges its own traffic and sends its own alerts, which name it. `incident.rs` says what is news, `delivery.rs`
//! what is still to be sent, `webhook.rs` and `mail.rs` send it. Nothing here is on the way of a request (decision 76).

mod delivery;
mod incident;
mod mail;
mod process_name;
mod settings;
mod signature;
mod webhook;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tenfold::data::Database;
use tenfold::prelude::*;
use tenfold::telemetry::Telemetry;
use tenfold::telemetry::diagnosis::Diagnosis;
use tenfold::why::StatementPlans;

use self::delivery::{AlertChannel, AlertDelivery, DeliveryQueue};
use self::incident::{IncidentNews, IncidentWatch};
pub(crate) use self::mail::MailAlert;
pub(crate) use self::settings::AlertSettings;
use self::webhook::Webhook;

/// The alerts of this process.
pub(crate) struct Alerts {
    settings: AlertSettings,
    database: Database,
    telemetry: Telemetry,
    plans: Arc<StatementPlans>,
    webhook: Option<Webhook>,
    state: Mutex<AlertState>,
}

/// What was seen and is still to be sent.
#[derive(Default)]
struct AlertState {
    watch: IncidentWatch,
    queue: DeliveryQueue,
}

impl Alerts {
    pub(crate) fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings = AlertSettings::read(wiring.settings())?;
        let webhook = settings.webhook().map_err(anyhow::Error::msg)?;
        Ok(Alerts {
            settings,
            database: wiring.database().clone(),
            telemetry: Telemetry::clone(&wiring.service::<Telemetry>()),
            plans: wiring.service(),
            webhook,
            state: Mutex::default(),
        })
    }

    /// Looks what is wrong, and sends what is due. An error is logged; the next look tries again.
    pub(crate) async fn look(&self) {
        if !self.settings.is_on() {
            return;
        }
        let now = self.telemetry.clock().now();
        if let Some(answer) = self.plans.why(None, now).await {
            self.note(&answer, now);
        }
        let due = self.state().queue.take_due(now);
        for delivery in due {
            if let Err(error) = self.send(&delivery).await {
                let (channel, attempts) = (delivery.channel.as_str(), delivery.attempts + 1);
                tracing::warn!(channel, attempts, "an alert was not delivered: {error:#}");
                self.state().queue.put_back(delivery, now);
            }
        }
    }

    /// Notes what is new in an answer.
    fn note(&self, answer: &Diagnosis, now: Timestamp) {
        let mut state = self.state();
        for news in state.watch.judge(answer) {
            let Some(held_back) = state.queue.admit(now, self.settings.alerts_an_hour) else {
                // It is told as soon as the hour has room, if it still goes on.
                if matches!(news, IncidentNews::Began) {
                    state.watch.withdraw();
                }
                continue;
            };
            let (kind, mut text) = match &news {
                IncidentNews::Began => ("incident.began", answer.verdict.clone()),
                IncidentNews::Over(incident) => ("incident.over", incident.over()),
            };
            if matches!(news, IncidentNews::Began) {
                text += &format!(" Confidence {:.0} %.", 100.0 * answer.confidence);
            }
            if held_back > 0 {
                text += &format!(" {held_back} more alerts of this process were held back in the last hour.");
            }
            let text = format!("[{}] {text}", process_name::get());
            tracing::warn!("alert: {text}");
            let answer = tenfold::why::json(answer);
            for channel in self.channels() {
                let id = self.database.clock().new_id();
                let body = body(kind, now, &text, &answer);
                state.queue.push(AlertDelivery {
                    id,
                    channel,
                    text: text.clone(),
                    body,
                    attempts: 0,
                    due: now,
                });
            }
        }
    }

    fn channels(&self) -> Vec<AlertChannel> {
        let webhook = self.webhook.as_ref().map(|_| AlertChannel::Webhook);
        let mail = (!self.settings.alert_mail.is_empty()).then_some(AlertChannel::Mail);
        webhook.into_iter().chain(mail).collect()
    }

    async fn send(&self, delivery: &AlertDelivery) -> anyhow::Result<()> {
        match (delivery.channel, &self.webhook) {
            (AlertChannel::Webhook, Some(webhook)) => {
                webhook.post(delivery.id, self.telemetry.clock().now(), &delivery.body).await
            }
            (AlertChannel::Webhook, None) => Ok(()),
            (AlertChannel::Mail, _) => {
                let job = MailAlert { to: self.settings.alert_mail.clone(), text: delivery.text.clone() };
                let enqueue =
                    async |cx: SystemContext| cx.transaction(async |tx| tx.enqueue(job).await).await;
                Ok(self.database.run(None, enqueue).await.map(drop)?)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, AlertState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a webhook gets. `text` is where receivers such as Slack look; the other fields are as Standard Webhooks has them.
fn body(kind: &str, now: Timestamp, text: &str, answer: &Value) -> String {
    let process = process_name::get();
    json!({"type": kind, "timestamp": now.to_string(), "text": text, "process": process, "data": answer})
        .to_string()
}
