//! Dividing money without losing a cent.

use std::num::NonZeroU32;

use super::{Money, MoneyError};

impl Money {
    /// Divides the amount in proportion to `shares`. The parts add up to the amount: what is left after rounding
    /// toward zero is given out one minor unit at a time, the part that lost most first, and the first of equals.
    ///
    /// # Errors
    /// [`MoneyError::NoShares`] if no share is positive.
    pub fn allocate(self, shares: &[u32]) -> Result<Vec<Money>, MoneyError> {
        let whole: i128 = shares.iter().map(|share| i128::from(*share)).sum();
        if whole == 0 {
            return Err(MoneyError::NoShares);
        }
        let amount = i128::from(self.amount);
        let mut parts: Vec<i128> = shares.iter().map(|share| amount * i128::from(*share) / whole).collect();
        let lost = |index: usize| (amount * i128::from(shares[index]) % whole).abs();
        let mut by_loss: Vec<usize> = (0..shares.len()).collect();
        by_loss.sort_by_key(|index| std::cmp::Reverse(lost(*index)));
        // Each part lost less than one unit, so fewer units are left than there are parts.
        let left = amount - parts.iter().sum::<i128>();
        for (index, _) in by_loss.into_iter().zip(0..left.abs()) {
            parts[index] += left.signum();
        }
        let part = |part: i128| self.with(i64::try_from(part).ok(), || format!("a part of {self}"));
        parts.into_iter().map(part).collect()
    }

    /// Divides the amount into equal parts; the first ones have one minor unit more if it does not come out even.
    pub fn split(self, parts: NonZeroU32) -> Vec<Money> {
        let count = i64::from(parts.get());
        let (each, left) = (self.amount / count, self.amount % count);
        let part = |index| each + if index < left.abs() { left.signum() } else { 0 };
        (0..count).map(|index| Money { amount: part(index), ..self }).collect()
    }
}
