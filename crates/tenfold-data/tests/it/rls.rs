//! Row-level security on PostgreSQL: the database catches what an author forgot.

use futures_util::future::join_all;
use tenfold_data::{
    Clock, DataError, Database, DatabaseSettings, EntityExt, Holds, MigrationFile, ModuleMigrations, OrgId,
    sql,
};

use crate::bench::Bench;
use crate::people;
use crate::work::{self, Label, LabelId, Task};

/// Two organizations with rows; the bench's has two tasks, the other eight.
async fn two_organizations() -> (Bench, OrgId) {
    let bench = Bench::postgres().await;
    let other = OrgId(bench.database.clock().new_id());
    bench
        .system(async |system| {
            work::plan(&system.within(bench.org), 1).await;
            work::plan(&system.within(other), 4).await;
        })
        .await;
    (bench, other)
}

/// A text that uses the organization, and by a mistake lets every other in.
macro_rules! forgetful {
    () => {
        sql!("tasks.forgetful", "SELECT count(*) FROM work_tasks WHERE org_id = $1 OR title <> ''")
    };
}

#[tokio::test]
async fn a_text_that_forgets_the_organization_sees_its_rows_only_wherever_it_runs() {
    let (bench, other) = two_organizations().await;
    bench
        .system(async |system| {
            for (org, expected) in [(bench.org, 2), (other, 8), (OrgId(system.new_id()), 0)] {
                let cx = system.within(org);
                assert_eq!(forgetful!().all::<(i64,), _>(&cx).await.unwrap(), [(expected,)]);
                assert_eq!(forgetful!().bounded().all::<(i64,), _>(&cx).await.unwrap(), [(expected,)]);
                let inside = cx.transaction(async |tx| forgetful!().all::<(i64,), _>(tx).await).await;
                assert_eq!(inside.unwrap(), [(expected,)]);
                let within =
                    system.transaction(async |tx| forgetful!().all::<(i64,), _>(&tx.within(org)).await);
                assert_eq!(within.await.unwrap(), [(expected,)]);
            }
        })
        .await;
}

#[tokio::test]
async fn who_acts_for_the_system_sees_all_rows_also_between_two_organizations() {
    let (bench, other) = two_organizations().await;
    bench
        .system(async |system| {
            let count = || sql!("tasks.count", "SELECT count(*) FROM work_tasks");
            assert_eq!(count().all::<(i64,), _>(&system).await.unwrap(), [(10,)]);
            let counted = system.transaction(async |tx| {
                let ours = forgetful!().all::<(i64,), _>(&tx.within(bench.org)).await?;
                let all = count().all::<(i64,), _>(tx).await?;
                let theirs = forgetful!().all::<(i64,), _>(&tx.within(other)).await?;
                Ok::<_, DataError>([ours[0].0, all[0].0, theirs[0].0])
            });
            assert_eq!(counted.await.unwrap(), [2, 10, 8]);
        })
        .await;
}

#[tokio::test]
async fn another_organizations_row_can_be_neither_written_nor_given_away() {
    let (bench, other) = two_organizations().await;
    bench
        .system(async |system| {
            let cx = system.within(bench.org);
            let smuggle = sql!(
                "labels.smuggle",
                "INSERT INTO work_labels (org_id, id, name)
                 VALUES ($1, $3, 'ours'), ($2, $3, 'planted') RETURNING name"
            );
            let smuggled = cx.transaction(async |tx| {
                smuggle.bind(other.0).bind(tx.new_id()).all::<(String,), _>(tx).await
            });
            let refused = smuggled.await.unwrap_err().to_string();
            assert!(refused.contains("42501") && refused.contains("row-level security"), "{refused}");
            let give =
                sql!("labels.give", "UPDATE work_labels SET org_id = $2 WHERE org_id = $1 RETURNING name");
            let given = cx
                .transaction(async |tx| give.bind(other.0).all::<(String,), _>(tx).await)
                .await
                .unwrap_err();
            assert!(given.to_string().contains("42501"), "{given}");
            let wipe =
                sql!("labels.wipe", "DELETE FROM work_labels WHERE org_id = $1 OR name <> '' RETURNING name");
            let wiped = cx.transaction(async |tx| wipe.all::<(String,), _>(tx).await).await.unwrap();
            assert_eq!(wiped.len(), 2, "its own two");
            assert_eq!(Label::query().all(&system.within(other)).await.unwrap().len(), 2);
        })
        .await;
}

