//! The Model Context Protocol at `/console/mcp`, as a coding agent's client speaks it.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::operators::OperatorRole;
use tenfold::testing::{TestApp, TestRequest, TestResponse};

use crate::console::form;
use crate::{new_owner, operators, organization, sign_up, text};

const PASSWORD: &str = "a long enough password";
const PATH: &str = "/console/mcp";

/// The token of a sign-in with the configured password.
async fn token(app: &TestApp) -> String {
    let answer = form(app, "/console/sign-in", "password=a+long+enough+password").send().await;
    token_of(answer.header("set-cookie").split(';').next().unwrap_or_default())
}

fn token_of(cookie: &str) -> String {
    cookie.split_once('=').expect("a cookie has a name").1.to_owned()
}

fn message(app: &TestApp, token: &str, message: &Value) -> TestRequest {
    app.post(PATH).bearer(token).json(message)
}

async fn ask(app: &TestApp, token: &str, method: &str, params: Value) -> Value {
    let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let answer = message(app, token, &request).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!((&answer.json()["id"], &answer.json()["jsonrpc"]), (&json!(7), &json!("2.0")));
    answer.json()
}

/// What a tool answers, and whether that is an error.
async fn call(app: &TestApp, token: &str, tool: &str, arguments: Value) -> (Value, bool) {
    let answer = ask(app, token, "tools/call", json!({"name": tool, "arguments": arguments})).await;
    let result = &answer["result"];
    let told = text(&result["content"][0]["text"]);
    assert!(told.len() < 24 * 1024, "{tool} answers {} bytes", told.len());
    let told = serde_json::from_str(&told).unwrap_or(Value::String(told));
    (told, result["isError"] == true)
}

async fn done(app: &TestApp, token: &str, tool: &str, arguments: Value) -> Value {
    let (answer, is_error) = call(app, token, tool, arguments).await;
    assert!(!is_error, "{tool}: {answer}");
    answer
}

async fn refused(app: &TestApp, token: &str, tool: &str, arguments: Value) -> String {
    let (answer, is_error) = call(app, token, tool, arguments.clone()).await;
    assert!(is_error, "{tool} takes {arguments}: {answer}");
    text(&answer)
}

