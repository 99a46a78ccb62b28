//! A mail server that accepts, refuses, is silent, or is not there.

use std::time::Duration;

use tenfold::SystemContext;
use tenfold::data::{Dialect, EntityExt as _};
use tenfold::jobs::{Enqueue as _, FinishedJob, JobState};
use tenfold::telemetry::{What, WorkKind};
use tenfold::testing::{self, Log, TestApp};
use tenfold_mail::admin;

use crate::sink::{MailSink, SmtpReply};
use crate::{GiveUpSending, SendGreeting, TOKEN, app, greet};

const ADA: &str = "ada@acme.test";

/// A test on both databases, with a mail server that says this.
macro_rules! with_server {
    ($reply:expr; async fn $name:ident($app:ident, $sink:ident) $body:block) => {
        mod $name {
            use super::*;

            async fn body($app: &TestApp, $sink: &MailSink) $body

            #[test]
            fn on_sqlite() {
                run(Dialect::Sqlite, $reply, async |app, sink| body(app, sink).await);
            }

            #[test]
            fn on_postgres() {
                run(Dialect::Postgres, $reply, async |app, sink| body(app, sink).await);
            }
        }
    };
}

fn run(dialect: Dialect, reply: SmtpReply, test: impl AsyncFnOnce(&TestApp, &MailSink)) {
    let sink = MailSink::start(reply);
    let url = format!("smtp://acme:p%40ss@{}", sink.address);
    let settings = [
        ("mail.url", &*url),
        ("mail.from", "Acme <hello@acme.test>"),
        ("mail.timeout", "1s"),
        ("mail.content_timeout", "1s"),
    ];
    testing::run(app(), dialect, &settings, async |app| test(app, &sink).await);
}

/// The states and last errors of the jobs that have ended.
async fn ended(app: &TestApp) -> Vec<(JobState, String)> {
    let jobs = app.run(async |cx| FinishedJob::query().newest_first().limit(100).all(&cx).await).await;
    let jobs = jobs.expect("the history can be read");
    jobs.iter().map(|job| (job.state, job.errors.to_string())).collect()
}

async fn suppressed(app: &TestApp) -> Vec<String> {
    let list = app.run(async |cx| admin::list_suppressed(&cx, 100).await).await;
    list.expect("the list can be read").into_iter().map(|one| one.address).collect()
}

