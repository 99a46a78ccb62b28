//! How long rows are kept, and how many.

use std::time::Duration;

use super::{EXPIRY, NOW, STALENESS, cache, explore, hit, key_of};
use crate::cache::{CacheSettings, RowCache, WordCounts};

#[test]
fn rows_expire_within_a_tenth_of_the_time() {
    explore(|| {
        let cache = cache();
        let (early, late) = (NOW + EXPIRY - EXPIRY / 10, NOW + EXPIRY + EXPIRY / 10);
        for tenant in 1..50 {
            hit(&cache, &key_of(tenant), NOW);
        }
        cache.certify(early);
        assert!((1..50).all(|tenant| hit(&cache, &key_of(tenant), early - Duration::from_micros(1))));
        let middle = NOW + EXPIRY;
        cache.certify(middle);
        let left = (1..50).filter(|tenant| hit(&cache, &key_of(*tenant), middle)).count();
        assert!((5..45).contains(&left), "{left} of 49 are left");
        assert_eq!(cache.figures(NOW).expired, 49 - u64::try_from(left).unwrap());
        cache.certify(late);
        for tenant in 1..50 {
            hit(&cache, &key_of(tenant), late);
        }
        assert_eq!(cache.figures(NOW).expired, 49, "each has expired once");
    });
}

#[test]
fn a_scan_of_ten_times_the_size_stays_inside_the_bound() {
    explore(|| {
        let settings = CacheSettings { bytes: 8_000, expiry: EXPIRY, staleness: STALENESS, sample: 0 };
        let cache = RowCache::with(&settings, WordCounts { whole: 1, any: 1, rows: 1 }, 1);
        cache.certify(NOW);
        for tenant in 0..300 {
            hit(&cache, &key_of(tenant), NOW);
        }
        let figures = cache.figures(NOW);
        assert!(figures.bytes <= settings.bytes && figures.rows > 5, "{figures:?}");
    });
}
