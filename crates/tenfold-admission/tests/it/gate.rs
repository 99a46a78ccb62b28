//! The gate's futures, polled by hand: whatever becomes of them, everything is given back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tenfold_admission::{
    AdmissionGate, AdmissionSettings, Candidate, Entering, Flow, LimitSettings, Permit, PermitPause, Refusal,
    RequestClass, Returning,
};

/// A gate for one request at a time, and its clock in milliseconds.
fn gate() -> (AdmissionGate, Arc<AtomicU64>) {
    gate_with(LimitSettings::fixed(1))
}

fn gate_with(limit: LimitSettings) -> (AdmissionGate, Arc<AtomicU64>) {
    spare_gate(limit, 2)
}

/// One that leaves so many places to those that ask for too much.
fn spare_gate(limit: LimitSettings, spare_floor: usize) -> (AdmissionGate, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(0));
    let now = Arc::clone(&clock);
    let settings = AdmissionSettings {
        limit,
        spare_floor,
        max_waiting: 2,
        overload_wait: Duration::from_millis(20),
        max_wait: Duration::from_millis(500),
    };
    (AdmissionGate::new(settings, 1, move || Duration::from_millis(now.load(Ordering::Relaxed))), clock)
}

fn enter(gate: &AdmissionGate, flow: u64) -> Entering {
    gate.enter(Candidate { class: RequestClass::Normal, flow: Flow(flow), kind: 0 })
}

fn poll(entering: &mut Entering) -> Poll<Result<Permit, Refusal>> {
    Pin::new(entering).poll(&mut Context::from_waker(Waker::noop()))
}

