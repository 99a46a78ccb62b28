//! A server of HTTP/1.1 that answers as a test says. Each connection has a thread.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A running server.
pub struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

/// The status of the answer to a request, which is `GET /path?query`. It may block.
type StatusOf = dyn Fn(&str) -> u16 + Send + Sync;

impl Server {
    /// Starts a server with the operations `first`, `second` and `events`, which need no session, and `write`, which takes JSON. `events`
    /// is a stream by the document, and ends at once.
    pub fn start(answer: impl Fn(&str) -> u16 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log): (Arc<StatusOf>, _) = (Arc::new(answer), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                // A client that goes away ends its thread.
                std::thread::spawn(move || stream.and_then(|stream| serve(&stream, &*answer, &log)));
            }
        });
        Server { address, seen }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, without that of the document.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no thread panics").clone()
    }
}

fn serve(stream: &TcpStream, answer: &StatusOf, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let (mut request, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(count) = line.to_lowercase().strip_prefix("content-length:") {
                length = count.trim().parse().expect("a length is a number");
            }
            if request.is_empty() {
                request = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (status, text) = match &*request {
            "GET /openapi.json" => (200, document().to_string()),
            _ => {
                let request = format!("{request} {}", String::from_utf8_lossy(&body)).trim().to_owned();
                log.lock().expect("no thread panics").push(request.clone());
                (answer(&request), "{}".to_owned())
            }
        };
        // In one piece: the kernel would keep a second one back until the first is acknowledged.
        let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", text.len());
        writer.write_all((head + &text).as_bytes())?;
    }
}

fn document() -> Value {
    json!({"paths": {
        "/first": {"get": {"operationId": "first", "x-example": {}}},
        "/events": {"get": {
            "operationId": "events",
            "x-example": {},
            "responses": {"200": {"content": {"text/event-stream": {}}}},
        }},
        "/second": {"get": {"operationId": "second", "x-example": {}}},
        "/write": {"post": {
            "operationId": "write",
            "x-example": {"body": {"name": "<Ada>"}},
            "requestBody": {"content": {"application/json": {}}},
        }},
    }})
}
