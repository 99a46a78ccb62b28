//! The permissions of all modules, and which role has which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::endpoint::{PERMISSION, ROLES};
use super::openapi::operations_of;
use super::permission::Role;

/// The permissions of all modules of an application.
#[derive(Debug, Default)]
pub struct Permissions {
    all: BTreeMap<String, BTreeSet<String>>,
    of_roles: BTreeMap<&'static str, Arc<BTreeSet<String>>>,
}

/// A permission that a module declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeclaredPermission {
    pub(crate) name: &'static str,
    pub(crate) roles: &'static [Role],
}

impl Permissions {
    /// The permissions that the operations of `document` require, and those that were declared separately.
    ///
    /// # Errors
    /// When two permissions of one name go to different roles.
    pub(crate) fn collect(document: &OpenApi, declared: &[DeclaredPermission]) -> anyhow::Result<Self> {
        let mut permissions = Permissions::default();
        for declared in declared {
            permissions
                .add(declared.name, declared.roles.iter().map(|role| role.as_str().to_owned()).collect())?;
        }
        for item in document.paths.paths.values() {
            for operation in operations_of(item) {
                let Some(extensions) = &operation.extensions else { continue };
                let (name, roles) = (extensions.get(PERMISSION), extensions.get(ROLES));
                let (Some(name), Some(roles)) =
                    (name.and_then(Value::as_str), roles.and_then(Value::as_array))
                else {
                    continue;
                };
                permissions.add(name, roles.iter().filter_map(Value::as_str).map(str::to_owned).collect())?;
            }
        }
        permissions.of_roles =
            Role::ALL.iter().map(|role| (role.as_str(), permissions.set_of(*role))).collect();
        Ok(permissions)
    }

    fn add(&mut self, name: &str, roles: BTreeSet<String>) -> anyhow::Result<()> {
        match self.all.get(name) {
            Some(known) => anyhow::ensure!(
                *known == roles,
                "the permission {name} goes to {known:?} in one place and to {roles:?} in another: share one \
                 `impl Permission`, or give the second another name"
            ),
            None => drop(self.all.insert(name.to_owned(), roles)),
        }
        Ok(())
    }

    fn set_of(&self, role: Role) -> Arc<BTreeSet<String>> {
        let held = self.all.iter().filter(|(_, roles)| roles.contains(role.as_str()));
        Arc::new(held.map(|(name, _)| name.clone()).collect())
    }

    /// What users of this role may do; nothing for [`Role::Custom`].
    pub fn of(&self, role: Role) -> Arc<BTreeSet<String>> {
        self.of_roles.get(role.as_str()).cloned().unwrap_or_default()
    }

    /// The permissions of a user with this role and these additional permissions.
    pub fn held<'p>(&self, role: Role, besides: impl Iterator<Item = &'p str>) -> Arc<BTreeSet<String>> {
        let mut held = self.of(role);
        for name in besides {
            if !held.contains(name) {
                Arc::make_mut(&mut held).insert(name.to_owned());
            }
        }
        held
    }
}
