//! Who changes a project says which state he has seen: `ETag` and `If-Match`.

use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::{READER, WRITER, app, stranger};

/// A new project: its path, and the tag of its first state.
async fn new_project(app: &TestApp, token: &str) -> (String, String) {
    let made = app.post("/v1/projects").bearer(token).json(&json!({"name": "first"})).send().await;
    assert_eq!(made.status(), 201, "{}", made.text());
    (made.header("location").to_owned(), made.header("etag").to_owned())
}

async fn rename(app: &TestApp, token: &str, path: &str, seen: Option<&str>, name: &str) -> TestResponse {
    let request = app.patch(path).bearer(token).json(&json!({"name": name}));
    match seen {
        Some(tags) => request.header("if-match", tags).send().await,
        None => request.send().await,
    }
}

async fn name(app: &TestApp, token: &str, path: &str) -> Value {
    app.get(path).bearer(token).send().await.json()["name"].clone()
}

fn assert_outdated(answer: &TestResponse) {
    assert_eq!(answer.problem(412)["type"], "urn:tenfold:problem:precondition-failed");
}

both_databases!(app(); async fn of_two_who_saw_the_same_state_the_second_is_told(app) {
    let token = WRITER;
    let (path, first) = new_project(app, token).await;
    assert_eq!(app.get(&path).bearer(token).send().await.header("etag"), first);
    let changed = rename(app, token, &path, Some(&first), "second").await;
    assert_eq!((changed.status(), &changed.json()["name"]), (200, &json!("second")));
    let second = changed.header("etag");
    assert_ne!(second, first);
    assert_outdated(&rename(app, token, &path, Some(&first), "third").await);
    assert_eq!(name(app, token, &path).await, "second");
    assert_eq!(rename(app, token, &path, Some(second), "third").await.status(), 200);
    assert_eq!(name(app, token, &path).await, "third");
});

both_databases!(app(); async fn a_version_that_the_client_has_is_not_sent(app) {
    let (path, first) = new_project(app, WRITER).await;
    let ask = async |tags: &str| app.get(&path).bearer(WRITER).header("if-none-match", tags).send().await;
    let known = ask(&format!("\"0\", W/{first}")).await;
    assert_eq!((known.status(), known.bytes(), known.header("etag")), (304, &b""[..], &*first));
    assert_eq!((known.header("content-type"), known.header("cache-control")), ("", "no-store"));
    assert_eq!(ask("\"0\"").await.status(), 200);
    rename(app, WRITER, &path, None, "second").await;
    assert_eq!(ask(&first).await.json()["name"], "second");
    let changed = app.patch(&path).bearer(WRITER).header("if-none-match", "*").json(&json!({"name": "third"}));
    assert_eq!(changed.send().await.status(), 200, "a change is answered");
});

both_databases!(app(); async fn of_many_at_once_with_the_same_tag_one_wins(app) {
    let token = WRITER;
    let (path, first) = new_project(app, token).await;
    let names: Vec<String> = (0..8).map(|number| format!("of {number}")).collect();
    let answers = names.iter().map(|name| rename(app, token, &path, Some(&first), name));
    let answers = futures_util::future::join_all(answers).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 200);
    assert_eq!((won.len(), lost.len()), (1, 7));
    lost.into_iter().for_each(assert_outdated);
    assert_eq!(name(app, token, &path).await, won[0].json()["name"]);
});

both_databases!(app(); async fn without_a_tag_the_last_one_wins(app) {
    let token = WRITER;
    let (path, first) = new_project(app, token).await;
    for name in ["second", "third"] {
        assert_eq!(rename(app, token, &path, None, name).await.status(), 200);
    }
    assert_outdated(&rename(app, token, &path, Some(&first), "late").await);
    assert_eq!(name(app, token, &path).await, "third");
});

both_databases!(app(); async fn a_change_of_nothing_leaves_the_tag_as_it_is(app) {
    let token = WRITER;
    let (path, first) = new_project(app, token).await;
    let answer = app.patch(&path).bearer(token).json(&json!({})).header("if-match", &first).send().await;
    assert_eq!((answer.status(), answer.header("etag")), (200, &*first));
});

