//! A mail server on loopback that says what a test wants, and keeps what it was sent.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What the server says instead of accepting; a test may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpReply {
    /// It accepts everything.
    Accept,
    /// Its answer to a command that begins with this word, or to the content (`.`).
    To(&'static str, &'static str),
    /// It takes a command that begins with this word, or the content (`.`), and then says nothing more.
    SilentAt(&'static str),
    /// It says nothing at all.
    Silence,
    /// It hangs up after the greeting.
    HangUp,
}

/// The ports of the servers that were asked something.
static ASKED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Whether the server on this port was asked something.
pub fn is_asked(port: u16) -> bool {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner).contains(&port)
}

/// A mail server.
pub struct MailSink {
    pub address: SocketAddr,
    shared: Arc<SinkState>,
}

struct SinkState {
    reply: Mutex<SmtpReply>,
    /// All lines of all clients.
    lines: Mutex<Vec<String>>,
    mails: Mutex<Vec<String>>,
}

impl MailSink {
    /// Listens until the process ends; each connection has a thread.
    pub fn start(reply: SmtpReply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(SinkState {
            reply: Mutex::new(reply),
            lines: Mutex::default(),
            mails: Mutex::default(),
        });
        let server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                // A client that hangs up ends its own thread.
                std::thread::spawn(move || server.serve(&stream).ok());
            }
        });
        MailSink { address, shared }
    }

    /// What it says from now on.
    pub fn says(&self, reply: SmtpReply) {
        *self.shared.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// The mails that it has accepted.
    pub fn mails(&self) -> Vec<String> {
        self.shared.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What all clients have said.
    pub fn lines(&self) -> Vec<String> {
        self.shared.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SinkState {
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if reply == SmtpReply::Silence {
            // Until the client hangs up.
            return lines.next().transpose().map(drop);
        }
        stream.write_all(b"220 sink.test ESMTP\r\n")?;
        if reply == SmtpReply::HangUp {
            return Ok(());
        }
        let mut mail: Option<String> = None;
        while let Some(line) = lines.next().transpose()? {
            if let Some(content) = &mut mail
                && line != "."
            {
                content.push_str(&line);
                content.push('\n');
                continue;
            }
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
            ASKED.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.local_addr()?.port());
            let answer = match &reply {
                SmtpReply::To(word, answer) if line.starts_with(word) => answer,
                _ if line.starts_with("EHLO") => "250-sink.test\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN",
                _ if line.starts_with("AUTH") => "235 welcome",
                _ if line == "DATA" => "354 go on",
                _ if line == "QUIT" => "221 bye",
                _ => "250 fine",
            };
            if line == "DATA" && answer.starts_with('3') {
                mail = Some(String::new());
            } else if let Some(content) = mail.take()
                && answer.starts_with('2')
            {
                self.mails.lock().unwrap_or_else(PoisonError::into_inner).push(content);
            }
            if matches!(reply, SmtpReply::SilentAt(word) if line.starts_with(word)) {
                // Until the client hangs up.
                return lines.next().transpose().map(drop);
            }
            stream.write_all(format!("{answer}\r\n").as_bytes())?;
        }
        Ok(())
    }
}
