//! In-app notifications, live: the private side of the notifications module.
//!
//! Other modules do not call this one: it listens to their events, one file per listener.

mod entities;
mod listeners;
mod notifications;
mod routes;

use tenfold::prelude::*;
use tenfold_files_api::{FileFailed, FileReady};

use crate::entities::Notification;

/// The module, for `main.rs`.
pub fn module() -> Module {
    Module::new("notifications")
        .migrations(migrations!())
        .on::<FileReady, _, _>("notifications.on_file_ready", listeners::file_ready::on_file_ready)
        .on::<FileFailed, _, _>("notifications.on_file_failed", listeners::file_failed::on_file_failed)
        .erases("notifications.erase", |_, cx| async move { Ok(Notification::erase(&cx).await?) })
        .routes(routes::all)
}
