//! The plans of statements: kept while the application runs, compared when something is slow, and shown.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tenfold::axum::extract::Query;
use tenfold::axum::routing::get;
use tenfold::data::{Dialect, MigrationFile, ModuleMigrations};
use tenfold::http::{Json, Problem, Routes};
use tenfold::testing::TestApp;
use tenfold::{App, Context, Module, SystemContext, both_databases, sql};

use crate::console::form;
use crate::{sign_up, text};

const PASSWORD: &str = "a long enough password";
const INDEX: &str = "shelf_things_by_kind";
/// A value that a request brings, and that nothing may show.
const SECRET: &str = "do-not-show-4711";

const FILES: &[MigrationFile] = &[MigrationFile {
    name: "0001_things.sql",
    text: "CREATE TABLE shelf_things (id bigint PRIMARY KEY, kind bigint NOT NULL, note text NOT NULL);
           CREATE INDEX shelf_things_by_kind ON shelf_things (kind);",
}];

fn app() -> App {
    app::app().module(Module::new("shelf").migrations(FILES).routes(routes))
}

fn routes() -> Routes {
    Routes::new().route("/shelf/things", get(things))
}

#[derive(Deserialize)]
struct Shelf {
    kind: i64,
    note: String,
}

/// How many things are of a kind and have another note.
async fn things(_: Context, cx: SystemContext, Query(shelf): Query<Shelf>) -> Result<Json<i64>, Problem> {
    let count = sql!("shelf.things", "SELECT count(*) FROM shelf_things WHERE kind = $1 AND note <> $2");
    let found: Vec<(i64,)> = count.bind(shelf.kind).bind(shelf.note).all(&cx).await?;
    Ok(Json(found.first().map_or(0, |(count,)| *count)))
}

/// Does something to the schema as its owner does beside the application.
async fn alter(app: &TestApp, files: &'static [MigrationFile]) {
    let done = app.database().migrate(&[ModuleMigrations { module: "shelf", files }]).await;
    assert_eq!(done.expect("the owner may alter the schema"), files.len());
}

/// Things of a thousand kinds.
async fn fill(app: &TestApp, things: i64) {
    let fill = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            let fill = sql!(
                "shelf.fill",
                sqlite: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
                         INSERT INTO shelf_things (id, kind, note) SELECT i, i % 1000, 'x' FROM n",
                postgres: "INSERT INTO shelf_things (id, kind, note) SELECT i, i % 1000, 'x' FROM generate_series(1, $1::bigint) AS i"
            );
            fill.changes("shelf_things").bind(things).execute(tx).await
        })
        .await
    };
    app.run(fill).await.expect("the shelf can be filled");
}

/// Some seconds of the test's clock in which an owner asks twice each.
async fn ask(app: &TestApp, token: &str, seconds: usize) {
    for second in 0..seconds {
        for kind in [second % 1000, (second + 500) % 1000] {
            let answer =
                app.get(&format!("/shelf/things?kind={kind}&note={SECRET}")).bearer(token).send().await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
        }
        app.clock().advance(Duration::from_secs(1));
    }
}

/// Until the plans of all statements are taken: each look takes some.
async fn look(app: &TestApp) {
    for _ in 0..10 {
        app.look_at_plans().await;
    }
}

async fn operator(app: &TestApp) -> String {
    let answer = form(app, "/console/sign-in", "password=a+long+enough+password").send().await;
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

async fn page(app: &TestApp, cookie: &str, path: &str) -> String {
    let answer = app.get(path).header("cookie", cookie).send().await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.text()
}

/// The statement's row of the console's page, down to the next row.
fn row_of<'p>(page: &'p str, statement: &str) -> &'p str {
    let (_, row) = page.split_once(&format!("<code>{statement}</code>")).expect("the statement has a row");
    row.split("</tr>").next().unwrap_or_default()
}

