//! `tenfold dev` on a small server: edits, failures, and what becomes of requests meanwhile.

mod workspace;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use serde_json::Value;
use workspace::{Dev, ask, read_until, send, wait_until_closed};

const MAIN: &str = "src/main.rs";

#[test]
fn request_after_an_edit_gets_the_answer_of_the_new_program() {
    let dev = Dev::start();
    assert_eq!(dev.get("/").body, "one");
    dev.edit(MAIN, "\"one\"", "\"two\"");
    assert_eq!(dev.get("/").body, "two");
}

#[test]
fn no_request_is_refused_across_an_edit() {
    let dev = Dev::start();
    let (address, is_over) = (dev.address(), AtomicBool::new(false));
    let (answered, first) = channel();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let client = || {
            let mut answers = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let answer = ask(address, "/", "");
                answers.push((answer.status, answer.body));
                let _ = answered.send(());
            }
            answers
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        // Also when an assertion fails: the scope waits for the clients.
        let _over = OnDrop(|| is_over.store(true, Ordering::Relaxed));
        first.recv().expect("a client");
        dev.says("ready");
        for (from, to) in [("one", "two"), ("two", "three")] {
            dev.edit(MAIN, &format!("\"{from}\""), &format!("\"{to}\""));
            assert_eq!(dev.get("/").body, to);
            dev.says("ready");
            // Requests are in flight when this comes.
            dev.press("r");
            dev.says("ready");
        }
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert!(answers.iter().any(|(_, body)| body == "one"), "{answers:?}");
}

#[test]
fn request_in_flight_is_answered_before_its_process_stops() {
    let dev = Dev::start();
    let (address, application) = (dev.address(), dev.application());
    dev.says("ready");
    std::thread::scope(|scope| {
        let held = scope.spawn(|| ask(address, "/held", ""));
        while ask(application, "/holds", "").body != "true" {
            std::thread::yield_now();
        }
        let mut states = dev.open("/_tenfold/dev/events");
        dev.press("r");
        read_until(&mut states, "Starting");
        // Once the request that is held is answered, the process may end before it answers this one.
        let _release = send(application, "/release", "");
        assert_eq!(held.join().expect("a client").body, "held");
    });
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}

#[test]
fn compile_error_is_a_page_and_a_problem_until_it_is_gone() {
    let dev = Dev::start();
    assert_eq!(dev.get("/").status, 200);
    dev.edit(MAIN, "fn start() {}", "fn start() { let text: Option<u8> = \"<b>\"; }");
    let line = dev.text(MAIN).lines().position(|line| line.contains("Option<u8>")).expect("the line") + 1;

    let answer = dev.get("/");
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    let problem: Value = serde_json::from_str(&answer.body).expect("a problem");
    assert_eq!(problem["type"], "urn:tenfold:problem:dev-build-failed");
    assert_eq!(problem["errors"][0]["code"], "E0308");
    let place = problem["errors"][0]["place"].as_str().expect("a place");
    assert!(place.starts_with(&format!("src/main.rs:{line}:")), "{place}");

    let page = dev.navigate("/");
    assert_eq!(page.status, 503);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(page.body.contains(place) && page.body.contains("&lt;b&gt;"), "{}", page.body);
    assert!(!page.body.contains("<b>"), "{}", page.body);

    dev.edit(MAIN, "let text: Option<u8> = \"<b>\";", "");
    assert_eq!(dev.get("/").body, "one");
}

#[test]
fn broken_manifest_is_shown_in_the_words_of_cargo() {
    let dev = Dev::start();
    assert_eq!(dev.get("/").status, 200);
    dev.edit("Cargo.toml", "[package]", "[package]\nunheard = 1\nedition");
    // It waits for the end of the build however long that takes; a page does not.
    assert_eq!(dev.get("/").status, 503);
    let page = dev.navigate("/");
    assert!(page.body.contains("Cargo.toml"), "{}", page.body);
    dev.edit("Cargo.toml", "\nunheard = 1\nedition", "");
    assert_eq!(dev.get("/").status, 200);
}

#[test]
fn page_hears_when_the_build_is_green_again() {
    let dev = Dev::start();
    assert_eq!(dev.get("/").status, 200);
    dev.edit(MAIN, "fn start() {}", "fn start() {");
    // It waits for the end of the build however long that takes; a page does not.
    assert_eq!(dev.get("/").status, 503);
    let page = dev.navigate("/");
    let shown = page.body.split("data-state=\"").nth(1).and_then(|rest| rest.split('"').next());
    let shown: u64 = shown.expect("a number").parse().expect("a number");
    let script = dev.get("/_tenfold/dev/dev.js");
    assert!(script.head.contains("content-type: text/javascript"), "{}", script.head);

    let mut states = dev.open("/_tenfold/dev/events");
    assert!(read_until(&mut states, "data:").contains(&format!("\"number\":{shown}")));
    dev.edit(MAIN, "fn start() {", "fn start() {}");
    let green = read_until(&mut states, "\"working\":null");
    assert!(!green.contains(&format!("\"number\":{shown}")), "{green}");
    assert_eq!(dev.get("/").status, 200);
}

