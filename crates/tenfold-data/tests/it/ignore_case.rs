//! Lists by a prefix that ignores case: the right rows in order, page by page, and the index that serves them.

use tenfold_data::testing::plans::{self, BadPlan, Ran};
use tenfold_data::{Context, Entity, EntityExt, MigrationFile, ModuleMigrations, OrgId, Page, id};

use crate::bench::Bench;

on_both_databases!(
    a_prefix_finds_what_begins_with_it_in_any_case,
    an_order_that_ignores_case_pages_both_ways,
    a_prefix_shows_no_other_organizations_rows,
    a_page_by_prefix_is_served_by_the_index_that_is_named,
);

id!(NameId);

#[derive(Clone, Debug, PartialEq, Entity)]
#[entity(table = "names_names", tenant = org_id)]
struct Name {
    #[entity(key)]
    id: NameId,
    org_id: OrgId,
    name: String,
}

const TABLE: ModuleMigrations = ModuleMigrations {
    module: "names",
    files: &[MigrationFile {
        name: "0001_names.sql",
        text: "CREATE TABLE names_names (org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id));",
    }],
};

/// The index that the plan check suggests, see the last test.
const INDEX: &str = "CREATE INDEX names_names_by_lower_name ON names_names (org_id, lower(name), id);";

const NAMES: [&str; 18] = [
    "Ada",
    "ADAM",
    "ada",
    "adÄm",
    "Ádám",
    "ádám",
    "AD",
    "",
    "B",
    "b",
    "[x]",
    "@home",
    "%",
    "_a",
    "ad\u{10ffff}",
    "AD\u{10ffff}x",
    "ae",
    "\u{10ffff}",
];

async fn with_names(bench: &Bench) {
    bench.database.migrate(&[TABLE]).await.unwrap();
    store(bench, bench.org).await;
}

async fn store(bench: &Bench, org: OrgId) {
    bench
        .system(async |system| {
            let cx = system.within(org);
            let name = |name: &&str| Name { id: NameId(cx.new_id()), org_id: org, name: (*name).to_owned() };
            let rows: Vec<Name> = NAMES.iter().map(name).collect();
            cx.transaction(async |tx| Name::insert_many(tx, rows).await).await.unwrap();
        })
        .await;
}

/// All pages of a list, three rows at a time.
async fn pages(cx: &Context, prefix: &str, descending: bool) -> Vec<Name> {
    let (mut seen, mut page) = (Vec::new(), Page::first(3));
    loop {
        let named = Name::query().filter(Name::name.starts_with_ignore_ascii_case(prefix));
        let named = named.order_by_ignore_ascii_case(Name::name).page(&page);
        let rows = if descending { named.descending() } else { named }.all(cx).await.unwrap();
        seen.extend(rows.iter().cloned());
        page.cursor = rows.listing(Vec::<()>::new()).next_cursor;
        if page.cursor.is_none() {
            return seen;
        }
    }
}

async fn a_prefix_finds_what_begins_with_it_in_any_case(bench: Bench) {
    with_names(&bench).await;
    for prefix in ["ad", "AD", "aD", "", "ad\u{10ffff}", "á", "Á", "@", "%", "_", "[", "\u{10ffff}", "x"] {
        let is_so = |name: &&&str| name.to_ascii_lowercase().starts_with(&prefix.to_ascii_lowercase());
        let mut expected: Vec<&str> = NAMES.iter().filter(is_so).copied().collect();
        let filter = Name::name.starts_with_ignore_ascii_case(prefix);
        let rows = bench.request(async |cx| Name::query().filter(filter).all(&cx).await.unwrap()).await;
        let mut found: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{prefix:?}");
    }
}

async fn an_order_that_ignores_case_pages_both_ways(bench: Bench) {
    with_names(&bench).await;
    for (prefix, most) in [("aD", 7), ("", NAMES.len())] {
        let (up, down) =
            bench.request(async |cx| (pages(&cx, prefix, false).await, pages(&cx, prefix, true).await)).await;
        assert_eq!(up.len(), most);
        assert!(up.is_sorted_by_key(|row| (row.name.to_ascii_lowercase(), row.id)), "{up:?}");
        assert!(up.iter().eq(down.iter().rev()), "{down:?}");
    }
}

async fn a_prefix_shows_no_other_organizations_rows(bench: Bench) {
    with_names(&bench).await;
    let other = OrgId(bench.database.clock().new_id());
    store(&bench, other).await;
    let shown = bench.request(async |cx| pages(&cx, "a", false).await).await;
    assert_eq!(shown.len(), 8);
    assert!(shown.iter().all(|row| row.org_id == bench.org));
    // Alternatives and the empty prefix are covered as well.
    let either =
        Name::name.starts_with_ignore_ascii_case("").or(Name::name.starts_with_ignore_ascii_case("b"));
    let all = bench.request(async |cx| Name::query().filter(either).count(&cx).await.unwrap()).await;
    assert_eq!(all, i64::try_from(NAMES.len()).unwrap());
}

async fn explained(bench: &Bench) -> Vec<BadPlan> {
    bench.statements();
    bench
        .request(async |cx| {
            for descending in [false, true] {
                assert_eq!(
                    pages(&cx, "AD", descending).await.len(),
                    7,
                    "several pages, so behind a cursor too"
                );
            }
        })
        .await;
    let ran: Vec<Ran> = bench.statements().iter().map(Ran::of).collect();
    plans::explain(&bench.superuser_url(), &ran).await
}

async fn a_page_by_prefix_is_served_by_the_index_that_is_named(bench: Bench) {
    with_names(&bench).await;
    let bad = explained(&bench).await;
    assert!(bad.len() >= 2, "up and down");
    for bad in bad {
        assert_eq!(bad.index.as_deref(), Some(INDEX), "{bad}");
    }
    let files: &'static [MigrationFile] = &[MigrationFile { name: "0001_index.sql", text: INDEX }];
    bench.database.migrate(&[ModuleMigrations { module: "mend", files }]).await.unwrap();
    let bad = explained(&bench).await;
    assert!(bad.is_empty(), "{}", bad[0]);
}
