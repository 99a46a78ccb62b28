//! Budgets: how many statements a request may cost, and that more rows do not make it cost more.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tenfold_data::{CallSite, StatementRecord};

use super::{TestApp, TestRequest, TestResponse};

/// Fails unless the request costs exactly this many statements; returns the answer. The message lists the statements.
///
/// ```ignore
/// let answer = assert_statements!(app, app.get("/v1/users").bearer(&token), 5);
/// ```
#[macro_export]
macro_rules! assert_statements {
    ($app:expr, $request:expr, $budget:expr) => {
        match $crate::testing::count_statements($app, $request, $budget).await {
            Ok(answer) => answer,
            Err(why) => panic!("{why}"),
        }
    };
}

/// Fails unless requests cost the same number of statements and calls to other modules with twice and three
/// times the rows. `populate` adds rows, the same number each time; `requests` returns the requests to send
/// then.
///
/// ```ignore
/// assert_scales!(app, async || add_projects(app, 5).await, || vec![app.get("/v1/projects").bearer(&token)]);
/// ```
#[macro_export]
macro_rules! assert_scales {
    ($app:expr, $populate:expr, $requests:expr) => {
        if let Err(why) = $crate::testing::scale($app, $populate, $requests).await {
            panic!("{why}");
        }
    };
}

/// What [`assert_statements!`](crate::assert_statements) does.
///
/// # Errors
/// When it costs another number; the text lists the statements.
pub async fn count_statements(
    app: &TestApp,
    request: TestRequest,
    budget: usize,
) -> Result<TestResponse, String> {
    let before = app.statements().len();
    let answer = request.send().await;
    let sent = app.statements().split_off(before);
    if sent.len() == budget {
        return Ok(answer);
    }
    let mut why =
        format!("{} statements where {budget} are allowed (status {}):\n", sent.len(), answer.status());
    for ((name, site), times) in counted(&sent) {
        let _ = writeln!(why, "  {times} x {name} at {site}");
    }
    Err(why)
}

/// What [`assert_scales!`](crate::assert_scales) does.
///
/// # Errors
/// When more rows cause more statements or calls, when a request fails, and when the requests read no more rows at
/// the end than at the beginning: the check would prove nothing.
pub async fn scale(
    app: &TestApp,
    populate: impl AsyncFn(),
    requests: impl Fn() -> Vec<TestRequest>,
) -> Result<(), String> {
    let mut rounds = Vec::new();
    for _ in 0..3 {
        populate().await;
        rounds.push(BudgetRound::of(app, requests()).await?);
    }
    if rounds[2].rows <= rounds[0].rows {
        let [first, .., last] = &*rounds else { unreachable!("three rounds") };
        return Err(format!(
            "the requests read {} rows at first and {} with three times as many: they prove nothing",
            first.rows, last.rows
        ));
    }
    let mut grown = String::new();
    let places: Vec<&BudgetPlace> = rounds.iter().flat_map(|round| round.costs.keys()).collect();
    for place in places.into_iter().collect::<std::collections::BTreeSet<_>>() {
        let times: Vec<u64> =
            rounds.iter().map(|round| round.costs.get(place).copied().unwrap_or(0)).collect();
        if times.iter().any(|count| *count != times[0]) {
            let BudgetPlace { request, what, site } = place;
            let _ = writeln!(grown, "  {request}: {what} at {site} ran {times:?} times");
        }
    }
    if grown.is_empty() {
        Ok(())
    } else {
        Err(format!("with 1, 2 and 3 times the rows it costs more:\n{grown}"))
    }
}

/// A statement or call of one request.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct BudgetPlace {
    request: usize,
    what: String,
    site: String,
}

/// What the requests cost with so many rows.
struct BudgetRound {
    costs: BTreeMap<BudgetPlace, u64>,
    rows: u64,
}

impl BudgetRound {
    async fn of(app: &TestApp, requests: Vec<TestRequest>) -> Result<Self, String> {
        let mut round = BudgetRound { costs: BTreeMap::new(), rows: 0 };
        for (request, sending) in (1..).zip(requests) {
            let (statements, calls) = (app.statements().len(), app.calls().len());
            let answer = sending.send().await;
            if answer.status() >= 400 {
                return Err(format!("request {request} gives {}: {}", answer.status(), answer.text()));
            }
            let sent = app.statements().split_off(statements);
            round.rows += sent.iter().map(|record| record.rows).sum::<u64>();
            let called = app.calls().split_off(calls);
            let called =
                called.iter().map(|call| (format!("the call {}.{}", call.module, call.method), call.site));
            for (what, site) in sent.iter().map(|record| (record.name.to_string(), record.site)).chain(called)
            {
                *round.costs.entry(BudgetPlace { request, what, site: site.to_string() }).or_default() += 1;
            }
        }
        Ok(round)
    }
}

/// How often each line sent each statement, in the order of the first occurrence.
fn counted(sent: &[StatementRecord]) -> Vec<((&str, CallSite), usize)> {
    let mut counted: Vec<((&str, CallSite), usize)> = Vec::new();
    for record in sent {
        let key = (&*record.name, record.site);
        match counted.iter_mut().find(|(known, _)| *known == key) {
            Some((_, times)) => *times += 1,
            None => counted.push((key, 1)),
        }
    }
    counted
}
