//! A gigabyte goes through in constant memory, while it comes in and while it is processed.

use std::time::Duration;

use serde_json::{Value, json};

use super::place::Place;
use super::{in_both_places, processed, sign_up};

const GIB: usize = 1 << 30;
/// What the process may hold at most beyond what it holds while it is idle.
const ALLOWED: u64 = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(600);

/// Uploads a generated gigabyte through a socket, waits until it is processed, and gives its row.
fn gibibyte(place: &Place, beginning: &[u8], rest: &[u8]) -> Value {
    let process = place.app(&["serve"]).env("TENFOLD_BILLING__FREE_STORAGE", "2 GiB").start();
    // Before the sign-up, whose password hash takes 20 MB for itself.
    let idle = process.memory("VmRSS");
    let token = sign_up(&process, "ada");
    let mut connection = process.connect().with_patience(PATIENCE).expect("a socket takes a timeout");
    let sent = connection.stream("/v1/files?name=large", &token, GIB, beginning, rest);
    let (answer, sha256) = sent.unwrap_or_else(|error| panic!("{error}\n{}", process.err()));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let received = process.memory("VmHWM");
    let file = processed(&process, &token, answer.header("location"), PATIENCE);
    assert_eq!(file["status"], "ready", "{file}");
    assert_eq!((&file["sha256"], &file["size"]), (&json!(sha256), &json!(GIB)));
    let done = process.memory("VmHWM");
    let mib = |bytes: u64| bytes / (1 << 20);
    let figures =
        format!("idle {} MiB, received {} MiB, processed {} MiB", mib(idle), mib(received), mib(done));
    #[expect(clippy::print_stderr, reason = "with --nocapture a test of memory says how much it was")]
    {
        eprintln!("{figures}");
    }
    assert!(done <= idle + ALLOWED, "{figures}");
    file
}

in_both_places!(fn a_gibibyte_of_bytes_takes_at_most_64_mib_more_than_idle(place) {
    let file = gibibyte(place, b"\0", b"any bytes");
    assert_eq!(file["content_type"], "application/octet-stream");
});

in_both_places!(
    #[ignore = "a gibibyte is read byte by byte in an unoptimized program, which takes a minute: ./test long"]
    fn a_gibibyte_of_text_that_is_one_word_takes_at_most_64_mib_more_than_idle(place) {
        let file = gibibyte(place, b"one", b"word");
        assert_eq!(file["facts"], json!({"words": 1}));
    }
);

in_both_places!(
    #[ignore = "a gibibyte is read byte by byte in an unoptimized program, which takes a minute: ./test long"]
    fn a_gibibyte_of_a_table_takes_at_most_64_mib_more_than_idle(place) {
        let file = gibibyte(place, b"a,b\n1,2\n", b"3,4\n");
        assert_eq!(file["facts"], json!({"rows": GIB / 4 - 1, "columns": 2}));
    }
);

in_both_places!(
    #[ignore = "a gibibyte is read byte by byte in an unoptimized program, which takes a minute: ./test long"]
    fn a_gibibyte_of_a_field_that_does_not_end_takes_at_most_64_mib_more_than_idle(place) {
        let table = "a,b\n1,2\n".repeat(2000);
        let beginning = format!("{table}\"");
        let file = gibibyte(place, beginning.as_bytes(), b"x\n,");
        // Its lines cannot be told, so it is a text.
        let words = table.lines().count() + 1 + (GIB - beginning.len()) / 3;
        assert_eq!(file["facts"], json!({"words": words}));
    }
);
