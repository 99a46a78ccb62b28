//! Tests of `tenfold::config`: one file a topic.

mod defaults;
mod files;
mod named_sections;
mod secrets;
mod sections;
mod sources;
mod units;
mod unknown_names;

use std::{fs, path::PathBuf};

use tenfold::config::{ConfigError, Loader};

/// Defaults with every type, a secret of each kind and a section below a section.
const DEFAULTS: &str = r#"
[http]
# Address and port to listen on.
listen = "127.0.0.1:8080"
port = 8080            # a port
# Largest request body,
# headers not counted.
body_limit = "1 MiB"
origins = ["https://a.example"]   # who may call us from a browser
# How many requests are traced, 0.0 to 1.0.
trace_share = 0.5

[http.limits]
headers = 64   # most headers of a request

[database]
# `sqlite:<path>` or `postgres://user:password@host/database`.
url = "sqlite:data/app.db"
timeout = "30s"   # longest statement
verbose = false   # log each statement

[auth]
# 32 bytes in base64.
key = ""   # secret
pins = []  # secret: numbers of the doors
"#;

fn loader() -> Loader {
    Loader::new("defaults.toml", DEFAULTS).expect("the defaults are right")
}

/// What the error says, which is never more than one line.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, ConfigError>) -> String {
    let said = outcome.expect_err("it should have been refused").to_string();
    assert!(!said.contains('\n'), "more than one line: {said:?}");
    said
}

/// A file of this test run; `name` is unique to its test.
fn written(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("the target directory takes files");
    path
}
