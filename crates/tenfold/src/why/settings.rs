//! Which settings differ from those of the process before, as the history has them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use tenfold_data::{DataError, Database, MigrationFile, SystemContext, sql};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::ChangeKind;

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

/// Notes which settings have another value than in the process before, and keeps these for the next one.
pub(super) async fn compare(
    database: &Database,
    telemetry: &Telemetry,
    now: &SettingPrints,
) -> anyhow::Result<()> {
    let (id, new_salt) = (database.clock().new_id(), new_salt()?);
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
            Ok::<_, DataError>(before.map_or_else(Vec::new, |before| now.differences(&before)))
        })
        .await
    };
    for what in database.run(None, exchange).await? {
        telemetry.changed(ChangeKind::Setting, what);
    }
    Ok(())
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
