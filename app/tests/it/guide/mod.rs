//! The guide's code is code: each of its blocks stands here, compiled and run on both databases.

mod data;
mod mails;
mod notes;

use std::path::Path;

use tenfold::{App, Module};

/// The reference backend with the guide's module added.
fn desk_app() -> App {
    app::app().module(Module::new("desk").migrations(data::MIGRATIONS).routes(data::routes))
}

/// The sources whose regions the guide may show, from `// guide` to `// end`.
const SOURCES: [&str; 4] = [
    include_str!("data.rs"),
    include_str!("mails.rs"),
    include_str!("notes.rs"),
    include_str!("../../../modules/projects/tests/it/main.rs"),
];

/// The blocks of a guide's chapter in this language.
fn blocks(chapter: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = chapter.lines();
    while lines.by_ref().any(|line| line == fence) {
        blocks.push(lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n"));
    }
    blocks
}

fn regions(source: &str) -> Vec<String> {
    let mut regions = Vec::new();
    let mut lines = source.lines();
    while lines.by_ref().any(|line| line.trim() == "// guide") {
        let region: Vec<_> = lines.by_ref().take_while(|line| line.trim() != "// end").collect();
        let indent =
            region.iter().filter(|line| !line.is_empty()).map(|line| line.len() - line.trim_start().len());
        let indent = indent.min().unwrap_or(0);
        regions
            .push(region.iter().map(|line| line.get(indent..).unwrap_or("")).collect::<Vec<_>>().join("\n"));
    }
    regions
}

#[test]
fn every_block_of_the_guide_is_compiled_and_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    let chapters: Vec<String> = std::fs::read_dir(&folder)
        .expect("there is a guide")
        .map(|entry| std::fs::read_to_string(entry.expect("it can be listed").path()).expect("it is text"))
        .collect();
    let shown: Vec<String> = chapters.iter().flat_map(|chapter| blocks(chapter, "rust")).collect();
    let regions: Vec<String> = SOURCES.into_iter().flat_map(regions).collect();
    assert!(!shown.is_empty());
    for block in &shown {
        assert!(regions.contains(block), "no region of {} is this block of the guide:\n{block}", file!());
    }
    for region in &regions {
        assert!(shown.contains(region), "the guide does not show this region:\n{region}");
    }
    let tables: Vec<String> = chapters.iter().flat_map(|chapter| blocks(chapter, "sql")).collect();
    for block in &tables {
        assert!(include_str!("desk.sql").contains(block), "the tests' migration has not:\n{block}");
    }
}