both_databases!(app(); async fn a_star_or_one_tag_of_several_matches_and_a_weak_or_made_up_one_never(app) {
    let token = WRITER;
    let (path, _) = new_project(app, token).await;
    let tag = async || app.get(&path).bearer(token).send().await.header("etag").to_owned();
    for (seen, matches) in [
        ("*", true),
        (" * ", true),
        ("TAG", true),
        ("\"other\", TAG", true),
        ("TAG,\"other\"", true),
        (", ,TAG\t,", true),
        ("W/\"other\", TAG", true),
        ("W/TAG", false),
        ("W/TAG, W/\"other\"", false),
        ("\"other\"", false),
        ("", false),
        (" , ", false),
        ("\"\"", false),
        ("\"*\"", false),
        ("\"a,b\"", false),
        ("\"0NUMBER\"", false),
        ("\"NUMBER0\"", false),
    ] {
        let current = tag().await;
        let seen = seen.replace("TAG", &current).replace("NUMBER", current.trim_matches('"'));
        let answer = rename(app, token, &path, Some(&seen), "renamed").await;
        match matches {
            true => assert_eq!(answer.status(), 200, "{seen}: {}", answer.text()),
            false => assert_outdated(&answer),
        }
        assert_eq!(tag().await != current, matches, "{seen}");
    }
});

both_databases!(app(); async fn what_is_no_list_of_tags_cannot_be_understood_and_changes_nothing(app) {
    let token = WRITER;
    let (path, _) = new_project(app, token).await;
    for wrong in [   "1", "\"1", "1\"", "W/", "W/1", "w/\"1\"", "\"1\" \"2\"", "\"1\"\"2\"", "*, \"1\"", "\"1\", *", "\"a b\"", "**"] {
        let answer = rename(app, token, &path, Some(wrong), "renamed").await;
        assert_eq!(answer.problem(400)["type"], "urn:tenfold:problem:bad-request", "{wrong:?}");
    }
    assert_eq!(name(app, token, &path).await, "first");
});

both_databases!(app(); async fn a_precondition_tells_nobody_what_is_not_his(app) {
    let token = WRITER;
    let (path, first) = new_project(app, token).await;
    let stranger = stranger();
    for seen in ["*", &*first, "\"other\"", "no tag"] {
        let request = app.patch(&path).json(&json!({"name": "taken"})).header("if-match", seen);
        request.send().await.problem(401);
        rename(app, READER, &path, Some(seen), "taken").await.problem(403);
    }
    for seen in ["*", &*first, "\"other\""] {
        rename(app, &stranger, &path, Some(seen), "taken").await.problem(404);
        let unknown = "/v1/projects/01900000-0000-7000-8000-000000000000";
        rename(app, token, unknown, Some(seen), "taken").await.problem(404);
    }
    assert_eq!(name(app, token, &path).await, "first");
});

both_databases!(app(); async fn the_document_says_what_if_match_takes_and_what_answers_bear(app) {
    let document = app.get("/openapi.json").send().await.json();
    let path = &document["paths"]["/v1/projects/{id}"];
    let parameters = path["patch"]["parameters"].as_array().expect("there are parameters");
    let parameter = parameters.iter().find(|one| one["name"] == "if-match").expect("If-Match is one");
    assert_eq!((&parameter["in"], &parameter["required"]), (&json!("header"), &json!(false)));
    assert!(parameter["schema"]["pattern"].is_string(), "{parameter}");
    let status = &path["patch"]["responses"]["412"]["content"]["application/problem+json"]["schema"]["$ref"];
    assert_eq!(status, "#/components/schemas/Problem");
    let made = &document["paths"]["/v1/projects"]["post"]["responses"]["201"];
    for answer in [&path["get"]["responses"]["200"], &path["patch"]["responses"]["200"], made] {
        assert!(answer["headers"]["ETag"].is_object(), "{answer}");
    }
});
