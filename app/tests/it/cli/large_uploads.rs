//! A large file goes through in constant memory, while it comes in and while it is processed; so does a picture.

use std::io::Cursor;
use std::time::Duration;

use image::{DynamicImage, ImageFormat};
use serde_json::{Value, json};

use super::place::Place;
use super::{in_both_places, processed, sign_up};

const GIB: usize = 1 << 30;
/// Four times what a process may hold, and little enough that writing it does not hold up the disk for the tests beside it.
const LARGE: usize = 256 << 20;
/// What the process may hold at most beyond what it holds while it is idle.
const ALLOWED: u64 = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(600);

/// Uploads a generated gibibyte, and gives its row.
fn gibibyte(place: &Place, beginning: &[u8], rest: &[u8]) -> Value {
    bounded(place, GIB, beginning, rest)
}

/// Uploads so many bytes through a socket, waits until they are processed, and gives their row.
fn bounded(place: &Place, length: usize, beginning: &[u8], rest: &[u8]) -> Value {
    let launch = place.app(&["serve"]).env("TENFOLD_BILLING__FREE_STORAGE", "2 GiB");
    // However long a busy machine takes to draw a thumbnail.
    let process = launch.env("TENFOLD_FILES__PICTURE_TIME", "10m").start();
    // Before the sign-up, whose password hash takes 20 MB for itself.
    let idle = process.memory("VmRSS");
    let token = sign_up(&process, "ada");
    let mut connection = process.connect().with_patience(PATIENCE).expect("a socket takes a timeout");
    let sent = connection.stream("/v1/files?name=large", &token, length, beginning, rest);
    let (answer, sha256) = sent.unwrap_or_else(|error| panic!("{error}\n{}", process.err()));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let received = process.memory("VmHWM");
    let file = processed(&process, &token, answer.header("location"), PATIENCE);
    assert_eq!(file["status"], "ready", "{file}");
    assert_eq!((&file["sha256"], &file["size"]), (&json!(sha256), &json!(length)));
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

in_both_places!(fn large_bytes_take_at_most_64_mib_more_than_idle(place) {
    let file = bounded(place, LARGE, b"\0", b"any bytes");
    assert_eq!(file["content_type"], "application/octet-stream");
});

/// A picture with every cost at once: two bytes a colour, and a profile of 64 MiB in a few kilobytes.
fn costly_picture() -> Vec<u8> {
    let png = |image: DynamicImage| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).expect("the picture can be written");
        bytes.into_inner()
    };
    // The data of a black picture is what a long profile of zeros is coded as.
    let black = png(DynamicImage::new_luma8(8192, 8192));
    let data = black.windows(4).position(|name| name == b"IDAT").expect("there is data") + 4;
    let profile = [b"zeros\0\0", &black[data..black.len() - 16]].concat();
    with_chunk(&png(DynamicImage::new_rgba16(3000, 3000)), b"iCCP", &profile)
}

in_both_places!(fn a_costly_picture_takes_at_most_64_mib_more_than_idle(place) {
    let picture = costly_picture();
    let file = bounded(place, picture.len(), &picture, b"\0");
    assert_eq!(file["facts"], json!({"width": 3000, "height": 3000}));
    assert_ne!(file["thumbnail"], Value::Null);
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

/// Adds a chunk behind the header.
fn with_chunk(png: &[u8], kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [&kind[..], content].concat();
    let length = u32::try_from(content.len()).expect("a chunk is short").to_be_bytes();
    [&png[..33], &length, &named, &crc(&named).to_be_bytes(), &png[33..]].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}
