//! What it costs that metrics and telemetry hear of every statement and request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tenfold_data::{
    Clock, Context, DataError, Database, EntityExt as _, Observer, Scope, StatementRecord, SystemContext,
    TraceContext,
};
use tenfold_observe::metrics::{Build, Metrics, MetricOutcome};
use tenfold_observe::telemetry::{Beginning, Ending, Telemetry, Totals};

use crate::line::{Line, quantile};
use crate::people::{User, UserId, organization};
use crate::place::DatabaseUrls;
use crate::reads::keys;

/// The organization whose users are read one by one.
const SIZE: usize = 1_000;
/// How many users a list has.
const PAGE: usize = 50;

/// As the application's own: it tells both of every statement.
struct Watcher {
    metrics: Metrics,
    telemetry: Telemetry,
    /// It can be switched off: two databases with connections of their own would differ by more than what they tell.
    listens: AtomicBool,
}

impl Observer for Watcher {
    fn statement(&self, record: &StatementRecord) {
        if !self.listens.load(Ordering::Relaxed) {
            return;
        }
        let (database, seconds) = (record.dialect.system_name(), record.elapsed.as_secs_f64());
        self.metrics.statement(record.module, &record.name, database, MetricOutcome::Ok, seconds);
        self.telemetry.statement(record);
    }
}

/// Measures pieces of work with and without, one after the other in turns, so that what else the machine does meets
/// both alike: a load by key, a list, and a mix of four loads and a list, a request each.
///
/// # Errors
/// When a request fails.
pub async fn run(place: DatabaseUrls, quick: bool) -> anyhow::Result<()> {
    let clock = Clock::system();
    let metrics = Metrics::new(&Build { application: "bench", version: "0", started_at: clock.now() });
    let telemetry = Telemetry::new(clock);
    let (heard, listens) = (Some((metrics.clone(), telemetry.clone())), AtomicBool::new(false));
    let watcher = Arc::new(Watcher { metrics, telemetry, listens });
    let database = place.database(vec![Arc::clone(&watcher) as Arc<dyn Observer>])?;
    let users = keys(&database).await?;
    for (work, gets, lists, rounds) in [("get", 1, 0, 20_000), ("list", 0, 1, 4_000), ("mix", 4, 1, 4_000)] {
        let rounds = if quick { rounds / 10 } else { rounds };
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for turn in [round % 2, (round + 1) % 2] {
                let heard = heard.clone().filter(|_| turn == 1);
                watcher.listens.store(turn == 1, Ordering::Relaxed);
                let began = Instant::now();
                for number in 0..gets + lists {
                    let user = users[(round + number) % users.len()];
                    request(database.clone(), heard.clone(), number >= gets, user).await?;
                }
                times[turn].push(began.elapsed());
            }
        }
        let unheard = quantile(&times[0], 0.5).as_secs_f64();
        for (case, times) in ["unheard", "heard"].iter().zip(&times) {
            let ratio = quantile(times, 0.5).as_secs_f64() / unheard;
            let line = Line::new(case).with("work", work).times(times);
            line.with("ratio", (ratio * 1_000.0).round() / 1_000.0).print();
        }
    }
    Ok(())
}

/// What the HTTP layer does around a handler, as far as telemetry and metrics go.
async fn request(
    database: Database,
    heard: Option<(Metrics, Telemetry)>,
    lists: bool,
    user: UserId,
) -> Result<(), DataError> {
    let began = Instant::now();
    let trace = TraceContext::start_random();
    let at = database.clock().now();
    let route = if lists { "/v1/users" } else { "/v1/users/{id}" };
    let watch = heard.map(|(metrics, telemetry)| {
        let in_flight = metrics.request_started();
        let beginning = Beginning::of_request(format!("GET {route}"), trace, at);
        (metrics, in_flight, telemetry.begin(beginning))
    });
    let scope = Scope::new(database, trace, None);
    let cx = SystemContext::new(Arc::clone(&scope)).within(organization(SIZE));
    scope.drive(handle(&cx, lists, user)).await?;
    if let Some((metrics, in_flight, recording)) = watch {
        let elapsed: Duration = began.elapsed();
        metrics.request("GET", route, 200, elapsed.as_secs_f64());
        drop(in_flight);
        recording.end(Ending::Answered(200), Totals::of(&scope.cost()));
    }
    Ok(())
}

async fn handle(cx: &Context, lists: bool, user: UserId) -> Result<(), DataError> {
    if !lists {
        return User::get(cx, user).await.map(drop);
    }
    let users = User::query().order_by(User::email).limit(PAGE).all(cx).await?;
    let mut length = 0;
    for user in &users {
        length += user.profile.get(cx).await?.city.len() + user.settings.get(cx).await?.theme.len();
        length += user.permissions.get(cx).await?.len();
    }
    assert!(length > 0, "users have something on them");
    Ok(())
}
