//! Refused and failed requests, and the limits of a run.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenfold_load::{LoadLimits, LoadRate};

use crate::server::Server;
use crate::{plan, run, run_sent};

#[test]
fn refused_and_failed_requests_count_against_a_limit() {
    let server = || {
        let requests = AtomicU32::new(0);
        Server::start(move |_| match requests.fetch_add(1, Ordering::Relaxed) % 10 {
            5 => 503,
            6 => 429,
            7 => 500,
            _ => 200,
        })
    };
    let (report, _) = run_sent(server, |server| plan(server, "[[step]]\noperation = \"first\""));
    let total = &report.total;
    assert_eq!(total.sent, total.answered + total.refused + total.failed);
    assert!(total.refused > total.failed && total.failed > 0, "{}", report.table());
    assert!(report.table().contains("failed: first: status 500"), "{}", report.table());
    let judge = |errors| report.judge(&LoadLimits { errors: Some(errors), p99: None });
    assert_eq!(judge(0.5), Ok(()));
    let fault = judge(0.1).expect_err("three of ten");
    assert_eq!(fault.exit_status(), 4);
    assert!(fault.to_string().contains("above --max-errors 10.000"), "{fault}");
    let slow = LoadLimits { errors: None, p99: Some(Duration::from_nanos(1)) };
    assert_eq!(report.judge(&slow).expect_err("no answer takes a nanosecond").exit_status(), 4);
}

#[test]
fn a_run_without_a_request_is_invalid() {
    let server = Server::start(|_| 200);
    let mut plan = plan(&server, "[[step]]\noperation = \"first\"");
    (plan.rate, plan.duration) = ("0.01".parse().expect("a rate"), Duration::from_millis(1));
    let fault = run(&plan).expect("a run").judge(&LoadLimits::default()).expect_err("nothing was due");
    assert!(fault.to_string().contains("no request was due"), "{fault}");
}

#[test]
fn a_rate_is_a_number_or_a_ramp() {
    for text in ["200", "0.5", "0..100", "50 .. 500", "500..50"] {
        assert!(text.parse::<LoadRate>().is_ok(), "{text}");
    }
    for text in ["", "0", "-1", "fast", "nan", "inf", "1e9", "0..0", "1..2..3", "..5"] {
        let error = text.parse::<LoadRate>().expect_err(text).to_string();
        assert!(error.contains(&format!("`{text}` is not a rate")), "{error}");
    }
}
