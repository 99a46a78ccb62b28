//! Currencies of ISO 4217.

use std::fmt;
use std::str::FromStr;

use super::MoneyError;
use crate::row::{ReadError, Row};
use crate::value::{ColumnType, KeyType, Kind, Value};

/// A currency of ISO 4217, such as `Currency::EUR`. It is stored and sent as its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: [u8; 3],
    digits: u8,
}

/// Declares a constant for each code, by the number of digits of its minor unit, and the list of all.
macro_rules! currencies {
    ($($digits:literal: $($code:ident)+;)+) => {
        #[allow(missing_docs, reason = "the name is the code of ISO 4217")]
        impl Currency {
            $($(pub const $code: Currency = Currency::new(stringify!($code), $digits);)+)+

            /// All currencies, by the number of their digits and then by code.
            pub const fn all() -> &'static [Currency] {
                &[$($(Currency::$code),+),+]
            }
        }
    };
}

// ISO 4217, list one as published on 2026-01-01, without funds and without what has no minor unit (metals, units of
// account, testing). To update it, compare it with the list of the maintenance agency (SIX).
currencies! {
    0: BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF;
    2: AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
       COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
       IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR
       MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG
       SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES
       WST XAD XCD XCG YER ZAR ZMW ZWG;
    3: BHD IQD JOD KWD LYD OMR TND;
    4: UYW;
}

impl Currency {
    const fn new(code: &str, digits: u8) -> Self {
        let code = code.as_bytes();
        Currency { code: [code[0], code[1], code[2]], digits }
    }

    /// The code, three capital letters.
    pub fn code(&self) -> &str {
        // Codes are ASCII.
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// How many decimal digits the minor unit has: 2 for EUR, 0 for JPY, 3 for BHD.
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// How many minor units one major unit has: 100 for EUR.
    pub const fn minor_units(self) -> i64 {
        10_i64.pow(self.digits as u32)
    }

    /// The currency with this code, if it is in the list. Codes are capital letters.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::all().iter().find(|currency| currency.code == code.as_bytes()).copied()
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(code: &str) -> Result<Self, MoneyError> {
        Self::of_code(code).ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(10).collect()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl ColumnType for Currency {
    const KIND: Kind = Kind::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.code().to_owned())
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        let code = row.text(index)?;
        Self::of_code(&code).ok_or_else(|| ReadError::new(index, "a currency of ISO 4217", &code))
    }
}

impl KeyType for Currency {}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Currency {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        let mut codes: Vec<&str> = Self::all().iter().map(Currency::code).collect();
        codes.sort_unstable();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A currency's code (ISO 4217)."))
            .enum_values(Some(codes))
            .into()
    }
}

impl utoipa::ToSchema for Currency {}