#[test]
fn crash_at_start_is_shown_with_its_output() {
    let dev = Dev::start();
    assert_eq!(dev.get("/").status, 200);
    dev.edit(MAIN, "fn start() {}", "fn start() { panic!(\"no such database\") }");
    let problem: Value = serde_json::from_str(&dev.get("/").body).expect("a problem");
    assert_eq!(problem["type"], "urn:tenfold:problem:dev-start-failed");
    assert!(problem["output"].to_string().contains("no such database"), "{problem}");
    let page = dev.navigate("/");
    assert!(page.body.contains("does not start") && page.body.contains("no such database"), "{}", page.body);
    dev.edit(MAIN, "panic!(\"no such database\")", "");
    assert_eq!(dev.get("/").body, "one");
}

#[test]
fn panic_in_a_handler_is_shown_to_a_browser_only() {
    let dev = Dev::start();
    let answer = dev.get("/panic");
    assert_eq!((answer.status, answer.body.as_str()), (500, "its own answer"));
    // The page waits only briefly for the lines of the panic.
    let mut pages = (0..4).map(|_| dev.navigate("/panic"));
    let page =
        pages.find(|page| page.body.contains("src/main.rs:")).unwrap_or_else(|| dev.navigate("/panic"));
    assert_eq!(page.status, 500);
    for part in ["The application panicked", "src/main.rs:", "no &lt;b&gt;luck&lt;/b&gt;", "its own answer"] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
}

#[test]
fn end_of_the_application_is_shown_until_it_is_started_again() {
    let dev = Dev::start();
    let mut answer = dev.get("/exit");
    // A request waits only briefly until the end of the application is known.
    for _ in 0..3 {
        if answer.status != 502 {
            break;
        }
        dev.says("The application has ended");
        dev.press("r");
        dev.says("ready");
        answer = dev.get("/exit");
    }
    assert_eq!(answer.status, 503, "{}", answer.body);
    let problem: Value = serde_json::from_str(&answer.body).expect("a problem");
    assert_eq!(problem["type"], "urn:tenfold:problem:dev-crashed");
    assert!(problem["output"].to_string().contains("the last words"), "{problem}");
    dev.says("The application has ended");
    dev.press("r");
    dev.says("ready");
    assert_eq!(dev.get("/").body, "one");
}

#[test]
fn stream_goes_on_while_the_build_fails() {
    let dev = Dev::start();
    let application = dev.application();
    let mut stream = dev.open("/stream");
    read_until(&mut stream, "data: first");
    dev.edit(MAIN, "fn start() {}", "fn start() {");
    assert_eq!(dev.get("/").status, 503);
    assert_eq!(ask(application, "/release", "").status, 200);
    read_until(&mut stream, "data: second");
}

#[test]
fn body_passes_as_it_is_sent() {
    let dev = Dev::start();
    let mut stream = TcpStream::connect(dev.address()).expect("the command listens");
    let head = "POST /first HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    // No last chunk: an answer can only come if nothing waits for the whole body.
    stream.write_all(format!("{head}5\r\nhello\r\n").as_bytes()).expect("a connection");
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).expect("an answer");
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend(&part[..read]);
    }
}

#[test]
fn switch_of_protocols_passes_both_ways() {
    let dev = Dev::start();
    let mut stream = dev.send("/upgrade", "Connection: Upgrade\r\nUpgrade: echo\r\n");
    read_until(&mut stream, "101");
    while read_until(&mut stream, "\n") != "\r\n" {}
    stream.get_mut().write_all(b"hello").expect("a connection");
    let mut word = [0; 5];
    stream.read_exact(&mut word).expect("an answer");
    assert_eq!(&word, b"HELLO");
}

#[test]
fn application_sees_the_host_and_origin_of_the_client() {
    let dev = Dev::start();
    let headers = "Host: app.localhost:9\r\nOrigin: http://localhost:3000\r\nKeep-Alive: timeout=5\r\n";
    let seen = dev.ask("/head?a=b", headers).body.to_lowercase();
    assert!(seen.starts_with("get /head?a=b http/1.1\r\n"), "{seen}");
    assert!(
        seen.contains("host: app.localhost:9\r\n") && seen.contains("origin: http://localhost:3000\r\n"),
        "{seen}"
    );
    assert!(!seen.contains("keep-alive") && !seen.contains("x-forwarded"), "{seen}");
}

#[test]
fn name_of_another_machine_sees_no_sources() {
    let dev = Dev::start();
    dev.edit(MAIN, "fn start() {}", "fn start() { secret_name(); }");
    assert!(dev.get("/").body.contains("secret_name"));
    let answer = dev.ask("/", "Host: attacker.test\r\nAccept: text/html\r\n");
    assert_eq!(answer.status, 503);
    assert!(!answer.body.contains("secret_name"), "{}", answer.body);
    for path in ["", "/events", "/dev.js"] {
        assert_eq!(dev.ask(&format!("/_tenfold/dev{path}"), "Host: attacker.test\r\n").status, 421, "{path}");
    }
}

