//! The check of table access finds statements that touch tables outside their module, on each database, and names the
//! owner.

use tenfold_data::testing::plans::Ran;
use tenfold_data::testing::rights::{self, Breach, ModuleText, TouchedObject};
use tenfold_data::{Dialect, MigrationFile, ModuleMigrations, sql};

use crate::bench::Bench;
use crate::ledger::next_line;

on_both_databases!(
    a_module_may_do_everything_with_rows_of_its_own,
    no_verb_reaches_anothers_table,
    a_join_over_two_modules_is_refused_for_each_of_them,
    each_statement_is_judged_by_itself,
    what_ran_is_told_with_module_table_owner_and_line,
    a_table_that_nothing_is_read_from_counts_as_well,
    a_view_reaches_what_it_is_made_of,
    a_view_of_another_is_a_table_of_another,
    tables_of_the_framework_are_for_its_own_packages,
    the_longer_name_owns_the_table,
    what_bears_no_modules_name_is_nobodys,
    an_application_owns_nothing,
    what_is_no_reading_or_writing_of_rows_is_refused,
    nothing_is_left_behind,
);

/// Tables besides those of people and work: one that matches two modules' prefixes, one without a module, the
/// framework's.
const MORE: [ModuleMigrations; 3] = [
    ModuleMigrations {
        module: "work-plans",
        files: &[file("CREATE TABLE work_plans_days (id uuid PRIMARY KEY);")],
    },
    ModuleMigrations {
        module: "tenfold",
        files: &[file("CREATE TABLE tenfold_jobs (id uuid PRIMARY KEY);")],
    },
    ModuleMigrations {
        module: "views",
        files: &[file(
            "CREATE TABLE views_own (id uuid PRIMARY KEY);
             CREATE TABLE stray (id uuid PRIMARY KEY);
             CREATE VIEW views_of_own AS SELECT id FROM views_own;
             CREATE VIEW views_of_people AS SELECT name FROM people_users;",
        )],
    },
];

const fn file(text: &'static str) -> MigrationFile {
    MigrationFile { name: "0001_more.sql", text }
}

/// The result of the check for a module's text.
async fn judged(bench: &Bench, module: &str, text: &str) -> Vec<Breach> {
    bench.database.migrate(&MORE).await.unwrap();
    let (name, place) = ("test.judged".to_owned(), "modules/x/src/lib.rs:7".to_owned());
    let text = ModuleText { name, module: module.to_owned(), place, text: text.to_owned() };
    rights::breaches(&bench.superuser_url(), &[text]).await
}

/// The tables that a module's text touches but may not, each with its owner.
async fn reached(bench: &Bench, module: &str, text: &str) -> Vec<(String, String)> {
    let breaches = judged(bench, module, text).await;
    let table = |reach: TouchedObject| match reach {
        TouchedObject::Table { name, owner } => (name, owner.unwrap_or_default()),
        TouchedObject::Other(what) => panic!("{text}: {what}"),
    };
    breaches.into_iter().flat_map(|breach| breach.reaches).map(table).collect()
}

fn pair(table: &str, owner: &str) -> (String, String) {
    (table.to_owned(), owner.to_owned())
}

async fn a_module_may_do_everything_with_rows_of_its_own(bench: Bench) {
    for text in [
        "SELECT count(*) FROM people_users WHERE org_id = $1",
        "SELECT u.name FROM people_users u JOIN people_permissions p ON p.user_id = u.id WHERE p.org_id = $1",
        "WITH few AS (SELECT id FROM people_users WHERE org_id = $1 LIMIT 3) SELECT count(*) FROM few",
        "INSERT INTO people_settings (org_id, id, theme) VALUES ($1, $2, $3)
         ON CONFLICT (org_id, id) DO UPDATE SET theme = excluded.theme RETURNING theme",
        // Other rows refer to its row, and its row refers to another.
        "UPDATE people_users SET name = $2 WHERE org_id = $1",
        "DELETE FROM people_users WHERE org_id = $1 AND id = $2",
        "SELECT 1",
        "SELECT count(*) FROM json_each('{}')",
        // The name is another module's table, the rows are not.
        "WITH work_tasks AS (SELECT id FROM people_users) SELECT count(*) FROM work_tasks",
    ] {
        assert_eq!(reached(&bench, "people", text).await, [], "{text}");
    }
    assert_eq!(reached(&bench, "people-api", "SELECT name FROM people_users").await, []);
    assert_eq!(reached(&bench, "views", "SELECT id FROM views_of_own").await, []);
    let insert = "INSERT INTO work_tasks (org_id, id, project_id, title) VALUES ($1, $2, $3, $4)";
    assert_eq!(reached(&bench, "work", insert).await, [], "a foreign key within the module");
}

