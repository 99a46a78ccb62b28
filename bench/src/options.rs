//! What every benchmark takes from the command line.

use clap::{Args, ValueEnum};
use tenfold::data::Dialect;

/// What every benchmark takes.
#[derive(Args, Default)]
pub struct Options {
    /// Less of everything: under a minute.
    #[arg(long, global = true)]
    pub quick: bool,
    /// One JSON object a line instead of a table.
    #[arg(long, global = true)]
    pub json: bool,
    /// On which database.
    #[arg(long, global = true, default_value = "both")]
    database: Databases,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Databases {
    Sqlite,
    Postgres,
    #[default]
    Both,
}

impl Options {
    /// The databases that are asked for.
    pub fn dialects(&self) -> &'static [Dialect] {
        match self.database {
            Databases::Sqlite => &[Dialect::Sqlite],
            Databases::Postgres => &[Dialect::Postgres],
            Databases::Both => &[Dialect::Sqlite, Dialect::Postgres],
        }
    }
}
