//! Whatever an administrator has set for a role or a database, ordinary work continues, and its texts mean the same.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tenfold_data::{DatabaseSettings, EntityExt, sql};

use crate::bench::Bench;
use crate::people::{self, User};
use crate::work::{self, Label, LabelId};

/// Settings that change how a transaction runs, or how a text is read and written.
const MEANING: [(&str, &str); 14] = [
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_read_only", "on"),
    ("default_transaction_deferrable", "on"),
    ("lock_timeout", "1ms"),
    ("row_security", "off"),
    ("standard_conforming_strings", "off"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("timezone", "Asia/Kathmandu"),
    ("datestyle", "German"),
    ("intervalstyle", "iso_8601"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-15"),
    ("idle_in_transaction_session_timeout", "50ms"),
];

/// Limits too short for any work. Behind a pooler they affect the pooler's own statements as well.
const BOUNDS: [(&str, &str); 2] = [("statement_timeout", "1ms"), ("idle_session_timeout", "1ms")];

/// Sets them for the application's role, in this database only.
async fn set(bench: &Bench, settings: &[(&str, &str)]) {
    let onlooker = bench.onlooker().await;
    let database: String = onlooker.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    for role in ["tenfold_test_runtime", "tenfold_test_owner"] {
        for (name, value) in settings {
            let text = format!("ALTER ROLE {role} IN DATABASE {database} SET {name} = '{value}'");
            onlooker.batch_execute(&text).await.unwrap();
        }
    }
}

/// One text of each kind that such a setting changes, with the result on both databases beside it.
async fn texts_mean_what_they_say(bench: &Bench) {
    let asked = sql!(
        "hostile.texts",
        "SELECT current_setting('transaction_isolation'), '2026-01-31T23:30:00Z'::timestamptz::text,
             '26 hours'::interval::text, '\\x00ff'::bytea::text, (0.1::float8 + 0.2::float8)::text, 'a\\\\b',
             (NULL::bigint = NULL) IS NULL AND ('{null}'::text[])[1] IS NULL, 'x' || $2::text WHERE $1::uuid IS NOT NULL"
    );
    type Texts = (String, String, String, String, String, String, bool, String);
    let expected: Texts = (
        "read committed".to_owned(),
        "2026-01-31 23:30:00+00".to_owned(),
        "26:00:00".to_owned(),
        r"\x00ff".to_owned(),
        "0.30000000000000004".to_owned(),
        r"a\\b".to_owned(),
        true,
        "xy".to_owned(),
    );
    let texts = asked.bind("y".to_owned());
    let rows = bench.request(async |cx| texts.all::<Texts, _>(&cx).await).await.unwrap();
    assert_eq!(rows, [expected]);
    // A statement outside our transactions, like loads by key.
    let outside = sql!("hostile.outside", "SELECT current_setting('transaction_isolation')");
    let outside: Vec<(String,)> = bench.system(async |cx| outside.all(&cx).await).await.unwrap();
    assert_eq!(outside, [("read committed".to_owned(),)]);
}

/// Writes, lists, loads by key and by relation, and changes one row from many transactions at once.
async fn work_goes_on(bench: &Bench) {
    let users = bench.request(async |cx| people::hire(&cx, 3).await).await;
    bench
        .request(async |cx| {
            for user in &User::query().order_by(User::name).all(&cx).await.unwrap() {
                assert_eq!(user.permissions.get(&cx).await.unwrap().len(), 2);
            }
            assert!(User::get(&cx, users[0].id).await.is_ok());
            let nothing = User::query().filter(User::manager_id.any_of([None])).all(&cx).await.unwrap();
            assert_eq!(nothing.len(), 1, "the others have a manager");
        })
        .await;
    let writers = (0..20).map(|n: usize| {
        let (bench, id) = (&bench, users[0].id);
        bench.request(async move |cx| {
            let label = Label { id: LabelId(cx.new_id()), org_id: cx.tenant(), name: format!("{n:02}") };
            cx.transaction(async |tx| {
                User::update(id).set(User::name, format!("user {n}")).run(tx).await?;
                label.insert(tx).await
            })
            .await
        })
    });
    for written in join_all(writers).await {
        written.unwrap();
    }
    let labels = bench.request(async |cx| Label::query().all(&cx).await.map(|labels| labels.len())).await;
    assert_eq!(labels.unwrap(), 20);
}

#[tokio::test]
async fn hostile_settings_of_a_role_change_nothing() {
    let bench = Bench::postgres().await;
    set(&bench, &MEANING).await;
    set(&bench, &BOUNDS).await;
    let bench = bench.reopened(&DatabaseSettings::default());
    bench.database.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.unwrap();
    texts_mean_what_they_say(&bench).await;
    work_goes_on(&bench).await;
}

#[tokio::test]
async fn hostile_settings_change_nothing_behind_a_pooler() {
    let bench = Bench::pooled().await;
    set(&bench, &MEANING).await;
    // The pooler keeps connections that were opened before.
    let onlooker = bench.onlooker().await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let begun = Instant::now();
    while onlooker.query_one(end, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "they do not end");
    }
    let bench = bench.reopened(&DatabaseSettings::default());
    while let Err(error) = bench.database.ping().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{error}");
    }
    texts_mean_what_they_say(&bench).await;
    work_goes_on(&bench).await;
}
