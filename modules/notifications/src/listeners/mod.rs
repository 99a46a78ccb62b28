//! What the module does when something happened elsewhere, a file an event.

pub(crate) mod file_ready;
