//! `pg_dump` with row-level security: a role that it restricts cannot dump, instead of getting a part of the rows.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tenfold_data::testing::TestDatabase;
use tenfold_data::{Clock, Database, DatabaseSettings, Dialect, EntityExt as _, Holds, OrgId};

use crate::bench::Bench;
use crate::people;
use crate::work::{self, Task};

/// A program of PostgreSQL, in its newest version. If it is missing, a developer's machine skips the test; where tools
/// are required, the test fails.
fn program(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    places.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.splice(0..0, std::env::split_paths(&path));
    let found = places.into_iter().rev().map(|place| place.join(name)).find(|file| file.is_file());
    let required = std::env::var("TENFOLD_TEST_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(found.is_some() || !required, "{name} is not installed");
    found
}

/// Dumps a database as the role in the address, with options and session settings.
fn dump(url: &str, options: &[&str], settings: &str) -> Option<Output> {
    let mut dump = Command::new(program("pg_dump")?);
    dump.arg(url).args(options).env("PGOPTIONS", settings);
    Some(dump.output().expect("pg_dump runs"))
}

/// Restores a dump.
fn restore(url: &str, text: &[u8]) {
    use std::io::Write as _;
    let psql = program("psql").expect("it comes with pg_dump");
    let mut psql = Command::new(psql);
    psql.args([url, "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut running = psql.stderr(Stdio::piped()).spawn().expect("psql runs");
    running.stdin.take().expect("it is piped").write_all(text).expect("psql reads");
    let ended = running.wait_with_output().expect("psql ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// A database with two tasks of one organization and eight of another.
async fn with_tasks() -> (Bench, [(OrgId, usize); 2]) {
    let bench = Bench::postgres().await;
    let other = OrgId(bench.database.clock().new_id());
    bench
        .system(async |system| {
            work::plan(&system.within(bench.org), 1).await;
            work::plan(&system.within(other), 4).await;
        })
        .await;
    let tasks = [(bench.org, 2), (other, 8)];
    (bench, tasks)
}

/// How many rows of tasks a dump contains.
fn tasks_in(dump: &Output) -> usize {
    let text = String::from_utf8_lossy(&dump.stdout);
    let rows = text.split_once("COPY public.work_tasks ").map_or("", |(_, rest)| rest);
    rows.lines().skip(1).take_while(|line| *line != "\\.").count()
}

#[tokio::test]
async fn neither_the_role_that_runs_nor_the_owner_gets_a_part_for_the_whole() {
    let (bench, _) = with_tasks().await;
    for url in [bench.place().direct_url(), bench.place().migrate_url().unwrap().to_owned()] {
        let Some(refused) = dump(&url, &[], "") else { return };
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("row-level security policy"), "{said}");
    }
}

#[tokio::test]
async fn row_security_without_the_reach_of_the_system_dumps_no_row_and_says_nothing() {
    let (bench, _) = with_tasks().await;
    let Some(empty) = dump(bench.place().migrate_url().unwrap(), &["--enable-row-security"], "") else {
        return;
    };
    assert!(empty.status.success(), "this is the trap: {}", String::from_utf8_lossy(&empty.stderr));
    assert_eq!(tasks_in(&empty), 0);
}

#[tokio::test]
async fn the_owner_with_the_reach_of_the_system_and_a_superuser_dump_all_and_it_can_be_restored() {
    let (bench, tasks) = with_tasks().await;
    let (owner, superuser) = (bench.place().migrate_url().unwrap(), bench.superuser_url());
    let Some(by_owner) = dump(owner, &["--enable-row-security"], "-c tenfold.reach=system") else { return };
    let by_superuser = dump(&superuser, &[], "").expect("pg_dump is there");
    for dumped in [by_owner, by_superuser] {
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        assert_eq!(tasks_in(&dumped), 10);
        let fresh = TestDatabase::create(Dialect::Postgres).await;
        restore(fresh.migrate_url().expect("PostgreSQL has one"), &dumped.stdout);
        let settings = fresh.settings(DatabaseSettings::default());
        let restored = Database::open(fresh.url(), &settings, Clock::system(), Vec::new()).unwrap();
        assert_eq!(restored.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.unwrap(), 0);
        assert_eq!(restored.row_level_security().await.unwrap().holds, Holds::Everybody);
        for (org, expected) in tasks {
            let count =
                restored.run(None, async |system| Task::query().count(&system.within(org)).await).await;
            assert_eq!(usize::try_from(count.unwrap()), Ok(expected));
        }
    }
}
