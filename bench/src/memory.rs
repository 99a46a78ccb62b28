//! What telemetry and the records for `why` hold in memory, the more requests there are, of ever more organizations.

use std::panic::Location;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use harness::process::memory_of;
use harness::random::Random;
use tenfold::data::{
    Clock, DatabaseWaits, Dialect, OrgId, Outcome, StatementRecord, Timestamp, TraceContext, Uuid,
};
use tenfold::telemetry::diagnosis::JournalLimits;
use tenfold::telemetry::{Beginning, Ending, Telemetry, Totals};

use crate::options::Options;
use crate::report::{BenchReport, ReportRow};

const ORGANIZATIONS: u64 = 100_000;
const PEOPLE: u64 = 1_000_000;
const ROUTES: u64 = 100;
/// Statements of a request, each at a line of its own.
const STATEMENTS: u64 = 3;
/// Requests in a second of the simulated time.
const A_SECOND: u64 = 5_000;
const MARKS: [u64; 5] = [100_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000];

/// Records ten million requests, or a tenth of that with --quick, and looks at the memory meanwhile.
///
/// # Errors
/// When the system does not say how much memory there is.
pub fn run(options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    let clock = Clock::manual(Timestamp::from_second(1_767_225_600)?);
    let telemetry = Telemetry::new(clock.clone());
    telemetry.record_for_why(JournalLimits::default());
    let mut random = Random::new(1);
    let mut spent = Duration::ZERO;
    let mut done = 0;
    for mark in MARKS.into_iter().filter(|mark| !options.quick || *mark <= 1_000_000) {
        let began = Instant::now();
        while done < mark {
            request(&telemetry, &mut random);
            done += 1;
            if done % A_SECOND == 0 {
                clock.advance(Duration::from_secs(1));
            }
        }
        spent += began.elapsed();
        let each = spent.as_secs_f64() * 1e9 / done as f64;
        report.add(
            ReportRow::without_database("memory", "telemetry")
                .with("requests", done)
                .with("rss_mib", memory_of(std::process::id(), "VmRSS") >> 20)
                .with("request_ns", each.round())
                .with("lost", telemetry.lost_for_why()),
        );
    }
    let asked = Instant::now();
    let answer = telemetry.why(None, clock.now()).context("it is recorded")?;
    let millis = (asked.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    let row = ReportRow::without_database("memory", "why").with("answer_ms", millis);
    report.add(
        row.with("rss_mib", memory_of(std::process::id(), "VmRSS") >> 20).with("verdict", answer.verdict),
    );
    Ok(())
}

/// A request of anybody, with its statements.
fn request(telemetry: &Telemetry, random: &mut Random) {
    let trace = TraceContext::start_random();
    let route = random.below(ROUTES);
    let work = telemetry.begin(Beginning::of_request(
        format!("GET /v1/things_{route}"),
        trace,
        telemetry.clock().now(),
    ));
    let organization = OrgId(Uuid::from_u128(u128::from(random.below(ORGANIZATIONS)) + 1));
    let person = Uuid::from_u128(u128::from(random.below(PEOPLE)) + 1);
    telemetry.acts_for(trace.span_id, organization, Some(person));
    for number in 0..STATEMENTS {
        let name = format!("things_{route}.{number}");
        telemetry.statement(&StatementRecord {
            name: name.into(),
            module: "things",
            text: "SELECT 1".into(),
            trace,
            dialect: Dialect::Sqlite,
            site: Location::caller(),
            elapsed: Duration::from_micros(20 + random.below(200)),
            waits: DatabaseWaits::default(),
            rows: 1,
            by_key: false,
            said: None,
            outcome: Outcome::Ok,
        });
    }
    let status = if random.below(1_000) == 0 { 500 } else { 200 };
    work.end(Ending::Answered(status), Totals::default());
}
