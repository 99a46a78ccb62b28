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
}
