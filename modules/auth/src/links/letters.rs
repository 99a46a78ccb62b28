//! What the mails say, in each language.
//!
//! To add a language, add an arm to each function.

use tenfold_mail::Letter;

use super::{LinkPurpose, NoticeKind};

const ENGLISH: &str = "If it was not you, reset the password now: that signs all devices out.";
const GERMAN: &str = "Waren Sie es nicht, setzen Sie jetzt das Passwort zurück: Das meldet alle Geräte ab.";

const ENGLISH_LINKED: &str =
    "If it was not you, reset the password now, then remove the provider under Account.";
const GERMAN_LINKED: &str =
    "Waren Sie es nicht, setzen Sie jetzt das Passwort zurück, und entfernen Sie dann den Anbieter im Konto.";

/// A language that mails are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailLanguage {
    English,
    German,
}

impl MailLanguage {
    /// The language of a locale, a BCP 47 tag such as `de-CH`; English for one that is not here.
    pub(crate) fn of(locale: &str) -> Self {
        let language = locale.split(['-', '_']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("de") { MailLanguage::German } else { MailLanguage::English }
    }

    pub(crate) fn tag(self) -> &'static str {
        match self {
            MailLanguage::English => "en",
            MailLanguage::German => "de",
        }
    }
}

/// The mail with a link. `email` is the address that the link is about.
pub(crate) fn link(language: MailLanguage, purpose: LinkPurpose, email: &str, link: &str) -> Letter {
    let [subject, text, button] = match language {
        MailLanguage::English => english(purpose, email),
        MailLanguage::German => german(purpose, email),
    };
    let note = match language {
        MailLanguage::English => {
            "The link works once, within an hour. If you did not ask for it, ignore this mail."
        }
        MailLanguage::German => {
            "Der Link gilt einmal und eine Stunde lang. Haben Sie ihn nicht angefordert, ignorieren Sie diese Mail."
        }
    };
    Letter::new(language.tag(), subject).paragraph(text).button(button, link).note(note)
}

fn english(purpose: LinkPurpose, email: &str) -> [String; 3] {
    let [subject, text, button] = match purpose {
        LinkPurpose::ConfirmAddress => [
            "Confirm your address",
            "Welcome! Please confirm that {email} is your address.",
            "Confirm the address",
        ],
        LinkPurpose::ResetPassword => {
            ["Reset your password", "You asked for a new password for {email}.", "Choose a new password"]
        }
        LinkPurpose::SignIn => {
            ["Your link to sign in", "You asked to sign in as {email} without a password.", "Sign in"]
        }
        LinkPurpose::LeaveAddress => [
            "Your address is about to change",
            "You asked to use {email} in place of this address. Confirm it here, and in the mail that we have sent there.",
            "Confirm the change",
        ],
        LinkPurpose::TakeAddress => [
            "Confirm your new address",
            "You asked to use {email} from now on. Confirm it here, and in the mail that we have sent to your old address.",
            "Confirm the change",
        ],
    };
    [subject, text, button].map(|text| text.replace("{email}", email))
}

fn german(purpose: LinkPurpose, email: &str) -> [String; 3] {
    let [subject, text, button] = match purpose {
        LinkPurpose::ConfirmAddress => [
            "Bestätigen Sie Ihre Adresse",
            "Willkommen! Bitte bestätigen Sie, dass {email} Ihre Adresse ist.",
            "Adresse bestätigen",
        ],
        LinkPurpose::ResetPassword => [
            "Neues Passwort",
            "Sie haben für {email} ein neues Passwort angefordert.",
            "Neues Passwort wählen",
        ],
        LinkPurpose::SignIn => {
            ["Ihr Link zum Anmelden", "Sie möchten sich als {email} ohne Passwort anmelden.", "Anmelden"]
        }
        LinkPurpose::LeaveAddress => [
            "Ihre Adresse wird geändert",
            "Sie möchten {email} statt dieser Adresse verwenden. Bestätigen Sie es hier und in der Mail dorthin.",
            "Änderung bestätigen",
        ],
        LinkPurpose::TakeAddress => [
            "Bestätigen Sie Ihre neue Adresse",
            "Sie möchten künftig {email} verwenden. Bestätigen Sie es hier und in der Mail an Ihre alte Adresse.",
            "Änderung bestätigen",
        ],
    };
    [subject, text, button].map(|text| text.replace("{email}", email))
}

/// The mail that says that the password was changed.
pub(crate) fn password_changed(language: MailLanguage, forgot: &str) -> Letter {
    let (subject, text, button) = match language {
        MailLanguage::English => (
            "Your password was changed",
            "The password of your account was changed, and all other devices were signed out. If it was not you, reset the \
             password now.",
            "Reset the password",
        ),
        MailLanguage::German => (
            "Ihr Passwort wurde geändert",
            "Das Passwort Ihres Kontos wurde geändert, alle anderen Geräte wurden abgemeldet. Waren Sie es nicht, setzen Sie \
             es jetzt zurück.",
            "Passwort zurücksetzen",
        ),
    };
    Letter::new(language.tag(), subject).paragraph(text).button(button, forgot)
}

