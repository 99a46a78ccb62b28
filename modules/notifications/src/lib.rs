//! What people are told, in the application and live: the private side of the notifications module.
//!
//! Nobody calls this module to tell somebody something: it listens to other modules' events, a file a listener.

mod entities;
mod listeners;
mod notifications;
mod routes;

use files_api::{FileFailed, FileReady};
use tenfold::prelude::*;

/// The module, for `main.rs`.
pub fn module() -> Module {
    Module::new("notifications")
        .migrations(migrations!())
        .on::<FileReady, _, _>("notifications.on_file_ready", listeners::file_ready::on_file_ready)
        .on::<FileFailed, _, _>("notifications.on_file_failed", listeners::file_failed::on_file_failed)
        .routes(routes::all)
}
