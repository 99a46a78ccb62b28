//! The index of full-text search: it stays in step with the rows, and shows them to their organization alone.

use futures_util::future::join_all;
use tenfold_data::{
    DataError, Dialect, EntityExt, EntityRow as _, MigrationFile, ModuleMigrations, OrgId, Uuid, sql,
};

use crate::bench::Bench;
use crate::search::{
    Article, ArticleRow, INDEXED, Paper, UNINDEXED, article, expect, on_press, publish, publish_another,
};

on_both_databases!(
    changes_are_found_at_once_and_in_their_transaction,
    what_was_rolled_back_is_not_found,
    rows_that_go_with_their_parent_are_not_found,
    rows_of_another_organization_are_not_found,
    rows_that_were_there_before_the_index_are_found,
    a_missing_index_is_named,
    a_line_that_is_no_index_is_refused,
    writers_beside_each_other_are_all_found,
    the_same_line_with_other_columns_replaces_the_index,
    texts_of_every_script_find_themselves,
);

async fn changes_are_found_at_once_and_in_their_transaction(bench: Bench) {
    on_press(&bench, async |cx, paper| {
        let one = article(cx, paper, "Zebra", None);
        let id = one.id;
        cx.transaction(async |tx| {
            one.insert(tx).await?;
            assert_eq!(Article::query().search("zebra").count(tx).await?, 1);
            Article::update(id).set(Article::title, "Yak".to_owned()).run(tx).await?;
            assert_eq!(Article::query().search("zebra").repeated("looked again").count(tx).await?, 0);
            Ok::<_, DataError>(())
        })
        .await
        .unwrap();
        expect(cx, &[("yak", "Y"), ("zebra", "")]).await;
        // A change of another column keeps the words.
        cx.transaction(async |tx| Article::update(id).set(Article::stars, 5).run(tx).await).await.unwrap();
        expect(cx, &[("yak", "Y")]).await;
        let all = Article::query().update().set(Article::body, Some("everywhere".to_owned()));
        assert_eq!(cx.transaction(async |tx| all.run(tx).await).await.unwrap(), 7);
        expect(cx, &[("everywhere", "TÉfw日FY"), ("lazy", ""), ("dog", "")]).await;
        let again = ArticleRow { body: Some("anew".to_owned()), ..article(cx, paper, "Yak", None) };
        cx.transaction(async |tx| again.upsert(Article::unique_title).run(tx).await).await.unwrap();
        expect(cx, &[("anew", "Y"), ("everywhere", "TÉfw日F")]).await;
        let blank = Article::update(id).set(Article::body, None);
        cx.transaction(async |tx| blank.run(tx).await).await.unwrap();
        expect(cx, &[("anew", ""), ("yak", "Y")]).await;
        cx.transaction(async |tx| Article::delete(tx, id).await).await.unwrap();
        expect(cx, &[("yak", ""), ("-cat", "TÉfw日F")]).await;
        let fox = Article::query().filter(Article::title.starts_with("F"));
        cx.transaction(async |tx| fox.delete(tx).await).await.unwrap();
        expect(cx, &[("-cat", "TÉfw日")]).await;
    })
    .await;
}

async fn what_was_rolled_back_is_not_found(bench: Bench) {
    on_press(&bench, async |cx, paper| {
        let rolled_back = cx
            .transaction(async |tx| {
                article(cx, paper, "Zebra", None).insert(tx).await?;
                Article::query().filter(Article::title.starts_with("T")).delete(tx).await?;
                Err::<(), _>(DataError::Cursor)
            })
            .await;
        assert!(rolled_back.is_err());
        expect(cx, &[("zebra", ""), ("quick", "T")]).await;
    })
    .await;
}