async fn no_verb_reaches_anothers_table(bench: Bench) {
    for text in [
        "SELECT theme FROM people_settings WHERE org_id = $1",
        "SELECT count(*) FROM people_settings",
        "INSERT INTO people_settings (org_id, id, theme) VALUES ($1, $2, $3)",
        "UPDATE people_settings SET theme = $1",
        "DELETE FROM people_settings",
        "DELETE FROM work_tasks WHERE title IN (SELECT theme FROM people_settings)",
        "INSERT INTO work_labels (org_id, id, name) SELECT org_id, id, theme FROM people_settings",
    ] {
        assert_eq!(reached(&bench, "work", text).await, [pair("people_settings", "people")], "{text}");
    }
}

async fn a_join_over_two_modules_is_refused_for_each_of_them(bench: Bench) {
    let join = "SELECT t.title FROM work_tasks t JOIN people_users u ON u.org_id = t.org_id
                JOIN views_own v ON v.id = u.id WHERE t.org_id = $1";
    let (people, views) = (pair("people_users", "people"), pair("views_own", "views"));
    assert_eq!(reached(&bench, "work", join).await, [people.clone(), views.clone()]);
    assert_eq!(reached(&bench, "views", join).await, [people, pair("work_tasks", "work")]);
}

async fn each_statement_is_judged_by_itself(bench: Bench) {
    let text = |module: &str, text: &str| ModuleText {
        name: "test.each".to_owned(),
        module: module.to_owned(),
        place: "modules/x/src/lib.rs:7".to_owned(),
        text: text.to_owned(),
    };
    let foreign = "SELECT name FROM people_users WHERE org_id = $1";
    let own = text("work", "SELECT title FROM work_tasks WHERE org_id = $1");
    let texts = [text("work", foreign), own, text("work", foreign), text("people", foreign)];
    let breaches = rights::breaches(&bench.superuser_url(), &texts).await;
    let told: Vec<_> =
        breaches.iter().map(|breach| (&*breach.statement.module, &*breach.statement.text)).collect();
    assert_eq!(told, [("work", foreign), ("work", foreign)]);
}

