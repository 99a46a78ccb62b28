//! Which settings differ from those of the process before, as the history has them.

use std::collections::BTreeMap;

use anyhow::Context as _;
use tenfold_data::{DataError, Database, MigrationFile, SystemContext, sql};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::ChangeKind;

pub(super) const MIGRATION: MigrationFile = MigrationFile {
    name: "0002_settings.sql",
    text: "CREATE TABLE tenfold_why_settings (id uuid PRIMARY KEY, body text NOT NULL);",
};

/// How many settings are told of one by one.
const MOST: usize = 20;

/// Settings by their keys, see [`Loaded::fingerprints`](crate::config::Loaded::fingerprints).
pub(crate) type SettingPrints = BTreeMap<String, String>;

/// Notes which settings have another value than in the process before, and keeps these for the next one.
pub(super) async fn compare(
    database: &Database,
    telemetry: &Telemetry,
    now: &SettingPrints,
) -> anyhow::Result<()> {
    let (id, body) = (database.clock().new_id(), serde_json::to_string(now)?);
    let exchange = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            let read = sql!("tenfold_why_settings.read", "SELECT body FROM tenfold_why_settings LIMIT 1");
            let before: Vec<(String,)> = read.all(tx).await?;
            sql!("tenfold_why_settings.forget", "DELETE FROM tenfold_why_settings").execute(tx).await?;
            sql!("tenfold_why_settings.write", "INSERT INTO tenfold_why_settings (id, body) VALUES ($1, $2)")
                .bind(id)
                .bind(body)
                .execute(tx)
                .await?;
            Ok::<_, DataError>(before)
        })
        .await
    };
    let before = database.run(None, exchange).await?;
    let Some((before,)) = before.first() else { return Ok(()) };
    let before: SettingPrints = serde_json::from_str(before).context("the settings in it are no JSON")?;
    for what in differences(&before, now) {
        telemetry.changed(ChangeKind::Setting, what);
    }
    Ok(())
}

/// What changed, in words. A setting that only one of the two versions has is no change of its value.
fn differences(before: &SettingPrints, now: &SettingPrints) -> Vec<String> {
    let both = now.iter().filter_map(|(key, now)| Some((key, before.get(key)?, now)));
    let changed: Vec<_> = both.filter(|(_, before, now)| before != now).collect();
    let told =
        changed.iter().take(MOST).map(|(key, before, now)| format!("{key} changed from {before} to {now}"));
    let more = changed.len().saturating_sub(MOST);
    told.chain((more > 0).then(|| format!("{more} more settings changed"))).collect()
}