#[test]
fn page_of_another_loopback_port_may_read_the_problem() {
    let dev = Dev::start();
    dev.edit(MAIN, "fn start() {}", "fn start() {");
    let answer = dev.ask("/", "Origin: http://localhost:3000\r\n");
    assert!(answer.head.contains("access-control-allow-origin: http://localhost:3000"), "{}", answer.head);
    let answer = dev.ask("/", "Origin: https://attacker.test\r\n");
    assert!(!answer.head.contains("access-control-allow-origin"), "{}", answer.head);
}

#[test]
fn edit_of_the_settings_restarts_without_a_build() {
    let dev = Dev::start();
    let before = dev.application();
    dev.says("ready");
    dev.edit("app.toml", "app.db", "other.db");
    assert_ne!(dev.application(), before);
    let next = dev.says("[dev]");
    assert!(next.contains("ready"), "{next}");
}

#[test]
fn reseed_deletes_what_the_application_has_filled() {
    let dev = Dev::start();
    assert_eq!(dev.get("/").status, 200);
    dev.says("ready");
    assert_eq!(dev.text("data/app.db"), "demo");
    std::fs::write(dev.path("data/app.db"), "changed").expect("a writable file");
    std::fs::write(dev.path("data/app.db-wal"), "changed").expect("a writable file");
    dev.press("s");
    dev.says("ready");
    assert_eq!(dev.text("data/app.db"), "demo");
    assert!(!dev.path("data/app.db-wal").exists());
}

#[test]
fn reseed_touches_nothing_outside_data_and_no_other_database() {
    let dev = Dev::start();
    std::fs::write(dev.path("mine.db"), "mine").expect("a writable file");
    assert_eq!(dev.get("/").status, 200);
    for url in ["postgres://127.0.0.1/app", "sqlite:mine.db", "sqlite:data/../mine.db"] {
        std::fs::write(dev.path("app.toml"), url).expect("a writable file");
        assert_eq!(dev.get("/").status, 200);
        dev.press("s");
        dev.says("nothing was deleted");
        assert_eq!(dev.text("mine.db"), "mine");
        assert_eq!(dev.text("data/app.db"), "demo");
    }
}

#[test]
fn reseed_touches_no_database_that_the_application_has_not_opened() {
    let dev = Dev::start();
    assert_eq!(dev.get("/").status, 200);
    std::fs::write(dev.path("data/other.db"), "other").expect("a writable file");
    dev.edit(MAIN, "fn start() {}", "fn start() { panic!() }");
    std::fs::write(dev.path("app.toml"), "sqlite:data/other.db").expect("a writable file");
    assert_eq!(dev.get("/").status, 503);
    dev.press("s");
    dev.says("nothing was deleted");
    assert_eq!((dev.text("data/other.db").as_str(), dev.text("data/app.db").as_str()), ("other", "demo"));
}

#[test]
fn reseed_needs_demo_data() {
    let dev = Dev::start_with(&["--", "serve"]);
    assert_eq!(dev.get("/").status, 200);
    dev.press("s");
    dev.says("nothing was deleted");
    assert!(dev.path("data/app.db").exists());
}

#[test]
fn client_is_written_when_it_has_changed() {
    let dev = Dev::start_with(&["--client", "client.ts"]);
    dev.says("wrote the client");
    assert_eq!(dev.text("client.ts"), "one");
    dev.edit(MAIN, "\"one\"", "\"two\"");
    dev.says("wrote the client");
    assert_eq!(dev.text("client.ts"), "two");
}

#[test]
fn command_goes_on_when_its_own_file_is_built_again() {
    let dev = Dev::start_copy();
    assert_eq!(dev.get("/").body, "one");
    std::fs::copy(dev.path("tenfold"), dev.path("new")).expect("a writable file");
    std::fs::rename(dev.path("new"), dev.path("tenfold")).expect("a writable file");
    dev.edit(MAIN, "\"one\"", "\"two\"");
    assert_eq!(dev.get("/").body, "two");
}

#[test]
fn application_ends_with_the_command_that_was_killed() {
    let mut dev = Dev::start();
    let application = dev.application();
    dev.kill();
    wait_until_closed(application);
}

#[test]
fn quit_ends_the_application_and_the_command() {
    let mut dev = Dev::start();
    let application = dev.application();
    dev.press("q");
    assert!(dev.end().success());
    wait_until_closed(application);
}

#[test]
fn wrong_start_says_what_to_do() {
    let fixture = crate::fixture::Fixture::good();
    fixture.run(&["dev", "--", "serve", "--listen", "x"]).ends_with_code(2, "before the `--`");
    fixture.run(&["dev", "--listen", "0.0.0.0:0"]).ends_with_code(2, "the demo's passwords are public");
    fixture.run(&["dev", "--bin", "nothing"]).ends_with_code(2, "no such program");
}
