//! Pages by keyset: no row twice and none left out, whatever happens between two pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tenfold_data::{Context, DataError, EntityExt, EntityQuery, Page};

use crate::bench::Bench;
use crate::work::{Label, LabelId, Project};

on_both_databases!(
    pages_cover_a_list_exactly_once_in_order,
    equal_order_values_neither_repeat_nor_hide_a_row,
    newest_first_runs_backwards,
    an_order_that_turns_gives_everybody_once,
    a_total_counts_all_pages_up_to_its_limit,
    rows_that_come_and_go_between_two_pages_disturb_nobody_else,
    a_filter_holds_on_every_page,
    a_cursor_that_is_not_one_is_refused,
    a_cursor_of_another_list_is_refused,
    a_cursor_with_values_of_another_type_is_refused,
    any_limit_from_one_up_works,
);

/// Stores labels with these names.
async fn name_labels(cx: &Context, names: &[&str]) -> Vec<LabelId> {
    let label =
        |name: &&str| Label { id: LabelId(cx.new_id()), org_id: cx.tenant(), name: (*name).to_owned() };
    let rows = names.iter().map(label).collect();
    let stored = cx.transaction(async |tx| Label::insert_many(tx, rows).await).await.unwrap();
    stored.iter().map(|label| label.id).collect()
}

/// One page's names, and the next cursor.
async fn page(
    cx: &Context,
    list: EntityQuery<Label>,
    page: &Page,
) -> Result<(Vec<String>, Option<String>), DataError> {
    let rows = list.page(page).all(cx).await?;
    let listing = rows.listing(rows.iter().map(|label| label.name.clone()).collect());
    Ok((listing.items, listing.next_cursor))
}

/// All names, read in pages of `limit`.
async fn walk(cx: &Context, list: impl Fn() -> EntityQuery<Label>, limit: usize) -> Vec<String> {
    let (mut all, mut next) = (Vec::new(), Page::first(limit));
    loop {
        let (mut names, cursor) = page(cx, list(), &next).await.unwrap();
        assert!(names.len() == limit || cursor.is_none(), "only the last page is short");
        all.append(&mut names);
        assert!(all.len() <= 100, "no list here is that long: pages repeat themselves");
        match cursor {
            Some(cursor) => next.cursor = Some(cursor),
            None => return all,
        }
    }
}

async fn pages_cover_a_list_exactly_once_in_order(bench: Bench) {
    bench
        .request(async |cx| {
            name_labels(&cx, &["d", "a", "c", "e", "b"]).await;
            for limit in 1..=6 {
                let by_name = || Label::query().order_by(Label::name);
                assert_eq!(walk(&cx, by_name, limit).await, ["a", "b", "c", "d", "e"]);
                assert_eq!(
                    walk(&cx, Label::query, limit).await,
                    ["d", "a", "c", "e", "b"],
                    "ids grow with time"
                );
            }
        })
        .await;
}

async fn equal_order_values_neither_repeat_nor_hide_a_row(bench: Bench) {
    bench
        .request(async |cx| {
            name_labels(&cx, &["same"; 25]).await;
            for limit in [1, 7, 25] {
                let by_name = || Label::query().order_by(Label::name);
                assert_eq!(walk(&cx, by_name, limit).await.len(), 25);
            }
        })
        .await;
}

async fn newest_first_runs_backwards(bench: Bench) {
    bench
        .request(async |cx| {
            name_labels(&cx, &["1", "2", "3", "4", "5"]).await;
            let newest = || Label::query().newest_first();
            assert_eq!(walk(&cx, newest, 2).await, ["5", "4", "3", "2", "1"]);
        })
        .await;
}

async fn an_order_that_turns_gives_everybody_once(bench: Bench) {
    bench
        .request(async |cx| {
            let mut ids = name_labels(&cx, &["b", "a", "b", "c", "a", "b"]).await;
            ids.sort();
            let list = || Label::query().order_by(Label::name).order_by_descending(Label::id);
            let whole = list().all(&cx).await.unwrap();
            let mut expected: Vec<_> = whole.iter().map(|label| (label.name.clone(), label.id)).collect();
            expected.sort_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
            assert_eq!(
                whole.iter().map(|label| (label.name.clone(), label.id)).collect::<Vec<_>>(),
                expected
            );
            for limit in 1..=7 {
                let (mut all, mut next) = (Vec::new(), Page::first(limit));
                loop {
                    let rows = list().page(&next).all(&cx).await.unwrap();
                    all.extend(rows.iter().map(|label| (label.name.clone(), label.id)));
                    next.cursor = rows.listing(Vec::<()>::new()).next_cursor;
                    if next.cursor.is_none() {
                        break;
                    }
                }
                assert_eq!(all, expected, "pages of {limit}");
            }
            let turned = walk(&cx, || list().descending(), 2).await;
            assert_eq!(turned, ["c", "b", "b", "b", "a", "a"]);
        })
        .await;
}

async fn a_total_counts_all_pages_up_to_its_limit(bench: Bench) {
    bench
        .request(async |cx| {
            name_labels(&cx, &["a", "b", "c", "d", "e"]).await;
            let total = async |page: &Page, limit| {
                let rows = Label::query().order_by(Label::name).page(page).with_total(limit).all(&cx).await;
                rows.unwrap().listing(Vec::<()>::new()).total
            };
            let first = Label::query().order_by(Label::name).page(&Page::first(2)).all(&cx).await.unwrap();
            let listing = first.listing(Vec::<()>::new());
            assert_eq!(listing.total, None);
            let second = Page { limit: 2, cursor: listing.next_cursor };
            assert_eq!((total(&Page::first(2), 100).await, total(&second, 100).await), (Some(5), Some(5)));
            assert_eq!(total(&second, 3).await, Some(3));
        })
        .await;
}

