//! The dashboard for Grafana asks for metrics and labels that there are.

use std::collections::BTreeSet;

use serde_json::Value;

use super::process::wait_for;
use super::wire::HttpRequest;
use super::{in_both_places, sign_in_to_demo, sign_up};

const DASHBOARD: &str = include_str!("../../../../docs/grafana/tenfold.json");

/// Metrics that are left out while there is nothing to count.
const ABSENT: [&str; 1] = ["tenfold_n_plus_one_total"];

/// A label that is left out while nothing fails.
const ERROR: &str = "error_type";

/// What every query begins a selector with.
const SELECTOR: &str = "{job=~\"$job\", instance=~\"$instance\"";

/// Every query of the dashboard.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let annotations = dashboard["annotations"]["list"].as_array().into_iter().flatten();
    let expressions =
        targets.chain(annotations).map(|query| query["expr"].as_str().expect("a query has a text"));
    expressions.map(str::to_owned).collect()
}

/// The names of metrics in a query: what stands before a selector.
fn metrics(query: &str) -> Vec<&str> {
    let before = query.split(SELECTOR).collect::<Vec<_>>();
    let (_, before) = before.split_last().expect("a text has a part");
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    before.iter().map(|text| &text[text.trim_end_matches(is_part).len()..]).collect()
}

/// The labels that a query groups by or selects.
fn labels(query: &str) -> Vec<&str> {
    let groups = query.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let selected = query.split(SELECTOR).skip(1).filter_map(|rest| rest.strip_prefix(", "));
    let selected = selected.filter_map(|rest| rest.split(['=', '!']).next());
    // Prometheus adds `instance` when it asks.
    let all = groups.flat_map(|group| group.split(", ")).chain(selected);
    all.filter(|label| *label != "instance" && *label != ERROR).collect()
}

/// The metrics and labels of all queries that a text of metrics does not have.
fn missing(text: &str) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    for query in queries() {
        let names = metrics(&query);
        assert!(!names.is_empty(), "a query selects the job and the instance: {query}");
        if names.iter().any(|name| ABSENT.contains(name)) {
            continue;
        }
        for name in names {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let is_there = |name: &str| text.contains(&format!("# TYPE {name} "));
            if !is_there(name) && !base.is_some_and(is_there) {
                missing.insert(name.to_owned());
            }
        }
        let is_missing = |label: &&str| !text.contains(&format!("{label}=\""));
        missing.extend(labels(&query).into_iter().filter(is_missing).map(str::to_owned));
    }
    missing
}

in_both_places!(fn each_query_of_the_dashboard_finds_its_metrics(place) {
    assert!(queries().len() > 20, "{}", queries().len());
    // With tasks that have assignees, whom another module knows.
    let mut process = place.app(&["serve", "--demo"]).start();
    let token = sign_in_to_demo(&process, "owner@acme.test");
    let ask = |request: HttpRequest| process.ask(&request.bearer(&token));
    assert_eq!(ask(HttpRequest::get("/v1/users?limit=5")).status, 200);
    let projects = ask(HttpRequest::get("/v1/projects")).json();
    let project = projects["items"][0]["id"].as_str().expect("the demo has projects");
    assert_eq!(ask(HttpRequest::get(&format!("/v1/projects/{project}/tasks"))).status, 200);
    sign_up(&process, "ada");
    // Jobs are counted, and the mail of the sign-up sent, some time after.
    let metrics = || process.ask(&HttpRequest::get("/metrics")).text();
    wait_for(|| format!("{:?} in\n{}", missing(&metrics()), metrics()), || missing(&metrics()).is_empty().then_some(()));
    process.stop();
});