both_databases!(app(), [("console.password", PASSWORD)]; async fn a_dropped_index_is_named_and_its_plans_are_shown(app) {
    fill(app, 200_000).await;
    let token = text(&sign_up(app, "one@new.test").await["token"]);
    let cookie = operator(app).await;
    app.run_due_jobs().await;
    app.clock().advance(Duration::from_secs(60));
    ask(app, &token, 1).await;
    look(app).await;
    ask(app, &token, 30).await;
    let before = page(app, &cookie, "/console/statements").await;
    let before = row_of(&before, "shelf.things");
    assert!(before.contains("Its plan") && before.contains(INDEX), "{before}");
    alter(app, &[MigrationFile { name: "0002_drop.sql", text: "DROP INDEX shelf_things_by_kind;" }]).await;
    ask(app, &token, 15).await;
    // A question looks itself, if the database answers soon. The task does so a minute later, and waits for longer.
    page(app, &cookie, "/console/why.json").await;
    app.clock().advance(Duration::from_secs(60));
    app.look_at_plans().await;

    let answer = page(app, &cookie, "/console/why.json").await;
    let answer: Value = serde_json::from_str(&answer).expect("it is JSON");
    let statement = &answer["statements"][0];
    assert_eq!(statement["name"], "shelf.things", "{answer:#}");
    let (was, is) = (text(&statement["plan_before"]), text(&statement["plan_now"]));
    assert!(was.contains(INDEX) && !is.contains(INDEX) && is.contains("shelf_things"), "{was}\n\n{is}");
    let changes = [0, 1].map(|index| text(&answer["changes"][index]["what"]));
    assert_eq!(changes[0], "the index shelf_things_by_kind of shelf_things was dropped", "{answer:#}");
    assert_eq!(changes[1], "the plan of shelf.things changed: index shelf_things_by_kind → scan of shelf_things");
    // If only the task saw it, the verdict says between which times.
    assert!(text(&answer["verdict"]).contains(&format!(": {}", changes[0])), "{answer:#}");
    // People see both plans on the first page, and find them with the statement and in the list of changes.
    let first = page(app, &cookie, "/console").await;
    let step = is.lines().last().unwrap_or_default().replace('<', "&lt;").replace('>', "&gt;");
    for part in ["Its plan has changed", INDEX, &*step] {
        assert!(first.contains(part), "{part} is not on the page:\n{first}");
    }
    let statements = page(app, &cookie, "/console/statements").await;
    assert!(row_of(&statements, "shelf.things").contains("Its plan has changed"), "{statements}");
    let listed = page(app, &cookie, "/console/changes").await;
    for part in ["<td>plan</td>", "<td>schema</td>"] {
        assert!(listed.contains(part), "{listed}");
    }
    for shown in [first, statements, listed, answer.to_string()] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn a_statement_on_a_table_that_is_gone_has_no_plan(app) {
    fill(app, 10).await;
    let token = text(&sign_up(app, "one@new.test").await["token"]);
    let cookie = operator(app).await;
    app.look_at_plans().await;
    ask(app, &token, 1).await;
    alter(app, &[MigrationFile { name: "0002_drop.sql", text: "DROP TABLE shelf_things;" }]).await;
    app.clock().advance(Duration::from_secs(60));
    look(app).await;
    let statements = page(app, &cookie, "/console/statements").await;
    assert!(!row_of(&statements, "shelf.things").contains("Its plan"), "{statements}");
    assert!(row_of(&statements, "auth_sessions.authenticate").contains("Its plan"), "{statements}");
    let listed = page(app, &cookie, "/console/changes").await;
    // Its index went with it, and is not told of its own.
    assert!(listed.contains("the table shelf_things was dropped") && !listed.contains(INDEX), "{listed}");
    assert_eq!(app.get("/v1/users").bearer(&token).send().await.status(), 200);
});

both_databases!(app(), [("console.password", PASSWORD), ("why.plans", "false")];
async fn plans_are_not_taken_if_they_are_switched_off(app) {
    fill(app, 10).await;
    let token = text(&sign_up(app, "one@new.test").await["token"]);
    ask(app, &token, 1).await;
    look(app).await;
    alter(app, &[MigrationFile { name: "0002_drop.sql", text: "DROP INDEX shelf_things_by_kind;" }]).await;
    app.clock().advance(Duration::from_secs(60));
    look(app).await;
    let cookie = operator(app).await;
    assert!(!page(app, &cookie, "/console/statements").await.contains("Its plan"));
    assert!(!page(app, &cookie, "/console/changes").await.contains("schema</td>"));
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn a_known_plan_is_taken_again_within_an_hour(app) {
    fill(app, 20_000).await;
    alter(app, &[MigrationFile { name: "0002_analyze.sql", text: "ANALYZE shelf_things;" }]).await;
    let token = text(&sign_up(app, "one@new.test").await["token"]);
    ask(app, &token, 1).await;
    look(app).await;
    alter(app, &[MigrationFile { name: "0003_drop.sql", text: "DROP INDEX shelf_things_by_kind;" }]).await;
    app.clock().advance(Duration::from_secs(50 * 60));
    for _ in 0..10 {
        app.clock().advance(Duration::from_secs(60));
        app.look_at_plans().await;
    }
    let cookie = operator(app).await;
    let listed = page(app, &cookie, "/console/changes").await;
    assert!(listed.contains("<td>plan</td><td>the plan of shelf.things changed"), "{listed}");
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn new_statistics_of_a_large_table_are_noted(app) {
    fill(app, 20_000).await;
    let token = text(&sign_up(app, "one@new.test").await["token"]);
    ask(app, &token, 1).await;
    look(app).await;
    alter(app, &[MigrationFile { name: "0002_analyze.sql", text: "ANALYZE shelf_things;" }]).await;
    app.clock().advance(Duration::from_secs(60));
    look(app).await;
    let cookie = operator(app).await;
    let listed = page(app, &cookie, "/console/changes").await;
    let told = match app.database().dialect() {
        Dialect::Sqlite => "<td>maintenance</td><td>the statistics of the index shelf_things_by_kind of shelf_things were altered",
        Dialect::Postgres => "the statistics of shelf_things were made anew",
    };
    assert!(listed.contains(told), "{listed}");
});
