//! Without a mail server mails stay in the outbox.

use std::time::Duration;

use tenfold::both_databases;
use tenfold::prelude::*;
use tenfold::testing::TestApp;
use tenfold_mail::{OutboxMail, admin};

use crate::{SendGreeting, SendThenFail, TOKEN, app, greet, organization};

const ADA: &str = "ada@acme.test";

async fn outbox(app: &TestApp) -> Vec<OutboxMail> {
    app.run(async |cx| admin::list_mails(&cx, 1000).await).await.expect("the outbox can be read")
}

both_databases!(app(), [("mail.from", "Acme <hello@acme.test>"), ("http.public_url", "https://acme.test/")];
async fn the_outbox_keeps_text_and_html(app) {
    greet(app, None, &[ADA]).await;
    app.run_due_jobs().await;
    app.expect_no_jobs().await;
    let mails = outbox(app).await;
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!((&*mail.recipient, &*mail.subject), (ADA, "Hello ada@acme.test"));
    assert!(mail.sender.contains("hello@acme.test"), "{}", mail.sender);
    let stop = format!("No more greetings: https://acme.test/stop?token={TOKEN}");
    assert_eq!(mail.text, format!("Grüße, <Ada>.\n\nAnswer:\nhttps://acme.test/#greeting?token=abc\n\n{stop}\n"));
    assert!(mail.html.contains("Grüße, &lt;Ada&gt;."), "{}", mail.html);
});

both_databases!(app(), [("mail.outbox_keep", "3")];
async fn the_outbox_keeps_the_newest(app) {
    for number in 0..5 {
        greet(app, None, &[&format!("{number}@acme.test")]).await;
        app.clock().advance(Duration::from_secs(1));
        app.run_due_jobs().await;
    }
    let kept: Vec<String> = outbox(app).await.into_iter().map(|mail| mail.recipient).collect();
    assert_eq!(kept, ["4@acme.test", "3@acme.test", "2@acme.test"]);
});

both_databases!(app(), [("mail.address_per_hour", "2")];
async fn an_address_gets_so_many_mails_in_an_hour(app) {
    greet(app, None, &[ADA, ADA, ADA, "bob@acme.test"]).await;
    app.run_due_jobs().await;
    assert_eq!(outbox(app).await.len(), 3);
    assert_eq!(app.enqueued::<SendGreeting>().await.len(), 1);
    app.clock().advance(Duration::from_secs(30 * 60));
    app.run_due_jobs().await;
    assert_eq!(outbox(app).await.len(), 4);
});

both_databases!(app(), [("mail.organization_per_hour", "2")];
async fn an_organization_sends_so_many_mails_in_an_hour(app) {
    greet(app, Some(organization()), &["a@acme.test", "b@acme.test", "c@acme.test"]).await;
    greet(app, None, &["d@acme.test"]).await;
    app.run_due_jobs().await;
    let mut sent: Vec<String> = outbox(app).await.into_iter().map(|mail| mail.recipient).collect();
    sent.sort();
    assert_eq!(sent, ["a@acme.test", "b@acme.test", "d@acme.test"]);
});

both_databases!(app(); async fn what_is_no_address_gets_no_mail(app) {
    greet(app, None, &["ada", "a b@acme.test", "ada@acme.test\r\nRCPT TO:<eve@acme.test>"]).await;
    app.run_due_jobs().await;
    app.expect_no_jobs().await;
    assert!(outbox(app).await.is_empty());
});

both_databases!(app(), [("mail.address_per_hour", "2")];
async fn tagged_addresses_are_one_mailbox(app) {
    greet(app, None, &["ada+1@acme.test", "Ada+2@acme.test", "ada@acme.test", "bob@acme.test"]).await;
    app.run_due_jobs().await;
    assert_eq!(outbox(app).await.len(), 3);
});

both_databases!(app(); async fn a_job_that_has_sent_its_mail_makes_no_other(app) {
    let job = SendThenFail { to: ADA.to_owned() };
    let enqueue = async |cx: SystemContext| cx.transaction(async |tx| tx.enqueue(job).await).await;
    app.run(enqueue).await.expect("it is enqueued");
    app.run_due_jobs().await;
    assert_eq!(app.enqueued::<SendThenFail>().await.len(), 1, "it has not failed");
    app.clock().advance(Duration::from_secs(60));
    app.run_due_jobs().await;
    app.expect_no_jobs().await;
    assert_eq!(outbox(app).await.len(), 1);
});
