//! A proxy between the data layer and PostgreSQL, which reads the messages and interferes.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What to do with a client's message: its kind (`Q` for a text, `E` for a run of a prepared statement) and its body.
type TamperRule = dyn FnMut(u8, &mut [u8]) -> Then + Send;

/// What happens to the server's answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// As before.
    Goes,
    /// The client gets none from now on.
    Holds,
    /// The client gets them again, including those that were held.
    Flows,
    /// The message is not passed on, and the connection is closed.
    Cut,
}

/// Listens on its own port. Returns the address of `url` through it.
pub async fn listen(url: &str, rule: impl FnMut(u8, &mut [u8]) -> Then + Send + 'static) -> String {
    let server = url.split('@').next_back().unwrap().split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = url.replace(&server, &listener.local_addr().unwrap().to_string());
    // The proxy reads the messages, so TLS is off.
    let through = format!("{through}{}sslmode=disable", if through.contains('?') { '&' } else { '?' });
    let rule: Arc<Mutex<TamperRule>> = Arc::new(Mutex::new(rule));
    let accepting = async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let (holds, held) = watch::channel(false);
            #[expect(clippy::disallowed_methods, reason = "both directions are passed on beside the test")]
            tokio::spawn(questions(from_client, to_server, Arc::clone(&rule), holds));
            #[expect(clippy::disallowed_methods, reason = "both directions are passed on beside the test")]
            tokio::spawn(answers(from_server, to_client, held));
        }
    };
    #[expect(clippy::disallowed_methods, reason = "connections are accepted beside the test")]
    tokio::spawn(accepting);
    through
}

/// Passes messages on until one side is gone or the rule closes the connection.
async fn questions(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    rule: Arc<Mutex<TamperRule>>,
    holds: watch::Sender<bool>,
) -> std::io::Result<()> {
    // The first message has no kind.
    let mut kind = None;
    loop {
        let head = match kind {
            None => Vec::new(),
            Some(()) => vec![client.read_u8().await?],
        };
        let length = client.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        client.read_exact(&mut body).await?;
        if let Some(kind) = head.first() {
            let then = rule.lock().unwrap_or_else(PoisonError::into_inner)(*kind, &mut body);
            match then {
                Then::Goes => {}
                Then::Holds => drop(holds.send_replace(true)),
                Then::Flows => drop(holds.send_replace(false)),
                Then::Cut => return Ok(()),
            }
        }
        server.write_all(&[head, length.to_be_bytes().to_vec(), body].concat()).await?;
        kind = Some(());
    }
}

async fn answers(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    mut held: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = server.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        // The sender may be gone.
        let _ = held.wait_for(|held| !held).await;
        client.write_all(&bytes[..count]).await?;
    }
}