/// A request of revision 2026-07-28, which repeats its parts in headers.
fn modern(app: &TestApp, token: &str, method: &str, params: Value) -> (TestRequest, Value) {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let request = json!({"jsonrpc": "2.0", "id": "a", "method": method, "params": params});
    let post = app.post(PATH).bearer(token).header("mcp-protocol-version", "2026-07-28");
    (post, request)
}

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_client_of_an_earlier_revision_begins_with_a_handshake(app) {
    let token = token(app).await;
    for (asked, answered) in [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25")] {
        let params = json!({"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let result = &ask(app, &token, "initialize", params).await["result"];
        assert_eq!((&result["protocolVersion"], &result["serverInfo"]["name"]), (&json!(answered), &json!("app")));
        assert!(result["capabilities"]["tools"].is_object() && result.get("resultType").is_none(), "{result}");
    }
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answer = message(app, &token, &initialized).send().await;
    assert_eq!((answer.status(), answer.text()), (202, String::new()));
    assert_eq!(ask(app, &token, "ping", json!({})).await["result"], json!({}));
    let listed = &ask(app, &token, "tools/list", json!({})).await["result"]["tools"];
    let tools = listed.as_array().expect("a list");
    let names: Vec<String> = tools.iter().map(|tool| text(&tool["name"])).collect();
    assert_eq!(names, ["why", "endpoints", "statements", "trace", "jobs", "schema", "routes", "modules", "retry_job", "cancel_job"]);
    for tool in tools {
        let changes = ["retry_job", "cancel_job"].contains(&tool["name"].as_str().unwrap_or_default());
        let hints = &tool["annotations"];
        assert_eq!((&hints["readOnlyHint"], &hints["destructiveHint"]), (&json!(!changes), &json!(changes)), "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false);
    }
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_request_of_the_newest_revision_stands_alone(app) {
    let token = token(app).await;
    let (post, request) = modern(app, &token, "server/discover", json!({}));
    let answer = post.header("mcp-method", "server/discover").json(&request).send().await;
    let result = &answer.json()["result"];
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]), "{}", answer.text());
    assert_eq!((&result["resultType"], &result["cacheScope"]), (&json!("complete"), &json!("private")));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "app");
    let (post, request) = modern(app, &token, "tools/call", json!({"name": "modules"}));
    // A name may be in base64.
    let post = post.header("mcp-method", "tools/call").header("mcp-name", "=?base64?bW9kdWxlcw==?=");
    let answer = post.json(&request).send().await;
    assert_eq!((answer.status(), &answer.json()["result"]["isError"]), (200, &json!(false)), "{}", answer.text());
    for (method, headers, status, code) in [
        ("tools/list", vec![("mcp-method", "tools/call")], 400, -32020),
        ("tools/list", vec![], 400, -32020),
        ("ping", vec![("mcp-method", "ping")], 404, -32601),
    ] {
        let (post, request) = modern(app, &token, method, json!({}));
        let post = headers.into_iter().fold(post, |post, (name, value)| post.header(name, value));
        let answer = post.json(&request).send().await;
        assert_eq!((answer.status(), &answer.json()["error"]["code"]), (status, &json!(code)), "{}", answer.text());
        assert_eq!(answer.json()["id"], "a");
    }
    let bare = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    for (version, code) in [("2026-07-28", -32602), ("2031-01-01", -32022)] {
        let answer = message(app, &token, &bare).header("mcp-protocol-version", version).send().await;
        assert_eq!((answer.status(), &answer.json()["error"]["code"]), (400, &json!(code)), "{}", answer.text());
    }
    let answer = message(app, &token, &bare).header("mcp-protocol-version", "2031-01-01").send().await;
    assert_eq!(answer.json()["error"]["data"], json!({"supported": ["2026-07-28"], "requested": "2031-01-01"}));
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn malformed_messages_get_the_errors_of_json_rpc(app) {
    let token = token(app).await;
    let post = |body: &str| {
        app.post(PATH).bearer(&token).header("content-type", "application/json").body(body.to_owned())
    };
    for (body, status, id, code) in [
        ("{", 400, json!(null), -32700),
        ("7", 400, json!(null), -32600),
        ("[]", 400, json!(null), -32600),
        (r#"{"id":1,"method":"ping"}"#, 400, json!(1), -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, 400, json!(1), -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400, json!(null), -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, 400, json!(null), -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, 400, json!(1), -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#, 200, json!(1), -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, 200, json!(1), -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop"}}"#, 200, json!(1), -32602),
    ] {
        let answer = post(body).send().await;
        let error = answer.json();
        assert_eq!((answer.status(), &error["id"], &error["error"]["code"]), (status, &id, &json!(code)), "{body}: {error}");
    }
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},7]"#;
    let answers = post(batch).send().await.json();
    assert_eq!(answers.as_array().map(Vec::len), Some(2), "{answers}");
    assert_eq!((&answers[0]["result"], &answers[1]["error"]["code"]), (&json!({}), &json!(-32600)));
    let silent = r#"[{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":1,"result":{}}]"#;
    assert_eq!(post(silent).send().await.status(), 202);
    assert_eq!(post(&format!("[{}7]", "7,".repeat(20))).send().await.json()["error"]["code"], -32600);
    post(&" ".repeat(64 * 1024 + 1)).send().await.problem(413);
    app.post(PATH).bearer(&token).header("content-type", "text/plain").body("{}").send().await.problem(415);
    assert_eq!(app.get(PATH).bearer(&token).send().await.header("allow"), "POST");
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn only_an_operators_sign_in_opens_it_and_no_page_elsewhere(app) {
    let (session, token) = (text(&sign_up(app, "a@new.test").await["token"]), token(app).await);
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    for wrong in ["", &session, &token[..token.len() - 4]] {
        message(app, wrong, &ping).send().await.problem(401);
    }
    app.post(PATH).json(&ping).send().await.problem(401);
    let from = async |name: &str, value: &str| -> TestResponse { message(app, &token, &ping).header(name, value).send().await };
    for origin in ["http://evil.test", "null", "http://localhost.evil.test"] {
        from("origin", origin).await.problem(403);
    }
    // Its name was pointed at this service: Origin and Host agree.
    from("origin", "http://app.test").await.problem(403);
    let local = message(app, &token, &ping).host("127.0.0.1:8080").header("origin", "http://127.0.0.1:8080");
    assert_eq!(local.send().await.status(), 200);
    // A cookie is sent by a browser by itself.
    let by_cookie = || app.post(PATH).header("cookie", &format!("tenfold-console={token}")).json(&ping);
    by_cookie().send().await.problem(403);
    by_cookie().header("sec-fetch-site", "cross-site").send().await.problem(403);
    assert_eq!(by_cookie().header("sec-fetch-site", "same-origin").send().await.status(), 200);
    app.clock().advance(Duration::from_secs(12 * 3600));
    message(app, &token, &ping).send().await.problem(401);
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn wrong_arguments_are_named_with_what_is_allowed(app) {
    let token = token(app).await;
    for (tool, arguments, parts) in [
        ("why", json!({"since": "yesterday"}), ["`since`", "30m"]),
        ("endpoints", json!({"minutes": 0}), ["`minutes`", "1 to 60"]),
        ("endpoints", json!({"of": "mails"}), ["`of`", "requests, jobs"]),
        ("statements", json!({"limit": "5"}), ["`limit`", "1 to 100"]),
        ("statements", json!({"nam": "x"}), ["`nam`", "minutes, name, limit"]),
        ("trace", json!({"id": "12"}), ["`id`", "32 hexadecimal digits"]),
        ("jobs", json!({"state": "lost"}), ["`state`", "discarded"]),
        ("jobs", json!({"id": "7"}), ["`id`", "019b76da"]),
        ("schema", json!({"table": "no_table"}), ["`table`", "without arguments"]),
        ("modules", json!({"x": 1}), ["`x`", "none"]),
        ("retry_job", json!({}), ["`id`", "missing"]),
        ("cancel_job", json!({"id": "019b76da-a800-7023-95dd-03d5a8091139", "confirm": "yes"}), ["`confirm`", "true or false"]),
        ("cancel_job", json!({"id": "019b76da-a800-7023-95dd-03d5a8091139", "confirm": true}), ["`id`", "there is no job"]),
    ] {
        let told = refused(app, &token, tool, arguments).await;
        assert!(parts.iter().all(|part| told.contains(part)), "{tool}: {told}");
    }
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn the_tools_answer_what_the_console_shows(app) {
    let (session, token) = (new_owner(app).await, token(app).await);
    let why = done(app, &token, "why", json!({"since": "30m"})).await;
    assert!(text(&why["verdict"]).contains("incident") && why["confidence"] == 1.0, "{why}");
    let endpoints = done(app, &token, "endpoints", json!({"name": "/v1/auth/verify"})).await;
    assert_eq!(endpoints["endpoints"][0]["name"], "POST /v1/auth/verify", "{endpoints}");
    assert_eq!((&endpoints["endpoints"][0]["count"], &endpoints["endpoints"][0]["failed"]), (&json!(1), &json!(0)));
    let jobs = done(app, &token, "endpoints", json!({"of": "jobs"})).await;
    assert!(jobs.to_string().contains("auth."), "{jobs}");
    let statements = done(app, &token, "statements", json!({"limit": 1})).await;
    let first = &statements["statements"][0];
    assert!(first["text"].is_string() && text(&first["at"]).contains(".rs:"), "{statements}");
    assert!(statements["statements_left_out"]["count"].as_u64() > Some(5), "{statements}");
    let traces = done(app, &token, "trace", json!({"name": "POST /v1/auth/sign-up"})).await;
    let id = &traces["traces"][0]["trace"];
    let trace = done(app, &token, "trace", json!({"id": id})).await;
    assert_eq!(trace["work"][0]["name"], "POST /v1/auth/sign-up", "{trace}");
    assert!(trace["work"][0]["spans"].to_string().contains("commit"), "{trace}");
    assert!(trace["work"].as_array().map(Vec::len) > Some(1), "the mail's job is a part of it: {trace}");
    // Ids, and not the address.
    assert!(!trace.to_string().contains("owner@new.test"), "{trace}");
    let users = done(app, &token, "schema", json!({"table": "auth_users"})).await;
    let users = &users["tables"][0];
    assert_eq!((&users["module"], &users["of_organizations"], &users["key"]), (&json!("auth"), &json!(true), &json!(["org_id", "id"])));
    assert!(users["columns"].to_string().contains("account_id") && !users["indexes"].is_null(), "{users}");
    let all = done(app, &token, "schema", json!({})).await.to_string();
    assert!(all.contains("projects_tasks") && all.contains("tenfold_jobs") && !all.contains("left_out"), "{all}");
    let routes = done(app, &token, "routes", json!({"path": "/v1/users"})).await.to_string();
    assert!(routes.contains("GET /v1/users") && routes.contains("members.read"), "{routes}");
    app.get("/v1/users").bearer(&session).send().await;
    let modules = done(app, &token, "modules", json!({})).await.to_string();
    assert!(modules.contains("projects") && modules.contains("Auth"), "{modules}");
    assert!(!done(app, &token, "endpoints", json!({})).await.to_string().contains("/console/mcp"), "it does not show itself");
    assert!(organization(&session).to_string().len() == 36);
});

both_databases!(app::app(); async fn an_agent_acts_with_its_operators_role_and_after_a_question(app) {
    new_owner(app).await;
    crate::sign_up(app, "late@new.test").await;
    let password = operators::add(app, OperatorRole::Look).await;
    let looking = token_of(&operators::signed_in(app, &password).await);
    let waiting = done(app, &looking, "jobs", json!({"state": "available"})).await;
    let id = &waiting["jobs"][0]["id"];
    assert!(id.is_string(), "{waiting}");
    let told = refused(app, &looking, "cancel_job", json!({"id": id, "confirm": true})).await;
    assert!(told.contains("--role act"), "{told}");
    app.run(async |cx| tenfold::operators::remove(&cx, "ada").await).await.expect("it can be removed");
    let password = operators::add(app, OperatorRole::Act).await;
    let acting = token_of(&operators::signed_in(app, &password).await);
    let told = refused(app, &acting, "cancel_job", json!({"id": id})).await;
    assert!(told.contains("`confirm`") && told.contains("available"), "{told}");
    assert_eq!(done(app, &acting, "jobs", json!({"id": id})).await["state"], "available");
    done(app, &acting, "cancel_job", json!({"id": id, "confirm": true})).await;
    assert_eq!(done(app, &acting, "jobs", json!({"id": id})).await["state"], "cancelled");
    let told = refused(app, &acting, "cancel_job", json!({"id": id, "confirm": true})).await;
    assert!(told.contains("finished"), "{told}");
    done(app, &acting, "retry_job", json!({"id": id, "confirm": true})).await;
    app.run_due_jobs().await;
    assert_eq!(done(app, &acting, "jobs", json!({"id": id})).await["state"], "completed");
    let told = refused(app, &acting, "retry_job", json!({"id": id, "confirm": true})).await;
    assert!(told.contains("Completed") || told.contains("completed"), "{told}");
    let acts = app.run(async |cx| tenfold::operators::last_acts(&cx, 10).await).await.expect("acts can be read");
    assert!(acts.iter().all(|act| act.operator == "ada" && act.about == text(id)), "{acts:?}");
    assert!(acts.iter().any(|act| act.act == "ends a job, by an agent"), "{acts:?}");
});
