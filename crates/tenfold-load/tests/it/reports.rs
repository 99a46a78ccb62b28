//! The page of a report.

use tenfold_load::LoadLimits;

use crate::server::Server;
use crate::{plan, run_sent};

#[test]
fn the_page_loads_nothing_and_escapes_what_it_shows() {
    let scenario = "[[step]]\noperation = \"first\"\nquery = \"name=<b>\"\n[[step]]\noperation = \"write\"\nweight = 2\n";
    // A query with such a character is no address.
    let scenario = scenario.replace("<b>", "&amp;b");
    let (report, _) = run_sent(|| Server::start(|_| 200), |server| plan(server, &scenario));
    let page = report.html("Load of <app>", &LoadLimits::default());
    assert!(page.contains("<title>Load of &lt;app&gt;</title>"), "{page}");
    assert!(page.contains("first?name=&amp;amp;b"), "{page}");
    assert_eq!(page.matches("<svg").count(), 3, "{page}");
    assert!(page.contains("The run is valid"), "{page}");
    for foreign in ["<script", "src=", "href=", "url(", "@import", "NaN", "inf\""] {
        assert!(!page.contains(foreign), "{foreign} in {page}");
    }
    let strict = LoadLimits { p99: Some(std::time::Duration::from_nanos(1)), errors: None };
    assert!(report.html("", &strict).contains("A limit did not hold"));
}

#[test]
fn the_json_has_each_operation_and_the_whole() {
    let scenario = "[[step]]\noperation = \"first\"\n[[step]]\noperation = \"second\"\n";
    let (report, _) = run_sent(|| Server::start(|_| 200), |server| plan(server, scenario));
    let json = report.json();
    let count = |counts: &serde_json::Value| counts["answered"].as_u64().expect("a count");
    let operations = json["operations"].as_array().expect("operations");
    let names: Vec<_> = operations.iter().map(|operation| operation["operation"].clone()).collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!(count(&json["total"]), operations.iter().map(count).sum::<u64>());
    for name in ["p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms", "per_second"] {
        assert!(json["total"][name].as_f64().is_some_and(|value| value > 0.0), "{name}: {json:#}");
    }
    assert_eq!((&json["valid"], &json["interrupted"]), (&true.into(), &false.into()));
}
