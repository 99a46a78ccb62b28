//! What a mail says: written once, as text and as HTML.

use maud::{DOCTYPE, Markup, html};

/// What a mail says. Text and HTML say the same. It has no `Debug`, which would print links that work.
#[derive(Clone)]
pub struct Letter {
    language: &'static str,
    subject: String,
    parts: Vec<LetterPart>,
    /// Where its reader stops mails like it.
    stop: Option<String>,
}

#[derive(Clone)]
enum LetterPart {
    Paragraph(String),
    /// A link with its label.
    Button(String, String),
    /// Small, at the end.
    Note(String),
    /// A small link with its label.
    SmallLink(String, String),
}

impl Letter {
    /// A mail without content, in the language of this tag (BCP 47), such as `en`.
    pub fn new(language: &'static str, subject: impl Into<String>) -> Self {
        Letter { language, subject: subject.into(), parts: Vec::new(), stop: None }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(mut self, text: impl Into<String>) -> Self {
        self.parts.push(LetterPart::Paragraph(text.into()));
        self
    }

    /// Adds a link that looks like a button; the text shows its address.
    #[must_use]
    pub fn button(mut self, label: impl Into<String>, link: impl Into<String>) -> Self {
        self.parts.push(LetterPart::Button(label.into(), link.into()));
        self
    }

    /// Adds a small paragraph, such as what to do if the mail is a mistake.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.parts.push(LetterPart::Note(text.into()));
        self
    }

    /// Adds a small link that stops mails like this one, and the headers with which programs for mails offer the same: `List-Unsubscribe` (RFC 2369) and, for
    /// one click, `List-Unsubscribe-Post` (RFC 8058). `link` must be an address that asks when it is opened, and acts on a POST without a
    /// session.
    #[must_use]
    pub fn unsubscribe(mut self, label: impl Into<String>, link: impl Into<String>) -> Self {
        let link = link.into();
        self.stop = Some(link.clone());
        self.parts.push(LetterPart::SmallLink(label.into(), link));
        self
    }

    /// Where its reader stops mails like it, if that is an address which can stand in a header.
    pub(crate) fn stop(&self) -> Option<&str> {
        let is_plain = |link: &&str| {
            link.len() <= 900 && link.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'>')
        };
        self.stop.as_deref().filter(is_plain)
    }

    /// The subject, in one line: a line break in it would begin another header.
    pub(crate) fn subject(&self) -> String {
        self.subject.split(char::is_control).collect::<Vec<_>>().join(" ")
    }

    /// The mail as text.
    pub fn text(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| match part {
                LetterPart::Paragraph(text) => text.clone(),
                LetterPart::Button(label, link) => format!("{label}:\n{link}"),
                LetterPart::Note(text) => format!("-- \n{text}"),
                LetterPart::SmallLink(label, link) => format!("{label}: {link}"),
            })
            .collect();
        parts.join("\n\n") + "\n"
    }

    /// The mail as HTML. Styles are inline, as programs for mail need them.
    pub fn html(&self) -> String {
        let body =
            "margin:0;padding:24px;background:#f4f4f5;color:#18181b;font:16px/1.5 system-ui,sans-serif";
        let page = "max-width:560px;margin:0 auto;padding:32px;background:#ffffff;border-radius:12px";
        html! {
            (DOCTYPE)
            html lang=(self.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.subject()) }
                }
                body style=(body) { div style=(page) {
                    h1 style="margin:0 0 16px;font-size:20px" { (self.subject()) }
                    @for part in &self.parts { (shown(part)) }
                } }
            }
        }
        .into_string()
    }
}

fn shown(part: &LetterPart) -> Markup {
    let button = "display:inline-block;padding:12px 20px;border-radius:8px;background:#1d4ed8;color:#ffffff;\
                  text-decoration:none;font-weight:600";
    match part {
        LetterPart::Paragraph(text) => html! { p style="margin:0 0 16px" { (text) } },
        LetterPart::Button(label, link) => html! {
            p style="margin:0 0 16px" { a href=(link) target="_blank" rel="noopener" style=(button) { (label) } }
            p style="margin:0 0 16px;font-size:13px;color:#52525b;word-break:break-all" { (link) }
        },
        LetterPart::Note(text) => {
            html! { p style="margin:24px 0 0;font-size:13px;color:#52525b" { (text) } }
        }
        LetterPart::SmallLink(label, link) => html! {
            p style="margin:4px 0 0;font-size:13px" {
                a href=(link) target="_blank" rel="noopener" style="color:#52525b" { (label) }
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Letter;

    #[test]
    fn text_and_html_say_the_same() {
        let letter = Letter::new("en", "Reset your password")
            .paragraph("Somebody asked for <this> & that.")
            .button("Choose a password", "https://acme.test/#reset?token=abc")
            .note("If it was not you, do nothing.");
        assert_eq!(
            letter.text(),
            "Somebody asked for <this> & that.\n\nChoose a password:\nhttps://acme.test/#reset?token=abc\n\n-- \nIf it was \
             not you, do nothing.\n"
        );
        let html = letter.html();
        for part in [
            "<html lang=\"en\">",
            "<title>Reset your password</title>",
            "Somebody asked for &lt;this&gt; &amp; that.",
            "href=\"https://acme.test/#reset?token=abc\"",
            "If it was not you, do nothing.",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn a_subject_is_one_line() {
        assert_eq!(
            Letter::new("en", "Join Acme\r\nBcc: all@acme.test").subject(),
            "Join Acme  Bcc: all@acme.test"
        );
    }
}
