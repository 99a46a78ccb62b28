//! The programs that loom runs, each in all its interleavings.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use futures_util::stream::FuturesUnordered;
use loom::thread;

use super::{Executor, ModelAnswers, ModelEvent, ModelWorld, block_on, explore, turns, yield_now};
use crate::error::DataError;
use crate::scope::signal::{Wakers, is_clone};

const LATE: [ModelAnswers; 2] = [ModelAnswers::InPieces(1), ModelAnswers::InPieces(2)];

#[test]
fn an_answer_from_another_thread_in_several_pieces_is_not_missed() {
    for answers in LATE {
        explore(move || {
            let world = ModelWorld::new(answers);
            world.drive(async {
                world.fetch(1).await;
                world.fetch(2).await;
            });
            assert_eq!(world.sent(), [[1], [2]]);
        });
    }
}

#[test]
fn two_batches_that_are_answered_beside_each_other_are_not_missed() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::InPieces(1));
        let late = Arc::new(ModelEvent::default());
        world.drive(async {
            let first = async {
                world.fetch(1).await;
                late.happen();
            };
            let second = async {
                late.happened().await;
                world.fetch(2).await;
            };
            join(first, second).await;
        });
        assert_eq!(world.sent(), [[1], [2]]);
    });
}

/// Loads a key on another thread, and fires `loaded` when it is there.
fn fetch_elsewhere(world: &ModelWorld, loaded: &Arc<ModelEvent>) {
    let (elsewhere, done) = (world.clone(), Arc::clone(loaded));
    thread::spawn(move || {
        block_on(elsewhere.fetch(1));
        done.happen();
    });
}

#[test]
fn a_load_that_another_thread_asks_for_is_sent() {
    for answers in [ModelAnswers::AtOnce, ModelAnswers::InPieces(1)] {
        explore(move || {
            let world = ModelWorld::new(answers);
            let loaded = Arc::new(ModelEvent::default());
            world.drive(async {
                fetch_elsewhere(&world, &loaded);
                loaded.happened().await;
            });
            assert_eq!(world.sent(), [[1]]);
        });
    }
}

#[test]
fn a_load_of_another_thread_beside_one_of_the_work_is_sent_too() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        let loaded = Arc::new(ModelEvent::default());
        world.drive(async {
            fetch_elsewhere(&world, &loaded);
            world.fetch(2).await;
            loaded.happened().await;
        });
        assert_eq!(world.sent().concat().len(), 2);
    });
}

#[test]
fn a_task_that_another_thread_spawns_runs_and_loads() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        let loaded = Arc::new(ModelEvent::default());
        world.drive(async {
            let (elsewhere, done) = (world.clone(), Arc::clone(&loaded));
            thread::spawn(move || {
                let own = elsewhere.clone();
                let task = elsewhere.0.scope.spawn(async move { own.fetch(1).await });
                assert_eq!(block_on(task), Some(()));
                done.happen();
            });
            loaded.happened().await;
        });
        assert_eq!(world.sent(), [[1]]);
    });
}

#[test]
fn a_spawned_task_is_woken_by_another_thread() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        let event = Arc::new(ModelEvent::default());
        world.drive(async {
            let (own, waited) = (world.clone(), Arc::clone(&event));
            let task = world.0.scope.spawn(async move {
                waited.happened().await;
                own.fetch(1).await;
            });
            let firing = Arc::clone(&event);
            thread::spawn(move || firing.happen());
            assert_eq!(task.await, Some(()));
        });
        assert_eq!(world.sent(), [[1]]);
    });
}

#[test]
fn nothing_is_sent_while_somebody_holds_a_wake_and_was_not_polled() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        let event = Arc::new(ModelEvent::default());
        world.drive(async {
            let (elsewhere, firing) = (world.clone(), Arc::clone(&event));
            thread::spawn(move || {
                firing.happen();
                elsewhere.0.told.store(true, Ordering::SeqCst);
            });
            let first = async {
                world.fetch(1).await;
                // The answer came at once, in the poll that sent the batch.
                assert!(world.sent()[0].len() == 2 || !world.was_told_before_poll());
            };
            let second = async {
                event.happened().await;
                world.fetch(2).await;
            };
            join(first, second).await;
        });
        assert_eq!(world.sent().concat().len(), 2);
    });
}

#[test]
fn a_wake_that_nothing_follows_delays_no_load_for_ever() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        let event = Arc::new(ModelEvent::default());
        let nudging = Arc::clone(&event);
        world.drive(async {
            thread::spawn(move || {
                nudging.nudge();
                nudging.nudge();
            });
            let forever = async {
                event.happened().await;
                unreachable!("it never happens");
            };
            futures_util::future::select(Box::pin(world.fetch(1)), Box::pin(forever)).await;
        });
        assert_eq!(world.sent(), [[1]]);
    });
}

