//! What the mails about a closed organization say, in each language.

use tenfold::prelude::Timestamp;
use tenfold_mail::Letter;

use crate::links::letters::{MailLanguage, quoted};

/// The mail that says that an organization is closed, by whom, and when it is erased. Without a name it is a reminder.
pub(super) fn closing(
    language: MailLanguage,
    by: Option<&str>,
    organization: &str,
    end: Timestamp,
    link: &str,
) -> Letter {
    let (organization, day) = (quoted(organization), end.strftime("%Y-%m-%d").to_string());
    let (subject, text, button) = match language {
        MailLanguage::English => english(by, &organization, &day),
        MailLanguage::German => german(by, &organization, &day),
    };
    Letter::new(language.tag(), subject).paragraph(text).button(button, link)
}

fn english(by: Option<&str>, organization: &str, day: &str) -> (String, String, &'static str) {
    let subject = match by {
        Some(_) => format!("{organization} was closed"),
        None => format!("{organization} will be erased on {day}"),
    };
    let closed = match by {
        Some(by) => format!("{by} has closed {organization}. Nobody can work in it any more."),
        None => format!("{organization} is closed."),
    };
    let text = format!(
        "{closed} On {day} (UTC) everything in it will be erased for good, and so will the accounts of people who belong to no other \
         organization. Until then an owner can sign in and reopen it."
    );
    (subject, text, "Open the page")
}

fn german(by: Option<&str>, organization: &str, day: &str) -> (String, String, &'static str) {
    let subject = match by {
        Some(_) => format!("{organization} wurde geschlossen"),
        None => format!("{organization} wird am {day} gelöscht"),
    };
    let closed = match by {
        Some(by) => format!("{by} hat {organization} geschlossen. Niemand kann dort mehr arbeiten."),
        None => format!("{organization} ist geschlossen."),
    };
    let text = format!(
        "{closed} Am {day} (UTC) wird alles darin endgültig gelöscht, auch die Konten derer, die zu keiner anderen Organisation gehören. \
         Bis dahin kann ein Owner sich anmelden und sie wieder öffnen."
    );
    (subject, text, "Seite öffnen")
}