async fn rows_that_come_and_go_between_two_pages_disturb_nobody_else(bench: Bench) {
    bench
        .request(async |cx| {
            let ids = name_labels(&cx, &["b", "d", "f", "h", "j"]).await;
            let by_name = || Label::query().order_by(Label::name);
            let (first, cursor) = page(&cx, by_name(), &Page::first(2)).await.unwrap();
            assert_eq!(first, ["b", "d"]);
            // Before the cursor, after it, and the very row that it points to.
            name_labels(&cx, &["a", "c", "e", "z"]).await;
            for gone in [ids[0], ids[1], ids[3]] {
                cx.transaction(async |tx| Label::delete(tx, gone).await).await.unwrap();
            }
            let (second, cursor) = page(&cx, by_name(), &Page { limit: 2, cursor }).await.unwrap();
            assert_eq!(second, ["e", "f"]);
            let (third, cursor) = page(&cx, by_name(), &Page { limit: 2, cursor }).await.unwrap();
            assert_eq!((third, cursor), (vec!["j".to_owned(), "z".to_owned()], None));
        })
        .await;
}

async fn a_filter_holds_on_every_page(bench: Bench) {
    bench
        .request(async |cx| {
            name_labels(&cx, &["a", "b", "b", "c", "b"]).await;
            let only = || Label::query().filter(Label::name.eq("b".to_owned())).newest_first();
            assert_eq!(walk(&cx, only, 1).await, ["b", "b", "b"]);
            let some = || Label::query().filter(Label::name.any_of(["a", "c", "x"].map(str::to_owned)));
            assert_eq!(walk(&cx, some, 1).await, ["a", "c"]);
            let between = || {
                Label::query().filter(Label::name.gt("a".to_owned())).filter(Label::name.lt("c".to_owned()))
            };
            assert_eq!(walk(&cx, between, 2).await.len(), 3);
            let other = || Label::query().filter(Label::name.ne("b".to_owned()));
            assert_eq!(walk(&cx, other, 2).await, ["a", "c"]);
        })
        .await;
}

async fn refused(cx: &Context, list: EntityQuery<Label>, cursor: &str) {
    let found = page(cx, list, &Page { limit: 3, cursor: Some(cursor.to_owned()) }).await;
    assert!(matches!(found, Err(DataError::Cursor)), "{cursor}: {found:?}");
}

async fn a_cursor_that_is_not_one_is_refused(bench: Bench) {
    bench
        .request(async |cx| {
            name_labels(&cx, &["a", "b", "c"]).await;
            let (_, cursor) = page(&cx, Label::query(), &Page::first(1)).await.unwrap();
            let cursor = cursor.unwrap();
            let shortened = &cursor[..cursor.len() - 4];
            let lengthened = format!("{cursor}AAAA");
            let padded = format!("{cursor}=");
            for broken in ["", " ", "%00", "null", "é", "bm90IGpzb24", shortened, &lengthened, &padded] {
                refused(&cx, Label::query(), broken).await;
            }
        })
        .await;
}

async fn a_cursor_of_another_list_is_refused(bench: Bench) {
    bench
        .request(async |cx| {
            name_labels(&cx, &["a", "b", "c"]).await;
            let (_, by_key) = page(&cx, Label::query(), &Page::first(1)).await.unwrap();
            let by_key = by_key.unwrap();
            refused(&cx, Label::query().order_by(Label::name), &by_key).await;
            refused(&cx, Label::query().newest_first(), &by_key).await;
            let elsewhere = Project::query().page(&Page { limit: 1, cursor: Some(by_key) }).all(&cx).await;
            assert!(matches!(elsewhere, Err(DataError::Cursor)));
        })
        .await;
}

async fn a_cursor_with_values_of_another_type_is_refused(bench: Bench) {
    bench
        .request(async |cx| {
            let id = cx.new_id();
            let forge = |list: &str, after: serde_json::Value| {
                URL_SAFE_NO_PAD.encode(serde_json::json!({ "l": list, "a": after }).to_string())
            };
            let by_name = || Label::query().order_by(Label::name);
            let genuine = forge("work_labels:name,id", serde_json::json!(["a", id]));
            assert!(page(&cx, by_name(), &Page { limit: 1, cursor: Some(genuine) }).await.is_ok());
            for after in [
                serde_json::json!(["a\0b", id]),
                serde_json::json!([1, id]),
                serde_json::json!([null, id]),
                serde_json::json!(["a", "no uuid"]),
                serde_json::json!(["a"]),
                serde_json::json!(["a", id, id]),
                serde_json::json!({ "name": "a" }),
            ] {
                refused(&cx, by_name(), &forge("work_labels:name,id", after)).await;
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 1, "a refused cursor never reaches the database");
}

async fn any_limit_from_one_up_works(bench: Bench) {
    bench
        .request(async |cx| {
            name_labels(&cx, &["a", "b", "c"]).await;
            for limit in [3, 4, usize::MAX - 1, usize::MAX] {
                let (names, cursor) = page(&cx, Label::query(), &Page::first(limit)).await.unwrap();
                assert_eq!((names.len(), cursor), (3, None), "limit {limit}");
            }
            let (names, cursor) = page(&cx, Label::query(), &Page::first(2)).await.unwrap();
            assert!(names.len() == 2 && cursor.is_some());
            assert!(page(&cx, Label::query(), &Page::first(0)).await.unwrap().0.is_empty());
            assert_eq!(Label::query().limit(2).all(&cx).await.unwrap().len(), 2);
        })
        .await;
}
