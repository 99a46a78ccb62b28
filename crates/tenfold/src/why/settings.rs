//! What a process that starts notes in the history at once: its start, and which settings differ from those of the process before.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use tenfold_data::{Database, MigrationFile, SystemContext, sql};
use tenfold_observe::telemetry::diagnosis::{ChangeKind, LedgerChange};

use super::future::latest;
use super::noted;
use crate::config::{SettingPrint, hex};

pub(super) const MIGRATION: MigrationFile = MigrationFile {
    name: "0002_settings.sql",
    text: "CREATE TABLE tenfold_why_settings (id uuid PRIMARY KEY, body text NOT NULL);",
};

/// How many settings are told of one by one.
const MOST: usize = 20;

/// Settings by their keys, see [`Loaded::fingerprints`](crate::config::Loaded::fingerprints).
pub(crate) type SettingPrints = BTreeMap<String, SettingPrint>;

/// The settings of one process, as the file keeps them.
#[derive(Deserialize)]
struct StoredSettings {
    /// Made once for a file, so that hashes of two files cannot be compared.
    salt: String,
    /// The values that may be shown, by their keys.
    shown: BTreeMap<String, String>,
    /// Hashes of the values that may not.
    hidden: BTreeMap<String, String>,
}

/// Notes in the file what this process has noted when it `started`, and which settings have another value than in the process
/// before; and keeps the values for the next one.
///
/// It is one transaction: otherwise a setting that ends the process within its first seconds, before it writes a page, would never be told.
pub(super) async fn exchange(
    database: &Database,
    started: &[LedgerChange],
    now: &SettingPrints,
) -> anyhow::Result<()> {
    let (id, new_salt) = (database.clock().new_id(), new_salt()?);
    // What changed came with the start.
    let start = started.iter().rfind(|change| change.kind == ChangeKind::Deploy);
    let at_us = start.map_or_else(|| database.clock().now().as_microsecond(), |start| start.at_us);
    let latest = latest(database.clock());
    let exchange = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            let read = sql!("tenfold_why_settings.read", "SELECT body FROM tenfold_why_settings LIMIT 1");
            let before: Vec<(String,)> = read.all(tx).await?;
            // A text in another form is of an older version, or damaged. It is replaced.
            let before: Option<StoredSettings> =
                before.first().and_then(|(body,)| serde_json::from_str(body).ok());
            let now = StoredSettings::of(now, before.as_ref().map_or(&new_salt, |before| &before.salt));
            sql!("tenfold_why_settings.forget", "DELETE FROM tenfold_why_settings").execute(tx).await?;
            sql!("tenfold_why_settings.write", "INSERT INTO tenfold_why_settings (id, body) VALUES ($1, $2)")
                .bind(id)
                .bind(now.body())
                .execute(tx)
                .await?;
            let changed = before.map_or_else(Vec::new, |before| now.differences(&before));
            let changed: Vec<LedgerChange> =
                changed.into_iter().map(|what| LedgerChange::new(ChangeKind::Setting, what, at_us)).collect();
            if let Some(start) = start {
                noted::join_loop(tx, start).await?;
            }
            noted::write(tx, started).await?;
            noted::write(tx, &changed).await?;
            // Processes that end before their first page never tidy up.
            noted::forget(tx, 0..latest).await
        })
        .await
    };
    Ok(database.run(None, exchange).await?)
}

/// 256 random bits in hex.
fn new_salt() -> anyhow::Result<String> {
    let mut salt = [0_u8; 32];
    getrandom::fill(&mut salt)?;
    Ok(hex(&salt))
}

impl StoredSettings {
    fn of(prints: &SettingPrints, salt: &str) -> Self {
        let mut stored =
            StoredSettings { salt: salt.to_owned(), shown: BTreeMap::new(), hidden: BTreeMap::new() };
        for (key, print) in prints {
            match print {
                SettingPrint::Shown(value) => stored.shown.insert(key.clone(), value.clone()),
                SettingPrint::Hidden(value) => stored.hidden.insert(key.clone(), value.hash(salt)),
            };
        }
        stored
    }

    fn body(&self) -> String {
        json!({ "hidden": self.hidden, "salt": self.salt, "shown": self.shown }).to_string()
    }

    /// What changed, in words; of a value that is or was hidden nothing but that. A setting that only one of the two versions has
    /// is no change of its value.
    fn differences(&self, before: &StoredSettings) -> Vec<String> {
        let shown = self.shown.iter().filter_map(|(key, now)| match before.shown.get(key) {
            Some(was) => (was != now).then(|| format!("{key} changed from {was} to {now}")),
            None => before.hidden.contains_key(key).then(|| format!("{key} changed")),
        });
        let hidden = self.hidden.iter().filter_map(|(key, now)| match before.hidden.get(key) {
            Some(was) => (was != now).then(|| format!("{key} changed")),
            None => before.shown.contains_key(key).then(|| format!("{key} changed")),
        });
        let mut changed: Vec<String> = shown.chain(hidden).collect();
        changed.sort_unstable();
        let more = changed.len().saturating_sub(MOST);
        if more > 0 {
            changed.truncate(MOST);
            changed.push(format!("{more} more settings changed"));
        }
        changed
    }
}
