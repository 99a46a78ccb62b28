//! What a file is found to be, and what is found in it.

use base64::Engine as _;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{OWNER, app, processed};

/// Uploads, and gives the type without its charset and the facts.
async fn recognized(app: &TestApp, token: &str, bytes: &[u8]) -> (String, Value) {
    let file = processed(app, token, "a", bytes.to_vec()).await;
    assert_eq!(file["status"], "ready", "{file}");
    let whole = file["content_type"].as_str().expect("a type").to_owned();
    (whole, file["facts"].clone())
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a character of Latin-1")).collect()
}

both_databases!(app(); async fn files_that_other_people_made_have_their_facts(app) {
    let token = OWNER;
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases.json")).expect("the cases are JSON");
    assert!(cases.len() > 10);
    for case in cases {
        let base64 = base64::engine::general_purpose::STANDARD;
        let bytes = base64.decode(case["base64"].as_str().expect("bytes")).expect("base64");
        let name = case["name"].as_str().expect("a name");
        let file = processed(app, token, name, bytes).await;
        let (expected, why) = (&case["expect"], &case["why"]);
        assert_eq!(file["status"], "ready", "{name}: {file}");
        let whole = file["content_type"].as_str().expect("a type");
        let essence = whole.split(';').next().unwrap_or_default();
        for (key, value) in expected.as_object().expect("what is expected") {
            match key.as_str() {
                "content_type" => assert_eq!(essence, value, "{name}: {why}"),
                "not_content_type" => assert_ne!(essence, value, "{name}: {why}"),
                fact => assert_eq!(&file["facts"][fact], value, "{name}: {why}"),
            }
        }
    }
});

both_databases!(app(); async fn tables_are_counted_by_the_separator_that_fits(app) {
    let token = OWNER;
    let long = format!("id,note\n1,\"{}\"\n2,\"{}\"\n", "ä".repeat(9000), "x\n".repeat(9000));
    let wide = format!("{}\n{}\n", vec!["größe"; 3000].join(";"), vec!["1,5"; 3000].join(";"));
    for (text, columns, rows) in [
        ("a,b\r\n1,2\r\n\r\n3,4", 2, 2),
        ("a,b\r1,2\r\r3,4\r", 2, 2),
        ("a,b\n\"x\ry\",2\n", 2, 1),
        ("a\tb\n1\t2\n", 2, 1),
        ("\u{feff}\"a;x\";b\n1;2\n", 2, 1),
        ("sep=;\r\na;b\r\n1;2\r\n", 2, 1),
        ("sep=|\na|b|c\n1|2|3\n", 3, 1),
        ("a;b,c,d\n1;2,3,4\n", 3, 1),
        ("Summe;1,5\nRest;2,5\n", 2, 1),
        ("1,5;2,5\n3,5;4,5\n", 2, 1),
        ("Maier, Karl;Ulm\nMoser, Rosa;Bonn\n", 2, 1),
        ("id, name, town\n1, Ada, Ulm\n", 3, 1),
        ("first name, last name\nAda, Lovelace\n", 2, 1),
        ("a;b;\n1;2;\n", 3, 1),
        ("a,b\n\"say \"\"hi\"\", x\",2\n", 2, 1),
        ("when;where\nMonday 10:00;Ulm\n", 2, 1),
        ("2026-11-28 10:00:00,12\n2026-11-28 10:00:05,13\n", 2, 1),
        (&long, 2, 2),
        (&wide, 3000, 1),
    ] {
        let (content_type, facts) = recognized(app, token, text.as_bytes()).await;
        let shown: String = text.chars().take(60).collect();
        assert_eq!(facts, json!({"columns": columns, "rows": rows}), "{shown:?} is {content_type}");
        let kind = if text.contains('\t') { "text/tab-separated-values" } else { "text/csv" };
        assert_eq!(content_type, format!("{kind}; charset=utf-8"), "{shown:?}");
    }
});

both_databases!(app(); async fn texts_that_only_look_like_tables_are_none(app) {
    let token = OWNER;
    for text in [
        "",
        "\n\n\r\n\r",
        "a,b",
        "a,b\n1,2\n3\n",
        "a,b\n1,\"2\n3,4\n5,6\n",
        "[1,2]\n[3,4]\n",
        "{\"a\":{\"b\":1},\"c\":2}\n{\"a\":{\"b\":2},\"c\":3}\n",
        "import os, sys\nimport re, json\n",
        "int a, b;\nint c, d;\n",
        "call(a, b)\ncall(c, d)\n",
        "\tone\n\ttwo\n",
        "int a;\nint b;\n",
        "Roses are red, violets are blue\nSugar is sweet, and so are you\n",
        "level=info, text=started\nlevel=warn, text=stopped\n",
        "2026-11-28 10:00:00,123 INFO started\n2026-11-28 10:00:05,456 INFO stopped\n",
        "Nov 28 17:00:38 host app[1]: began, slowly\nNov 28 17:00:39 host app[1]: ended, at last\n",
        "::1 - - [28/Nov/2026:17:00:38 +0000] \"GET / HTTP/1.1\" 200 \"Mozilla/5.0 (X11; Linux)\"\n\
         ::1 - - [28/Nov/2026:17:00:39 +0000] \"GET / HTTP/1.1\" 200 \"Mozilla/5.0 (X11; Linux)\"\n",
    ] {
        let (content_type, facts) = recognized(app, token, text.as_bytes()).await;
        assert_eq!(content_type, "text/plain; charset=utf-8", "{text:?} has {facts}");
        assert_eq!(facts, json!({"words": text.split_whitespace().count()}), "{text:?}");
    }
});

