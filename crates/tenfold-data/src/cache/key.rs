//! What cached rows are found by.

use std::any::TypeId;

use uuid::Uuid;

use crate::feed::write_set::is_frameworks;
use crate::ownership::OrgId;
use crate::value::{Value, days_of};

/// How many tables a statement may read beside that of its key: each has two words.
pub(crate) const MOST_BESIDE: usize = 2;

/// Whose rows of which table, how they are looked up, and by which value. Two keys are compared in full, never by a hash
/// alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    owner: RowOwner,
    table: &'static str,
    /// Which struct is read: two of one table may have other columns.
    read_as: TypeId,
    lookup: CacheLookup,
    key: CachedKey,
    /// The statement's other parameters.
    others: Box<[CachedKey]>,
}

/// How rows are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CacheLookup {
    /// By their key: one row, or none.
    Key,
    /// By a relation: the address of the static that describes it.
    Relation(usize),
    /// By an author's statement.
    Statement(StatementReads),
    /// By the values of a unique key: one row, or none.
    Unique(UniqueLookup),
    /// A list, or a count of one. The key is its text.
    List(ListReads),
}

/// A unique key, and where the key of a row is that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UniqueLookup {
    /// The address of the static that lists its columns.
    pub by: usize,
    /// The place of the key among the columns of a row.
    pub key_at: usize,
    /// How many columns a row has.
    pub width: usize,
}

/// What an author's statement reads in its organization, beside the row of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StatementReads {
    /// The address of its text's static.
    pub text: usize,
    /// Any rows of these tables.
    pub beside: &'static [&'static str],
    /// The organization's own row of this table.
    pub organization: Option<&'static str>,
}

/// Which tables a list reads in its organization, beside its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ListReads {
    beside: [Option<&'static str>; MOST_BESIDE],
}

impl ListReads {
    /// `None` if there are too many of them, or if nobody is told of the changes of one.
    pub(crate) fn of(tables: &[&'static str]) -> Option<Self> {
        let mut reads = ListReads::default();
        if tables.len() > MOST_BESIDE || tables.iter().any(|table| is_frameworks(table)) {
            return None;
        }
        reads.beside.iter_mut().zip(tables).for_each(|(kept, table)| *kept = Some(table));
        Some(reads)
    }

    pub(super) fn beside(&self) -> impl Iterator<Item = &'static str> {
        self.beside.into_iter().flatten()
    }
}

/// Whose rows are read. A row of an organization cannot be looked up without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RowOwner {
    Organization(OrgId),
    Nobody,
}

/// The value of a key, or of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CachedKey {
    Uuid(Uuid),
    Integer(i64),
    Text(Box<str>),
    /// From here on only parameters.
    Null,
    Boolean(bool),
    /// Microseconds since 1970.
    Time(i64),
    /// Days since 1970.
    Date(i64),
    /// The bits of a double.
    Real(u64),
    List(Box<[CachedKey]>),
}

impl RowOwner {
    /// `None` for rows of organizations that are asked for without one. `column` names the organization, if rows have one.
    pub(crate) fn of(column: Option<&'static str>, tenant: Option<OrgId>) -> Option<Self> {
        match (column, tenant) {
            (Some(_), tenant) => tenant.map(RowOwner::Organization),
            (None, _) => Some(RowOwner::Nobody),
        }
    }
}

impl CacheKey {
    /// Rows of this table, read as `R`. `None` for keys of other kinds, which are not cached.
    pub(crate) fn of<R: 'static>(
        table: &'static str,
        owner: RowOwner,
        lookup: CacheLookup,
        key: &Value,
    ) -> Option<Self> {
        let (read_as, key) = (TypeId::of::<R>(), CachedKey::of(key)?);
        Some(CacheKey { owner, table, read_as, lookup, key, others: Box::default() })
    }

    /// The same with further parameters. `None` if one is of another kind.
    pub(crate) fn and(self, others: &[Value]) -> Option<Self> {
        let others = others.iter().map(CachedKey::of).collect::<Option<_>>()?;
        Some(CacheKey { others, ..self })
    }

    /// The same with further parameters, of all kinds but JSON and bytes. `None` if one is of these.
    pub(crate) fn with(self, parameters: &[Value]) -> Option<Self> {
        let others = parameters.iter().map(CachedKey::of_parameter).collect::<Option<_>>()?;
        Some(CacheKey { others, ..self })
    }

    /// Whether the order of the rows is a part of what is kept.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self.lookup, CacheLookup::List(_))
    }

    pub(super) fn lookup(&self) -> CacheLookup {
        self.lookup
    }

    pub(super) fn table(&self) -> &'static str {
        self.table
    }

    pub(super) fn tenant(&self) -> Option<OrgId> {
        match self.owner {
            RowOwner::Organization(tenant) => Some(tenant),
            RowOwner::Nobody => None,
        }
    }

    pub(super) fn key(&self) -> &CachedKey {
        &self.key
    }

    /// The key of the row that a look-up by a unique key has found.
    pub(super) fn found(&self, rows: &[Value]) -> Option<CachedKey> {
        match self.lookup {
            // More rows than one are those of a key that is not unique.
            CacheLookup::Unique(unique) if rows.len() == unique.width => {
                rows.get(unique.key_at).and_then(CachedKey::of)
            }
            _ => None,
        }
    }

    /// How many bytes it takes beside its own size.
    pub(super) fn bytes(&self) -> usize {
        let others: usize = self.others.iter().map(|other| size_of::<CachedKey>() + other.bytes()).sum();
        self.key.bytes() + others
    }
}

impl CachedKey {
    fn bytes(&self) -> usize {
        match self {
            CachedKey::Text(text) => text.len(),
            CachedKey::List(all) => all.iter().map(|one| size_of::<CachedKey>() + one.bytes()).sum(),
            _ => 0,
        }
    }

    fn of_parameter(value: &Value) -> Option<Self> {
        match value {
            Value::Uuid(_) | Value::Integer(_) | Value::Text(_) => CachedKey::of(value),
            Value::Null => Some(CachedKey::Null),
            Value::Boolean(is) => Some(CachedKey::Boolean(*is)),
            Value::Time(time) => Some(CachedKey::Time(time.as_microsecond())),
            Value::Date(date) => Some(CachedKey::Date(days_of(*date))),
            Value::Real(n) => Some(CachedKey::Real(n.to_bits())),
            Value::List(all) => {
                all.iter().map(CachedKey::of_parameter).collect::<Option<_>>().map(CachedKey::List)
            }
            Value::Json(_) | Value::Bytes(_) => None,
        }
    }

    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Uuid(id) => Some(CachedKey::Uuid(*id)),
            Value::Integer(n) => Some(CachedKey::Integer(*n)),
            Value::Text(text) => Some(CachedKey::Text(text.as_str().into())),
            _ => None,
        }
    }
}
