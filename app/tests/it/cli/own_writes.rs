//! What a person has changed is seen by the person's next request, whichever process answers it.

use serde_json::json;

use super::in_both_places;
use super::process::Process;
use super::sign_up;
use super::wire::{HttpAnswer, HttpRequest};

in_both_places!(fn another_process_shows_ones_own_change_at_once(place) {
    let start = || place.app(&["serve"]).env("TENFOLD_FEED__POLL", "1900ms").start();
    let (mut here, mut there) = (start(), start());
    let token = sign_up(&here, "ada");
    let patch = |process: &Process, name: &str, by: &str| -> HttpAnswer {
        let body = json!({"profile": {"display_name": name}});
        let patch = HttpRequest::patch("/v1/auth/profile").json(&body).bearer(&token);
        let answer = process.ask(&patch.header("X-Written-By", by));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    };
    // A process looks for others when it reads what they tell.
    let name_of = |process: &Process| {
        let named = (0..5_000).find_map(|number| {
            let answer = patch(process, &format!("Ada {number}"), "");
            Some(answer.header("x-written-by").to_owned()).filter(|named| !named.is_empty())
        });
        named.expect("the process knows that there is another one")
    };
    let (named, other) = (name_of(&here), name_of(&there));
    assert_ne!(named, other);
    let list = |by: Option<&str>| {
        let request = HttpRequest::get("/v1/users").bearer(&token);
        let answer = there.ask(&match by {
            Some(cookie) => request.header("Cookie", &format!("tenfold_written_by={cookie}")),
            None => request,
        });
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["items"][0]["profile"]["display_name"].clone()
    };
    for number in 0..20 {
        let name = format!("Grace {number}");
        list(None);
        let answer = patch(&here, &name, "");
        assert!(answer.header("set-cookie").starts_with(&format!("tenfold_written_by={named}; Path=/; HttpOnly")));
        assert_eq!(list(Some(&named)), json!(name));
        let both = patch(&there, &name, &named).header("x-written-by").to_owned();
        assert_eq!(both, "00000000-0000-0000-0000-000000000000", "each process reads past its cache");
        assert_eq!(list(Some(&both)), json!(name));
    }
    here.stop();
    there.stop();
});
