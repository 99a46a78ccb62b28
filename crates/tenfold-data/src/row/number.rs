//! Reads PostgreSQL's numbers as the two number types that both databases have.
//!
//! SQLite has one integer and one float type. PostgreSQL has seven number types, and its sums and means change the
//! type: the sum of `bigint` is `numeric`. An author's text would work on one database and fail on the other. So each
//! of these types can be read as either, if its value fits.

use postgres_types::{FromSql, Type};

type Read<T> = Result<T, Box<dyn std::error::Error + Sync + Send>>;

/// A 64-bit integer, read from any type.
pub(super) struct Whole(pub i64);

/// A double, read from any type.
pub(super) struct Double(pub f64);

/// Every integer up to this one has an exact double.
const EXACT: u64 = 1 << 53;

/// An integer as an equal double.
pub(super) fn exactly(n: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "none is lost below the bound")]
    (n.unsigned_abs() <= EXACT).then_some(n as f64)
}

impl<'a> FromSql<'a> for Whole {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Read<Self> {
        Ok(Whole(match *ty {
            Type::INT2 => i64::from(i16::from_sql(ty, raw)?),
            Type::INT4 => i64::from(i32::from_sql(ty, raw)?),
            Type::NUMERIC => Numeric::read(raw)?.whole()?,
            _ => i64::from_sql(ty, raw)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8 | Type::NUMERIC)
    }
}

impl<'a> FromSql<'a> for Double {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Read<Self> {
        Ok(Double(match *ty {
            Type::FLOAT4 => f64::from(f32::from_sql(ty, raw)?),
            Type::FLOAT8 => f64::from_sql(ty, raw)?,
            Type::NUMERIC => Numeric::read(raw)?.double()?,
            _ => exactly(Whole::from_sql(ty, raw)?.0).ok_or("a whole number that no double is equal to")?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::FLOAT4 | Type::FLOAT8) || Whole::accepts(ty)
    }
}

/// A `numeric` in its wire format: digits of base 10,000, the first of them worth `10000^weight`.
struct Numeric {
    weight: i16,
    sign: u16,
    digits: Vec<i16>,
}

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITE: u16 = 0xd000;
const INFINITELY_NEGATIVE: u16 = 0xf000;

impl Numeric {
    fn read(raw: &[u8]) -> Read<Self> {
        let words: Vec<i16> =
            raw.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
        let [_, weight, sign, _, digits @ ..] = &words[..] else { return Err("a numeric is longer".into()) };
        Ok(Numeric { weight: *weight, sign: sign.cast_unsigned(), digits: digits.to_vec() })
    }

    fn whole(&self) -> Read<i64> {
        if ![0, NEGATIVE].contains(&self.sign) {
            return Err("no whole number".into());
        }
        let before_point = usize::try_from(self.weight + 1).unwrap_or(0);
        if self.digits.iter().skip(before_point).any(|digit| *digit != 0) {
            return Err("a numeric with a fraction: CAST(… AS bigint) what is divided, or read an f64".into());
        }
        let mut sum: i64 = 0;
        for place in 0..before_point {
            // Negative, because the negative range has one more value.
            let digit = i64::from(self.digits.get(place).copied().unwrap_or(0));
            let next = sum.checked_mul(10_000).and_then(|sum| sum.checked_sub(digit));
            sum = next.ok_or("a numeric beyond 64 bits")?;
        }
        if self.sign == NEGATIVE {
            Ok(sum)
        } else {
            sum.checked_neg().ok_or("a numeric beyond 64 bits".into())
        }
    }

    fn double(&self) -> Read<f64> {
        match self.sign {
            NAN => return Ok(f64::NAN),
            INFINITE => return Ok(f64::INFINITY),
            INFINITELY_NEGATIVE => return Ok(f64::NEG_INFINITY),
            _ => {}
        }
        let mut text = if self.sign == NEGATIVE { "-0".to_owned() } else { "0".to_owned() };
        text.extend(self.digits.iter().map(|digit| format!("{digit:04}")));
        let behind = i64::try_from(self.digits.len())? - i64::from(self.weight) - 1;
        // The parser rounds once, and correctly.
        Ok(format!("{text}e{}", -4 * behind).parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::Numeric;

    fn numeric(sign: u16, weight: i16, digits: &[i16]) -> Numeric {
        Numeric { weight, sign, digits: digits.to_vec() }
    }

    #[test]
    fn the_ends_of_64_bits_are_read_and_no_further() {
        let largest = [922, 3372, 368, 5477, 5807];
        assert_eq!(numeric(0, 4, &largest).whole().unwrap(), i64::MAX);
        let least = [922, 3372, 368, 5477, 5808];
        assert_eq!(numeric(0x4000, 4, &least).whole().unwrap(), i64::MIN);
        assert!(numeric(0, 4, &least).whole().is_err());
        assert!(numeric(0, 5, &[1]).whole().is_err());
        assert_eq!(numeric(0, 2, &[7]).whole().unwrap(), 700_000_000);
        assert_eq!(numeric(0, 0, &[]).whole().unwrap(), 0);
    }

    #[test]
    fn a_fraction_is_a_double_and_no_whole_number() {
        let number = numeric(0x4000, 0, &[7, 1415, 9000]);
        assert!(number.whole().is_err());
        assert!((number.double().unwrap() - -7.14159).abs() < 1e-15);
        assert_eq!(numeric(0, -1, &[5000]).double().unwrap().to_bits(), 0.5_f64.to_bits());
        assert_eq!(numeric(0, 4, &[1]).double().unwrap().to_bits(), 1e16_f64.to_bits());
        assert!(numeric(0xc000, 0, &[]).double().unwrap().is_nan());
    }
}
