//! What a scenario may say.

use crate::server::Server;
use crate::{plan, read, run};

#[test]
fn a_wrong_scenario_names_the_line_and_what_is_allowed() {
    let step = "[[step]]\noperation = \"first\"\n";
    for (text, line, says) in [
        (
            "[[step]]\noperation = \"first\"\nweigth = 3\n".to_owned(),
            3,
            "unknown field `weigth`, expected one of",
        ),
        ("[[step]]\nweight = 3\n".to_owned(), 1, "missing field `operation`"),
        (format!("{step}weight = 0\n"), 1, "`weight` is refused: use 1 to 1000000"),
        (format!("{step}weight = \"much\"\n"), 3, "invalid type"),
        (format!("{step}bytes = 0\n"), 1, "`bytes` is refused"),
        (format!("{step}bytes = 5\nbody = \"five\"\n"), 1, "a step has `body` or `bytes`"),
        (format!("{step}hold_seconds = 4000\n"), 1, "`hold_seconds` is refused: use 1 to 3600"),
        (format!("{step}hold_seconds = 0\n"), 1, "`hold_seconds` is refused: use 1 to 3600"),
        (format!("organizations = 5000\n{step}"), 1, "use at most 1000"),
        (format!("\n\norganisations = 5\n{step}"), 3, "unknown field `organisations`"),
        (format!("{step}= 3\n"), 3, ""),
    ] {
        let error = read(&text).expect_err(&text).to_string();
        assert!(error.contains(&format!(".toml:{line}: ")) && error.contains(says), "{text}: {error}");
    }
    let error = read("").expect_err("no step").to_string();
    assert!(error.contains("has no [[step]]"), "{error}");
}

#[test]
fn an_error_shows_no_password() {
    for account in [
        "email = \"a@b.test\"\npassword = 123456789",
        "email = 5\npassword = \"123456789\"",
        "email = \"a@b.test\"\npassword = \"123456789\"\nname = \"Ada\"",
        "email = \"a@b.test\"\npassword = \"123456789",
        "email = \"a@b.test\"\npassword = 123456789 x",
    ] {
        let error = read(&format!("[[account]]\n{account}\n")).expect_err(account);
        assert!(!format!("{error:?}").contains("123456789"), "{error:?}");
    }
    let fine = "[[account]]\nemail = \"a@b.test\"\npassword = \"123456789\"\n[[step]]\noperation = \"first\"";
    assert!(!format!("{:?}", read(fine).expect("a scenario")).contains("123456789"));
}

#[test]
fn a_step_that_does_not_fit_the_api_names_its_line() {
    let server = Server::start(|request| if request.starts_with("GET /second") { 422 } else { 200 });
    for (step, says) in [
        ("operation = \"third\"", "the API has no operation `third`; it has events, first, second, write"),
        ("operation = \"first\"\nbody = 5", "first takes no body"),
        ("operation = \"write\"\nbytes = 5", "write takes JSON"),
        ("operation = \"second\"", "second answers 422"),
        (
            "operation = \"write\"\nhold_seconds = 2",
            "`hold_seconds` is refused: write is no stream of events; the API has events",
        ),
    ] {
        let text = format!("[[step]]\noperation = \"first\"\n\n[[step]]\n{step}\n");
        let error = format!("{:#}", run(&plan(&server, &text)).expect_err(step));
        assert!(error.contains(".toml:4: ") && error.contains(says), "{error}");
    }
}
