//! A workspace with one small server, and `tenfold dev` on it.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::fixture::unique_folder;

const SERVER: &str = include_str!("server.rs.txt");
const MANIFEST: &str = "[package]\nname = \"served\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
/// The most that anything here may take; a build takes about a second.
const LIMIT: Duration = Duration::from_secs(120);

/// `tenfold dev` on a workspace of its own; both are gone when it is dropped.
pub struct Dev {
    root: PathBuf,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    address: SocketAddr,
}

/// An answer, read to its end.
pub struct DevAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Dev {
    /// Starts the command on the workspace as it is.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts the command with further arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_program(|_| PathBuf::from(env!("CARGO_BIN_EXE_tenfold")), arguments)
    }

    /// Starts a copy of the command, the file `tenfold` of the workspace.
    pub fn start_copy() -> Self {
        let copy = |root: &Path| {
            let program = root.join("tenfold");
            std::fs::copy(env!("CARGO_BIN_EXE_tenfold"), &program).expect("a writable file");
            program
        };
        Self::start_program(copy, &[])
    }

    fn start_program(program: impl FnOnce(&Path) -> PathBuf, arguments: &[&str]) -> Self {
        let root = unique_folder();
        for (path, text) in [
            ("Cargo.toml", MANIFEST),
            ("src/main.rs", SERVER),
            ("app.toml", "sqlite:data/app.db"),
            ("data/.keep", ""),
        ] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            std::fs::write(path, text).expect("a writable file");
        }
        let mut command = Command::new(program(&root));
        command
            .args(["dev", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(&root)
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = spawn(&mut command);
        let stdin = child.stdin.take();
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut dev = Dev { root, child, stdin, lines, address: ([127, 0, 0, 1], 0).into() };
        let greeting = dev.says("http://");
        let address = greeting.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        dev.address = address.expect("an address").parse().expect("an address");
        dev
    }

    /// The next line of the command that contains `text`.
    pub fn says(&self, text: &str) -> String {
        let until = Instant::now() + LIMIT;
        let mut said = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("no {text:?} in {said:#?}") };
            if line.contains(text) {
                return line;
            }
            said.push(line);
        }
    }

    /// Replaces one part of a file, which must be there.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.text(path);
        assert!(text.contains(from), "{path} does not contain {from}");
        std::fs::write(self.path(path), text.replacen(from, to, 1)).expect("a writable file");
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).expect("a file of the workspace")
    }

    /// Sends a line to standard input.
    pub fn press(&self, key: &str) {
        let mut stdin = self.stdin.as_ref().expect("a pipe");
        writeln!(stdin, "{key}").expect("the command reads");
    }

    /// Kills the command, which can do nothing about it.
    pub fn kill(&mut self) {
        self.child.kill().expect("the command runs");
    }

    /// Waits for the end of the command.
    pub fn end(&mut self) -> ExitStatus {
        self.child.wait().expect("a child")
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the application listens, behind the command.
    pub fn application(&self) -> SocketAddr {
        self.get("/address").body.parse().expect("an address")
    }

    pub fn get(&self, path: &str) -> DevAnswer {
        self.ask(path, "")
    }

    /// As a browser asks for a page.
    pub fn navigate(&self, path: &str) -> DevAnswer {
        self.ask(path, "Accept: text/html,*/*;q=0.8\r\nSec-Fetch-Mode: navigate\r\n")
    }

    pub fn ask(&self, path: &str, headers: &str) -> DevAnswer {
        ask(self.address, path, headers)
    }

    /// A request whose answer is read as it comes.
    pub fn open(&self, path: &str) -> BufReader<TcpStream> {
        self.send(path, "")
    }

    /// The same with further headers.
    pub fn send(&self, path: &str, headers: &str) -> BufReader<TcpStream> {
        let mut stream = connect(self.address);
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).expect("a connection");
        BufReader::new(stream)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A folder that stays behind in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// A program that was just written is busy while another test's process, forked meanwhile, has the file open.
fn spawn(command: &mut Command) -> Child {
    let until = Instant::now() + LIMIT;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < until => {
                std::thread::yield_now();
            }
            spawned => return spawned.expect("the program starts"),
        }
    }
}

/// Waits until nobody listens on `address`.
pub fn wait_until_closed(address: SocketAddr) {
    let until = Instant::now() + LIMIT;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < until, "{address} is still listened on");
        std::thread::yield_now();
    }
}

/// Reads until a line contains `text`.
pub fn read_until(stream: &mut BufReader<TcpStream>, text: &str) -> String {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(stream.read_line(&mut line).expect("a line"), 0, "the stream ended before {text:?}");
    }
    line
}

/// Asks once, over a connection of its own.
pub fn ask(address: SocketAddr, path: &str, headers: &str) -> DevAnswer {
    let mut stream = send(address, path, headers);
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    DevAnswer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// Asks, and leaves the answer to the caller.
pub fn send(address: SocketAddr, path: &str, headers: &str) -> TcpStream {
    let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a connection");
    stream
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the command listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream
}
