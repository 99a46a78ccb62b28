//! Work that computes for long.

use tenfold::{ComputeError, compute};

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thread_that_computes_gives_way_to_others() {
    let niceness = |stat: String| -> i64 {
        // The name of the thread, in parentheses, may contain anything; the niceness is the 17th field after it.
        let (_, fields) = stat.rsplit_once(") ").expect("the name is in parentheses");
        fields.split(' ').nth(16).expect("there are more fields").parse().expect("it is a number")
    };
    let of_this_thread = || std::fs::read_to_string("/proc/thread-self/stat").expect("there is a /proc");
    let own = niceness(of_this_thread());
    let computing = niceness(compute(of_this_thread).await.expect("a thread starts"));
    assert_eq!(computing, (own + 10).min(19), "beside {own}");
    assert_eq!(niceness(of_this_thread()), own);
}

#[tokio::test]
async fn what_was_computed_is_given() {
    assert_eq!(compute(|| 6 * 7).await.expect("a thread starts"), 42);
}

#[tokio::test]
async fn a_panic_of_what_computes_is_an_error() {
    let panicked = compute(|| -> u8 { panic!("no such picture") }).await;
    assert!(matches!(panicked, Err(ComputeError::Panicked)), "{panicked:?}");
}
