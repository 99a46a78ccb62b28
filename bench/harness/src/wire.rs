//! HTTP/1.1 as bytes on a socket, so that a test can send half a request.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::content::hex;
use crate::process::PATIENCE;

/// A request under construction.
#[derive(Clone)]
pub struct HttpRequest {
    method: &'static str,
    path: String,
    headers: String,
    body: Vec<u8>,
}

impl HttpRequest {
    /// Begins a GET.
    pub fn get(path: &str) -> Self {
        HttpRequest { method: "GET", path: path.to_owned(), headers: String::new(), body: Vec::new() }
    }

    /// Begins a POST.
    pub fn post(path: &str) -> Self {
        HttpRequest { method: "POST", ..HttpRequest::get(path) }
    }

    /// Begins a PATCH.
    pub fn patch(path: &str) -> Self {
        HttpRequest { method: "PATCH", ..HttpRequest::get(path) }
    }

    /// With a session.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// With bytes of any type.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    /// With a JSON body.
    pub fn json(mut self, value: &Value) -> Self {
        self.body = value.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    /// The method.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The path, with the query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole request, as bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let HttpRequest { method, path, headers, body } = self;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: app.test\r\n{headers}content-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    /// All of it except the last byte of the body, and that byte: between the two the request is in flight.
    pub fn in_two_parts(&self) -> (Vec<u8>, Vec<u8>) {
        assert!(!self.body.is_empty(), "only a body can be sent slowly");
        let mut first = self.bytes();
        let last = first.split_off(first.len() - 1);
        (first, last)
    }
}

/// An answer.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    head: String,
    body: Vec<u8>,
}

impl HttpAnswer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, text)| text)
            .next()
            .unwrap_or_default()
    }
}

/// A connection, kept alive across requests.
pub struct HttpConnection {
    stream: BufReader<TcpStream>,
}

impl HttpConnection {
    /// Opens one to `127.0.0.1:PORT`.
    pub fn open(address: &str) -> io::Result<Self> {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(HttpConnection { stream: BufReader::new(stream) })
    }

    /// Waits this long for anything instead of [`PATIENCE`].
    pub fn with_patience(self, patience: Duration) -> io::Result<Self> {
        self.stream.get_ref().set_read_timeout(Some(patience))?;
        self.stream.get_ref().set_write_timeout(Some(patience))?;
        Ok(self)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends a request and reads the answer.
    pub fn ask(&mut self, request: &HttpRequest) -> io::Result<HttpAnswer> {
        self.send(&request.bytes())?;
        self.answer()
    }

    /// Reads an answer; every answer of ours has a content-length.
    pub fn answer(&mut self) -> io::Result<HttpAnswer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer"));
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {head:?}")))?;
        let mut answer = HttpAnswer { status, head, body: Vec::new() };
        answer.body.resize(answer.header("content-length").parse().unwrap_or(0), 0);
        self.stream.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    /// Sends a POST whose body is generated while it is sent: `length` bytes that begin with `beginning` and repeat
    /// `rest` after it. Returns the answer with the SHA-256 of the body.
    pub fn stream(
        &mut self,
        path: &str,
        token: &str,
        length: usize,
        beginning: &[u8],
        rest: &[u8],
    ) -> io::Result<(HttpAnswer, String)> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: app.test\r\nauthorization: Bearer {token}\r\n\
             content-length: {length}\r\n\r\n"
        );
        self.send(head.as_bytes())?;
        let again: Vec<u8> =
            rest.iter().copied().cycle().take(rest.len() * (1 + (1 << 18) / rest.len())).collect();
        let (mut left, mut hash) = (length, Sha256::new());
        let mut piece = beginning;
        while left > 0 {
            let piece_of_it = &piece[..piece.len().min(left)];
            hash.update(piece_of_it);
            self.send(piece_of_it)?;
            left -= piece_of_it.len();
            piece = &again;
        }
        Ok((self.answer()?, hex(hash.finalize().as_slice())))
    }

    /// Whether an answer begins to arrive within `limit`; it stays unread.
    pub fn has_answer_within(&mut self, limit: Duration) -> bool {
        self.stream.get_mut().set_read_timeout(Some(limit)).expect("a socket takes a timeout");
        let arrived = self.stream.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        self.stream.get_mut().set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        arrived
    }

    /// Waits until the other side closes, and returns what it sent before, such as a 408.
    pub fn wait_for_end(&mut self) -> io::Result<String> {
        let mut said = Vec::new();
        match self.stream.read_to_end(&mut said) {
            // Closed while it had not read all our bytes: that also counts as closed.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            result => drop(result?),
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}
