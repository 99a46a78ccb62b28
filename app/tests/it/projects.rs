//! The founder's own module.

mod demo;
mod list;
mod tasks;
mod versions;
