//! A collector of telemetry: it answers as a test wants, keeps what it was sent, and reads protobuf's encoding.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// A request that was received.
pub struct Received {
    /// `/v1/traces` and the like.
    pub path: String,
    /// The header lines, in lowercase.
    pub head: String,
    /// The message.
    pub message: ProtoMessage,
}

/// A server that lives as long as the test's process.
pub struct Collector {
    pub address: SocketAddr,
    state: Arc<Mutex<CollectorState>>,
}

struct CollectorState {
    received: Vec<Received>,
    /// Statuses of the next answers to a path; then 200.
    answers: VecDeque<(&'static str, &'static str)>,
}

impl Collector {
    /// Starts one that first gives these answers, each to the next request for its path, such as `503 Busy`.
    pub fn start(answers: &[(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a socket has an address");
        let answers = answers.iter().copied().collect();
        let state = Arc::new(Mutex::new(CollectorState { received: Vec::new(), answers }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that ends early is one of a process that was stopped.
                let _ = serve(stream, &shared);
            }
        });
        Collector { address, state }
    }

    /// What `find` makes of the messages that were taken from a path so far.
    pub fn find<T>(&self, path: &str, find: impl Fn(&ProtoMessage) -> Option<T>) -> Option<T> {
        self.lock()
            .received
            .iter()
            .filter(|received| received.path == path)
            .find_map(|received| find(&received.message))
    }

    /// The header lines of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.lock().received.iter().map(|received| received.head.clone()).collect()
    }

    /// Whether all answers that were prepared have been given.
    pub fn has_answered(&self) -> bool {
        self.lock().answers.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, CollectorState> {
        self.state.lock().expect("no test panics with it")
    }
}

fn serve(stream: TcpStream, state: &Mutex<CollectorState>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line)? > 2 {
        head += &line.to_lowercase();
        line.clear();
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut state = state.lock().expect("no test panics with it");
    let place = state.answers.iter().position(|(wanted, _)| *wanted == path);
    let status = place.and_then(|place| state.answers.remove(place)).map_or("200 OK", |(_, status)| status);
    if status.starts_with('2') {
        state.received.push(Received { path, head, message: ProtoMessage(body) });
    }
    drop(state);
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status}\r\ncontent-length: 0\r\nretry-after: 0\r\nconnection: close\r\n\r\n"
    )
}

/// An encoded message, read field by field.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtoMessage(Vec<u8>);

/// The value of a field.
enum ProtoValue<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

impl ProtoMessage {
    /// All messages in this field.
    pub fn all(&self, field: u64) -> Vec<ProtoMessage> {
        let messages = self.fields().into_iter().filter(|(number, _)| *number == field);
        messages
            .filter_map(|(_, value)| match value {
                ProtoValue::Bytes(bytes) => Some(ProtoMessage(bytes.to_vec())),
                ProtoValue::Number(_) => None,
            })
            .collect()
    }

    /// All messages at the end of this path of fields.
    pub fn at(&self, path: &[u64]) -> Vec<ProtoMessage> {
        path.iter()
            .fold(vec![self.clone()], |found, field| found.iter().flat_map(|one| one.all(*field)).collect())
    }

    /// The bytes in this field.
    pub fn bytes(&self, field: u64) -> Vec<u8> {
        self.all(field).pop().map(|message| message.0).unwrap_or_default()
    }

    /// The text in this field.
    pub fn text(&self, field: u64) -> String {
        String::from_utf8(self.bytes(field)).expect("a text is UTF-8")
    }

    /// The number in this field, of variable or of fixed length.
    pub fn number(&self, field: u64) -> Option<u64> {
        self.fields().into_iter().find_map(|(number, value)| match value {
            ProtoValue::Number(value) if number == field => Some(value),
            _ => None,
        })
    }

    /// The numbers of eight bytes in this field, one after the other.
    pub fn packed(&self, field: u64) -> Vec<u64> {
        let bytes = self.bytes(field);
        bytes.chunks_exact(8).map(|eight| u64::from_le_bytes(eight.try_into().expect("eight"))).collect()
    }

    /// The attribute `key` among the pairs in this field, as text.
    pub fn attribute(&self, field: u64, key: &str) -> Option<String> {
        let pair = self.all(field).into_iter().find(|pair| pair.text(1) == key)?;
        let value = pair.all(2).pop()?;
        Some(value.number(3).map_or_else(|| value.text(1), |number| number.to_string()))
    }

    fn fields(&self) -> Vec<(u64, ProtoValue<'_>)> {
        let (mut fields, mut rest) = (Vec::new(), &*self.0);
        while !rest.is_empty() {
            let tag = varint(&mut rest);
            let value = match tag & 7 {
                0 => ProtoValue::Number(varint(&mut rest)),
                1 => ProtoValue::Number(u64::from_le_bytes(take(&mut rest, 8).try_into().expect("eight"))),
                2 => {
                    let length = usize::try_from(varint(&mut rest)).expect("it fits");
                    ProtoValue::Bytes(take(&mut rest, length))
                }
                wire => panic!("no field of ours has the wire type {wire}"),
            };
            fields.push((tag >> 3, value));
        }
        fields
    }
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut number = 0;
    for place in 0..10 {
        let byte = take(rest, 1)[0];
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn take<'m>(rest: &mut &'m [u8], length: usize) -> &'m [u8] {
    let (first, others) = rest.split_at(length);
    *rest = others;
    first
}
