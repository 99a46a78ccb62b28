//! The crate's tests, through its public door.

mod config;
mod history;
