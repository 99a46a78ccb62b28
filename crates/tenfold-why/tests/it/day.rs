use tenfold_why::{ChangeKind, DiagnosisState, diagnose};

use crate::simulator::{START_S, World, organization};

/// A day with quiet and busy hours, innocent deploys, jobs and surges; a question every ten minutes.
fn false_alarms(seed: u64, rate: f64) -> Vec<String> {
    let mut world = World::new(seed, rate);
    let mut alarms = Vec::new();
    for second in START_S..START_S + 86_400 {
        let hour = (second - START_S) as f64 / 3_600.0;
        if second % 7_200 == 0 {
            world.note(ChangeKind::Deploy, "innocent", second);
        }
        if second % 10_800 == 0 {
            world.innocent = Some((organization(9), world.random.below(8), second, second + 600));
        }
        world.second(second, 1.0 + 0.6 * (hour / 24.0 * std::f64::consts::TAU).sin(), None);
        if second % 600 == 599 {
            let answer = diagnose(&world.journal, None, second * 1_000_000);
            if answer.state != DiagnosisState::NoIncident {
                alarms.push(format!("seed {seed}, hour {hour:.2}: {}", answer.verdict));
            }
        }
    }
    alarms
}

#[test]
fn a_day_without_a_fault_raises_no_alarm() {
    assert_eq!(false_alarms(1, 0.5), Vec::<String>::new());
}

/// For tuning a threshold.
#[test]
#[ignore = "many days"]
fn many_days_without_a_fault_raise_no_alarm() {
    let alarms: Vec<String> = (0..6).flat_map(|seed| false_alarms(seed, 10.0)).collect();
    assert_eq!(alarms, Vec::<String>::new());
}
