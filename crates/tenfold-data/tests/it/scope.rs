//! The life of a request's scope: loads inside it, beside it and after it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use tenfold_data::{Context, DataError, DatabaseSettings, EntityExt, Scope, SystemContext, TraceContext};
use tokio::sync::oneshot;

use crate::bench::Bench;
use crate::ledger::{here, names};
use crate::people::{self, User};

on_both_databases!(
    a_load_after_the_scope_has_ended_fails_at_once_with_its_call_site,
    a_load_on_a_scope_that_nobody_drives_fails_at_once_with_its_call_site,
    a_task_beside_the_request_loads_while_the_request_waits,
    a_load_that_waits_when_the_request_is_dropped_is_abandoned,
    a_relation_that_one_request_abandoned_is_loaded_by_the_next,
    a_spawned_task_ends_with_its_request,
    a_request_on_a_worker_thread_batches_as_well,
    a_list_without_a_limit_that_grows_too_long_is_refused,
    a_deadline_ends_the_wait_for_a_statement,
);

async fn a_load_after_the_scope_has_ended_fails_at_once_with_its_call_site(bench: Bench) {
    let (cx, users) = bench
        .request(async |cx| {
            let users = people::hire(&cx, 2).await;
            (cx, users)
        })
        .await;
    let (asking, late) = (here(), User::get(&cx, users[0].id).await.map(|_| ()).unwrap_err());
    outside(&late, asking, "after its request had ended");
    let (asking, late) = (here(), users[0].profile.get(&cx).await.map(|_| ()).unwrap_err());
    outside(&late, asking, "after its request had ended");
    assert!(cx.spawn(async {}).await.is_none());
}

async fn a_load_on_a_scope_that_nobody_drives_fails_at_once_with_its_call_site(bench: Bench) {
    let scope = Scope::new(bench.database.clone(), TraceContext::start_random(), None);
    let cx = SystemContext::new(Arc::clone(&scope)).within(bench.org);
    let (asking, early) =
        (here(), User::get(&cx, people::UserId(cx.new_id())).await.map(|_| ()).unwrap_err());
    outside(&early, asking, "before anybody drove its scope");
    let found = scope.drive(async { User::find(&cx, people::UserId(cx.new_id())).await }).await;
    assert!(found.unwrap().is_none(), "and once it is driven it loads");
}

fn outside(error: &DataError, asking: (&str, u32), expected: &str) {
    let DataError::OutsideScope { site, when } = error else { panic!("{error}") };
    assert_eq!((site.file(), site.line()), asking);
    assert_eq!(*when, expected);
}

#[expect(clippy::disallowed_methods, reason = "what it would do to a request is what is tested")]
fn beside<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

async fn a_task_beside_the_request_loads_while_the_request_waits(bench: Bench) {
    let users = bench.request(async |cx| people::hire(&cx, 20).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let tasks = users.iter().map(|user| {
                let (cx, id) = (cx.clone(), user.id);
                beside(async move { User::get(&cx, id).await.unwrap().id })
            });
            let found: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
            assert_eq!(found, users.iter().map(|user| user.id).collect::<Vec<_>>());
        })
        .await;
    assert!(!bench.statements().is_empty());
}

async fn a_load_that_waits_when_the_request_is_dropped_is_abandoned(bench: Bench) {
    let (asked, asking) = oneshot::channel();
    let mut task = None;
    bench
        .request(async |cx| {
            // It is requested inside the request's own poll, and waits for a flush that never comes.
            let load = User::find(&cx, people::UserId(cx.new_id()));
            let _ = asked.send(());
            task = Some(beside(load));
        })
        .await;
    asking.await.unwrap();
    let abandoned = task.unwrap().await.unwrap().map(|_| ()).unwrap_err();
    assert!(matches!(abandoned, DataError::Abandoned), "{abandoned}");
    assert!(bench.statements().is_empty());
}

async fn a_relation_that_one_request_abandoned_is_loaded_by_the_next(bench: Bench) {
    let users = bench.request(async |cx| people::hire(&cx, 3).await).await;
    bench
        .request(async |cx| {
            let touched = users[0].permissions.get(&cx);
            drop(touched);
        })
        .await;
    bench.statements();
    let found = bench.request(async |cx| users[1].permissions.get(&cx).await.map(<[_]>::len)).await;
    assert_eq!(found.unwrap(), 2);
    let again = bench.request(async |cx| users[2].permissions.get(&cx).await.map(<[_]>::len)).await;
    assert_eq!(again.unwrap(), 2, "an entity keeps what was loaded for it");
    assert_eq!(names(&bench.statements()), ["people_permissions.permissions_of_people_users"]);
}

async fn a_spawned_task_ends_with_its_request(bench: Bench) {
    let (endless, finished) = bench
        .request(async |cx| {
            let endless = cx.spawn(std::future::pending::<()>());
            let finished = cx.spawn(async { 7 });
            // A load, so that the request is polled again and the tasks with it.
            User::find(&cx, people::UserId(cx.new_id())).await.unwrap();
            (endless, finished)
        })
        .await;
    assert_eq!(finished.await, Some(7));
    assert_eq!(endless.await, None);
}

