//! Pictures: their sides, their thumbnails, and what becomes of those that are damaged or ask for too much.

use std::io::Cursor;

use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{OWNER, app, processed, text};

/// Ten scans, the first with all colours; 72 x 40 pixels.
const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");
/// Seven passes; 20 x 11 pixels.
const INTERLACED: &[u8] = include_bytes!("interlaced.png");

/// Red at the left and blue at the right, with a pattern that fills the file.
fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let pattern =
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(x + 7 * y + 1) >> 26;
        let pattern = pattern as u8;
        if x * 2 < width { Rgb([190 + pattern, pattern, 0]) } else { Rgb([0, pattern, 190 + pattern]) }
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("the picture can be written");
    bytes.into_inner()
}

/// EXIF data with nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation], &[0; 6]].concat()
}

fn with_segment(jpeg: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).expect("a segment is short").to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, content, &jpeg[2..]].concat()
}

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

async fn thumbnail(app: &TestApp, token: &str, file: &Value) -> DynamicImage {
    let answer = app.get(&text(&file["thumbnail"])).bearer(token).send().await;
    image::load_from_memory_with_format(answer.bytes(), ImageFormat::Png).expect("a thumbnail is a PNG")
}

/// Whether a colour is about this one.
fn is_near(found: [u8; 4], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) < 48) && found[3] == 255
}

both_databases!(app(); async fn exif_orientation_turns_the_thumbnail_and_the_sides(app) {
    let token = OWNER;
    let app1 = |orientation| [&b"Exif\0\0"[..], &exif(orientation)].concat();
    for (width, height) in [(600, 300), (2400, 1200), (40, 20)] {
        let jpeg = picture(width, height, ImageFormat::Jpeg);
        let png = picture(width, height, ImageFormat::Png);
        for orientation in [1, 3, 6, 8] {
            for bytes in [with_segment(&jpeg, 0xe1, &app1(orientation)), with_chunk(&png, b"eXIf", &exif(orientation))] {
                let file = processed(app, token, "a", bytes).await;
                let sides = if orientation > 4 { (height, width) } else { (width, height) };
                assert_eq!(file["facts"], json!({"width": sides.0, "height": sides.1}), "{orientation}: {file}");
                let small = thumbnail(app, token, &file).await;
                let fit = |side: u32| if width > 256 { side * 256 / width } else { side };
                assert_eq!(small.dimensions(), (fit(sides.0), fit(sides.1)), "{orientation}");
                let last = (small.width() - 1, small.height() - 1);
                let ends = [small.get_pixel(0, 0).0, small.get_pixel(last.0, last.1).0];
                let (red, blue) = ([221, 32, 0], [0, 32, 221]);
                let expected = if matches!(orientation, 1 | 6) { [red, blue] } else { [blue, red] };
                assert!(is_near(ends[0], expected[0]) && is_near(ends[1], expected[1]), "{orientation}: {ends:?}");
            }
        }
    }
});

both_databases!(app(); async fn passes_and_scans_end_in_the_same_picture(app) {
    let token = OWNER;
    for (bytes, format) in [(PROGRESSIVE, ImageFormat::Jpeg), (INTERLACED, ImageFormat::Png)] {
        let whole = image::load_from_memory_with_format(bytes, format).expect("a picture").to_rgba8();
        let file = processed(app, token, "a", bytes).await;
        assert_eq!(thumbnail(app, token, &file).await.to_rgba8(), whole, "{file}");
    }
});

both_databases!(app(); async fn a_long_narrow_picture_has_its_sides_and_a_thumbnail(app) {
    let token = OWNER;
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let file = processed(app, token, "a", picture(20_000, 10, format)).await;
        assert_eq!(file["facts"], json!({"width": 20_000, "height": 10}));
        assert_eq!(thumbnail(app, token, &file).await.dimensions(), (256, 1));
    }
});