fn admitted(mut entering: Entering) -> Permit {
    match poll(&mut entering) {
        Poll::Ready(Ok(permit)) => permit,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_idle(gate: &AdmissionGate) {
    let figures = gate.figures();
    assert_eq!((figures.in_flight, figures.waiting), (0, 0));
    admitted(enter(gate, 1)).finish();
}

#[test]
fn the_next_runs_when_a_permit_is_given_back() {
    let (gate, _) = gate();
    let first = admitted(enter(&gate, 1));
    let mut second = enter(&gate, 2);
    assert!(poll(&mut second).is_pending());
    drop(first);
    let second = admitted(second);
    assert_eq!(gate.figures().in_flight, 1);
    second.finish();
    is_idle(&gate);
}

#[test]
fn a_client_that_leaves_while_it_waits_gives_its_place_back() {
    let (gate, _) = gate();
    for polled in [true, false] {
        let first = admitted(enter(&gate, 1));
        let mut second = enter(&gate, 2);
        if polled {
            assert!(poll(&mut second).is_pending());
        }
        drop(second);
        assert_eq!(gate.figures().waiting, 0);
        drop(first);
        is_idle(&gate);
    }
}

#[test]
fn a_client_that_leaves_just_as_it_is_admitted_gives_its_permit_back() {
    let (gate, _) = gate();
    let first = admitted(enter(&gate, 1));
    let mut second = enter(&gate, 2);
    assert!(poll(&mut second).is_pending());
    first.finish();
    assert_eq!(gate.figures().in_flight, 1, "the second has been admitted, and does not know");
    drop(second);
    drop(enter(&gate, 3));
    is_idle(&gate);
}

#[test]
fn one_that_leaves_lets_the_next_one_in() {
    let (gate, _) = gate();
    let first = admitted(enter(&gate, 1));
    let mut second = enter(&gate, 2);
    let third = enter(&gate, 3);
    assert!(poll(&mut second).is_pending());
    drop(first);
    drop(second);
    admitted(third).finish();
    is_idle(&gate);
}

#[test]
fn a_full_queue_makes_room_by_refusing_the_oldest_of_the_longest_lane() {
    let (gate, _) = gate();
    let first = admitted(enter(&gate, 1));
    let (mut second, mut third) = (enter(&gate, 1), enter(&gate, 2));
    let mut fourth = enter(&gate, 3);
    let refused = [&mut second, &mut third, &mut fourth].map(|entering| match poll(entering) {
        Poll::Ready(Err(refused)) => {
            let seconds = refused.retry_after.as_secs_f64();
            assert!((1.0..4.0).contains(&seconds), "{seconds}");
            true
        }
        _ => false,
    });
    assert_eq!(refused.into_iter().filter(|refused| *refused).count(), 1);
    assert!(!refused[2], "the newest stays");
    assert_eq!(gate.figures().refused, [0, 1, 0]);
    drop((first, second, third, fourth));
    is_idle(&gate);
}

#[test]
fn nobody_waits_for_ever_even_if_nothing_ends() {
    let (gate, clock) = gate();
    let first = admitted(enter(&gate, 1));
    let mut second = enter(&gate, 2);
    clock.store(501, Ordering::Relaxed);
    assert!(poll(&mut second).is_pending());
    gate.tick(Duration::ZERO);
    assert!(matches!(poll(&mut second), Poll::Ready(Err(_))));
    drop(first);
    is_idle(&gate);
}

#[test]
fn a_paused_request_leaves_its_room_to_others() {
    let (gate, _) = gate();
    let first = admitted(enter(&gate, 1));
    let pause = first.pause_handle();
    pause.pause();
    pause.pause();
    let second = admitted(enter(&gate, 2));
    pause.resume();
    assert_eq!(gate.figures().in_flight, 2);
    second.finish();
    pause.pause();
    first.finish();
    pause.resume();
    pause.pause();
    is_idle(&gate);
}

#[test]
fn others_need_not_yield_just_after_one_that_gives_way() {
    let (gate, clock) = gate_with(LimitSettings { floor: 4, floor_of_short: 4, start: 16, ceiling: 16 });
    let is_after = || admitted(enter(&gate, 1)).others_yielded();
    let best_effort = || {
        let class = RequestClass::BestEffort;
        admitted(gate.enter(Candidate { class, flow: Flow(2), kind: 0 }))
    };
    assert!(!is_after());
    let first = best_effort();
    assert!(!first.others_yielded());
    assert!(is_after());
    assert!(!best_effort().others_yielded(), "those that give way yield themselves");
    // It may wait for its client, or for a database, and yields nothing any more.
    clock.fetch_add(5, Ordering::Relaxed);
    assert!(!is_after());
    drop(first);
    is_idle(&gate);
}

#[test]
fn what_is_to_spare_is_left_to_one_that_asks_for_too_much() {
    let (gate, clock) = spare_gate(LimitSettings::fixed(100), 25);
    // The threads are busy all the time.
    for _ in 0..20 {
        clock.fetch_add(50, Ordering::Relaxed);
        gate.tick(Duration::from_millis(20));
    }
    let modest = admitted(enter(&gate, 2));
    let mut greedy: Vec<Entering> = (0..30).map(|_| enter(&gate, 1)).collect();
    let running = greedy.iter_mut().filter_map(|entering| match poll(entering) {
        Poll::Ready(Ok(permit)) => Some(permit),
        _ => None,
    });
    let running: Vec<Permit> = running.collect();
    // The first eight are not yet too many; then others have a quarter of the limit.
    assert_eq!(running.len(), 24);
    drop((running, modest, greedy));
    is_idle(&gate);
}

#[test]
fn a_critical_request_waits_for_nobody() {
    let (gate, _) = gate();
    let first = admitted(enter(&gate, 1));
    let waiting = enter(&gate, 2);
    let critical = gate.enter(Candidate { class: RequestClass::Critical, flow: Flow(3), kind: 0 });
    admitted(critical).finish();
    drop((first, waiting));
    is_idle(&gate);
}

#[test]
fn pressure_goes_from_idle_to_waiting() {
    let (gate, _) = gate();
    assert_eq!(gate.pressure(), 0.0);
    let first = admitted(enter(&gate, 1));
    let second = enter(&gate, 2);
    assert_eq!(gate.pressure(), 1.0);
    drop((first, second));
    assert_eq!(gate.pressure(), 0.0);
}

#[test]
fn a_paused_critical_request_gives_its_place_back_too() {
    let (gate, _) = gate();
    let critical = || gate.enter(Candidate { class: RequestClass::Critical, flow: Flow(1), kind: 0 });
    let first = admitted(critical());
    let mut refused = critical();
    assert!(matches!(poll(&mut refused), Poll::Ready(Err(_))), "the ceiling is one");
    let pause = first.pause_handle();
    pause.pause();
    admitted(critical()).finish();
    pause.resume();
    first.finish();
    is_idle(&gate);
}

fn goes_on(returning: &mut Returning) -> bool {
    Pin::new(returning).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// One that runs and has been paused.
fn paused(gate: &AdmissionGate, flow: u64) -> (Permit, PermitPause) {
    let permit = admitted(enter(gate, flow));
    let pause = permit.pause_handle();
    pause.pause();
    (permit, pause)
}

#[test]
fn a_paused_request_goes_on_at_once_while_there_is_room() {
    let (gate, _) = gate();
    let (permit, pause) = paused(&gate, 1);
    assert!(goes_on(&mut pause.come_back()));
    assert_eq!(gate.figures().in_flight, 1);
    assert!(goes_on(&mut pause.come_back()), "it was not paused");
    permit.finish();
    assert!(goes_on(&mut pause.come_back()), "it has ended");
    is_idle(&gate);
}

#[test]
fn paused_requests_go_on_one_after_the_other() {
    let (gate, _) = gate();
    let all: Vec<_> = (0..20).map(|flow| paused(&gate, flow)).collect();
    let other = admitted(enter(&gate, 30));
    let mut returning: Vec<_> = all.iter().map(|(_, pause)| pause.come_back()).collect();
    assert!(!returning.iter_mut().any(goes_on), "another one runs");
    assert_eq!((gate.figures().in_flight, gate.figures().waiting), (1, 20));
    other.finish();
    let mut all: Vec<_> = all.into_iter().zip(returning).collect();
    for left in (0..20).rev() {
        assert_eq!((gate.figures().in_flight, gate.figures().waiting), (1, left));
        let next = all.iter_mut().position(|(_, returning)| goes_on(returning)).expect("one of them goes on");
        let ((permit, _), _) = all.swap_remove(next);
        permit.finish();
    }
    is_idle(&gate);
}

#[test]
fn another_flow_has_its_turn_beside_many_that_go_on() {
    let (gate, _) = gate();
    let all: Vec<_> = (0..20).map(|_| paused(&gate, 1)).collect();
    let other = admitted(enter(&gate, 2));
    let mut returning: Vec<_> = all.iter().map(|(_, pause)| pause.come_back()).collect();
    let mut newcomer = enter(&gate, 2);
    other.finish();
    let mut before = 0;
    while poll(&mut newcomer).is_pending() {
        let next = returning.iter_mut().position(goes_on).expect("one of them goes on");
        drop(returning.swap_remove(next));
        all[next].1.pause();
        before += 1;
        assert!(before < 20, "it waits for all of them");
    }
    drop((returning, all, newcomer));
    is_idle(&gate);
}

#[test]
fn nothing_that_has_begun_is_refused_however_long_it_waits() {
    let (gate, clock) = gate();
    let (permit, pause) = paused(&gate, 1);
    let other = admitted(enter(&gate, 2));
    let mut returning = pause.come_back();
    // More than the queue has room for, and for longer than anybody else may wait.
    let waiting: Vec<_> = (0..5).map(|_| enter(&gate, 1)).collect();
    for _ in 0..20 {
        clock.fetch_add(500, Ordering::Relaxed);
        gate.tick(Duration::ZERO);
    }
    assert_eq!((gate.figures().waiting, gate.figures().refused), (1, [0, 5, 0]));
    assert!(!goes_on(&mut returning));
    other.finish();
    assert!(goes_on(&mut returning));
    drop((permit, waiting));
    is_idle(&gate);
}

#[test]
fn one_that_ends_while_it_waits_to_go_on_leaves_nothing() {
    let (gate, _) = gate();
    for ends_first in [true, false] {
        for is_told in [true, false] {
            let (permit, pause) = paused(&gate, 1);
            let other = admitted(enter(&gate, 2));
            let returning = pause.come_back();
            // It is told that it may go on, and has not looked.
            let other = if is_told {
                drop(other);
                None
            } else {
                Some(other)
            };
            if ends_first {
                drop((permit, returning));
            } else {
                drop(returning);
                assert_eq!(gate.figures().in_flight, usize::from(other.is_some()), "it is paused as before");
                drop(permit);
            }
            drop(other);
            is_idle(&gate);
        }
    }
}
