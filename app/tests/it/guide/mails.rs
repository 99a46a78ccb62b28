//! The chapter on mails.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tenfold::data::Uuid;
use tenfold::prelude::*;
use tenfold::testing::TestApp;
use tenfold::{App, NotificationKind, both_databases};
use tenfold_mail::{Letter, Mailer, admin};

use super::notes::{Note, NoteId, NoteRow};

// guide
/// Mails a note to somebody.
#[derive(Serialize, Deserialize)]
struct MailNote {
    note: NoteId,
    to: String,
}

impl Job for MailNote {
    const KIND: &'static str = "notes.mail_note";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = tenfold_mail::ATTEMPTS;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.cx()?;
        let Some(note) = Note::find(&cx, self.note).await? else { return Ok(()) };
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address(&job, &self.to).await? else { return Ok(()) }; // it gets no mails
        // Here a token would be made, if the mail needed one: arguments of jobs hold no secrets.
        let letter = Letter::new("en", format!("A note: {}", note.title))
            .paragraph("Somebody wants you to read this.")
            .button("Open the note", mailer.link(&format!("/#notes/{}", note.id)));
        mail.send(&letter).await
    }
}
// end

// guide
/// Somebody may read a note.
const SHARED: NotificationKind = NotificationKind::new("notes.shared", "A note is shared with you").by_mail();
// end

// guide
async fn tell(tx: &Tx<'_>, note: &Note, reader: Uuid) -> Result<(), DataError> {
    let told = SHARED.notify(reader, "A note is shared with you").body(&*note.title);
    tx.publish(told.link(format!("/v1/notes/{}", note.id))).await
}
// end

fn app() -> App {
    app::app().module(super::notes::module().job::<MailNote>().notifies(SHARED))
}

async fn new_note(app: &TestApp, organization: OrgId) -> NoteId {
    let write = async |cx: SystemContext| {
        let cx = cx.within(organization);
        let (id, title) = (NoteId(cx.new_id()), "Buy milk".to_owned());
        let note = NoteRow { id, org_id: organization, title, stars: 2, words: None };
        cx.transaction(async |tx| note.insert(tx).await).await?;
        Ok::<_, DataError>(id)
    };
    app.run(write).await.expect("it can be stored")
}

// guide
both_databases!(app(); async fn a_note_is_mailed(app) {
    let organization = crate::organization(&crate::new_owner(app).await);
    let note = new_note(app, organization).await;
    let enqueue = async |cx: SystemContext| {
        let job = MailNote { note, to: "ada@acme.test".to_owned() };
        cx.within(organization).transaction(async |tx| tx.enqueue(job).await).await
    };
    app.run(enqueue).await.expect("it is enqueued");
    app.run_due_jobs().await;
    let mails = app.run(async |cx| admin::list_mails(&cx, 10).await).await.expect("the outbox can be read");
    assert_eq!((&*mails[0].recipient, &*mails[0].subject), ("ada@acme.test", "A note: Buy milk"));
});
// end

both_databases!(app(); async fn a_note_that_is_shared_is_told(app) {
    let session = crate::sign_up(app, "ada@new.test").await;
    let token = crate::text(&session["token"]);
    let reader: Uuid = crate::text(&session["user"]["id"]).parse().expect("an id is a UUID");
    let organization = crate::organization(&token);
    let note = new_note(app, organization).await;
    let share = async |cx: SystemContext| {
        let cx = cx.within(organization);
        cx.transaction(async |tx| -> Result<(), DataError> {
            let note = Note::get(&*tx, note).await?;
            tell(tx, &note, reader).await
        })
        .await
    };
    app.run(share).await.expect("it is published");
    app.run_due_jobs().await;
    let told = app.get("/v1/notifications").bearer(&token).send().await.json();
    let first = &told["items"][0];
    assert_eq!((&first["kind"], &first["body"]), (&json!("notes.shared"), &json!("Buy milk")));
});