async fn what_ran_is_told_with_module_table_owner_and_line(bench: Bench) {
    bench.statements();
    let query = sql!("test.titles", "SELECT title FROM work_tasks WHERE org_id = $1");
    let (_, line) = next_line();
    let _: Vec<(String,)> = bench.request(async |cx| query.all(&cx).await.unwrap()).await;
    let ran: Vec<ModuleText> =
        bench.statements().iter().map(|record| ModuleText::from(&Ran::of(record))).collect();
    let breaches = rights::breaches(&bench.superuser_url(), &ran).await;
    assert_eq!(breaches.len(), 1);
    let told = breaches[0].to_string();
    let database = bench.database.dialect().system_name();
    for part in [
        &*format!("test.titles (module tenfold-data) reaches past its tables on {database}"),
        &*format!("tests/it/rights.rs:{line}:"),
        "SELECT title FROM work_tasks WHERE org_id = $1",
        "work_tasks belongs to module work: call work through its interface (work-api)",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

async fn a_table_that_nothing_is_read_from_counts_as_well(bench: Bench) {
    let people = [pair("people_users", "people")];
    for text in [
        "SELECT 1 FROM people_users WHERE 1 = 0",
        "SELECT t.title FROM work_tasks t WHERE EXISTS (SELECT 1 FROM people_users u WHERE 1 = 0)",
        "SELECT t.title FROM work_tasks t LEFT JOIN people_users u ON u.org_id = t.org_id AND u.id = t.id",
    ] {
        assert_eq!(reached(&bench, "work", text).await, people, "{text}");
    }
}

async fn a_view_reaches_what_it_is_made_of(bench: Bench) {
    let reached = reached(&bench, "views", "SELECT name FROM views_of_people").await;
    assert_eq!(reached, [pair("people_users", "people")]);
}

async fn a_view_of_another_is_a_table_of_another(bench: Bench) {
    let reached = reached(&bench, "work", "SELECT id FROM views_of_own").await;
    assert_eq!(reached, [pair("views_of_own", "views"), pair("views_own", "views")]);
}

async fn tables_of_the_framework_are_for_its_own_packages(bench: Bench) {
    let insert = "INSERT INTO tenfold_jobs (id) VALUES ($1)";
    assert_eq!(reached(&bench, "work", insert).await, [pair("tenfold_jobs", "tenfold")]);
    let told = judged(&bench, "work", insert).await[0].to_string();
    assert!(told.contains("tenfold_jobs belongs to the framework: use what it offers (tx.enqueue"), "{told}");
    assert_eq!(reached(&bench, "tenfold-jobs", insert).await, []);
    let users = reached(&bench, "tenfold-jobs", "SELECT name FROM people_users").await;
    assert_eq!(users, [pair("people_users", "people")], "what the framework writes is held to the same");
}

async fn the_longer_name_owns_the_table(bench: Bench) {
    let days = "SELECT count(*) FROM work_plans_days";
    assert_eq!(reached(&bench, "work-plans", days).await, []);
    assert_eq!(reached(&bench, "work", days).await, [pair("work_plans_days", "work-plans")]);
}

async fn what_bears_no_modules_name_is_nobodys(bench: Bench) {
    let stray = "SELECT id FROM stray";
    assert_eq!(reached(&bench, "views", stray).await, [pair("stray", "")]);
    let told = judged(&bench, "views", stray).await[0].to_string();
    assert!(told.contains("nobody may touch it: call it views_stray"), "{told}");
}

async fn an_application_owns_nothing(bench: Bench) {
    assert_eq!(reached(&bench, "app", "SELECT id FROM views_own").await, [pair("views_own", "views")]);
    assert_eq!(reached(&bench, "app", "SELECT 1").await, []);
}

async fn what_is_no_reading_or_writing_of_rows_is_refused(bench: Bench) {
    for text in ["DROP TABLE views_own", "SELECT nothing FROM views_own"] {
        let breaches = judged(&bench, "views", text).await;
        assert_eq!(breaches.len(), 1, "{text}");
        assert!(
            breaches[0].reaches.iter().any(|reach| matches!(reach, TouchedObject::Other(_))),
            "{}",
            breaches[0]
        );
    }
}

/// The check may be called while a test continues.
async fn nothing_is_left_behind(bench: Bench) {
    reached(&bench, "work", "SELECT name FROM people_users").await;
    let names: Vec<(String,)> = bench
        .request(async |cx| {
            sql!("test.names", "SELECT name FROM people_users WHERE org_id = $1").all(&cx).await.unwrap()
        })
        .await;
    assert_eq!(names, []);
    if bench.database.dialect() == Dialect::Postgres {
        let left = "SELECT 1 FROM pg_roles WHERE rolname LIKE 'tenfold_module%'";
        assert_eq!(bench.onlooker().await.query(left, &[]).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn what_postgres_gives_to_everybody_is_still_anothers() {
    let bench = Bench::postgres().await;
    let text = "GRANT SELECT ON people_settings TO PUBLIC;";
    let files: &'static [MigrationFile] = Box::leak(Box::new([
        MigrationFile { name: "0002_grant.postgres.sql", text },
        MigrationFile { name: "0002_grant.sqlite.sql", text: "SELECT 1;" },
    ]));
    bench.database.migrate(&[ModuleMigrations { module: "people", files }]).await.unwrap();
    let reached = reached(&bench, "work", "SELECT theme FROM people_settings").await;
    assert_eq!(reached, [pair("people_settings", "people")]);
}

/// PostgreSQL's triggers are functions, which EXPLAIN does not look into; see decision 24.
#[tokio::test]
async fn a_trigger_of_sqlite_reaches_what_its_body_names() {
    let bench = Bench::sqlite().await;
    let trigger = "CREATE TRIGGER work_projects_gone AFTER DELETE ON work_projects
                   BEGIN DELETE FROM people_settings; END;";
    let files: &'static [MigrationFile] = Box::leak(Box::new([
        MigrationFile { name: "0002_trigger.sqlite.sql", text: trigger },
        MigrationFile { name: "0002_trigger.postgres.sql", text: "SELECT 1;" },
    ]));
    bench.database.migrate(&[ModuleMigrations { module: "work", files }]).await.unwrap();
    let reached = reached(&bench, "work", "DELETE FROM work_projects WHERE org_id = $1").await;
    assert_eq!(reached, [pair("people_settings", "people")]);
}

/// PostgreSQL checks a foreign key with its table owner's privileges: a writer of the row needs none on the row that it
/// refers to. SQLite would report it, but `tenfold check` lets no key cross a module.
#[tokio::test]
async fn a_foreign_key_of_postgres_takes_no_right_on_what_it_points_to() {
    let bench = Bench::postgres().await;
    let text = "CREATE TABLE views_keys (id uuid PRIMARY KEY REFERENCES people_accounts (id));";
    let files: &'static [MigrationFile] =
        Box::leak(Box::new([MigrationFile { name: "0002_keys.sql", text }]));
    bench.database.migrate(&MORE).await.unwrap();
    bench.database.migrate(&[ModuleMigrations { module: "views", files }]).await.unwrap();
    assert_eq!(reached(&bench, "views", "INSERT INTO views_keys (id) VALUES ($1)").await, []);
    assert_eq!(reached(&bench, "people", "DELETE FROM people_accounts WHERE id = $1").await, []);
}