#[tokio::test]
async fn requests_of_many_organizations_on_one_connection_never_see_each_others_rows() {
    let mut settings = DatabaseSettings::default();
    settings.postgres.pool_size = 1;
    let bench = Bench::postgres().await.reopened(&settings);
    let orgs: Vec<OrgId> = (0..8).map(|_| OrgId(bench.database.clock().new_id())).collect();
    let requests = (0..200).map(|n: usize| {
        let (bench, org) = (&bench, orgs[n % orgs.len()]);
        bench.system(async move |system| {
            let cx = system.within(org);
            let label = Label { id: LabelId(cx.new_id()), org_id: org, name: format!("{n}") };
            // Every third fails, so that later requests get a connection that was rolled back.
            let stored = cx.transaction(async |tx| {
                label.insert(tx).await?;
                if n.is_multiple_of(3) { Err(DataError::Cursor) } else { Ok(()) }
            });
            assert_eq!(stored.await.is_ok(), !n.is_multiple_of(3));
            let seen = sql!("labels.seen", "SELECT org_id FROM work_labels WHERE org_id = $1 OR name <> ''");
            let seen = seen.all::<(OrgId,), _>(&cx).await.unwrap();
            assert!(seen.iter().all(|(seen,)| *seen == org), "{n}");
        })
    });
    join_all(requests).await;
    let all = sql!("labels.count", "SELECT count(*) FROM work_labels");
    assert_eq!(bench.system(async |cx| all.all::<(i64,), _>(&cx).await).await.unwrap(), [(133,)]);
}

#[tokio::test]
async fn the_role_that_runs_has_the_four_verbs_and_nothing_else() {
    let (bench, _) = two_organizations().await;
    let runtime = bench.as_runtime().await;
    for text in [
        "ALTER TABLE work_tasks ADD COLUMN x text",
        "ALTER TABLE work_tasks DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE work_tasks NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenfold_tenant ON work_tasks",
        "CREATE POLICY everything ON work_tasks USING (true)",
        "DROP TABLE work_tasks",
        "TRUNCATE work_tasks",
        "CREATE TABLE x (id uuid)",
        "CREATE INDEX x ON work_tasks (title)",
        "CREATE SCHEMA x",
        "CREATE TRIGGER x BEFORE INSERT ON work_tasks FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "INSERT INTO tenfold_migrations (module, name, checksum, applied_at) VALUES ('x', 'x', 'x', now())",
        "DELETE FROM tenfold_migrations",
        "CREATE ROLE x",
        "SET row_security = off; SELECT * FROM work_tasks",
    ] {
        let refused = runtime.batch_execute(text).await.expect_err(text);
        assert_eq!(
            refused.code().map(tokio_postgres::error::SqlState::code),
            Some("42501"),
            "{text}: {refused}"
        );
    }
    runtime.batch_execute("SELECT * FROM tenfold_migrations").await.unwrap();
    let seen = runtime.query_one("SELECT count(*) FROM work_tasks", &[]).await.unwrap();
    assert_eq!(seen.get::<_, i64>(0), 0, "who does not say for whom he acts sees nothing");
}

const LATER: [MigrationFile; 2] = [
    MigrationFile {
        name: "0001_later.sql",
        text: "CREATE TABLE later_notes (org_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (org_id, id));
               CREATE TABLE later_shared (id uuid PRIMARY KEY, org_id uuid NOT NULL);",
    },
    MigrationFile {
        name: "0002_copy.sql",
        text: "INSERT INTO later_notes (org_id, id) SELECT org_id, id FROM work_tasks;",
    },
];
const LATER_MODULE: ModuleMigrations = ModuleMigrations { module: "later", files: &LATER };

