//! TLS to PostgreSQL, configured in the address with libpq's words: `sslmode` and `sslrootcert`.
//!
//! The client library speaks the protocol up to the handshake; rustls does the handshake. Every connection uses the
//! connector from here: the pool, the lanes, migrations, and cancel requests.

mod address;
mod failure;
mod stream;
mod verify;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;

pub(super) use self::address::{PostgresAddress, read};
use self::failure::TlsFailure;
pub(super) use self::failure::hint;
pub(super) use self::stream::TlsStream;
use self::verify::{Trust, Verifier};

/// Creates the TLS half of connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    trust: Arc<Trust>,
}

impl Tls {
    fn new(trust: Trust) -> Self {
        let trust = Arc::new(trust);
        let provider = Arc::new(default_provider());
        let verifier = Verifier::new(Arc::clone(&trust), provider.signature_verification_algorithms);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        // PostgreSQL 17 requires it with sslnegotiation=direct, and libpq always sends it.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Tls { connector: TlsConnector::from(Arc::new(config)), trust }
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = TlsStream;
    type TlsConnect = Handshake;
    type Error = TlsFailure;

    /// Called before it is known whether there will be a handshake, and with an empty name for a local socket.
    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, TlsFailure> {
        Ok(Handshake { tls: self.clone(), host: host.to_owned() })
    }
}

/// A handshake with one server.
pub(super) struct Handshake {
    tls: Tls,
    host: String,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = TlsStream;
    type Error = TlsFailure;
    type Future = BoxFuture<'static, Result<TlsStream, TlsFailure>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let Handshake { tls: Tls { connector, trust }, host } = self;
            // The host name is sent with the handshake (SNI), so that a proxy of many databases can route it. An IP
            // address is not sent.
            let name = ServerName::try_from(host.clone()).map_err(|_| TlsFailure::not_a_name(&host))?;
            let shaken = connector.connect(name, socket).await;
            shaken.map(TlsStream::new).map_err(|error| TlsFailure::of(&error, &host, &trust))
        })
    }
}