async fn rows_that_go_with_their_parent_are_not_found(bench: Bench) {
    on_press(&bench, async |cx, paper| {
        let other = publish_another(cx).await;
        cx.transaction(async |tx| Paper::delete(tx, paper).await).await.unwrap();
        expect(cx, &[("-cat", "A")]).await;
        cx.transaction(async |tx| Paper::delete(tx, other).await).await.unwrap();
        expect(cx, &[("-cat", "")]).await;
    })
    .await;
}

async fn rows_of_another_organization_are_not_found(bench: Bench) {
    let other = OrgId(bench.database.clock().new_id());
    on_press(&bench, async |cx, _| {
        bench
            .system(async |system| {
                let there = system.within(other);
                publish_another(&there).await;
                expect(&there, &[("brown", "A"), ("-cat", "A"), ("quick", "")]).await;
            })
            .await;
        expect(cx, &[("brown", "TF"), ("another", ""), ("-cat", "TÉfw日F")]).await;
        // What the index knows of an organization cannot be asked for by its word.
        let theirs = format!("o{}", other.0.simple());
        expect(cx, &[(&theirs, ""), (&format!("{theirs}brown"), ""), (&format!("o{}", cx.tenant().0.simple()), "")]).await;
        if cx.scope().database().dialect() == Dialect::Postgres {
            let sql = sql!("press.theirs", sqlite: "", postgres: "SELECT press_articles_search_found($2, $3) FROM press_papers WHERE org_id = $1");
            let theirs = sql.bind(other).bind(format!("'{theirs}'")).all::<(Uuid,), _>(cx).await.unwrap();
            assert!(theirs.is_empty());
            let sql = sql!("press.index", sqlite: "", postgres: "SELECT id FROM press_articles_search WHERE owner <> $1");
            let refused = sql.all::<(Uuid,), _>(cx).await.unwrap_err();
            assert!(format!("{refused:?}").contains("permission denied"), "{refused:?}");
        }
    })
    .await;
}

async fn rows_that_were_there_before_the_index_are_found(bench: Bench) {
    bench.database.migrate(&[UNINDEXED]).await.unwrap();
    bench.request(async |cx| publish(&cx).await).await;
    bench.database.migrate(&[INDEXED]).await.unwrap();
    bench.request(async |cx| expect(&cx, &[("brown", "TF"), ("-cat", "TÉfw日F")]).await).await;
}

async fn a_missing_index_is_named(bench: Bench) {
    bench.database.migrate(&[UNINDEXED]).await.unwrap();
    let said = bench.request(async |cx| Article::query().search("fox").count(&cx).await).await;
    let said = said.unwrap_err().to_string();
    assert!(said.contains("Article is searched") && said.contains("tests/it/search_index.rs"), "{said}");
    assert!(said.contains("`-- tenfold: search press_articles (title, body)`"), "{said}");
}

async fn a_line_that_is_no_index_is_refused(bench: Bench) {
    for text in
        ["press_articles", "press_articles ()", "press_articles (title; DROP)", "a b (title)", "x (\"t\")"]
    {
        let text: &'static str = Box::leak(format!("-- tenfold: search {text}\n").into_boxed_str());
        let files: &'static [MigrationFile] =
            Box::leak(Box::new([MigrationFile { name: "0001_wrong.sql", text }]));
        let said = bench.database.migrate(&[ModuleMigrations { module: "wrong", files }]).await;
        let said = said.unwrap_err().to_string();
        assert!(said.contains("-- tenfold: search module_things (title, body)"), "{said}");
    }
}

async fn writers_beside_each_other_are_all_found(bench: Bench) {
    on_press(&bench, async |cx, paper| {
        let write = async |n: usize| {
            bench
                .request(async |cx| {
                    let one = article(&cx, paper, &format!("side {n}"), None);
                    let id = one.id;
                    cx.transaction(async |tx| one.insert(tx).await).await.unwrap();
                    let change = Article::update(id).set(Article::body, Some(format!("changed{n}")));
                    cx.transaction(async |tx| change.run(tx).await).await.unwrap();
                })
                .await;
        };
        join_all((0..20).map(write)).await;
        assert_eq!(Article::query().search("side").count(cx).await.unwrap(), 20);
        assert_eq!(Article::query().search("changed").count(cx).await.unwrap(), 20);
        expect(cx, &[("changed7 ", "s")]).await;
    })
    .await;
}

