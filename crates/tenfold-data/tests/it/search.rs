//! Full-text search: what is found. `search_index.rs` is about the index and its rows.

use tenfold_data::{
    Context, DataError, Entity, EntityExt, EntityRow as _, Filter, Many, MigrationFile, ModuleMigrations,
    OrgId, Page, Uuid,
};

use crate::bench::Bench;
use crate::plans::explained;

on_both_databases!(
    words_are_found_without_case_and_accents,
    phrases_beginnings_and_refused_words,
    a_phrase_does_not_reach_into_the_next_text,
    every_text_is_legal,
    long_texts_and_long_questions_are_bounded,
    a_search_combines_with_filters_pages_and_counts,
    related_rows_are_searched,
    writes_take_a_search,
    searches_are_served_by_an_index,
);

#[derive(Debug, Entity)]
#[entity(table = "press_articles", tenant = org_id, unique(title), search(title, body))]
pub struct Article {
    #[entity(key)]
    pub id: Uuid,
    pub org_id: OrgId,
    pub paper_id: Uuid,
    pub title: String,
    pub body: Option<String>,
    pub stars: i64,
}

#[derive(Debug, Entity)]
#[entity(table = "press_papers", tenant = org_id)]
pub struct Paper {
    #[entity(key)]
    pub id: Uuid,
    pub org_id: OrgId,
    #[entity(has_many(by = paper_id))]
    pub articles: Many<Article>,
}

const TABLES: MigrationFile = MigrationFile {
    name: "0001_press.sql",
    text: "CREATE TABLE press_papers (org_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (org_id, id));
           CREATE TABLE press_articles (
               org_id uuid NOT NULL, id uuid NOT NULL, paper_id uuid NOT NULL, title text NOT NULL, body text,
               stars bigint NOT NULL, PRIMARY KEY (org_id, id), UNIQUE (org_id, title),
               FOREIGN KEY (org_id, paper_id) REFERENCES press_papers (org_id, id) ON DELETE CASCADE
           );
           CREATE INDEX press_articles_of_paper ON press_articles (org_id, paper_id, id);",
};

const INDEX: MigrationFile =
    MigrationFile { name: "0002_search.sql", text: "-- tenfold: search press_articles (title, body)\n" };

pub const UNINDEXED: ModuleMigrations = ModuleMigrations { module: "press", files: &[TABLES] };
pub const INDEXED: ModuleMigrations = ModuleMigrations { module: "press", files: &[TABLES, INDEX] };

const TEXTS: [(&str, Option<&str>); 6] = [
    ("The quick brown fox", Some("jumps over the lazy dog")),
    ("Élan vital", Some("Straße, naïve, Ωμέγα, ЁЖ")),
    ("foo-bar baz", None),
    ("write to ada@example.org", Some("3.14 times")),
    ("日本語 text", Some("東京")),
    ("Foxes", Some("brown")),
];

pub fn article(cx: &Context, paper_id: Uuid, title: &str, body: Option<&str>) -> ArticleRow {
    let body = body.map(str::to_owned);
    ArticleRow { id: cx.new_id(), org_id: cx.tenant(), paper_id, title: title.to_owned(), body, stars: 0 }
}

/// Stores a paper with the articles of [`TEXTS`].
pub async fn publish(cx: &Context) -> Uuid {
    let paper = PaperRow { id: cx.new_id(), org_id: cx.tenant() };
    let id = paper.id;
    let articles = TEXTS.iter().map(|(title, body)| article(cx, id, title, *body)).collect();
    cx.transaction(async |tx| {
        paper.insert(tx).await?;
        Article::insert_many(tx, articles).await
    })
    .await
    .unwrap();
    id
}

pub async fn on_press(bench: &Bench, work: impl AsyncFnOnce(&Context, Uuid)) {
    bench.database.migrate(&[INDEXED]).await.unwrap();
    bench
        .request(async |cx| {
            let paper = publish(&cx).await;
            work(&cx.repeating("each text is a question of its own"), paper).await;
        })
        .await;
}

/// The first letters of the titles that are found, in order of writing.
pub async fn found(cx: &Context, text: &str) -> String {
    let rows = Article::query().search(text).repeated("each text is a question of its own").all(cx).await;
    let rows = rows.unwrap_or_else(|error| panic!("{text:?}: {error}"));
    rows.iter().filter_map(|row| row.title.chars().next()).collect()
}

pub async fn expect(cx: &Context, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(found(cx, text).await, *expected, "{text:?}");
    }
}