#[tokio::test]
async fn a_migration_sees_all_rows_and_its_new_tables_stand_behind_the_wall() {
    let (bench, _) = two_organizations().await;
    assert_eq!(bench.database.migrate(&[LATER_MODULE]).await.unwrap(), 2);
    let wall = bench.database.row_level_security().await.unwrap();
    assert!(wall.holds == Holds::Everybody && wall.tables.contains(&"later_notes".to_owned()), "{wall}");
    assert_eq!(wall.outside, ["later_shared"]);
    assert!(wall.to_string().contains("later_shared") && wall.to_string().starts_with("on for "), "{wall}");
    bench
        .system(async |system| {
            let count = sql!("later.count", "SELECT count(*) FROM later_notes");
            assert_eq!(count.all::<(i64,), _>(&system).await.unwrap(), [(10,)]);
            let cx = system.within(bench.org);
            let mine =
                sql!("later.mine", "SELECT count(*) FROM later_notes WHERE org_id = $1 OR id IS NOT NULL");
            assert_eq!(mine.all::<(i64,), _>(&cx).await.unwrap(), [(2,)]);
        })
        .await;
}

#[tokio::test]
async fn tables_from_before_the_wall_get_it_at_the_next_start() {
    let (bench, _) = two_organizations().await;
    let owner = bench.as_owner().await;
    let undo = "ALTER TABLE work_tasks DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
                DROP POLICY tenfold_tenant ON work_tasks; DROP POLICY tenfold_system ON work_tasks;
                REVOKE ALL ON work_labels FROM PUBLIC, tenfold_test_runtime;";
    owner.batch_execute(undo).await.unwrap();
    bench.database.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            assert_eq!(forgetful!().all::<(i64,), _>(&cx).await.unwrap(), [(2,)]);
            assert_eq!(Label::query().all(&cx).await.unwrap().len(), 2);
        })
        .await;
}

/// The same database with other roles.
fn opened(url: &str, migrate_url: Option<&str>) -> Database {
    let mut settings = DatabaseSettings::default();
    settings.postgres.migrate_url = migrate_url.map(str::to_owned);
    Database::open(url, &settings, Clock::system(), Vec::new()).unwrap()
}

#[tokio::test]
async fn a_role_that_owns_nothing_starts_only_when_nothing_is_to_be_migrated() {
    let bench = Bench::postgres().await;
    let alone = opened(bench.place().url(), None);
    assert_eq!(alone.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.unwrap(), 0);
    let said = alone.migrate(&[people::MIGRATIONS, LATER_MODULE]).await.unwrap_err().to_string();
    for part in ["2 migrations", "later/0001_later", "tenfold_test_runtime", "database.migrate_url"] {
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn one_address_is_enough_and_it_is_said_whom_the_wall_holds() {
    let (bench, _) = two_organizations().await;
    let place = bench.place();
    let owner = opened(place.migrate_url().unwrap(), None);
    let superuser = opened(&place.superuser_url().unwrap(), None);
    for (database, holds, said, seen) in
        [(&owner, Holds::Owner, "owns them", 2), (&superuser, Holds::Bypassed, "off: the role postgres", 10)]
    {
        database.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.unwrap();
        let wall = database.row_level_security().await.unwrap();
        assert!(wall.holds == holds && wall.to_string().contains(said), "{wall}");
        assert!(wall.to_string().contains("database.migrate_url"), "{wall}");
        let work = async |system: tenfold_data::SystemContext| {
            let cx = system.within(bench.org);
            let counted = forgetful!().all::<(i64,), _>(&cx).await.unwrap();
            (counted[0].0, Task::query().all(&cx).await.unwrap().len())
        };
        assert_eq!(database.run(None, work).await, (seen, 2), "{wall}");
    }
    let sqlite = Bench::sqlite().await.database.row_level_security().await.unwrap();
    assert!(sqlite.holds == Holds::Nobody && sqlite.to_string().contains("SQLite"), "{sqlite}");
}
