//! What people are told, in the application and by mail: the private side of the notifications module.
//!
//! Other modules do not call this one: it listens to their events, one file per listener. Any module tells people something by publishing
//! [`tenfold::Notify`].

mod channels;
mod entities;
mod listeners;
mod mail;
mod notifications;
mod preferences;
mod routes;
mod settings;
mod stop;
mod stop_token;

use tenfold::Notify;
use tenfold::prelude::*;
use tenfold_auth_api::Auth;
use tenfold_files_api::{FileFailed, FileReady};

use crate::channels::Channels;
use crate::entities::{Notification, StoredChoice, WaitingMail};

/// The module, for `main.rs`.
pub fn module() -> Module {
    Module::new("notifications")
        .settings(include_str!("defaults.toml"))
        .checks(|loaded| settings::NotificationSettings::read(loaded).map(drop))
        .migrations(migrations!())
        .needs::<dyn Auth>()
        .service(|wiring| Box::pin(Channels::start(wiring)))
        .on::<Notify, _, _>("notifications.on_notify", listeners::notify::on_notify)
        .on::<FileReady, _, _>("notifications.on_file_ready", listeners::file_ready::on_file_ready)
        .on::<FileFailed, _, _>("notifications.on_file_failed", listeners::file_failed::on_file_failed)
        .job::<mail::MailNotifications>()
        .on_given_up(mail::given_up)
        .erases("notifications.erase", |_, cx| async move { erase(&cx).await })
        .routes(routes::all)
}

async fn erase(cx: &Context) -> anyhow::Result<()> {
    WaitingMail::erase(cx).await?;
    StoredChoice::erase(cx).await?;
    Notification::erase(cx).await?;
    Ok(())
}
