//! The code of the guide's chapters on endpoints, modules, contexts, jobs and tests.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tenfold::App;
use tenfold::app::DemoOrganization;
use tenfold::both_databases;
use tenfold::data::MigrationFile;
use tenfold::http::{Int, Permission};
use tenfold::jobs::JobId;
use tenfold::prelude::*;

const MIGRATIONS: &[MigrationFile] =
    &[MigrationFile { name: "0001_notes.sql", text: include_str!("notes.sql") }];

// guide
id! {
    /// A note.
    NoteId
}

/// Something to remember.
#[derive(Debug, Entity)]
#[entity(table = "notes_notes", tenant = org_id)]
pub struct Note {
    #[entity(key)]
    pub id: NoteId,
    pub org_id: OrgId,
    pub title: String,
    pub stars: i64,
    pub words: Option<i64>,
}
// end

// guide
/// See notes.
pub struct ReadNotes;

impl Permission for ReadNotes {
    const NAME: &'static str = "notes.read";
    const ROLES: &'static [Role] = Role::ALL;
}

/// Write notes.
pub struct WriteNotes;

impl Permission for WriteNotes {
    const NAME: &'static str = "notes.write";
    const ROLES: &'static [Role] = Role::ADMINS;
}
// end

// guide
/// A note as clients see it.
#[derive(Serialize, ToSchema)]
struct NoteView {
    id: NoteId,
    title: String,
    stars: i64,
}

/// One note.
#[endpoint(get, "/v1/notes/{id}", tag = "notes", example(id = list_notes))]
async fn get_note(
    cx: Context,
    _: Require<ReadNotes>,
    Path(id): Path<NoteId>,
) -> Result<Json<NoteView>, Problem> {
    let note = Note::get(&cx, id).await?; // 404 when this organization has no such note
    Ok(Json(NoteView { id: note.id, title: note.title.clone(), stars: note.stars }))
}
// end

// guide
#[derive(Deserialize, IntoParams)]
struct Wanted {
    /// Only notes with at least this many stars.
    #[param(inline)]
    stars: Option<Int<0, 5>>,
}

/// The notes of the organization.
#[endpoint(get, "/v1/notes", tag = "notes", example(query = "stars=3"))]
async fn list_notes(
    cx: Context,
    _: Require<ReadNotes>,
    Query(wanted): Query<Wanted>,
    page: Page,
) -> Result<Json<Listing<NoteView>>, Problem> {
    let least = wanted.stars.map_or(0, Int::get);
    let notes =
        Note::query().filter(Note::stars.ge(least)).order_by(Note::stars).page(&page).all(&cx).await?;
    let view = |note: &Note| NoteView { id: note.id, title: note.title.clone(), stars: note.stars };
    Ok(Json(notes.listing(notes.iter().map(view).collect())))
}
// end

// guide
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    title: Text<1, 200>,
    stars: Int<0, 5>,
}

/// Writes a note.
#[endpoint(post, "/v1/notes", tag = "notes", example(body = {"title": "Buy milk", "stars": 3}))]
async fn create_note(
    cx: Context,
    _: Require<WriteNotes>,
    Json(new): Json<NewNote>,
) -> Result<Created<NoteView>, Problem> {
    let note = cx
        .transaction(async |tx| -> Result<Note, DataError> {
            let (id, org_id) = (NoteId(tx.new_id()), tx.tenant());
            let note =
                NoteRow { id, org_id, title: new.title.into_inner(), stars: new.stars.get(), words: None };
            let note = note.insert(tx).await?;
            tx.enqueue(CountWords { note: id }).await?; // committed with the note, or not at all
            Ok(note)
        })
        .await?;
    let body = NoteView { id: note.id, title: note.title, stars: note.stars };
    Ok(Created { location: format!("/v1/notes/{}", note.id), body })
}
// end

// guide
/// Counts the words of a note.
#[derive(Serialize, Deserialize)]
struct CountWords {
    note: NoteId,
}

