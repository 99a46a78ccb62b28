//! Quantiles against those of a sorted list.

use std::time::Duration;

use tenfold_load::Latencies;

#[test]
fn a_quantile_is_less_than_a_per_cent_too_high() {
    // From a microsecond to half an hour.
    let all: Vec<u64> = (0..5000_u32).map(|number| 1.0043_f64.powi(number.cast_signed()) as u64).collect();
    let mut latencies = Latencies::default();
    all.iter().rev().for_each(|micros| latencies.record(Duration::from_micros(*micros)));
    assert_eq!((latencies.count(), latencies.longest()), (5000, Duration::from_micros(all[4999])));
    for rank in 1..=5000 {
        let share = rank as f64 / 5000.0;
        let found = latencies.quantile(share - 1e-9).expect("some were counted").as_micros();
        let exact = u128::from(all[rank - 1]);
        assert!(found >= exact && found <= exact + exact / 125, "{share}: {found}, exactly {exact}");
    }
}

#[test]
fn nothing_has_no_quantile() {
    assert_eq!(Latencies::default().quantile(0.5), None);
}

#[test]
fn the_longest_latency_can_be_counted() {
    let mut latencies = Latencies::default();
    latencies.record(Duration::MAX);
    latencies.record(Duration::ZERO);
    assert_eq!(latencies.quantile(0.5), Some(Duration::ZERO));
    assert_eq!(latencies.longest(), Duration::MAX);
}