async fn the_same_line_with_other_columns_replaces_the_index(bench: Bench) {
    const FIRST: MigrationFile =
        MigrationFile { name: "0002_titles.sql", text: "-- tenfold: search press_articles (title)\n" };
    const SECOND: MigrationFile =
        MigrationFile { name: "0003_texts.sql", text: "-- tenfold: search press_articles (title, body)\n" };
    let [tables] = UNINDEXED.files else { panic!("there is one file") };
    let files: &'static [MigrationFile] = Box::leak(Box::new([*tables, FIRST]));
    bench.database.migrate(&[ModuleMigrations { module: "press", files }]).await.unwrap();
    bench.request(async |cx| publish(&cx).await).await;
    let files: &'static [MigrationFile] = Box::leak(Box::new([*tables, FIRST, SECOND]));
    bench.database.migrate(&[ModuleMigrations { module: "press", files }]).await.unwrap();
    bench
        .request(async |cx| {
            expect(&cx, &[("lazy", "T"), ("quick", "T")]).await;
            publish_another(&cx).await;
        })
        .await;
}

async fn texts_of_every_script_find_themselves(bench: Bench) {
    const TEXTS: [&str; 10] =
        ["أحمد", "データ", "がくせい", "हिन्दी", "二〇二四", "שָׁלוֹם", "ΝΙΚΟΣ", "Νίκος", "Łódź", "Ångström"];
    on_press(&bench, async |cx, paper| {
        let articles = TEXTS.iter().map(|text| article(cx, paper, text, None)).collect();
        cx.transaction(async |tx| Article::insert_many(tx, articles).await).await.unwrap();
        for text in TEXTS {
            let found =
                Article::query().search(text).repeated("each text is a question of its own").all(cx).await;
            assert!(found.unwrap().iter().any(|row| row.title == text), "{text} does not find itself");
        }
        expect(cx, &[("νικοσ", "ΝΝ"), ("نيكوس", "")]).await;
    })
    .await;
}

#[tokio::test]
async fn no_role_but_the_applications_may_call_what_reads_an_index() {
    let bench = Bench::postgres().await;
    bench.database.migrate(&[INDEXED]).await.unwrap();
    let onlooker = bench.onlooker().await;
    let open = "SELECT count(*) FROM pg_proc WHERE prosecdef AND proname LIKE 'press%'
                AND has_function_privilege('public', oid, 'EXECUTE')";
    let all = "SELECT count(*) FROM pg_proc WHERE prosecdef AND proname LIKE 'press%'";
    let counted = async |text: &str| onlooker.query_one(text, &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!((counted(open).await, counted(all).await), (0, 2));
}

#[tokio::test]
async fn a_row_that_is_written_while_the_index_is_built_is_found() {
    let bench = Bench::postgres().await;
    bench.database.migrate(&[UNINDEXED]).await.unwrap();
    let paper = bench.request(async |cx| publish(&cx).await).await;
    let mut onlooker = bench.onlooker().await;
    // A writer that has begun before the migration; the migration waits for it.
    let writer = onlooker.transaction().await.unwrap();
    let (org, id) = (bench.org.0, bench.database.clock().new_id());
    let insert =
        "INSERT INTO press_articles (org_id, id, paper_id, title, stars) VALUES ($1, $2, $3, 'Meanwhile', 0)";
    writer.execute(insert, &[&org, &id, &paper]).await.unwrap();
    let migration = bench.database.migrate(&[INDEXED]);
    let (migrated, written) = futures_util::join!(migration, writer.commit());
    migrated.unwrap();
    written.unwrap();
    bench.request(async |cx| expect(&cx, &[("meanwhile", "M")]).await).await;
}
