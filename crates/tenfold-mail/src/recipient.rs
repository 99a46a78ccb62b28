//! An address that mails go to.

use lettre::Address;

/// An address in the form in which limits and suppressed addresses know it.
#[derive(Clone)]
pub(crate) struct Recipient {
    pub address: Address,
    pub text: String,
}

impl Recipient {
    /// Reads an address; `None` for one that no mail server takes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let address: Address = text.parse().ok()?;
        Some(Recipient { address, text: text.to_lowercase() })
    }

    /// The mailbox, for limits: many servers deliver `ada+shop@…` to `ada@…` (RFC 5233).
    pub(crate) fn mailbox(&self) -> String {
        let (user, domain) = self.text.rsplit_once('@').unwrap_or((&self.text, ""));
        let user = user.split('+').next().unwrap_or_default();
        format!("{user}@{domain}")
    }
}