#[test]
fn children_that_yield_share_one_batch_whatever_other_threads_do() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        let event = Arc::new(ModelEvent::default());
        let nudging = Arc::clone(&event);
        world.drive(async {
            thread::spawn(move || {
                nudging.nudge();
                nudging.happen();
            });
            let child = async |yields: u8| {
                for _ in 0..yields {
                    yield_now().await;
                }
                world.fetch(yields).await;
            };
            let children = join_all([child(0), child(1), child(3)]);
            join(children, event.happened()).await;
        });
        assert_eq!(world.sent(), [[0, 1, 3]]);
    });
}

#[test]
fn a_spawned_task_that_yields_shares_a_batch_with_the_work() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        world.drive(async {
            let own = world.clone();
            let task = world.0.scope.spawn(async move {
                yield_now().await;
                own.fetch(1).await;
            });
            world.fetch(2).await;
            assert_eq!(task.await, Some(()));
        });
        assert_eq!(world.sent(), [[1, 2]]);
    });
}

#[test]
fn a_request_that_moves_to_another_task_is_woken_there() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        let event = Arc::new(ModelEvent::default());
        let (left, own) = (Executor::new(), world.clone());
        let (waited, firing) = (Arc::clone(&event), Arc::clone(&event));
        let mut driven = Box::pin(world.0.scope.drive(async move {
            thread::spawn(move || firing.happen());
            // The future inside keeps the waker of the first poll, because it is polled again only after a wake.
            let mut inner = FuturesUnordered::new();
            inner.push(waited.happened());
            inner.next().await;
            own.fetch(1).await;
        }));
        if left.poll(&mut driven).is_pending() {
            Executor::new().run(driven, || {});
        }
        assert_eq!(world.sent(), [[1]]);
    });
}

#[test]
fn whoever_waits_for_a_request_that_is_dropped_is_told_at_whatever_point_it_is() {
    for answers in [ModelAnswers::AtOnce, ModelAnswers::InPieces(1)] {
        for polls in 1..4 {
            explore(move || {
                let world = ModelWorld::new(answers);
                let (executor, inner) = (Executor::new(), world.clone());
                let waits = Arc::new(std::sync::Mutex::new(None));
                let started = Arc::clone(&waits);
                let mut driven = Box::pin(world.0.scope.drive(async move {
                    *started.lock().unwrap() = Some(thread::spawn(move || match inner.ask(1) {
                        Ok(asked) => block_on(asked.values()),
                        Err(refused) => Err(refused),
                    }));
                    std::future::pending::<()>().await;
                }));
                for _ in 0..polls {
                    assert_eq!(executor.poll(&mut driven), Poll::Pending);
                }
                drop(driven);
                let ended = waits.lock().unwrap().take().unwrap().join().unwrap();
                let known = match &ended {
                    Ok(found) => *found == [Some(1)],
                    Err(error) => matches!(error, DataError::Abandoned | DataError::OutsideScope { .. }),
                };
                assert!(known, "{ended:?}");
            });
        }
    }
}

#[test]
fn a_plain_loop_takes_no_turn_of_the_executor_and_company_takes_one_a_batch() {
    explore(|| {
        let world = ModelWorld::new(ModelAnswers::AtOnce);
        world.drive(async {
            for key in 0..20 {
                world.fetch(key).await;
            }
            assert_eq!((turns(), world.sent().len()), (0, 20));
            join(world.fetch(20), world.fetch(21)).await;
            assert_eq!((turns(), world.sent().len()), (0, 21), "two loads are nobody else either");
            join_all((22..30).map(|key| world.fetch(key))).await;
            assert_eq!((turns(), world.sent().len()), (0, 22));
            // `FuturesUnordered` gives its futures a waker of its own, and holds a clone of the work's.
            let mut some: FuturesUnordered<_> = (30..33).map(|key| world.fetch(key)).collect();
            while some.next().await.is_some() {}
            drop(some);
            assert_eq!((turns(), world.sent().len()), (1, 23));
            world.fetch(33).await;
            assert_eq!((turns(), world.sent().len()), (1, 24), "who let go of the waker is not counted");
        });
    });
}

#[test]
fn every_clone_of_the_works_waker_is_counted_for_as_long_as_it_lives() {
    explore(|| {
        let wakers = Wakers::new();
        let before = wakers.clones();
        assert_eq!(before, 0, "what we hold ourselves");
        assert!(wakers.signal.take(crate::scope::signal::Part::Work));
        assert!(!wakers.only_wait_for(0), "without a load there is nothing to send");
        let (one, other) = (wakers.work.clone(), wakers.work.clone());
        assert!(is_clone(&one, &wakers.work) && !is_clone(&one, wakers.batches()));
        assert!(!wakers.only_wait_for(1), "a count that is too small costs a turn");
        assert!(wakers.only_wait_for(2));
        let far = thread::spawn(move || other.wake());
        let alone = wakers.only_wait_for(1);
        far.join().unwrap();
        assert!(!alone, "who has dropped his clone fired it before");
        assert!(wakers.signal.take(crate::scope::signal::Part::Work));
        assert!(wakers.only_wait_for(1));
        drop(one);
        assert_eq!(wakers.clones(), 0);
    });
}
