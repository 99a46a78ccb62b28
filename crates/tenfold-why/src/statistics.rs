//! Means that differ: Welch's t and the distribution of t.

/// The mean and variance of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub count: f64,
    pub mean: f64,
    /// The unbiased variance; 0 for fewer than two values.
    pub variance: f64,
}

impl Moments {
    pub(crate) fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        if values.is_empty() {
            return Moments::default();
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Moments { count, mean, variance: if count > 1.0 { squares / (count - 1.0) } else { 0.0 } }
    }
}

/// The probability that `after` is above `before` by this much or more by chance alone: Welch's t, one-sided
/// (B. L. Welch, 1947). `floor` is the least variance that is believed.
pub(crate) fn welch(before: Moments, after: Moments, floor: f64) -> f64 {
    if before.count < 2.0 || after.count < 2.0 {
        return 1.0;
    }
    let (a, b) = (before.variance.max(floor) / before.count, after.variance.max(floor) / after.count);
    let t = (after.mean - before.mean) / (a + b).sqrt();
    if t.is_nan() || t <= 0.0 {
        return 1.0;
    }
    let freedom = (a + b).powi(2) / (a.powi(2) / (before.count - 1.0) + b.powi(2) / (after.count - 1.0));
    0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The probability of `count` or more events where `expected` are expected (Poisson).
pub(crate) fn poisson_tail(expected: f64, count: f64) -> f64 {
    if count <= expected {
        return 1.0;
    }
    // The terms fall from here on by more than a geometric series.
    let mut term = (count * expected.ln() - expected - ln_gamma(count + 1.0)).exp();
    let mut sum = 0.0;
    for step in 1..1_000 {
        sum += term;
        term *= expected / (count + f64::from(step));
        if term < sum * 1e-12 {
            break;
        }
    }
    sum.min(1.0)
}

/// The probability that a Poisson variable with this expectation is `count` at most; 1 for what is not below it.
pub(crate) fn poisson_head(expected: f64, count: f64) -> f64 {
    if count >= expected {
        return 1.0;
    }
    let mut term = (count * expected.ln() - expected - ln_gamma(count + 1.0)).exp();
    let (mut sum, mut left) = (0.0, count);
    // The terms fall from here on, down to 0.
    while left >= 0.0 && term > sum * 1e-12 {
        sum += term;
        term *= left / expected;
        left -= 1.0;
    }
    sum.min(1.0)
}

/// The regularized incomplete beta function, by its continued fraction (Numerical Recipes, 6.4).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

/// Lentz's method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut c = 1.0;
    let mut d = 1.0 / (1.0 - (a + b) * x / (a + 1.0)).abs().max(TINY);
    let mut result = d;
    for step in 1..300 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d, TINY);
            c = nonzero(1.0 + term / c, TINY);
            change = c * d;
            result *= change;
        }
        if (change - 1.0).abs() < 1e-12 {
            break;
        }
    }
    result
}

fn nonzero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// The logarithm of the gamma function of a positive number (Lanczos).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.001_208_650_973_866_179,
        -0.000_005_395_239_384_953,
    ];
    let base = x + 5.5;
    let sum =
        TERMS.iter().zip(1..).fold(1.000_000_000_190_015, |sum, (term, n)| sum + term / (x + f64::from(n)));
    (x + 0.5) * base.ln() - base + (std::f64::consts::TAU.sqrt() * sum / x).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(count: f64, mean: f64, variance: f64) -> Moments {
        Moments { count, mean, variance }
    }

    #[test]
    fn probabilities_are_those_of_the_tables() {
        // t = 2.228 at 10 degrees of freedom is 0.025 one-sided; so is t = 1.96 at very many.
        let p = 0.5 * incomplete_beta(10.0 / (10.0 + 2.228_f64.powi(2)), 5.0, 0.5);
        assert!((p - 0.025).abs() < 1e-4, "{p}");
        let many = welch(moments(1e6, 0.0, 1.0), moments(1e6, 1.96 * (2e-6_f64).sqrt(), 1.0), 0.0);
        assert!((many - 0.025).abs() < 1e-4, "{many}");
        assert!((poisson_tail(2.0, 5.0) - 0.05265).abs() < 1e-4, "{}", poisson_tail(2.0, 5.0));
        assert_eq!(welch(moments(9.0, 2.0, 1.0), moments(9.0, 1.0, 1.0), 0.0), 1.0);
    }
}