both_databases!(app(); async fn a_damaged_picture_fails_and_keeps_what_is_known(app) {
    let token = OWNER;
    let (small, large) = (picture(320, 200, ImageFormat::Jpeg), picture(2400, 600, ImageFormat::Jpeg));
    let png = picture(320, 200, ImageFormat::Png);
    for (whole, sides) in [(&*small, (320, 200)), (&large, (2400, 600)), (PROGRESSIVE, (72, 40)), (&png, (320, 200))] {
        assert_eq!(processed(app, token, "whole", whole.to_vec()).await["status"], "ready");
        let middle = whole.len() / 2 + 100;
        let mut zeros = whole.to_vec();
        zeros[middle..middle + 100].fill(0);
        for bytes in [whole[..middle].to_vec(), whole[..whole.len() - 2].to_vec(), zeros] {
            let file = processed(app, token, "a", bytes).await;
            let message = text(&file["message"]);
            assert_eq!(file["status"], "failed", "{sides:?} {file}");
            assert!(message.starts_with("the image cannot be read: it"), "{message}");
            assert!(!message.contains(['{', '(', ':'].map(|c| if c == ':' { '<' } else { c })), "{message}");
            assert_eq!(file["facts"], json!({"width": sides.0, "height": sides.1}), "{file}");
            assert!(text(&file["content_type"]).starts_with("image/"), "{file}");
        }
    }
});

/// What is ready without a thumbnail, and why.
fn undrawn(file: &Value) -> String {
    assert_eq!((&file["status"], &file["thumbnail"]), (&json!("ready"), &Value::Null), "{file}");
    text(&file["facts"]["no_thumbnail"])
}

both_databases!(app(), [("files.picture_scans", "20")]; async fn too_many_scans_or_pixels_are_a_fact_of_that_file(app) {
    let token = OWNER;
    // The first scan again and again, which is allowed.
    let begin = PROGRESSIVE.windows(2).position(|bytes| bytes == [0xff, 0xda]).expect("a scan");
    let data = &PROGRESSIVE[begin + 2..];
    let end = begin + 2 + data.windows(2).position(|bytes| bytes[0] == 0xff && bytes[1] > 0).expect("an end");
    let (scan, rest) = (&PROGRESSIVE[begin..end], &PROGRESSIVE[end..]);
    let scans = |count| [&PROGRESSIVE[..begin], &scan.repeat(count), rest].concat();
    assert_eq!(processed(app, token, "some", scans(11)).await["facts"], json!({"width": 72, "height": 40}));
    let many = processed(app, token, "many", scans(12)).await;
    assert_eq!(undrawn(&many), "it has more than 20 scans (files.picture_scans)");
    assert_eq!((&many["facts"]["width"], &many["facts"]["height"]), (&json!(72), &json!(40)));
    // Sides that the rest of the file does not have.
    let mut jpeg = PROGRESSIVE.to_vec();
    let frame = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xc2]).expect("a frame");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let large = processed(app, token, "large", jpeg).await;
    assert_eq!(undrawn(&large), "a thumbnail takes more than 64 MiB (files.picture_memory)");
    assert_eq!((&large["facts"]["width"], &large["facts"]["height"]), (&json!(65_535), &json!(65_535)));
    let mut png = INTERLACED.to_vec();
    png[16..20].copy_from_slice(&0x4000_0000_u32.to_be_bytes());
    let sum = crc(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    let wide = processed(app, token, "wide", png).await;
    assert_eq!(undrawn(&wide), "a thumbnail takes more than 64 MiB (files.picture_memory)");
    assert_eq!(wide["facts"]["width"], 0x4000_0000);
    assert_eq!(processed(app, token, "next", INTERLACED).await["status"], "ready");
});

both_databases!(app(), [("files.picture_time", "1ms")]; async fn a_picture_that_takes_too_long_is_not_drawn(app) {
    let token = OWNER;
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let file = processed(app, token, "a", picture(1900, 1900, format)).await;
        assert_eq!(undrawn(&file), "a thumbnail takes longer than 1ms (files.picture_time)");
        assert_eq!((&file["facts"]["width"], &file["facts"]["height"]), (&json!(1900), &json!(1900)));
        app.clock().advance(std::time::Duration::from_secs(60));
        assert_eq!(app.run_due_jobs().await, 0);
    }
});
