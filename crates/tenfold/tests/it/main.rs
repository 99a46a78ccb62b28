//! The crate's tests, through its public door.

mod compute;
mod config;
mod history;
