//! What a mail of notifications says, in each language. Titles and texts are those of the modules that have sent them.

use tenfold_auth_api::UserContact;
use tenfold_mail::Letter;

use crate::entities::WaitingMail;

/// The most notifications that a mail names.
const NAMED: usize = 20;

/// The mail about what a person has not read.
pub(super) fn letter(contact: &UserContact, unread: &[WaitingMail], page: &str, stop: &str) -> Letter {
    let is_german = contact.locale.split(['-', '_']).next().is_some_and(|tag| tag.eq_ignore_ascii_case("de"));
    let (organization, count) = (&contact.organization, unread.len());
    let further = count.saturating_sub(NAMED);
    let (tag, many, more, open, unsubscribe) = if is_german {
        let more = format!("… und {further} weitere.");
        let many = format!("{count} Benachrichtigungen in {organization}");
        ("de", many, more, "Seite öffnen", "Keine Mails dieser Art mehr")
    } else {
        let more = format!("… and {further} more.");
        (
            "en",
            format!("{count} notifications in {organization}"),
            more,
            "Open the page",
            "Stop mails of this kind",
        )
    };
    let subject = match unread {
        [one] => one.title.clone(),
        _ => many,
    };
    let mut letter = Letter::new(tag, subject);
    for mail in unread.iter().take(NAMED) {
        letter = letter.paragraph(match (unread.len(), mail.body.is_empty()) {
            (1, false) => mail.body.clone(),
            (_, true) => mail.title.clone(),
            (_, false) => format!("{}: {}", mail.title, mail.body),
        });
    }
    if further > 0 {
        letter = letter.paragraph(more);
    }
    letter.button(open, page).note(organization.clone()).unsubscribe(unsubscribe, stop)
}
