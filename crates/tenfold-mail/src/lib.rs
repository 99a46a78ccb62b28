//! Mails: written once as text and HTML, sent by SMTP or kept in an outbox. An application mounts it as a module.
//!
//! A module that sends a mail has a job for it. The job asks the [`Mailer`] to address the mail, makes what the mail needs,
//! such as the token of a link, and sends it. So a secret in a mail is in no job's arguments, and is made once a mail may be sent. A job
//! sends one mail. Its queue is [`QUEUE`].

mod letter;
mod mailer;
mod outbox;
mod recipient;
mod server;
mod settings;
mod smtp;
mod suppressed;

use tenfold::prelude::*;

pub use crate::letter::Letter;
pub use crate::mailer::{AddressedMail, Mailer};
pub use crate::outbox::{OutboxMail, OutboxMailId};
pub use crate::suppressed::SuppressedAddress;

use crate::settings::MailSettings;

/// What operators may look at, and change.
pub mod admin {
    pub use crate::outbox::{find as find_mail, list as list_mails};
    pub use crate::suppressed::{allow as allow_address, list as list_suppressed};
}

/// The queue of jobs that send mails: a mail server that is slow holds up no other jobs.
pub const QUEUE: &str = "mail";

/// How often such a job may fail: for three hours, since many servers let a first mail wait for a while (RFC 6647).
pub const ATTEMPTS: u32 = 15;

/// The module, for an application's list, before those that send mails.
pub fn module() -> Module {
    Module::new("mail")
        .settings(include_str!("defaults.toml"))
        .checks(|loaded| MailSettings::read(loaded).map(drop))
        .migrations(migrations!())
        .queue(QUEUE, 4)
        .service(|wiring| Box::pin(async move { Mailer::start(wiring) }))
}
