//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>): which trace a piece of work belongs to.
//!
//! It lives here, below everything that does work, because statements, jobs and calls between modules
//! all carry it. `tracestate` is not kept: we add no vendor entries, and the specification lets a
//! participant that does not understand it drop it.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The length of a version 00 `traceparent`, and the minimum for any later version.
const HEADER_LENGTH: usize = 55;

/// The name of the HTTP header that [`TraceContext::parse`] reads and [`TraceContext::header`] writes.
pub const TRACEPARENT: &str = "traceparent";

/// The identity of a whole trace: 16 bytes, never all zero. Displays as 32 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

/// The identity of one span (`parent-id` in the specification): 8 bytes, never all zero.
/// Displays as 16 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

/// What is passed along with a request, a job or a call: the trace, the span that caused it, and whether the caller
/// records the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace that all the work belongs to.
    pub trace_id: TraceId,
    /// The span that is doing the work; for a parsed header, the caller's span.
    pub span_id: SpanId,
    /// Whether the caller may have recorded the trace (bit 0 of `trace-flags`).
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` header's value; `None` means that the caller should start a new trace.
    ///
    /// Strict as the specification asks: lowercase hex only, no surrounding space, version `ff` and
    /// all-zero ids invalid, version 00 exactly 55 characters. A later version is read by its version 00
    /// prefix, if that ends the value or is followed by a dash.
    pub fn parse(header: &str) -> Option<Self> {
        let (head, rest) = header.as_bytes().split_at_checked(HEADER_LENGTH)?;
        let version = hex(&head[..2])?;
        let ends_well = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|&next| next == b'-'),
        };
        if !ends_well || head[2] != b'-' || head[35] != b'-' || head[52] != b'-' {
            return None;
        }
        let trace_id = TraceId::from_hex(&head[3..35])?;
        let span_id = SpanId::from_hex(&head[36..52])?;
        let flags = hex(&head[53..])?;
        Some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }

    /// Starts a sampled trace from 24 random bytes: 16 for the trace, 8 for its first span. A part that
    /// is all zero, which the specification forbids, becomes one.
    pub fn start(random: [u8; 24]) -> Self {
        let mut trace = [0; 16];
        let mut span = [0; 8];
        trace.copy_from_slice(&random[..16]);
        span.copy_from_slice(&random[16..]);
        let trace_id = TraceId(NonZeroU128::new(u128::from_be_bytes(trace)).unwrap_or(NonZeroU128::MIN));
        let span_id = SpanId(NonZeroU64::new(u64::from_be_bytes(span)).unwrap_or(NonZeroU64::MIN));
        Self { trace_id, span_id, sampled: true }
    }

    /// Starts a sampled trace with random ids from the operating system. If the system has no randomness, the ids are
    /// only unlikely to repeat: no request fails because of its trace.
    pub fn start_random() -> Self {
        let mut random = [0; 24];
        if getrandom::fill(&mut random).is_err() {
            for part in random.chunks_exact_mut(8) {
                part.copy_from_slice(&SpanId::unique().to_bytes());
            }
        }
        Self::start(random)
    }

    /// The context of work that this one causes: the same trace, with a new span id.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: SpanId::unique(), ..*self }
    }

    /// The `traceparent` value, version 00, that passes this context to the next service.
    pub fn header(&self) -> String {
        let mut header = String::with_capacity(HEADER_LENGTH);
        header.push_str("00-");
        push_hex(&mut header, &self.trace_id.to_bytes());
        header.push('-');
        push_hex(&mut header, &self.span_id.to_bytes());
        header.push_str(if self.sampled { "-01" } else { "-00" });
        header
    }
}

/// Appends lowercase hex digits. The formatter would take several times as long.
fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

impl TraceId {
    /// Reads 32 lowercase hex digits that are not all zero.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_hex(text.as_bytes())
    }

    /// Takes the id from its bytes in network order; `None` if all are zero.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        NonZeroU128::new(u128::from_be_bytes(bytes)).map(Self)
    }

    /// The id's bytes in network order.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }

    fn from_hex(digits: &[u8]) -> Option<Self> {
        if digits.len() == 32 { NonZeroU128::new(hex(digits)?).map(Self) } else { None }
    }
}

impl SpanId {
    /// A new id, distinct from every other that this process creates, and unlikely to occur elsewhere.
    ///
    /// A counter from a random start goes through SplitMix64's finalizer (Steele, Lea and Flood, "Fast
    /// splittable pseudorandom number generators", 2014), which is a bijection: so it cannot repeat
    /// within 2^64 calls, and costs nanoseconds where the system's randomness costs a system call.
    pub fn unique() -> Self {
        static NEXT: OnceLock<AtomicU64> = OnceLock::new();
        let next = NEXT.get_or_init(|| AtomicU64::new(random_start()));
        loop {
            let number = next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            if let Some(id) = NonZeroU64::new(scatter(number)) {
                return Self(id);
            }
        }
    }

    /// Reads 16 lowercase hex digits that are not all zero.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_hex(text.as_bytes())
    }

    /// Takes the id from its bytes in network order; `None` if all are zero.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        NonZeroU64::new(u64::from_be_bytes(bytes)).map(Self)
    }

    /// The id's bytes in network order.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }

    fn from_hex(digits: &[u8]) -> Option<Self> {
        let number = if digits.len() == 16 { hex(digits)? } else { 0 };
        NonZeroU64::new(u64::try_from(number).ok()?).map(Self)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads at most 32 lowercase hex digits; the standard library's own parser also takes signs and capitals.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, &digit| match digit {
        b'0'..=b'9' => Some(number << 4 | u128::from(digit - b'0')),
        b'a'..=b'f' => Some(number << 4 | u128::from(digit - b'a' + 10)),
        _ => None,
    })
}

/// The start of the span ids. Without the system's randomness, the process id still distinguishes two processes.
fn random_start() -> u64 {
    getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()))
}

fn scatter(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
