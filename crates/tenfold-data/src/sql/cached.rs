//! Author's statements whose rows are kept for later requests.

use super::{FromRow, Sql, SqlQuery};
use crate::cache::{
    CacheKey, CacheLookup, CachedRows, Codec, MOST_BESIDE, RowOwner, StatementReads, as_stored, load,
};
use crate::entity::Entity;
use crate::error::DataError;
use crate::ownership::{OrgId, Tenant};
use crate::query::Target;
use crate::row::{Row, RowSource};
use crate::scope::Scope;
use crate::statement::Statement;
use crate::value::Value;

/// How the rows of a statement are kept.
#[derive(Clone, Copy)]
pub(super) struct KeptBy {
    sql: &'static Sql,
    /// The table of the row that `$2` names, in the organization `$1`.
    table: &'static str,
    beside: &'static [&'static str],
    /// The table of which it reads the organization's own row.
    organization: Option<&'static str>,
}

impl SqlQuery {
    /// Keeps the rows for later requests, by the values of the text's parameters. `$1` is the organization, and `$2` the key of one
    /// row of `E` that the text reads there. The rows are dropped when that row changes, and when any row of the tables
    /// `beside` changes in the organization: the text may read these tables, two at most, and no other ones. What a function of
    /// the database reads is not seen, so the text may call none that reads tables.
    ///
    /// The parameters are ids, numbers and texts. A transaction reads for itself.
    pub fn cached_by<E: Entity<Owner = Tenant>>(mut self, beside: &'static [&'static str]) -> Self {
        self.kept = Some(KeptBy { sql: self.sql, table: E::table().name, beside, organization: None });
        self
    }

    /// After [`SqlQuery::cached_by`]: the text may read the row of this table, too, whose key is the organization's id. The rows are
    /// dropped when it changes.
    pub fn and_organization(mut self, table: &'static str) -> Self {
        self.kept = self.kept.map(|kept| KeptBy { organization: Some(table), ..kept });
        self
    }
}

impl KeptBy {
    /// The rows, from the cache if it has them.
    pub(super) async fn rows<T: FromRow>(
        self,
        target: &Target,
        statement: &Statement,
        params: &[Value],
    ) -> Result<Vec<T>, DataError> {
        let scope = &target.scope;
        let Some(cache) = scope.cache_for(&target.asker) else {
            return target.fetch(statement, params, T::from_row).await;
        };
        let key = self.key::<T>(params)?;
        // An answer that is made from the cache depends on the tables as well.
        scope.note_named(&statement.text);
        let codec = Codec {
            read: |columns: &[Value]| {
                let rows = columns.chunks(T::KINDS.len());
                rows.map(|columns| T::from_row(&Row(RowSource::Values(columns)))).collect()
            },
            columns: |rows: &Vec<T>| -> CachedRows {
                rows.iter().flat_map(T::to_values).map(as_stored).collect()
            },
        };
        let fetch = |_: Vec<usize>| async move {
            self.check(scope, statement)?;
            let rows = target.fetch(statement, params, T::from_row).await?;
            Ok::<Vec<Vec<T>>, DataError>(vec![rows])
        };
        let found = load(cache, scope.clock(), vec![Some(key)], codec, fetch).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// All parameters are in the key. Whose rows these are is what the text is given, and nothing beside it.
    fn key<T: FromRow>(self, params: &[Value]) -> Result<CacheKey, DataError> {
        let (text, KeptBy { beside, organization, .. }) = (std::ptr::from_ref(self.sql).addr(), self);
        let lookup = CacheLookup::Statement(StatementReads { text, beside, organization });
        let key = match params {
            [Value::Uuid(organization), key, others @ ..] => {
                let owner = RowOwner::Organization(OrgId(*organization));
                CacheKey::of::<T>(self.table, owner, lookup, key).and_then(|key| key.and(others))
            }
            _ => None,
        };
        key.ok_or_else(|| {
            DataError::Settings(format!(
                "{} is kept by its parameters: $1 must be the organization, $2 the key of the row, and each an id, a \
                 number or a text",
                self.sql.name
            ))
        })
    }

    /// Refuses a text that depends on more than its words say.
    fn check(self, scope: &Scope, statement: &Statement) -> Result<(), DataError> {
        let may_read =
            |name: &str| name == self.table || self.beside.contains(&name) || self.organization == Some(name);
        let reads_no_others = scope.database().known_tables().names_only(&statement.text, may_read);
        if reads_no_others && self.beside.len() <= MOST_BESIDE {
            return Ok(());
        }
        Err(DataError::Settings(format!(
            "{} is kept by a row of {} and reads other tables than {:?}, or more than {MOST_BESIDE} of them",
            self.sql.name, self.table, self.beside
        )))
    }
}