impl Job for CountWords {
    const KIND: &'static str = "notes.count_words";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.cx()?; // of the organization that enqueued it
        let Some(note) = Note::find(&cx, self.note).await? else { return Ok(()) }; // deleted meanwhile
        let words = i64::try_from(note.title.split_whitespace().count())?;
        job.step_in("count", async |tx| {
            let tx = tx.within(cx.tenant());
            Note::update(self.note).set(Note::words, Some(words)).run(&tx).await?;
            tx.publish(NoteCounted { note: self.note, words }).await?;
            Ok(())
        })
        .await
    }
}
// end

// guide
/// A note's words were counted.
#[derive(Serialize, Deserialize)]
pub struct NoteCounted {
    pub note: NoteId,
    pub words: i64,
}

impl Event for NoteCounted {
    const NAME: &'static str = "notes.counted";
    const VERSION: u32 = 2;

    fn upcast(_version: u32, mut fields: serde_json::Value) -> anyhow::Result<serde_json::Value> {
        fields["words"] = fields["length"].take(); // its name in version 1
        Ok(fields)
    }

    fn order_key(&self) -> Option<String> {
        Some(self.note.to_string()) // the events of a note stay in their order
    }
}

/// Gives long notes one more star.
async fn praise(job: JobContext, counted: NoteCounted) -> anyhow::Result<()> {
    let cx = job.cx()?;
    if counted.words >= 3 {
        job.effect_once(async |tx| {
            Ok(Note::update(counted.note).add(Note::stars, 1).run(&tx.within(cx.tenant())).await?)
        })
        .await?;
    }
    Ok(())
}
// end

// guide
/// Sends what happened in a day, once a day.
async fn digest(cx: &Context, tomorrow: Timestamp) -> Result<JobId, DataError> {
    let options = JobOptions::new()
        .run_at(tomorrow)
        .priority(10) // behind the organization's other jobs
        .tag("digest") // operators find it by this word
        .unique("digest"); // while one waits or runs, enqueueing returns its id
    cx.transaction(async |tx| tx.enqueue_with(SendDigest { attempts: 0 }, options).await).await
}
// end

// guide
/// Sends a digest, by a service that allows ten calls a minute and takes its time.
#[derive(Serialize, Deserialize)]
struct SendDigest {
    attempts: u32,
}

impl Job for SendDigest {
    const KIND: &'static str = "notes.send_digest";

    fn rate_limit(&self) -> Option<RateLimit> {
        Some(RateLimit::per_minute("mail service", 10).burst(3))
    }

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let sent = job.step("send", async || Ok(job.id().to_string())).await?;
        if !is_delivered(&sent) {
            return Err(Snooze::after(Duration::from_secs(60)).into()); // the step is not repeated
        }
        Ok(())
    }
}
// end

/// What a mail service would say.
fn is_delivered(sent: &str) -> bool {
    !sent.is_empty()
}

/// Counts the notes of the organization.
#[derive(Serialize, Deserialize)]
struct Total {}

impl Job for Total {
    const KIND: &'static str = "notes.total";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        job.progress(100, "counted").await
    }
}

// guide
/// Counts all notes again, and then the total.
async fn recount(tx: &Tx<'_>, notes: &[NoteId]) -> Result<JobId, DataError> {
    let tx = tx.repeating("each note has a job");
    let total = tx.enqueue_batch(Total {}).await?;
    for note in notes {
        tx.enqueue_with(CountWords { note: *note }, JobOptions::new().part_of(total)).await?;
    }
    Ok(total) // it runs when all parts have ended, those that were given up included
}
// end

// guide
pub fn module() -> Module {
    Module::new("notes")
        .migrations(MIGRATIONS) // in a crate of its own: .migrations(migrations!())
        .routes(routes)
        .job::<CountWords>()
        .job::<SendDigest>()
        .job::<Total>()
        .every("notes.total", "17 * * * *", || Total {})
        .on::<NoteCounted, _, _>("notes.praise_long_ones", praise)
        .erases("notes.erase", |_, cx| async move { Ok(Note::erase(&cx).await?) })
        .demo(|tx, organization| Box::pin(demo(tx, organization)))
}

fn routes() -> Routes {
    Routes::new().routes(routes!(list_notes, create_note)).routes(routes!(get_note))
}

