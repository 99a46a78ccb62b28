//! Rates, as several benchmarks measure and print them.

use std::time::Instant;

use futures_util::future::join_all;
use tenfold::data::DataError;

/// What writers at once do a second, each `each` times; a writer gets its number.
pub async fn per_second(
    writers: usize,
    each: usize,
    write: impl AsyncFn(usize) -> Result<(), DataError>,
) -> Result<f64, DataError> {
    let begun = Instant::now();
    let writing = (0..writers).map(async |writer| {
        for _ in 0..each {
            write(writer).await?;
        }
        Ok::<_, DataError>(())
    });
    join_all(writing).await.into_iter().collect::<Result<(), _>>()?;
    Ok((writers * each) as f64 / begun.elapsed().as_secs_f64())
}

/// The value in the middle; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