/// The mail that says that an account has no password any more.
pub(crate) fn password_ended(language: MailLanguage, forgot: &str) -> Letter {
    let (subject, text, button) = match language {
        MailLanguage::English => (
            "Choose a password",
            "Your account was there before it was shown that the address is yours: somebody else may have signed up with it. So its \
             password no longer works. Choose a new one to sign in with.",
            "Choose a password",
        ),
        MailLanguage::German => (
            "Wählen Sie ein Passwort",
            "Ihr Konto bestand schon, bevor gezeigt war, dass die Adresse Ihnen gehört: Jemand anderes kann sich damit registriert \
             haben. Darum gilt das alte Passwort nicht mehr. Wählen Sie ein neues, um sich damit anzumelden.",
            "Passwort wählen",
        ),
    };
    Letter::new(language.tag(), subject).paragraph(text).button(button, forgot)
}

/// The mail about something else that has happened to an account.
pub(crate) fn happened(language: MailLanguage, kind: NoticeKind, forgot: &str) -> Letter {
    let (subject, not_you, button) = match (language, kind) {
        (MailLanguage::English, NoticeKind::Password) => {
            ("Your password was changed", ENGLISH, "Reset the password")
        }
        (MailLanguage::English, NoticeKind::SecondFactorRemoved) => {
            ("Your second factor was removed", ENGLISH, "Reset the password")
        }
        (MailLanguage::English, NoticeKind::RecoveryCode) => {
            ("A recovery code was used to sign in", ENGLISH, "Reset the password")
        }
        (MailLanguage::English, NoticeKind::ApiKey) => {
            ("You have a new API key", ENGLISH, "Reset the password")
        }
        (MailLanguage::English, NoticeKind::IdentityLinked) => {
            ("A provider was linked to your account: it signs you in", ENGLISH_LINKED, "Reset the password")
        }
        (MailLanguage::English, NoticeKind::IdentityRemoved) => {
            ("A provider no longer signs you in", ENGLISH, "Reset the password")
        }
        (MailLanguage::English, NoticeKind::AddressChanged) => (
            "Your address was changed",
            "This address does not belong to your account any more.",
            "Open the page",
        ),
        (MailLanguage::German, NoticeKind::Password) => {
            ("Ihr Passwort wurde geändert", GERMAN, "Passwort zurücksetzen")
        }
        (MailLanguage::German, NoticeKind::SecondFactorRemoved) => {
            ("Ihr zweiter Faktor wurde entfernt", GERMAN, "Passwort zurücksetzen")
        }
        (MailLanguage::German, NoticeKind::RecoveryCode) => {
            ("Ein Wiederherstellungscode wurde benutzt", GERMAN, "Passwort zurücksetzen")
        }
        (MailLanguage::German, NoticeKind::ApiKey) => {
            ("Sie haben einen neuen API-Schlüssel", GERMAN, "Passwort zurücksetzen")
        }
        (MailLanguage::German, NoticeKind::IdentityLinked) => (
            "Ein Anbieter wurde mit Ihrem Konto verknüpft: Er meldet Sie an",
            GERMAN_LINKED,
            "Passwort zurücksetzen",
        ),
        (MailLanguage::German, NoticeKind::IdentityRemoved) => {
            ("Ein Anbieter meldet Sie nicht mehr an", GERMAN, "Passwort zurücksetzen")
        }
        (MailLanguage::German, NoticeKind::AddressChanged) => {
            ("Ihre Adresse wurde geändert", "Diese Adresse gehört nicht mehr zu Ihrem Konto.", "Seite öffnen")
        }
    };
    Letter::new(language.tag(), subject).paragraph(format!("{subject}. {not_you}")).button(button, forgot)
}

/// The mail that asks somebody to join an organization. `email` is the inviter's confirmed address: everybody chooses their own
/// name.
pub(crate) fn invitation(
    language: MailLanguage,
    inviter: [&str; 2],
    organization: &str,
    link: &str,
) -> Letter {
    let ([name, email], organization) = (inviter, quoted(organization));
    let inviter = format!("{} ({email})", quoted(name));
    let (subject, text, button, note) = match language {
        MailLanguage::English => (
            format!("Join {organization}"),
            format!("{inviter} invites you to work in {organization}."),
            "Accept the invitation",
            "The link works once, within seven days. If you do not know who this is, ignore this mail.",
        ),
        MailLanguage::German => (
            format!("Einladung zu {organization}"),
            format!("{inviter} lädt Sie ein, in {organization} mitzuarbeiten."),
            "Einladung annehmen",
            "Der Link gilt einmal und sieben Tage lang. Kennen Sie den Absender nicht, ignorieren Sie diese Mail.",
        ),
    };
    Letter::new(language.tag(), subject).paragraph(text).button(button, link).note(note)
}

/// A name as a mail of ours may quote it. People choose their names, so one that looks like a link must not become one.
pub(crate) fn quoted(name: &str) -> String {
    let is_link = |word: &str| {
        let word = word.to_lowercase();
        word.contains("://") || word.contains("www.")
    };
    let words = name.split_whitespace().map(|word| if is_link(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
