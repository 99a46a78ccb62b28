//! Which applications get load.

use std::net::TcpListener;

use tenfold_load::LoadTarget;

use crate::server::Server;
use crate::{plan, run};

const SCENARIO: &str = "[[step]]\noperation = \"first\"";

#[test]
fn an_application_that_is_not_there_is_an_error() {
    let server = Server::start(|_| 200);
    let mut plan = plan(&server, SCENARIO);
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let gone = gone.expect("a port is free");
    plan.target = LoadTarget::of_listener(gone).expect("a loopback address");
    let error = run(&plan).expect_err("nobody is there").to_string();
    assert!(error.contains(&format!("nothing answers at http://{gone}")), "{error}");
    assert!(error.contains("start the application"), "{error}");
}

#[test]
fn another_machine_needs_a_scenario_with_accounts() {
    let server = Server::start(|_| 200);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    // An address that no machine has (RFC 5737). It is refused before anything is sent.
    let elsewhere = runtime.block_on(LoadTarget::find("http://192.0.2.1:8080")).expect("a target");
    let refused = |change: &dyn Fn(&mut tenfold_load::LoadPlan), scenario: &str| {
        let mut plan = plan(&server, scenario);
        plan.target = elsewhere.clone();
        change(&mut plan);
        run(&plan).expect_err("it is another machine").to_string()
    };
    let error = refused(&|plan| plan.scenario = None, SCENARIO);
    assert!(error.contains("write a scenario"), "{error}");
    let account = "[[account]]\nemail = \"a@b.test\"\npassword = \"secret-word\"\n";
    for scenario in [SCENARIO.to_owned(), format!("organizations = 2\n{account}{SCENARIO}")] {
        let error = refused(&|_| {}, &scenario);
        assert!(error.contains("names each [[account]]") && !error.contains("secret-word"), "{error}");
    }
    assert_eq!(server.seen(), [""; 0]);
}

#[test]
fn a_listener_for_all_is_asked_on_loopback() {
    let target = LoadTarget::of_listener("0.0.0.0:8080".parse().expect("an address")).expect("a target");
    assert_eq!(target.to_string(), "http://127.0.0.1:8080");
    let error =
        LoadTarget::of_listener("192.0.2.1:80".parse().expect("an address")).expect_err("not loopback");
    assert!(error.to_string().contains("--target"), "{error}");
}

#[test]
fn a_target_is_an_address_of_http() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    for url in ["127.0.0.1:80", "ftp://127.0.0.1", "http://127.0.0.1/path", "http://a:b@127.0.0.1", "http://"]
    {
        let error = runtime.block_on(LoadTarget::find(url)).expect_err(url).to_string();
        assert!(error.contains("write http://HOST"), "{url}: {error}");
    }
    let error = runtime.block_on(LoadTarget::find("https://127.0.0.1")).expect_err("TLS").to_string();
    assert!(error.contains("without TLS"), "{error}");
    assert!(runtime.block_on(LoadTarget::find("http://[::1]:8080/")).is_ok());
}
