//! TLS to PostgreSQL: a server of the test's own, with certificates that are created here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, SignatureAlgorithm, date_time_ymd,
};
use tenfold_data::testing::TestDatabase;
use tenfold_data::{Clock, DataError, Database, DatabaseSettings, EntityExt, OrgId, sql};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::{Client, NoTls};

use crate::people::{self, User};
use crate::work;

/// A certificate authority, and the file with its certificate.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.pem()).unwrap();
        Authority { certificate, issuer: Issuer::new(params, key), file }
    }

    /// A certificate for one name and its key, as PEM, with this signature algorithm, valid or expired.
    fn sign(&self, name: &str, algorithm: &'static SignatureAlgorithm, is_expired: bool) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = if is_expired { date_time_ymd(2001, 1, 1) } else { date_time_ymd(2100, 1, 1) };
        let key = KeyPair::generate_for(algorithm).unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        (signed.pem(), key.serialize_pem())
    }
}

/// A PostgreSQL server of its own, which is stopped and removed when this is dropped.
struct TlsServer {
    folder: PathBuf,
    url: String,
    certificates: usize,
}

impl TlsServer {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tenfold-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let started = provision("start", &folder);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let url = String::from_utf8(started.stdout).unwrap().trim().to_owned();
        TlsServer { folder, url, certificates: 0 }
    }

    async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "the connection is driven beside the test")]
        tokio::spawn(connection);
        client
    }

    /// Lets the server itself write a file into its data folder, so that the file belongs to the server.
    async fn write(&self, client: &Client, file: &str, text: &str) {
        let text = base64::engine::general_purpose::STANDARD.encode(text);
        let copy = format!("COPY (SELECT '{text}') TO PROGRAM 'umask 077; base64 -d > {file}'");
        client.batch_execute(&copy).await.unwrap();
    }

    /// Gives the server another certificate, and waits until new connections see it.
    async fn show(&mut self, (certificate, key): &(String, String)) {
        self.certificates += 1;
        let name = format!("server-{}", self.certificates);
        let client = self.client().await;
        self.write(&client, &format!("{name}.crt"), certificate).await;
        self.write(&client, &format!("{name}.key"), key).await;
        for set in [
            "ALTER SYSTEM SET ssl = on".to_owned(),
            format!("ALTER SYSTEM SET ssl_cert_file = '{name}.crt'"),
            format!("ALTER SYSTEM SET ssl_key_file = '{name}.key'"),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            client.batch_execute(&set).await.unwrap();
        }
        let begun = Instant::now();
        loop {
            let seen = self.client().await.query_one("SHOW ssl_cert_file", &[]).await.unwrap();
            if seen.get::<_, String>(0) == format!("{name}.crt") {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not take the certificate");
        }
    }

    /// Its address by name, with these parameters.
    fn address(&self, parameters: &str) -> String {
        let by_name = self.url.replace("127.0.0.1", "localhost");
        if parameters.is_empty() { by_name } else { format!("{by_name}?{parameters}") }
    }

    /// Whether a connection with these parameters is encrypted, or why there is none.
    async fn try_with(&self, parameters: &str) -> Result<bool, String> {
        encrypted(&self.address(parameters)).await.map_err(|error| error.to_string())
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        provision("stop", &self.folder);
        // Leftover files are in the temporary folder and harmless.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn provision(what: &str, folder: &Path) -> std::process::Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/provision-postgres");
    Command::new(script).arg(what).arg(folder).output().unwrap()
}

fn open(url: &str) -> Result<Database, DataError> {
    Database::open(url, &DatabaseSettings::default(), Clock::system(), Vec::new())
}

/// Whether the server reports a connection to this address as encrypted.
async fn encrypted(url: &str) -> Result<bool, DataError> {
    let database = open(url)?;
    let asked = sql!("ssl", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    let rows = database.run(None, async |cx| asked.all::<(bool,), _>(&cx).await).await?;
    Ok(rows[0].0)
}

/// Asserts that a connection is refused, and that the reason contains all of these words.
#[track_caller]
fn assert_refused(tried: Result<bool, String>, words: &[&str]) {
    let why = tried.expect_err("it is let in");
    for word in words {
        assert!(why.contains(word), "{word:?} is missing: {why}");
    }
}

#[tokio::test]
async fn each_sslmode_takes_the_certificates_that_it_should() {
    let mut server = TlsServer::start("modes");
    let ours = Authority::new(&server.folder, "ours");
    let other = Authority::new(&server.folder, "other");
    let file = ours.file.display();
    let (by_authority, by_name) =
        (format!("sslmode=verify-ca&sslrootcert={file}"), format!("sslmode=verify-full&sslrootcert={file}"));

    // Without TLS.
    for taken in ["", "sslmode=disable", "sslmode=prefer"] {
        assert_eq!(server.try_with(taken).await, Ok(false), "{taken}");
    }
    for refused in ["sslmode=require", &by_name] {
        assert_refused(server.try_with(refused).await, &["offers no TLS", "sslmode=disable"]);
    }

    server.show(&ours.sign("localhost", &PKCS_ECDSA_P256_SHA256, false)).await;
    assert_eq!(server.try_with("sslmode=disable").await, Ok(false));
    for taken in ["", "sslmode=prefer", "sslmode=require", &by_authority, &by_name] {
        assert_eq!(server.try_with(taken).await, Ok(true), "{taken}");
    }
    // The system does not know our authority, or has no list.
    assert_refused(server.try_with("sslmode=verify-full").await, &["sslrootcert", "system"]);
    // As with libpq, a file makes `require` verify the authority.
    let with_other = format!("sslmode=require&sslrootcert={}", other.file.display());
    assert_refused(server.try_with(&with_other).await, &["signed by no authority of", "other.pem"]);

    server.show(&ours.sign("db.example", &PKCS_ECDSA_P256_SHA256, false)).await;
    assert_eq!(server.try_with(&by_authority).await, Ok(true));
    assert_refused(server.try_with(&by_name).await, &["not for localhost", "db.example", "verify-ca"]);

    server.show(&ours.sign("localhost", &PKCS_ECDSA_P256_SHA256, true)).await;
    assert_eq!(server.try_with("sslmode=require").await, Ok(true));
    for refused in [&by_authority, &by_name] {
        assert_refused(server.try_with(refused).await, &["has expired", "renew it"]);
    }

    server.show(&other.sign("localhost", &PKCS_ECDSA_P256_SHA256, false)).await;
    for refused in [&by_authority, &by_name] {
        let words = ["signed by no authority of", "ours.pem", "sslrootcert"];
        assert_refused(server.try_with(refused).await, &words);
    }

    // `openssl req -x509` alone creates an authority's certificate.
    let key = ours.issuer.key().serialize_pem();
    server.show(&(ours.certificate.pem(), key)).await;
    assert_refused(server.try_with(&by_name).await, &["CA:FALSE"]);
}

#[tokio::test]
async fn a_password_is_bound_to_the_certificate() {
    let mut server = TlsServer::start("binding");
    let ours = Authority::new(&server.folder, "ours");
    let client = server.client().await;
    client.batch_execute("CREATE ROLE bound LOGIN PASSWORD 'a?b@c'").await.unwrap();
    let hba = "hostssl all bound 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n";
    server.write(&client, "pg_hba.conf", hba).await;
    let address = server.url.replace("postgres@127.0.0.1", "bound:a%3Fb%40c@localhost");
    // Certificates signed with two different hash functions.
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
        server.show(&ours.sign("localhost", algorithm, false)).await;
        let bound = format!("{address}?sslmode=require&channel_binding=require");
        assert!(encrypted(&bound).await.unwrap());
    }
    let unbound = format!("{address}?channel_binding=disable");
    assert!(encrypted(&unbound).await.unwrap());
    let wrong = address.replace("a%3F", "b%3F");
    let refused = encrypted(&wrong).await.unwrap_err().to_string();
    assert!(refused.contains("password authentication failed"), "{refused}");
    let plain = encrypted(&format!("{address}?sslmode=disable")).await.unwrap_err();
    assert!(plain.to_string().contains("no encryption"), "{plain}");
    let unauthenticated = server.address("sslmode=require&channel_binding=require");
    let refused = encrypted(&unauthenticated).await.unwrap_err();
    assert!(refused.to_string().contains("channel binding"), "{refused}");
}

/// Passes connections on to a server, and notes the code that each begins with.
struct Wire {
    port: u16,
    codes: Arc<Mutex<Vec<u32>>>,
}

/// The code of a connection that requests TLS.
const SSL_REQUEST: u32 = 80_877_103;

impl Wire {
    async fn before(server: &TlsServer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let codes = Arc::default();
        let behind = server.url.rsplit(['@', '/']).nth(1).unwrap().to_owned();
        let noted = Arc::clone(&codes);
        #[expect(clippy::disallowed_methods, reason = "it stands beside the test, as a network does")]
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (noted, behind): (Arc<Mutex<Vec<u32>>>, _) = (Arc::clone(&noted), behind.clone());
                tokio::spawn(async move {
                    let mut head = [0; 8];
                    while client.peek(&mut head).await.is_ok_and(|read| (1..8).contains(&read)) {}
                    noted.lock().unwrap().push(u32::from_be_bytes(head[4..].try_into().unwrap()));
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Wire { port, codes }
    }

    fn lead_through(&self, url: &str, parameters: &str) -> String {
        let (address, rest) = url.split_once("127.0.0.1:").unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        format!("{address}localhost:{}/{database}?{parameters}", self.port)
    }

    fn codes(&self) -> Vec<u32> {
        self.codes.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn every_connection_is_encrypted_that_of_a_cancel_too() {
    let mut server = TlsServer::start("wire");
    let ours = Authority::new(&server.folder, "ours");
    server.show(&ours.sign("localhost", &PKCS_ECDSA_P256_SHA256, false)).await;
    let wire = Wire::before(&server).await;
    let place = TestDatabase::create_on(&server.url).await;
    let parameters = format!("sslmode=verify-full&sslrootcert={}", ours.file.display());
    let mut settings = DatabaseSettings::default();
    settings.postgres.migrate_url = place.migrate_url().map(|url| wire.lead_through(url, &parameters));
    // A server that checked whether the client is still there would end the statement without a cancel request.
    let unheeding = format!("{parameters}&options=-c%20client_connection_check_interval%3D0");
    let url = wire.lead_through(place.url(), &unheeding);
    let database = Database::open(&url, &settings, Clock::system(), Vec::new()).unwrap();
    database.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.unwrap();
    let migrated = wire.codes().len();
    assert!(migrated > 1, "the owner's and our own");

    let org = OrgId(database.clock().new_id());
    let loaded = database.run(None, async |system| {
        let cx = system.within(org);
        let users = people::hire(&cx, 2).await;
        User::get(&cx, users[1].id).await.map(|user| user.id == users[1].id)
    });
    assert!(loaded.await.unwrap());
    let worked = wire.codes().len();
    assert!(worked > migrated, "that of a lane");

    let onlooker = server.client().await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
    let sleep = sql!("sleep", "SELECT 1::bigint FROM pg_sleep(30)");
    let late = database.run(Some(deadline), async |cx| sleep.all::<(i64,), _>(&cx).await).await;
    assert!(matches!(late, Err(DataError::Deadline { .. })), "{late:?}");
    let sleepers =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(30)%'
                    AND pid <> pg_backend_pid()";
    let begun = Instant::now();
    while onlooker.query_one(sleepers, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(25), "the cancel does not come through");
    }
    let codes = wire.codes();
    assert!(codes.len() > worked, "that of the cancel");
    assert!(codes.iter().all(|code| *code == SSL_REQUEST), "{codes:?}");
}

#[test]
fn an_address_that_verifies_less_than_it_seems_is_refused() {
    let folder = std::env::temp_dir().join(format!("tenfold-tls-{}-files", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let empty = folder.join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let none = folder.join("none.pem");
    let (empty, none) = (empty.display().to_string(), none.display().to_string());
    for (parameters, words) in [
        ("sslmode=allow", &["sslmode=allow", "prefer, require, verify-ca and verify-full"][..]),
        ("sslmode=verify-ca", &["sslmode=verify-full", "sslrootcert"]),
        ("sslmode=verify-ca&sslrootcert=system", &["sslmode=verify-full"]),
        ("sslmode=require&sslrootcert=system", &["sslmode=verify-full"]),
        (&*format!("sslrootcert={none}"), &["not looked at", "sslmode=verify-full"]),
        (&*format!("sslmode=verify-full&sslrootcert={none}"), &["none.pem", "No such file"]),
        (&*format!("sslmode=verify-full&sslrootcert={empty}"), &["empty.pem", "BEGIN CERTIFICATE"]),
        ("channel_binding=require", &["channel_binding=require", "sslmode=require"]),
        ("sslnegotiation=direct", &["sslnegotiation=direct", "sslmode=require"]),
        ("sslcert=a.pem", &["sslcert"]),
        ("nonsense=1", &["nonsense"]),
    ] {
        let Err(refused) = open(&format!("postgres://u:se?cret@localhost/d?{parameters}")) else {
            panic!("{parameters} is taken")
        };
        let why = refused.to_string();
        assert!(matches!(refused, DataError::Settings(_)) && why.contains("database.url"), "{why}");
        assert!(words.iter().all(|word| why.contains(word)) && !why.contains("cret"), "{parameters}: {why}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A proxy of many databases picks one by the name in the handshake.
#[tokio::test]
async fn the_handshake_names_the_host() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("postgres://u@localhost:{}/d?sslmode=require", listener.local_addr().unwrap().port());
    let asking = encrypted(&url);
    let answering = async {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        client.read_exact(&mut request).await.unwrap();
        client.try_write(b"S").unwrap();
        let mut hello = [0; 4096];
        let read = client.read(&mut hello).await.unwrap();
        hello[..read].to_vec()
    };
    let (refused, hello) = tokio::join!(asking, answering);
    assert!(hello.windows(9).any(|part| part == b"localhost"));
    assert!(refused.unwrap_err().to_string().contains("handshake"));
}
