//! The kinds of notifications that modules declare.

use crate::module::Module;
use crate::notify::NotificationKind;

/// The kinds of all modules, by their names.
///
/// # Errors
/// Two have one name, or one is not as it must be.
pub(super) fn collect(modules: &[Module]) -> anyhow::Result<Vec<NotificationKind>> {
    let mut all: Vec<(&str, NotificationKind)> = Vec::new();
    for module in modules {
        for kind in &module.kinds {
            if let Some(fault) = kind.fault() {
                anyhow::bail!("module {} declares notifications {:?}: {fault}", module.name, kind.name());
            }
            if let Some((other, _)) = all.iter().find(|(_, known)| known.name() == kind.name()) {
                anyhow::bail!(
                    "modules {other} and {} both declare notifications {:?}: one of them must take another name",
                    module.name,
                    kind.name()
                );
            }
            all.push((module.name, *kind));
        }
    }
    let mut kinds: Vec<NotificationKind> = all.into_iter().map(|(_, kind)| kind).collect();
    kinds.sort_unstable_by_key(NotificationKind::name);
    Ok(kinds)
}
