//! What modules tell people: the kinds of notifications that they declare, and the event that sends one.
//!
//! They are here, and not in an interface of the notifications module, since every module may use them: one that the notifications
//! module listens to, too. In an application without that module they do nothing.

use serde::{Deserialize, Serialize};
use tenfold_data::Uuid;
use tenfold_jobs::Event;

/// The longest name of a kind, in bytes.
const LONGEST_NAME: usize = 100;

/// A kind of notification. A person chooses for each kind by which channels it comes; what is said here holds until then. The module
/// that sends it declares it by [`Module::notifies`](crate::Module::notifies).
///
/// ```
/// # use tenfold::NotificationKind;
/// /// Somebody was asked to do something.
/// pub const ASSIGNED: NotificationKind = NotificationKind::new("tasks.assigned", "A task is assigned to you").by_mail();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationKind {
    name: &'static str,
    title: &'static str,
    in_app: bool,
    mail: bool,
}

impl NotificationKind {
    /// A kind that is shown in the application only, unless a person chooses otherwise. `name` is stable, of lower-case letters, digits, `_` and
    /// `.`, such as `tasks.assigned`; people read `title` where they choose.
    pub const fn new(name: &'static str, title: &'static str) -> Self {
        NotificationKind { name, title, in_app: true, mail: false }
    }

    /// It also comes by mail, unless a person chooses otherwise: for what people should not miss.
    pub const fn by_mail(mut self) -> Self {
        self.mail = true;
        self
    }

    /// It is not shown in the application, unless a person chooses otherwise.
    pub const fn not_in_app(mut self) -> Self {
        self.in_app = false;
        self
    }

    /// Its stable name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What people read where they choose.
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// Whether it is shown in the application if a person has not chosen.
    pub const fn is_in_app(&self) -> bool {
        self.in_app
    }

    /// Whether it comes by mail if a person has not chosen.
    pub const fn is_by_mail(&self) -> bool {
        self.mail
    }

    /// A notification of this kind for a user of the organization that publishes it: `tx.publish(ASSIGNED.notify(user.0, "Buy milk"))`.
    pub fn notify(&self, user: Uuid, title: impl Into<String>) -> Notify {
        Notify {
            user,
            kind: self.name.to_owned(),
            title: title.into(),
            body: String::new(),
            link: String::new(),
        }
    }

    /// What is wrong with the declaration.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_part = |part: &str| {
            let is_sign = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_';
            !part.is_empty() && part.chars().all(is_sign)
        };
        if self.name.len() > LONGEST_NAME || !self.name.split('.').all(is_part) {
            return Some(
                "its name is 1 to 100 lower-case letters, digits and _, in parts with . between them",
            );
        }
        self.title.trim().is_empty().then_some("it has no title, which people read where they choose")
    }
}

/// Notifies a user of the organization that publishes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// Who is told: the id of a user, as in sessions.
    pub user: Uuid,
    /// The name of a declared kind.
    pub kind: String,
    /// What has happened, in one line.
    pub title: String,
    /// More text; may be empty.
    pub body: String,
    /// A path of the API, of what it is about; may be empty.
    pub link: String,
}

impl Notify {
    /// With more text.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// With the path, in the API, of what it is about.
    #[must_use]
    pub fn link(mut self, link: impl Into<String>) -> Self {
        self.link = link.into();
        self
    }
}

impl Event for Notify {
    const NAME: &'static str = "tenfold.notify";
}
