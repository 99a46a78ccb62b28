//! One request to an application, by a command that an operator runs beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer.
pub(super) struct PlainAnswer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl PlainAnswer {
    /// The value of a header; its name in lowercase.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// The address at which this machine reaches a process that listens at `listen`.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let any = match listen.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(if listen.ip().is_unspecified() { any } else { listen.ip() }, listen.port())
}

/// Sends `GET` or `POST` with `path`, further header lines and a body, over plain HTTP.
///
/// # Errors
/// The address does not answer in ten seconds, or does not speak HTTP.
pub(super) async fn exchange(
    host: &str,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<PlainAnswer> {
    let answer = async {
        let mut connection = TcpStream::connect(host).await?;
        let length = body.len();
        let mut request =
            format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        connection.write_all(format!("{request}\r\n{body}").as_bytes()).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let text = timeout(PATIENCE, answer).await??;
    let (head, body) = text.split_once("\r\n\r\n").context("it does not speak HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.context("it does not speak HTTP")?;
    let (head, body) = (head.to_owned(), body.to_owned());
    Ok(PlainAnswer { status, head, body })
}