async fn demo(tx: &Tx<'_>, _: &DemoOrganization) -> Result<(), DataError> {
    let note = |title: &str, stars| NoteRow {
        id: NoteId(tx.new_id()),
        org_id: tx.tenant(),
        title: title.to_owned(),
        stars,
        words: None,
    };
    Note::insert_many(tx, vec![note("Buy milk", 2), note("Call Ada", 5)]).await?;
    Ok(())
}
// end

// guide
async fn three_ways(system: &SystemContext, organization: OrgId, id: NoteId) -> Result<i64, DataError> {
    // A SystemContext names no organization. It reads global entities and makes contexts.
    let cx: Context = system.within(organization);
    // A Context reads rows of its organization and begins transactions.
    let note = Note::get(&cx, id).await?;
    // A Tx reads and writes within one transaction. Use `tx`, not `cx`, until it ends.
    cx.transaction(async |tx| {
        Note::update(id).set(Note::stars, note.stars + 1).run(tx).await?;
        Ok(Note::get(tx, id).await?.stars)
    })
    .await
}
// end

/// The reference backend with the module added.
fn app() -> App {
    app::app().module(module())
}

// guide
both_databases!(app(); async fn a_new_note_is_counted_and_praised(app) {
    let token = crate::new_owner(app).await;
    let new = json!({"title": "Ten times the traffic", "stars": 1});
    let made = app.post("/v1/notes").bearer(&token).json(&new).send().await;
    assert_eq!(made.status(), 201);
    app.run_due_jobs().await; // the job, then the listener of its event
    let note = app.get(made.header("location")).bearer(&token).send().await.json();
    assert_eq!(note["stars"], 2);
});
// end

// guide
both_databases!(app(); async fn a_digest_is_enqueued_once_and_sent_on_time(app) {
    let organization = crate::organization(&crate::new_owner(app).await);
    let tomorrow = app.clock().now() + Duration::from_secs(24 * 3600);
    let enqueue = async |cx: SystemContext| digest(&cx.within(organization), tomorrow).await;
    let first = app.run(enqueue).await.expect("it is enqueued");
    assert_eq!(app.run(enqueue).await.expect("it is there"), first);
    let waiting = app.enqueued::<SendDigest>().await;
    assert_eq!(waiting.iter().map(|job| job.run_at).collect::<Vec<_>>(), [tomorrow]);
    assert_eq!(app.run_due_jobs().await, 0); // it is too early
    app.clock().advance(Duration::from_secs(24 * 3600));
    app.run_due_jobs().await; // runs what is due by the test's clock
    assert!(app.enqueued::<SendDigest>().await.is_empty());
});
// end

both_databases!(app(); async fn a_total_follows_its_batch(app) {
    let organization = crate::organization(&crate::new_owner(app).await);
    let recount = async |cx: SystemContext| {
        let cx = cx.within(organization);
        let notes = [NoteId(cx.new_id()), NoteId(cx.new_id())];
        cx.transaction(async |tx| recount(tx, &notes).await).await
    };
    let total = app.run(recount).await.expect("it is enqueued");
    assert_eq!(app.enqueued::<CountWords>().await.len(), 2);
    assert_eq!(app.run_due_jobs().await, 3);
    app.expect_no_jobs().await;
    let finished = async |cx: SystemContext| tenfold::jobs::FinishedJob::find(&cx, total).await;
    assert!(app.run(finished).await.expect("it can be read").is_some());
});

// guide
both_databases!(app(); async fn a_list_costs_two_statements(app) {
    let token = crate::new_owner(app).await;
    app.forget();
    assert_eq!(app.get("/v1/notes").bearer(&token).send().await.status(), 200);
    assert_eq!(app.statements().len(), 2); // the session and the list
});
// end

