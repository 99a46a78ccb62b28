//! The chapter on mails.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold::testing::TestApp;
use tenfold::{App, both_databases};
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

fn app() -> App {
    app::app().module(super::notes::module().job::<MailNote>())
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