async fn words_are_found_without_case_and_accents(bench: Bench) {
    on_press(&bench, async |cx, _| {
        expect(
            cx,
            &[
                ("fox ", "T"),
                ("FOX ", "T"),
                ("elan ", "É"),
                ("E\u{301}LAN ", "É"),
                ("NAIVE ", "É"),
                ("straße ", "É"),
                ("ωμεγα ", "É"),
                ("еж ", "É"),
                ("brown ", "TF"),
                ("lazy quick ", "T"),
                ("brown lazy ", "T"),
                ("lazy vital ", ""),
                ("日本語 ", "日"),
                ("ｆｏｘ ", "T"),
                ("cat", ""),
            ],
        )
        .await;
    })
    .await;
}

async fn phrases_beginnings_and_refused_words(bench: Bench) {
    on_press(&bench, async |cx, _| {
        expect(
            cx,
            &[
                ("fo", "TfF"),
                ("fo ", ""),
                ("brown f", "TF"),
                ("b", "TfF"),
                ("東", "日"),
                ("\"quick brown\"", "T"),
                ("\"brown quick\"", ""),
                ("\"brown fo\"", ""),
                ("foo-bar", "f"),
                ("bar-foo", ""),
                ("foo bar ", "f"),
                ("ada@example.org", "w"),
                ("ada@exam", "w"),
                ("org@example", ""),
                ("3.14", "w"),
                ("brown -lazy", "F"),
                ("brown -\"the lazy\"", "F"),
                ("-brown", "Éfw日"),
                ("-brown -foo -東京", "Éw"),
                ("-cat", "TÉfw日F"),
                ("brown -brown", ""),
            ],
        )
        .await;
    })
    .await;
}

async fn a_phrase_does_not_reach_into_the_next_text(bench: Bench) {
    on_press(&bench, async |cx, _| {
        expect(cx, &[("\"fox jumps\"", ""), ("fox jumps ", "T"), ("\"jumps over\"", "T")]).await;
    })
    .await;
}

async fn every_text_is_legal(bench: Bench) {
    on_press(&bench, async |cx, _| {
        let nothing = [
            "", " ", "\t\n", "\"", "\"\"", "-", "--", "- -", "*", "()", "'", "\\", "''", "&|!", ":*", "<->",
            "%", "\u{0}", "💥", "́",
        ];
        for text in nothing {
            assert_eq!(found(cx, text).await, "", "{text:?}");
        }
        let words = [
            "fox'; DROP TABLE press_articles; --",
            "fox\" OR \"cat",
            "fox' | 'cat",
            "fox AND",
            "NEAR(fox, 2)",
            "title:fox",
            "{title}: fox",
            "fox & !cat",
            "fox:*",
            "fox:ABCD",
            "(fox",
            "fox)",
            "^fox",
            "fox <-> cat",
            "fox\\",
            "\u{0}fox\u{0}",
            "-\"fox",
            "$1 ?1 :a @b",
            "AND OR NOT",
            "①²½",
            "İıß ŉ ﷺ",
            "\u{1d54f} \u{10ffff} \u{e000}",
        ];
        for text in words {
            let count = Article::query().search(text).count(cx).await;
            assert!(count.is_ok(), "{text:?}: {count:?}");
        }
        expect(cx, &[("fox:*", "T"), ("\u{0}fox\u{0}", "T"), ("(fox)", "T"), ("fox!", "T"), ("¿fox?", "T")])
            .await;
        assert_eq!(Article::query().count(cx).await.unwrap(), 6);
    })
    .await;
}

async fn long_texts_and_long_questions_are_bounded(bench: Bench) {
    on_press(&bench, async |cx, paper| {
        let many: String = (0..100_000).map(|n| format!("w{n} ")).collect();
        let huge = "x".repeat(300_000);
        let (title, one) = ("Long", article(cx, paper, "Huge word", Some(&huge)));
        let long = article(cx, paper, title, Some(&many));
        cx.transaction(async |tx| {
            long.insert(tx).await?;
            one.insert(tx).await
        })
        .await
        .unwrap();
        expect(cx, &[("w7 ", "L"), ("w99999 ", ""), (&huge, "H"), ("xxxx", "H")]).await;
        assert_eq!(found(cx, &"brown ".repeat(10_000)).await, "TF");
        assert_eq!(found(cx, &many).await, "L");
        assert_eq!(found(cx, &"\"brown ".repeat(10_000)).await, "TF");
        assert_eq!(found(cx, &"-cat ".repeat(10_000)).await, "TÉfw日FHL");
    })
    .await;
}