both_databases!(app(); async fn encodings_other_than_utf8_are_told(app) {
    let token = OWNER;
    let table = "Größe;Ort\n1;Köln\n2;Ulm\n";
    for (bytes, encoding) in [
        (utf16(table, u16::to_le_bytes), "utf-16le"),
        (utf16(table, u16::to_be_bytes), "utf-16be"),
        (latin1(table), "iso-8859-1"),
        (latin1(&table.replace("Ulm", "Ulm \u{80}")), "windows-1252"),
    ] {
        let (content_type, facts) = recognized(app, token, &bytes).await;
        assert_eq!(content_type, format!("text/csv; charset={encoding}"));
        assert_eq!(facts, json!({"columns": 2, "rows": 2, "encoding": encoding}));
    }
    let words = utf16("one two 😀", u16::to_le_bytes);
    assert_eq!(recognized(app, token, &words).await.1, json!({"words": 3, "encoding": "utf-16le"}));
    // Half a character, a lone surrogate, Cyrillic in KOI8-R, a UTF-8 text that was cut, a control character far behind.
    let late = format!("{}\0", "text ".repeat(20_000)).into_bytes();
    let koi8 = b"\xf0\xd2\xc9\xd7\xc5\xd4 mir \xf0\xd2\xc9\xd7\xc5\xd4".to_vec();
    let cut = "größer, wörter und täler, ä".as_bytes();
    for bytes in [words[..9].to_vec(), b"\xff\xfea\0\0\xd8b\0".to_vec(), koi8, cut[..cut.len() - 1].to_vec(), late] {
        let (content_type, facts) = recognized(app, token, &bytes).await;
        assert_eq!((&*content_type, facts), ("application/octet-stream", json!({})), "{:?}", &bytes[..8]);
    }
});

both_databases!(app(); async fn words_are_what_unicode_white_space_separates(app) {
    let token = OWNER;
    // The last one has a character across every place where a reader could end a piece.
    let across = format!(" {}", "ä\u{3000}".repeat(40_000));
    for (text, words) in
        [("\u{feff}", 0), ("\u{feff}one", 1), ("一\u{3000}二", 2), ("a\u{a0}b\u{2003}c\u{85}d", 4), (&across, 40_000)]
    {
        assert_eq!(recognized(app, token, text.as_bytes()).await.1, json!({"words": words}), "{words}");
    }
});

both_databases!(app(); async fn the_first_bytes_say_what_a_container_holds(app) {
    let token = OWNER;
    let ftyp = |brands: &[u8; 12]| [&b"\0\0\0\x18ftyp"[..], &brands[..4], &[0; 4], &brands[4..]].concat();
    let zip = |name: &[u8]| [&b"PK\x03\x04"[..], &[0; 26], name].concat();
    for (bytes, content_type) in [
        (ftyp(b"heicmif1heic"), "image/heic"),
        (ftyp(b"mif1heicmif1"), "image/heic"),
        (ftyp(b"mif1mif1miaf"), "image/heif"),
        (ftyp(b"avifmif1miaf"), "image/avif"),
        (ftyp(b"M4A mp42isom"), "audio/mp4"),
        (ftyp(b"qt  qt  qt  "), "video/quicktime"),
        (ftyp(b"isomiso2mp41"), "video/mp4"),
        (ftyp(b"3gp4isom3gp4"), "video/3gpp"),
        (b"RIFF\x24\0\0\0WEBPVP8 ".to_vec(), "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ".to_vec(), "audio/wav"),
        (b"\x1aE\xdf\xa3\x93\x42\x82\x88matroska".to_vec(), "video/matroska"),
        (b"\x1aE\xdf\xa3\x93\x42\x82\x84webm".to_vec(), "video/webm"),
        (b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(), "image/gif"),
        (b"ID3\x04\0\0\0\0\0\0".to_vec(), "audio/mpeg"),
        (b"%PDF-1.7\n".to_vec(), "application/pdf"),
        (zip(b"a.txt"), "application/zip"),
        (zip(b"mimetypeapplication/epub+zip"), "application/epub+zip"),
        (
            [zip(b"[Content_Types].xml"), zip(b"xl/workbook.xml")].concat(),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    ] {
        assert_eq!(recognized(app, token, &bytes).await.0, content_type);
    }
    for text in ["The ftyp box", "GIF89a is a format", "ID3 tags, and more", "RIFF and WEBP are", "BM is a brand of bikes"] {
        assert_eq!(recognized(app, token, text.as_bytes()).await.0, "text/plain; charset=utf-8", "{text}");
    }
});
