use serde_json::json;
use tenfold_observe::logs::{InstallError, LogFilter};

use crate::sink::json;

#[test]
fn the_longest_target_decides_and_the_lone_level_is_for_the_rest() {
    let messages: Vec<_> = json("warn, shop=info,shop::billing=OFF", || {
        tracing::info!(target: "elsewhere", "no");
        tracing::warn!(target: "elsewhere", "warning elsewhere");
        tracing::debug!(target: "shop", "no");
        tracing::info!(target: "shop::orders", "order");
        tracing::error!(target: "shop::billing", "no");
    });
    let messages: Vec<_> = messages.iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, [json!("warning elsewhere"), json!("order")]);
}

#[test]
fn a_filter_that_cannot_be_read_names_the_part_and_what_is_allowed() {
    for (filter, bad) in [
        ("inof", "inof"),
        ("", ""),
        ("info,", ""),
        ("info,shop=loud", "shop=loud"),
        ("=info", "=info"),
        ("shop", "shop"),
        ("info,[http.request]=debug=x", "[http.request]=debug=x"),
    ] {
        let error = LogFilter::parse(filter).unwrap_err();
        let InstallError::Filter { filter: whole, part } = &error else { panic!("{error:?}") };
        assert_eq!((whole.as_str(), part.as_str()), (filter, bad));
        let text = error.to_string();
        assert!(text.contains("target=level") && text.contains("trace"), "{text}");
    }
}

#[test]
fn what_is_filtered_out_is_not_even_formatted() {
    struct Untouchable;
    impl std::fmt::Debug for Untouchable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("formatted, though nobody logs it")
        }
    }
    let lines = json("info", || tracing::debug!(value = ?Untouchable, "hidden"));
    assert_eq!(lines.len(), 0);
}
