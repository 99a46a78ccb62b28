//! What repeats although one would do: calls to another module, with and without SQL behind them, and what production
//! is told of it.

use serde_json::json;
use tenfold::axum::routing::get;
use tenfold::call::CallError;
use tenfold::data::RepeatKind;
use tenfold::http::{Json, Problem, Routes};
use tenfold::testing::TestApp;
use tenfold::{App, Context, Module, both_databases, module_api};

use crate::{new_owner, probe};

/// An interface behind which there is no SQL.
#[module_api(name = "echo", version = 1)]
pub trait Echo {
    /// How long a word is.
    #[call]
    async fn length(&self, cx: &Context, word: String) -> Result<usize, CallError>;

    /// The lengths of many, each in its word's place.
    #[call(batch_by = "words", one = "length_of")]
    async fn lengths(&self, cx: &Context, words: Vec<String>) -> Result<Vec<Option<usize>>, CallError>;
}

struct Lengths;

#[tenfold::async_trait]
impl Echo for Lengths {
    async fn length(&self, _: &Context, word: String) -> Result<usize, CallError> {
        Ok(word.len())
    }

    async fn lengths(&self, _: &Context, words: Vec<String>) -> Result<Vec<Option<usize>>, CallError> {
        Ok(words.iter().map(|word| Some(word.len())).collect())
    }
}

fn app() -> App {
    let echo = Module::new("echo").service(|_| Box::pin(async { Ok(Lengths) }));
    let echo = echo.provides::<dyn Echo>(|wiring| wiring.service::<Lengths>());
    probe::app().module(echo).module(Module::new("caller").needs::<dyn Echo>().routes(routes))
}

fn routes() -> Routes {
    Routes::new()
        .route("/caller/loop", get(calls_in_a_loop))
        .route("/caller/keys", get(calls_for_a_key_in_a_loop))
        .route("/caller/meant", get(calls_in_a_loop_for_a_reason))
        .route("/caller/retry", get(asks_the_same_again))
        .route("/caller/once", get(calls_once_for_all))
}

const WORDS: [&str; 6] = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff"];

/// A helper: its caller does not see that it asks another module.
async fn length(cx: &Context, echo: &EchoClient, word: &str) -> Result<usize, CallError> {
    echo.length(cx, word.to_owned()).await
}

async fn calls_in_a_loop(cx: Context, echo: EchoClient) -> Result<Json<usize>, Problem> {
    let mut sum = 0;
    for word in WORDS {
        sum += length(&cx, &echo, word).await?;
    }
    Ok(Json(sum))
}

/// The line of the loop above, as a report names it.
const LOOP: &str = "app/tests/it/repeats.rs:64";

async fn calls_for_a_key_in_a_loop(cx: Context, echo: EchoClient) -> Result<Json<usize>, Problem> {
    let mut sum = 0;
    for word in WORDS {
        sum += echo.length_of(&cx, word.to_owned()).await?.unwrap_or_default();
    }
    Ok(Json(sum))
}

async fn calls_in_a_loop_for_a_reason(cx: Context, echo: EchoClient) -> Result<Json<usize>, Problem> {
    let each = cx.repeating("each word is another's");
    let mut sum = 0;
    for word in WORDS {
        sum += length(&each, &echo, word).await?;
        sum += echo.length_of(&each, word.to_owned()).await?.unwrap_or_default();
    }
    Ok(Json(sum))
}

async fn asks_the_same_again(cx: Context, echo: EchoClient) -> Result<Json<usize>, Problem> {
    let mut sum = 0;
    for _ in WORDS {
        sum += length(&cx, &echo, "again").await?;
    }
    Ok(Json(sum))
}

async fn calls_once_for_all(cx: Context, echo: EchoClient) -> Result<Json<usize>, Problem> {
    let lengths = echo.lengths(&cx, WORDS.map(str::to_owned).into()).await?;
    Ok(Json(lengths.into_iter().flatten().sum()))
}

async fn answered(app: &TestApp, path: &str, expected: usize) {
    let token = new_owner(app).await;
    let answer = app.get(path).bearer(&token).send().await;
    assert_eq!((answer.status(), answer.json()), (200, json!(expected)));
}

both_databases!(app(); async fn a_call_for_each_row_is_found_with_its_loop(app) {
    answered(app, "/caller/loop", 21).await;
    let repeated = app.take_repeated();
    let [one] = &*repeated else { panic!("{repeated:?}") };
    assert_eq!((one.kind, &*one.name, one.module, one.times), (RepeatKind::Call, "echo.length", "echo", 6));
    assert_eq!(one.callers, [LOOP], "{one}");
    let told = one.to_string();
    assert!(told.contains("batch_by") && told.contains("asked for at app/tests/it/repeats.rs:"), "{told}");
    let metrics = app.get("/metrics").send().await.text();
    assert!(metrics.contains(r#"tenfold_n_plus_one_total{statement="echo.length",module="echo"} 1"#), "{metrics}");
});

both_databases!(app(); async fn a_merged_call_for_one_key_at_a_time_is_found(app) {
    answered(app, "/caller/keys", 21).await;
    let repeated = app.take_repeated();
    let [one] = &*repeated else { panic!("{repeated:?}") };
    assert_eq!((one.kind, &*one.name, one.times), (RepeatKind::Call, "echo.lengths", 6));
    assert_eq!(app.calls()[0].site, one.site, "a merged call names who asked first");
    assert!(one.site.file().ends_with("tests/it/repeats.rs"), "{one}");
});

both_databases!(app(); async fn calls_that_mean_it_or_ask_the_same_are_left_alone(app) {
    let token = new_owner(app).await;
    for path in ["/caller/meant", "/caller/retry", "/caller/once"] {
        assert_eq!(app.get(path).bearer(&token).send().await.status(), 200, "{path}");
        assert_eq!(app.take_repeated().len(), 0, "{path}");
    }
});