with_server!(SmtpReply::Accept; async fn a_mail_arrives_once_with_both_parts(app, sink) {
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    app.expect_no_jobs().await;
    let mails = sink.mails();
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    for part in [
        "From: Acme <hello@acme.test>",
        "To: ada@acme.test",
        "Subject: Hello ada@acme.test",
        "Message-ID: <",
        "Date: Thu, 01 Jan 2026 00:00:00 +0000",
        "multipart/alternative",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
        "Gr=C3=BC=C3=9Fe, <Ada>.",
        "Gr=C3=BC=C3=9Fe, &lt;Ada&gt;.",
    ] {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
    // One line, as programs for mails read it (RFC 2369 and 8058).
    let stop = mail.lines().find(|line| line.starts_with("List-Unsubscribe: ")).expect("it says where to stop it");
    assert!(stop.starts_with("List-Unsubscribe: <http://") && stop.ends_with(&format!("/stop?token={TOKEN}>")), "{stop}");
    assert!(mail.lines().any(|line| line == "List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{mail}");
    let lines = sink.lines();
    assert!(lines.contains(&"MAIL FROM:<hello@acme.test>".to_owned()), "{lines:?}");
    assert!(lines.contains(&"RCPT TO:<ada@acme.test>".to_owned()), "{lines:?}");
});

with_server!(SmtpReply::To("RCPT", "550 5.1.1 no such user"); async fn an_unknown_address_is_final_and_gets_no_more(app, sink) {
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    let ended = ended(app).await;
    let [(state, errors)] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!(*state, JobState::Discarded, "{errors}");
    assert!(errors.contains("no such user"), "{errors}");
    assert_eq!(suppressed(app).await, [ADA]);
    sink.says(SmtpReply::Accept);
    greet(app, None, &["Ada@Acme.test"]).await;
    app.run_due_jobs().await;
    assert!(sink.mails().is_empty());
    app.run(async |cx| admin::allow_address(&cx, ADA).await).await.expect("it can be allowed");
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    assert_eq!(sink.mails().len(), 1);
});

with_server!(SmtpReply::To("RCPT", "550 5.7.1 relaying denied"); async fn a_policy_is_no_fault_of_the_address(app, sink) {
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    assert_eq!(ended(app).await[0].0, JobState::Discarded);
    assert!(suppressed(app).await.is_empty());
    assert!(sink.mails().is_empty());
});

with_server!(SmtpReply::To("RCPT", "550 relay not permitted"); async fn a_refusal_without_a_reason_suppresses_nobody(app, sink) {
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    assert_eq!(ended(app).await[0].0, JobState::Discarded);
    assert!(suppressed(app).await.is_empty());
    sink.says(SmtpReply::Accept);
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    assert_eq!(sink.mails().len(), 1);
});

with_server!(SmtpReply::SilentAt("."); async fn a_mail_that_may_be_accepted_is_not_sent_for_ever(app, sink) {
    greet(app, None, &[ADA]).await;
    for attempt in 1..=2 {
        app.run_due_jobs().await;
        let waiting = app.enqueued::<SendGreeting>().await;
        assert_eq!((waiting[0].state, waiting[0].attempt), (JobState::Retryable, attempt));
        app.clock().advance(Duration::from_secs(60));
    }
    app.run_due_jobs().await;
    assert_eq!(sink.mails().len(), 3);
    assert_eq!(ended(app).await[0].0, JobState::Discarded);
});

with_server!(SmtpReply::SilentAt("QUIT"); async fn a_server_that_parts_without_a_word_has_the_mail(app, sink) {
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    app.expect_no_jobs().await;
    assert_eq!(ended(app).await[0].0, JobState::Completed);
    assert_eq!(sink.mails().len(), 1);
});

with_server!(SmtpReply::To(".", "554 it looks like spam"); async fn refused_content_is_final_for_this_mail(app, sink) {
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    assert_eq!(ended(app).await[0].0, JobState::Discarded);
    assert!(suppressed(app).await.is_empty());
    sink.says(SmtpReply::Accept);
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    assert_eq!(sink.mails().len(), 1);
});

with_server!(SmtpReply::To("RCPT", "451 4.7.1 greylisted"); async fn a_refusal_for_now_is_tried_again(app, sink) {
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    let waiting = app.enqueued::<SendGreeting>().await;
    assert_eq!((waiting[0].state, waiting[0].attempt), (JobState::Retryable, 1));
    sink.says(SmtpReply::Accept);
    app.clock().advance(Duration::from_secs(10));
    app.run_due_jobs().await;
    assert_eq!(sink.mails().len(), 1);
    app.expect_no_jobs().await;
});

/// Why the call to the server failed, as telemetry has it, of the only job that ran.
fn failure(app: &TestApp) -> Option<String> {
    let jobs = app.telemetry().newest(10, |work| work.beginning.kind == WorkKind::Job);
    let [job] = &jobs[..] else { panic!("{jobs:?}") };
    let calls = job.spans.iter().filter_map(|span| match &span.what {
        What::Outbound(call) => Some(call),
        _ => None,
    });
    let calls: Vec<_> = calls.collect();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.host, "127.0.0.1");
    call.error.clone()
}

/// How the call to the server failed by which a mail is sent.
async fn failure_of_sending(app: &TestApp) -> Option<String> {
    let _spans = app.record_spans();
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    failure(app)
}

with_server!(SmtpReply::To("RCPT", "451 4.7.1 greylisted"); async fn a_deferred_mail_is_a_failed_call(app, _sink) {
    assert_eq!(failure_of_sending(app).await.as_deref(), Some("deferred"));
});

with_server!(SmtpReply::SilentAt("."); async fn a_mail_without_an_answer_is_a_failed_call(app, _sink) {
    assert_eq!(failure_of_sending(app).await.as_deref(), Some("timeout"));
});

with_server!(SmtpReply::Silence; async fn a_mail_to_a_silent_server_is_a_failed_call(app, _sink) {
    assert_eq!(failure_of_sending(app).await.as_deref(), Some("unreachable"));
});

with_server!(SmtpReply::To("RCPT", "550 5.1.1 no such user"); async fn a_mail_refused_for_good_is_no_failed_call(app, _sink) {
    assert_eq!(failure_of_sending(app).await, None);
});

with_server!(SmtpReply::SilentAt("MAIL"); async fn a_mail_that_is_given_up_is_a_failed_call(app, sink) {
    let _spans = app.record_spans();
    let job = GiveUpSending { to: ADA.to_owned(), port: sink.address.port() };
    let enqueue = async |cx: SystemContext| cx.transaction(async |tx| tx.enqueue(job).await).await;
    app.run(enqueue).await.expect("it is enqueued");
    app.run_due_jobs().await;
    assert_eq!(failure(app).as_deref(), Some("abandoned"));
});

/// The server is away: that counts as no attempt.
async fn outlasts(app: &TestApp, sink: &MailSink) {
    greet(app, None, &[ADA]).await;
    for _ in 0..5 {
        app.run_due_jobs().await;
        let waiting = app.enqueued::<SendGreeting>().await;
        assert_eq!((waiting[0].state, waiting[0].attempt), (JobState::Retryable, 0));
        assert_eq!(waiting[0].message, "waiting for the mail server");
        app.clock().advance(Duration::from_secs(60));
    }
    sink.says(SmtpReply::Accept);
    app.run_due_jobs().await;
    assert_eq!(sink.mails().len(), 1);
}

with_server!(SmtpReply::HangUp; async fn a_server_that_hangs_up_is_waited_for(app, sink) {
    outlasts(app, sink).await;
});

with_server!(SmtpReply::Silence; async fn a_server_that_is_silent_is_waited_for(app, sink) {
    outlasts(app, sink).await;
});

with_server!(SmtpReply::To("AUTH", "535 5.7.8 wrong password"); async fn a_refused_login_is_waited_for(app, sink) {
    let log = Log::start("trace");
    outlasts(app, sink).await;
    let log: String = log.end().iter().map(ToString::to_string).collect();
    assert!(log.contains("wrong password"), "{log}");
    assert!(!log.contains("p@ss") && !log.contains("p%40ss"), "the password is in the log: {log}");
});