async fn a_request_on_a_worker_thread_batches_as_well(bench: Bench) {
    let users = bench.request(async |cx| people::hire(&cx, 300).await).await;
    bench.statements();
    let (database, org) = (bench.database.clone(), bench.org);
    let request = async move {
        let scope = Scope::new(database, TraceContext::start_random(), None);
        let cx = SystemContext::new(Arc::clone(&scope)).within(org);
        let work = async {
            let loads = users.iter().enumerate().map(async |(n, user)| {
                for _ in 0..n % 3 {
                    tokio::task::yield_now().await;
                }
                User::get(&cx, user.id).await.unwrap().id
            });
            join_all(loads).await.len()
        };
        scope.drive(work).await
    };
    assert_eq!(beside(request).await.unwrap(), 300);
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

async fn a_list_without_a_limit_that_grows_too_long_is_refused(bench: Bench) {
    let short = bench.reopened(&DatabaseSettings { max_rows: 5, ..DatabaseSettings::default() });
    bench.request(async |cx| people::hire(&cx, 5).await).await;
    let count = async |cx: Context| User::query().all(&cx).await.map(|users| users.len());
    assert_eq!(short.request(count).await.unwrap(), 5);
    bench.request(async |cx| people::hire(&cx, 1).await).await;
    let refused = short.request(count).await.unwrap_err();
    assert!(matches!(refused, DataError::TooManyRows { limit: 5, .. }), "{refused}");
    let limited =
        short.request(async |cx| User::query().limit(6).all(&cx).await.map(|users| users.len())).await;
    assert_eq!(limited.unwrap(), 6);
}

async fn a_deadline_ends_the_wait_for_a_statement(bench: Bench) {
    let (holding, held) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let holder = bench.request(async |cx| {
        let user = people::hire(&cx, 1).await.remove(0);
        cx.transaction(async |tx| {
            User::update(user.id).set(User::name, "held".to_owned()).run(tx).await?;
            let _ = holding.send(user.id);
            let _ = released.await;
            Ok::<_, DataError>(())
        })
        .await
    });
    let waiter = async {
        let id = held.await.unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_millis(50);
        let late = bench.database.run(Some(deadline), async |system| {
            let cx = system.within(bench.org);
            cx.transaction(async |tx| User::update(id).set(User::name, "late".to_owned()).run(tx).await).await
        });
        let late = late.await.unwrap_err();
        assert!(matches!(late, DataError::Deadline { .. }), "{late}");
        let _ = release.send(());
    };
    match select(Box::pin(holder), Box::pin(waiter)).await {
        Either::Left(_) => panic!("the holder waits until it is released"),
        Either::Right(((), holder)) => holder.await.unwrap(),
    }
    let name = bench.request(async |cx| User::query().first(&cx).await.unwrap().unwrap().name).await;
    assert_eq!(name, "held");
    assert_eq!(bench.waited().len(), 1, "the holder means to");
}

/// Passes each wake on.
struct Forward(std::task::Waker);

impl std::task::Wake for Forward {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

/// In optimized builds an executor's waker and its clone may report that they would not wake the same task.
#[tokio::test]
async fn batches_are_sent_also_when_every_poll_comes_with_a_waker_of_its_own() {
    let bench = Bench::sqlite().await;
    let mut work = Box::pin(bench.request(async |cx| {
        let users = people::hire(&cx, 3).await;
        let found = join_all(users.iter().map(|user| User::get(&cx, user.id))).await;
        found.into_iter().filter(Result::is_ok).count()
    }));
    let fresh = std::future::poll_fn(|cx| {
        let own = std::task::Waker::from(Arc::new(Forward(cx.waker().clone())));
        work.as_mut().poll(&mut std::task::Context::from_waker(&own))
    });
    let found = tokio::time::timeout(Duration::from_secs(60), fresh).await;
    assert_eq!(found, Ok(3), "the loads are never sent");
}

/// PostgreSQL's answers come from the task of a connection, which on two threads may run during the request's own poll;
/// long answers come in pieces. The model of the driver checks in all interleavings that no wake is lost. This test
/// tries only a few, but with a real server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_during_a_poll_is_not_missed() {
    let bench = Bench::postgres().await;
    bench.request(async |cx| people::hire(&cx, 1_000).await).await;
    let (database, org) = (bench.database.clone(), bench.org);
    let requests = (0..4).map(|_| {
        let database = database.clone();
        beside(async move {
            for _ in 0..60 {
                let scope = Scope::new(database.clone(), TraceContext::start_random(), None);
                let cx = SystemContext::new(Arc::clone(&scope)).within(org);
                let work = async {
                    for user in &User::query().limit(1_000).all(&cx).await.unwrap() {
                        user.profile.get(&cx).await.unwrap();
                        user.settings.get(&cx).await.unwrap();
                    }
                };
                scope.drive(work).await;
            }
        })
    });
    let all = tokio::time::timeout(Duration::from_secs(60), join_all(requests)).await;
    all.expect("no request waits for ever").into_iter().for_each(Result::unwrap);
}
