//! `app mcp`: an agent's client on standard input and output, beside a process that serves HTTP.

use serde_json::{Value, json};

use super::in_both_places;
use super::process::Finished;

const PASSWORD: (&str, &str) = ("TENFOLD_CONSOLE__PASSWORD", "a long enough password");

/// The lines that were printed, which are the answers.
fn answers(finished: &Finished) -> Vec<Value> {
    let read = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is no JSON: {}", finished.err))
    };
    finished.out.lines().map(read).collect()
}

fn lines(messages: &[Value]) -> String {
    messages.iter().map(|message| format!("{message}\n")).collect()
}

in_both_places!(fn an_agent_asks_over_standard_input(place) {
    let mut server = place.app(&["serve"]).env(PASSWORD.0, PASSWORD.1).start();
    let modern = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let messages = lines(&[
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "why"}}),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "modules", "_meta": modern}}),
        json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "módules", "_meta": modern}}),
    ]) + "{\n\n";
    let asked = |arguments: &[&str], messages: &str| {
        place.app(&[&["mcp"], arguments].concat()).env(PASSWORD.0, PASSWORD.1).input(messages).finish()
    };
    let url = format!("http://{}", server.address());
    for arguments in [&["--listen", server.address()][..], &["--at", &url]] {
        let told = asked(arguments, &messages);
        let answers = answers(&told);
        assert_eq!(answers.len(), 5, "{}{}", told.out, told.err);
        assert_eq!(answers[0]["result"]["protocolVersion"], "2025-06-18");
        assert!(answers[1]["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("No incident")), "{}", answers[1]);
        assert_eq!(answers[2]["result"]["resultType"], "complete", "{}", answers[2]);
        // The name that no header can have is passed in base64, so this is about the tool.
        assert_eq!((&answers[3]["id"], &answers[3]["error"]["code"]), (&json!(4), &json!(-32602)), "{}", answers[3]);
        assert_eq!((&answers[4]["id"], &answers[4]["error"]["code"]), (&Value::Null, &json!(-32700)), "{}", answers[4]);
        assert_eq!(told.status.code(), Some(0), "{}", told.err);
    }
    server.stop();
});

in_both_places!(fn what_stands_in_an_agents_way_is_its_answer(place) {
    let mut server = place.app(&["serve"]).env(PASSWORD.0, PASSWORD.1).start();
    let ping = lines(&[json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}), json!({"jsonrpc": "2.0", "method": "notifications/x"})]);
    let url = format!("http://{}", server.address());
    let operator = [("TENFOLD_OPERATOR_NAME", "ada"), ("TENFOLD_OPERATOR_PASSWORD", "guessed"), ("TENFOLD_OPERATOR_CODE", "123456")];
    for (at, variables, part) in [
        ("http://127.0.0.1:1", vec![PASSWORD], "127.0.0.1:1"),
        (&*url, vec![(PASSWORD.0, "another long password")], "console.password is not its password"),
        (&*url, operator.to_vec(), "TENFOLD_OPERATOR_CODE"),
    ] {
        let launch = variables.into_iter().fold(place.app(&["mcp", "--at", at]), |launch, (name, value)| launch.env(name, value));
        let told = launch.input(&ping).finish();
        let answers = answers(&told);
        assert_eq!((answers.len(), &answers[0]["error"]["code"]), (1, &json!(-32603)), "{}", told.out);
        assert!(answers[0]["error"]["message"].as_str().is_some_and(|text| text.contains(part)), "{}", told.out);
        assert!(!told.out.contains("guessed") && !told.err.contains("guessed"));
    }
    // A code is shown once: each time more would count as a wrong one, and be refused for that at last.
    let pings: Vec<Value> = (0..16).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).collect();
    let launch = place.app(&["mcp", "--at", &*url]);
    let launch = operator.into_iter().fold(launch, |launch, (name, value)| launch.env(name, value));
    let told = launch.input(&lines(&pings)).finish();
    let refused: Vec<Value> = answers(&told).iter().map(|answer| answer["error"]["message"].clone()).collect();
    assert_eq!(refused.len(), 16, "{}", told.out);
    assert!(refused[0].as_str().is_some_and(|text| text.contains("TENFOLD_OPERATOR_CODE")), "{}", refused[0]);
    assert!(refused.iter().all(|answer| *answer == refused[0]), "{}", told.out);
    let told = place.app(&["mcp"]).env(PASSWORD.0, "").input(&ping).finish();
    assert!(told.status.code() == Some(1) && told.err.contains("TENFOLD_OPERATOR_NAME"), "{}{}", told.out, told.err);
    let told = place.app(&["mcp", "--at", "127.0.0.1"]).env(PASSWORD.0, PASSWORD.1).finish();
    assert!(told.err.contains("http://HOST:PORT"), "{}", told.err);
    server.stop();
});

in_both_places!(fn an_operator_signs_in_by_the_environment(place) {
    let mut server = place.app(&["serve"]).start();
    let added = place.app(&["operator", "add", "ada"]).finish().out;
    let after = |label: &str| {
        let rest = added.split_once(label).expect(label).1;
        rest.split([' ', ',', '\n']).find(|word| !word.is_empty()).unwrap_or_default().to_owned()
    };
    let secret = base32(&after("secret  "));
    let period = tenfold::credentials::totp::period_of(tenfold::data::Clock::system().now());
    let code = tenfold::credentials::totp::code_of(&secret, period);
    let list = lines(&[json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})]);
    let told = place
        .app(&["mcp", "--listen", server.address()])
        .env("TENFOLD_OPERATOR_NAME", "ada")
        .env("TENFOLD_OPERATOR_PASSWORD", &after("password  "))
        .env("TENFOLD_OPERATOR_CODE", &code)
        .input(&list)
        .finish();
    assert!(told.out.contains("\"retry_job\""), "{}{}", told.out, told.err);
    server.stop();
});

/// Bytes from base32 without padding (RFC 4648).
fn base32(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes() {
        let value = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
        bits = (bits << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
