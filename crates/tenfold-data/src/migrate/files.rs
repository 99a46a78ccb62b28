//! The names and texts of migration files.

use std::collections::HashMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{portable, search};
use crate::statement::Dialect;

/// `0001_accounts.sqlite.sql` is `0001_accounts`, for `sqlite`.
pub(super) fn split_name(file: &str) -> (&str, &str) {
    let stem = file.strip_suffix(".sql").unwrap_or(file);
    match stem.rsplit_once('.') {
        Some((name, kind @ ("sqlite" | "postgres"))) => (name, kind),
        _ => (stem, ""),
    }
}

pub(super) fn script(dialect: Dialect, texts: &HashMap<&str, &str>) -> Result<String, String> {
    match (texts.get(""), texts.get("sqlite"), texts.get("postgres"), dialect) {
        (Some(text), None, None, _) => search::expand(&portable::translate(text, dialect)?, dialect),
        (None, Some(text), Some(_), Dialect::Sqlite) | (None, Some(_), Some(text), Dialect::Postgres) => {
            search::expand(text, dialect)
        }
        _ => Err("there must be either NAME.sql or both NAME.sqlite.sql and NAME.postgres.sql".to_owned()),
    }
}

pub(super) fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
