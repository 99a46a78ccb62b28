//! What a caller learns when a call to another module fails, and what stays with that module.

use std::time::Duration;

use serde_json::Value;
use tenfold::axum::extract::Path;
use tenfold::axum::routing::get;
use tenfold::call::{CallError, CallOutcome};
use tenfold::data::{DataError, MigrationFile};
use tenfold::http::{Json, Problem, Routes};
use tenfold::testing::Log;
use tenfold::{App, Context, Module, both_databases, module_api, sql};

use crate::{new_owner, problem};

/// An interface whose calls fail as they are asked to.
#[module_api(name = "vault", version = 1)]
pub trait Vault {
    /// Fails like this.
    #[call]
    async fn fail(&self, cx: &Context, how: String) -> Result<(), CallError>;

    /// Fails like the first of these.
    #[call(batch_by = "hows", one = "fail_merged")]
    async fn fail_all(&self, cx: &Context, hows: Vec<String>) -> Result<Vec<Option<u8>>, CallError>;
}

const MIGRATIONS: &[MigrationFile] = &[MigrationFile {
    name: "0001_vault.sql",
    text: "CREATE TABLE vault_secrets (org_id uuid NOT NULL, secret_code text NOT NULL CHECK (secret_code <> ''), \
           PRIMARY KEY (org_id, secret_code));",
}];

struct Secrets;

#[tenfold::async_trait]
impl Vault for Secrets {
    async fn fail(&self, cx: &Context, how: String) -> Result<(), CallError> {
        let (entity, statement) = ("Secret", "vault.secret".to_owned());
        Err(match &*how {
            "not-found" => DataError::NotFound { entity, key: "secret-key".to_owned() }.into(),
            "conflict" => return store(cx, &["taken", "taken"]).await,
            "stale" => {
                DataError::Stale { entity, key: "secret-key".to_owned(), expected: 1, found: 2 }.into()
            }
            "invalid" => return store(cx, &["\0"]).await,
            "cursor" => DataError::Cursor.into(),
            "busy" => DataError::Overloaded { what: "the secret queue is full" }.into(),
            "unavailable" => CallOutcome::Unavailable { retry_after: Duration::from_secs(2) }.into(),
            "deadline" => DataError::Deadline { statement }.into(),
            "outcome-unknown" => CallError::from(CallOutcome::OutcomeUnknown).cause("the secret line is cut"),
            "internal" => return store(cx, &[""]).await,
            "own-transaction" => return call_inside_transaction(cx).await,
            other => CallError::invalid(format!("{other} is no failure")),
        })
    }

    async fn fail_all(&self, cx: &Context, hows: Vec<String>) -> Result<Vec<Option<u8>>, CallError> {
        self.fail(cx, hows[0].clone()).await?;
        Ok(vec![None; hows.len()])
    }
}

async fn store(cx: &Context, codes: &[&str]) -> Result<(), CallError> {
    let store = async |code: &str| {
        cx.transaction(async |tx| {
            let insert =
                sql!("vault.store", "INSERT INTO vault_secrets (org_id, secret_code) VALUES ($1, $2)")
                    .changes("vault_secrets");
            insert.bind(code.to_owned()).execute(tx).await.map(drop)
        })
        .await
    };
    for code in codes {
        store(code).await?;
    }
    Ok(())
}

/// The module's own mistake, in a call that it makes itself.
async fn call_inside_transaction(cx: &Context) -> Result<(), CallError> {
    let itself = client();
    cx.transaction(async |_| itself.fail(cx, "not-found".to_owned()).await).await
}

fn client() -> VaultClient {
    <dyn Vault as tenfold::call::Interface>::client(std::sync::Arc::new(Secrets))
}

fn app() -> App {
    let vault = Module::new("vault").migrations(MIGRATIONS).service(|_| Box::pin(async { Ok(Secrets) }));
    let vault = vault.provides::<dyn Vault>(|wiring| wiring.service::<Secrets>());
    app::app().module(vault).module(Module::new("caller").needs::<dyn Vault>().routes(routes))
}

fn routes() -> Routes {
    Routes::new()
        .route("/caller/alone/{how}", get(calls))
        .route("/caller/merged/{how}", get(calls_merged))
        .route("/caller/travelled/{how}", get(calls_from_afar))
        .route("/caller/told/{how}", get(tells))
        .route("/caller/inside-transaction", get(calls_inside_a_transaction))
        .route("/caller/merged-inside-transaction", get(calls_merged_inside_a_transaction))
}

async fn calls(cx: Context, vault: VaultClient, Path(how): Path<String>) -> Result<Json<()>, Problem> {
    Ok(Json(vault.fail(&cx, how).await?))
}

async fn calls_merged(
    cx: Context,
    vault: VaultClient,
    Path(how): Path<String>,
) -> Result<Json<Option<u8>>, Problem> {
    Ok(Json(vault.fail_merged(&cx, how).await?))
}

