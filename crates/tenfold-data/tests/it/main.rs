//! The data layer through its public interface, every case on real SQLite and on real PostgreSQL.

/// Runs each named test, an `async fn(Bench)` of this module, once on each database.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                super::$name(crate::bench::Bench::sqlite().await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                super::$name(crate::bench::Bench::postgres().await).await;
            }
        })+
    };
}

mod associations;
mod batches;
mod bench;
mod between;
mod cached;
mod cached_cascades;
mod cached_list_filters;
mod cached_list_pages;
mod cached_lists;
mod cached_processes;
mod cached_races;
mod cached_relations;
mod cached_sample;
mod cached_statements;
mod cached_unique;
mod chain;
mod cohorts;
mod concurrent_loads;
mod constraints;
mod deferred;
mod deferred_loops;
mod dump;
mod faults;
mod feed;
mod feed_outcomes;
mod feed_processes;
mod hostile_settings;
mod ignore_case;
mod keys;
mod lanes;
mod ledger;
mod migration_locks;
mod migrations;
mod money;
mod omissions;
mod pages;
mod people;
mod plans;
mod pooler;
mod postgres_failures;
mod queries;
mod read_types;
mod rebuilds;
mod refusals;
mod refused;
mod relations;
mod repeats;
mod rights;
mod rls;
mod rls_traps;
mod rounds;
mod scope;
mod search;
mod search_index;
mod shapes;
mod shelf;
mod sqlite_files;
mod sqlite_reader;
mod sqlite_snapshots;
mod sqlite_writer;
mod statistics;
mod tenancy;
mod till;
mod tls;
mod transaction_limits;
mod transactions;
mod traps;
mod types;
mod unsaid;
mod values;
mod waited;
mod waits;
mod whole;
mod work;
mod writes;