pub async fn publish_another(cx: &Context) -> Uuid {
    let paper = PaperRow { id: cx.new_id(), org_id: cx.tenant() };
    let id = paper.id;
    let another = article(cx, id, "Another brown one", None);
    cx.transaction(async |tx| {
        paper.insert(tx).await?;
        another.insert(tx).await
    })
    .await
    .unwrap();
    id
}

async fn a_search_combines_with_filters_pages_and_counts(bench: Bench) {
    on_press(&bench, async |cx, paper| {
        let many = (0..25).map(|n| article(cx, paper, &format!("n{n:02} common"), Some("word"))).collect();
        cx.transaction(async |tx| Article::insert_many(tx, many).await).await.unwrap();
        let list = || {
            Article::query().search("common wor").filter(Article::title.ge("n05".to_owned())).with_total(100)
        };
        for turned in [false, true] {
            let (mut seen, mut page) = (Vec::new(), Page::first(6));
            loop {
                let list = if turned { list().newest_first() } else { list() };
                let rows = list.page(&page).all(cx).await.unwrap();
                seen.extend(rows.iter().map(|row| row.title.clone()));
                let listing = rows.listing(Vec::<()>::new());
                assert_eq!(listing.total, Some(20));
                let Some(cursor) = listing.next_cursor else { break };
                page.cursor = Some(cursor);
            }
            let mut expected: Vec<_> = (5..25).map(|n| format!("n{n:02} common")).collect();
            if turned {
                expected.reverse();
            }
            assert_eq!(seen, expected);
        }
        assert!(list().exists(cx).await.unwrap());
        assert_eq!(list().count(cx).await.unwrap(), 20);
        let either = Filter::search("fox ").or(Article::title.eq("n01 common".to_owned()));
        assert_eq!(Article::query().filter(either).count(cx).await.unwrap(), 2);
        let other = Article::query().search("common").page(&Page::first(6)).all(cx).await.unwrap();
        let cursor = other.listing(Vec::<()>::new()).next_cursor;
        let wrong = Article::query()
            .search("word")
            .page(&Page { limit: 6, cursor })
            .all(cx)
            .await
            .map(|rows| rows.len());
        assert!(matches!(wrong, Err(DataError::Cursor)), "{wrong:?}");
    })
    .await;
}

async fn related_rows_are_searched(bench: Bench) {
    on_press(&bench, async |cx, paper| {
        let other = publish_another(cx).await;
        let papers = async |text: &str| {
            let list = Paper::query().filter(Paper::articles.any(Filter::search(text)));
            list.all(cx).await.unwrap().iter().map(|paper| paper.id).collect::<Vec<_>>()
        };
        assert_eq!(papers("quick").await, [paper]);
        assert_eq!(papers("brown").await, [paper, other]);
        assert!(papers("").await.is_empty());
    })
    .await;
}

async fn writes_take_a_search(bench: Bench) {
    on_press(&bench, async |cx, _| {
        let stars = Article::query().search("brown").update().set(Article::stars, 3);
        assert_eq!(cx.transaction(async |tx| stars.run(tx).await).await.unwrap(), 2);
        let gone = Article::query().search("lazy");
        assert_eq!(cx.transaction(async |tx| gone.delete(tx).await).await.unwrap(), 1);
        expect(cx, &[("brown", "F")]).await;
        assert_eq!(Article::query().filter(Article::stars.eq(3)).count(cx).await.unwrap(), 1);
    })
    .await;
}

async fn searches_are_served_by_an_index(bench: Bench) {
    bench.database.migrate(&[INDEXED]).await.unwrap();
    let bad = explained(&bench, async |cx| {
        let paper = publish(&cx).await;
        for turned in [false, true] {
            let list = || Article::query().search("-cat");
            let list = || if turned { list().newest_first() } else { list() };
            let first = list().page(&Page::first(2)).all(&cx).await.unwrap();
            let cursor = first.listing(Vec::<()>::new()).next_cursor;
            list().page(&Page { limit: 2, cursor }).all(&cx).await.unwrap();
            list().filter(Article::paper_id.eq(paper)).page(&Page::first(2)).all(&cx).await.unwrap();
        }
        Article::query().search("brown").count(&cx).await.unwrap();
        let by_stars = Article::query().search("brown").order_by_descending(Article::stars);
        assert_eq!(by_stars.page(&Page::first(1)).all(&cx).await.unwrap().len(), 1);
        let papers =
            Paper::query().filter(Paper::id.eq(paper)).filter(Paper::articles.any(Filter::search("brown")));
        assert_eq!(papers.page(&Page::first(2)).all(&cx).await.unwrap().len(), 1);
    })
    .await;
    assert!(bad.is_empty(), "{}", bad[0]);
}
