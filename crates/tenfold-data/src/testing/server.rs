//! The PostgreSQL server of the tests: the configured one, or a temporary one for this process.
//!
//! Statics are not dropped, and a test process may be killed. So a shell script runs beside it until its standard input
//! ends, which the operating system ensures. Then it stops the server and removes its folder.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::POSTGRES_VARIABLE;

const SCRIPT: &str = include_str!("server.sh");

/// How many ports are tried. Another process may take one before the server does.
const PORTS: usize = 8;

struct TestServer {
    address: String,
    /// Its standard input ends with this process.
    _script: Child,
}

/// The address of a server whose user may create databases and roles: the one in [`POSTGRES_VARIABLE`], or otherwise a
/// server that is started for this process, which takes some seconds.
///
/// # Panics
/// When none is configured and none can be started. The message says why, and what to do. A skipped test must not look
/// like a passed one.
pub fn postgres_server() -> String {
    static STARTED: OnceLock<Result<TestServer, String>> = OnceLock::new();
    if let Ok(named) = std::env::var(POSTGRES_VARIABLE) {
        return named;
    }
    match STARTED.get_or_init(start) {
        Ok(server) => server.address.clone(),
        Err(why) => panic!(
            "no PostgreSQL for the tests: {why}; install its server, or name one whose user may create databases in \
             {POSTGRES_VARIABLE}"
        ),
    }
}

fn start() -> Result<TestServer, String> {
    let folder = std::env::temp_dir().join(format!("tenfold-postgres-{}", std::process::id()));
    // All are bound at the same time, so that they differ.
    let held: Vec<TcpListener> =
        (0..PORTS).filter_map(|_| TcpListener::bind(("127.0.0.1", 0)).ok()).collect();
    let ports: Vec<String> = held
        .iter()
        .filter_map(|listener| listener.local_addr().ok())
        .map(|address| address.port().to_string())
        .collect();
    drop(held);
    let script = Command::new("sh")
        .args(["-c", SCRIPT, "server.sh"])
        .arg(&folder)
        .args(ports)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut script = script.map_err(|error| format!("a shell cannot be run ({error})"))?;
    let mut said = String::new();
    let output = script.stdout.take().ok_or("the shell has no output")?;
    BufReader::new(output).read_line(&mut said).map_err(|error| error.to_string())?;
    match said.trim() {
        address if address.starts_with("postgres://") => {
            Ok(TestServer { address: address.to_owned(), _script: script })
        }
        why => Err(why.trim_start_matches("error: ").to_owned()),
    }
}
