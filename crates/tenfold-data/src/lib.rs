//! Data access: entities, cohorts, the request scope, transactions, migrations and the two database drivers.

pub mod trace;