/// As if the module were on another machine.
async fn calls_from_afar(
    cx: Context,
    vault: VaultClient,
    Path(how): Path<String>,
) -> Result<Json<()>, Problem> {
    let failed = vault.fail(&cx, how).await;
    Ok(Json(failed.map_err(|error| {
        let sent = serde_json::to_string(&error).expect("it can be JSON");
        serde_json::from_str::<CallError>(&sent).expect("it can be read")
    })?))
}

/// All that a caller can get to know of a failure.
async fn tells(
    cx: Context,
    vault: VaultClient,
    Path(how): Path<String>,
) -> Result<Json<Vec<String>>, Problem> {
    let Err(error) = vault.fail(&cx, how).await else { return Ok(Json(Vec::new())) };
    let sent = serde_json::to_string(&error).expect("it can be JSON");
    let known = vec![error.to_string(), format!("{error:?}"), sent];
    Ok(Json(known.into_iter().chain([format!("{:#}", anyhow::Error::from(error))]).collect()))
}

async fn calls_inside_a_transaction(cx: Context, vault: VaultClient) -> Result<Json<()>, Problem> {
    Ok(Json(cx.transaction(async |_| vault.fail(&cx, "not-found".to_owned()).await).await?))
}

async fn calls_merged_inside_a_transaction(
    cx: Context,
    vault: VaultClient,
) -> Result<Json<Option<u8>>, Problem> {
    Ok(Json(cx.transaction(async |_| vault.fail_merged(&cx, "not-found".to_owned()).await).await?))
}

/// How a call fails, and the status, the kind and the `Retry-After` of what the client gets.
const FAILURES: [(&str, u16, &str, &str); 12] = [
    ("not-found", 404, "not-found", ""),
    ("conflict", 409, "conflict", ""),
    ("stale", 409, "stale", ""),
    ("invalid", 422, "invalid", ""),
    ("nonsense", 422, "invalid", ""),
    ("cursor", 400, "bad-request", ""),
    ("busy", 503, "overloaded", "1"),
    ("unavailable", 503, "overloaded", "2"),
    ("deadline", 503, "deadline", "1"),
    ("outcome-unknown", 500, "internal", ""),
    ("internal", 500, "internal", ""),
    ("own-transaction", 500, "internal", ""),
];

both_databases!(app(); async fn each_outcome_of_a_call_is_a_problem(app) {
    let token = new_owner(app).await;
    for way in ["alone", "merged", "travelled"] {
        for (how, status, kind, retry_after) in FAILURES {
            let answer = app.get(&format!("/caller/{way}/{how}")).bearer(&token).send().await;
            let told = problem(&answer, status);
            assert_eq!(told["type"], format!("urn:tenfold:problem:{kind}"), "{way} {how}");
            assert_eq!(answer.header("retry-after"), retry_after, "{way} {how}");
            assert!(!answer.text().to_lowercase().contains("secret"), "{way} {how}: {}", answer.text());
        }
    }
});

both_databases!(app(); async fn a_caller_learns_no_name_of_the_other_modules_data(app) {
    let token = new_owner(app).await;
    for (how, ..) in FAILURES {
        let known = app.get(&format!("/caller/told/{how}")).bearer(&token).send().await.json();
        let known: Vec<&str> = known.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert!(known[0].starts_with("vault.fail: "), "{how}: {known:?}");
        for text in known {
            assert!(!text.to_lowercase().contains("secret"), "{how}: {text}");
            assert!(!text.contains("calls.rs"), "{how}: {text}");
        }
    }
});

both_databases!(app(); async fn the_cause_of_a_failed_call_is_logged_once(app) {
    let token = new_owner(app).await;
    for path in ["/caller/alone/internal", "/caller/merged/internal"] {
        let log = Log::start("info");
        let answer = app.get(path).bearer(&token).send().await;
        problem(&answer, 500);
        let lines = log.end();
        let causes: Vec<&Value> = lines.iter().filter(|line| line.to_string().contains("secret_code")).collect();
        let [cause] = &*causes else { panic!("{causes:?} of {lines:?}") };
        assert_eq!((&cause["level"], &cause["message"]), (&"ERROR".into(), &"call failed".into()), "{cause}");
        let request = lines.iter().find(|line| line["message"] == "request failed").expect("a line of the request");
        assert!(cause["trace_id"].is_string(), "{cause}");
        assert_eq!(cause["trace_id"], request["trace_id"], "{cause} {request}");
        assert!(request.to_string().contains("vault.fail"), "{request}");
    }
});

both_databases!(app(); async fn a_call_inside_a_transaction_names_the_callers_lines(app) {
    let token = new_owner(app).await;
    for path in ["/caller/inside-transaction", "/caller/merged-inside-transaction"] {
        let log = Log::start("info");
        let answer = app.get(path).bearer(&token).send().await;
        problem(&answer, 500);
        let lines = log.end();
        let failed: Vec<&Value> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
        let [failed] = &*failed else { panic!("{lines:?}") };
        assert_eq!(failed.to_string().matches("app/tests/it/calls.rs:").count(), 2, "{failed}");
        assert!(app.calls().is_empty(), "nothing was called");
    }
});