both_databases!(app(); async fn all_faults_of_a_body_are_told_at_once(app) {
    let token = crate::new_owner(app).await;
    let wrong = json!({"title": "", "stars": 6, "colour": "red"});
    let answer = app.post("/v1/notes").bearer(&token).json(&wrong).send().await;
    let problem = crate::problem(&answer, 422);
    assert_eq!(
        problem["errors"],
        json!([
            {"pointer": "#/colour", "detail": "it is unknown; the known ones are stars, title"},
            {"pointer": "#/stars", "detail": "6 is not from 0 to 5"},
            {"pointer": "#/title", "detail": "text of 0 characters: 1 to 200 are allowed"},
        ])
    );
    let missing = app.post("/v1/notes").bearer(&token).json(&json!({"title": 1})).send().await;
    let problem = crate::problem(&missing, 422);
    assert_eq!(
        problem["errors"],
        json!([
            {"pointer": "#/stars", "detail": "it is missing"},
            {"pointer": "#/title", "detail": "it must be string"},
        ])
    );
});

both_databases!(app(); async fn a_wrong_parameter_is_named_with_those_allowed(app) {
    let token = crate::new_owner(app).await;
    for (query, named) in [
        ("color=red", "\"color\" is not a parameter of this operation; it takes cursor, limit, stars"),
        ("stars=many", "stars: \"many\" is not a whole number from 0 to 5"),
        ("limit=0", "limit: 0 is not from 1 to 1000"),
        ("limit=x", "limit: \"x\" is not a whole number from 1 to 1000"),
        ("limit=1&limit=2", "limit: it is given more than once"),
    ] {
        let answer = app.get(&format!("/v1/notes?{query}")).bearer(&token).send().await;
        let detail = crate::text(&crate::problem(&answer, 400)["detail"]);
        assert!(detail.contains(named), "{detail}");
    }
    assert_eq!(app.get("/v1/notes?stars=1&limit=2").bearer(&token).send().await.status(), 200);
});

both_databases!(app(); async fn contexts_reach_what_they_say(app) {
    app.seed_demo().await;
    let token = crate::token(app, "owner@globex.test").await;
    let notes = app.get("/v1/notes?stars=5").bearer(&token).send().await.json();
    let id = crate::text(&notes["items"][0]["id"]).parse().unwrap();
    let stars = app.run(async |system| three_ways(&system, crate::organization(&token), id).await).await;
    assert_eq!(stars.unwrap(), 6);
});

both_databases!(app(); async fn a_module_added_later_still_brings_its_demo(app) {
    app.seed_demo().await;
    app.seed_demo().await;
    let token = crate::token(app, "owner@acme.test").await;
    let notes = app.get("/v1/notes").bearer(&token).send().await.json();
    assert_eq!(notes["items"].as_array().map(Vec::len), Some(2), "twice is once");
});

both_databases!(app(); async fn demo_data_from_before_the_notes_is_left_as_it_is(app) {
    app.seed_demo().await;
    let token = crate::token(app, "owner@globex.test").await;
    let organization = crate::organization(&token);
    // As in a database that was filled when nothing was noted yet: the labels of the projects are unique.
    let forgotten: Result<u64, DataError> = app
        .run(async |cx| {
            let forget = async |tx: &mut Tx<'_>| {
                sql!("test.forget", "DELETE FROM tenfold_demo WHERE org_id = $1 AND module = $2")
                    .bind("projects".to_owned())
                    .execute(tx)
                    .await
            };
            cx.within(organization).transaction(forget).await
        })
        .await;
    assert_eq!(forgotten.unwrap(), 1);
    app.seed_demo().await;
    let projects = app.get("/v1/projects").bearer(&token).send().await.json();
    assert_eq!(projects["items"].as_array().map(Vec::len), Some(3));
});

both_databases!(app(); async fn roles_have_the_permissions_of_a_new_module(app) {
    app.seed_demo().await;
    let may = async |email: &str| {
        let token = crate::token(app, email).await;
        let session = app.get("/v1/auth/session").bearer(&token).send().await.json();
        let of_notes = session["permissions"].as_array().expect("a list").iter().map(crate::text);
        of_notes.filter(|name| name.starts_with("notes.")).collect::<Vec<_>>()
    };
    assert_eq!(may("owner@globex.test").await, ["notes.read", "notes.write"]);
    assert_eq!(may("user0004@globex.test").await, ["notes.read"]);
});
