//! The framework's own sections of the configuration, typed and checked at start.

mod admission;
mod buffers;
mod live;
mod operators;
mod why;

use std::net::SocketAddr;
use std::ops::Bound;
use std::time::Duration;

use serde::Deserialize;
use tenfold_data::{CacheSettings, DatabaseSettings, FeedSettings, Pooler, PostgresSettings, SqliteSettings};
use tenfold_jobs::JobSettings;
use tenfold_observe::logs::{Colour, LogFormat};
use tenfold_observe::telemetry::diagnosis::JournalLimits;

use self::admission::read_admission;
use self::buffers::read_buffers;
use self::live::read_live;
use self::operators::read_operators;
use self::why::read_why;
use crate::config::{ByteSize, ConfigError, Loaded, Secret, TimeSpan};
use crate::http::origins::origin;
use crate::http::{ForwardedHeader, HttpSettings, Origins, Proxies, ProxyNetwork};
use crate::why::history::HistorySettings;

/// The framework's defaults; modules add sections of their own.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// The framework's settings.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where a thread of its own serves health, metrics and the console; `None` for nowhere.
    pub operators: Option<SocketAddr>,
    /// `[http]`.
    pub http: HttpSettings,
    /// `database.url`.
    pub database_url: String,
    /// `[database]`, `[feed]` and `[cache]`.
    pub database: DatabaseSettings,
    /// `[jobs]`.
    pub jobs: JobSettings,
    /// How long running jobs may take once the process is stopping.
    pub jobs_shutdown_timeout: Duration,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// Which events are logged.
    pub log_filter: String,
    /// How much is recorded for `why`; `None` if nothing is.
    pub why: Option<JournalLimits>,
    /// Whether the plans of statements are kept for it.
    pub why_plans: bool,
    /// The file that keeps it over a restart, and how long all its pages may be in bytes; `None` for none.
    pub(crate) why_history: Option<HistorySettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpSection {
    listen: SocketAddr,
    operators: String,
    public_url: String,
    origins: Vec<String>,
    loopback_origins: bool,
    deadline: TimeSpan,
    body_limit: ByteSize,
    buffer_limit: ByteSize,
    connection_buffer_limit: ByteSize,
    max_connections: usize,
    header_timeout: TimeSpan,
    body_timeout: TimeSpan,
    idle_timeout: TimeSpan,
    least_pace: ByteSize,
    pace_window: TimeSpan,
    shutdown_timeout: TimeSpan,
    server_timing: SwitchChoice,
    trusted_proxies: Vec<ProxyNetwork>,
    forwarded_header: ForwardedHeader,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SwitchChoice {
    On,
    Off,
    Auto,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricsSection {
    password: Secret,
}

/// The shortest password that `metrics.password` accepts.
const SHORTEST_PASSWORD: usize = 12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseSection {
    url: String,
    migrate_url: String,
    migrate_lock_timeout: TimeSpan,
    pooler: PoolerChoice,
    max_rows: usize,
    cohort_size: usize,
    request_cache: usize,
    n_plus_one_threshold: u32,
    transaction_limit: TimeSpan,
    reader_threads: usize,
    max_waiting_writes: usize,
    #[serde(deserialize_with = "TimeSpan::or_zero")]
    commit_inline_limit: TimeSpan,
    cache_size: ByteSize,
    mmap_size: ByteSize,
    pool_size: usize,
    lanes: usize,
    acquire_timeout: TimeSpan,
    connect_timeout: TimeSpan,
    statement_timeout: TimeSpan,
    idle_in_transaction_timeout: TimeSpan,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PoolerChoice {
    None,
    Transaction,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedSection {
    poll: TimeSpan,
    retention: TimeSpan,
    wait: TimeSpan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheSection {
    size: ByteSize,
    expiry: TimeSpan,
    staleness: TimeSpan,
    sample: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobsSection {
    concurrency: usize,
    organization_share: usize,
    time_zone: String,
    keep_for: TimeSpan,
    keep_at_most: u64,
    poll: TimeSpan,
    lease: TimeSpan,
    poison_after: u32,
    shutdown_timeout: TimeSpan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogSection {
    format: FormatChoice,
    filter: String,
    colour: ColourChoice,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FormatChoice {
    Pretty,
    Json,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ColourChoice {
    Auto,
    Always,
    Never,
}

impl Settings {
    /// Reads and checks the sections.
    ///
    /// # Errors
    /// [`ConfigError`] names the key, its place and what is allowed.
    pub fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let http: HttpSection = loaded.section("http")?;
        loaded.within("http.body_limit", http.body_limit, ByteSize::kib(1)..=ByteSize::gib(1))?;
        loaded.within("http.max_connections", http.max_connections, 1..=1_000_000)?;
        loaded.within("http.least_pace", http.least_pace, ..=ByteSize::mib(1))?;
        let (database_url, database) = read_database(loaded)?;
        let (jobs, jobs_shutdown_timeout) = read_jobs(loaded)?;
        let (why, why_plans, why_history) = read_why(loaded)?;
        let log: LogSection = loaded.section("log")?;
        let colour = match log.colour {
            ColourChoice::Always => Colour::Always,
            ColourChoice::Auto if std::io::IsTerminal::is_terminal(&std::io::stderr()) => Colour::Always,
            ColourChoice::Auto | ColourChoice::Never => Colour::Never,
        };
        Ok(Settings {
            listen: http.listen,
            operators: read_operators(loaded, http.listen, &http.operators)?,
            database_url,
            database,
            jobs,
            jobs_shutdown_timeout,
            log_format: match log.format {
                FormatChoice::Pretty => LogFormat::Pretty(colour),
                FormatChoice::Json => LogFormat::Json,
            },
            log_filter: log.filter,
            why,
            why_plans,
            why_history,
            http: HttpSettings {
                deadline: http.deadline.as_std(),
                body_limit: http.body_limit.as_usize(),
                buffers: read_buffers(
                    loaded,
                    http.body_limit,
                    http.buffer_limit,
                    http.connection_buffer_limit,
                )?,
                max_connections: http.max_connections,
                header_timeout: http.header_timeout.as_std(),
                body_timeout: http.body_timeout.as_std(),
                idle_timeout: http.idle_timeout.as_std(),
                least_pace: http.least_pace.as_u64(),
                pace_window: http.pace_window.as_std(),
                shutdown_timeout: http.shutdown_timeout.as_std(),
                server_timing: match http.server_timing {
                    SwitchChoice::On => true,
                    SwitchChoice::Off => false,
                    SwitchChoice::Auto => http.listen.ip().is_loopback(),
                },
                https: is_https(&http.public_url),
                origins: read_origins(loaded, &http)?,
                metrics_password: read_metrics(loaded)?.password,
                proxies: Proxies::new(&http.trusted_proxies, http.forwarded_header),
                live: read_live(loaded)?,
                admission: read_admission(loaded, http.deadline)?,
            },
        })
    }
}

/// The limits of workers, and how long running jobs may take once the process is stopping.
fn read_jobs(loaded: &Loaded) -> Result<(JobSettings, Duration), ConfigError> {
    let jobs: JobsSection = loaded.section("jobs")?;
    loaded.within("jobs.concurrency", jobs.concurrency, 1..=1000)?;
    loaded.within("jobs.organization_share", jobs.organization_share, 1..=100)?;
    loaded.within("jobs.lease", jobs.lease, TimeSpan::seconds(1)..=TimeSpan::hours(1))?;
    loaded.within("jobs.poison_after", jobs.poison_after, 3..=100)?;
    if !tenfold_jobs::is_time_zone(&jobs.time_zone) {
        loaded.refuse(
            "jobs.time_zone",
            "it must be a name such as UTC or Europe/Berlin that this machine knows",
        )?;
    }
    let settings = JobSettings {
        concurrency: jobs.concurrency,
        organization_share: jobs.organization_share,
        poll: jobs.poll.as_std(),
        lease: jobs.lease.as_std(),
        poison_after: jobs.poison_after,
        time_zone: jobs.time_zone,
        keep_for: jobs.keep_for.as_std(),
        keep_at_most: jobs.keep_at_most,
    };
    Ok((settings, jobs.shutdown_timeout.as_std()))
}

fn read_metrics(loaded: &Loaded) -> Result<MetricsSection, ConfigError> {
    let metrics: MetricsSection = loaded.section("metrics")?;
    let length = metrics.password.expose().chars().count();
    if (1..SHORTEST_PASSWORD).contains(&length) {
        let allowed = "it must have at least 12 characters; if it is empty, anybody may read the metrics";
        loaded.refuse("metrics.password", allowed)?;
    }
    Ok(metrics)
}

fn is_https(public_url: &str) -> bool {
    public_url.starts_with("https://")
}

/// Which pages may use the API: the listed ones, and loopback pages while only loopback can reach the service.
fn read_origins(loaded: &Loaded, http: &HttpSection) -> Result<Origins, ConfigError> {
    let mut listed = Vec::with_capacity(http.origins.len());
    for text in &http.origins {
        match origin(text) {
            Ok(origin) => listed.push(origin),
            Err(reason) => loaded.refuse("http.origins", reason)?,
        }
    }
    let is_local = http.listen.ip().is_loopback() && !is_https(&http.public_url);
    Ok(Origins::new(&http.public_url, listed, http.loopback_origins && is_local))
}

fn read_feed(loaded: &Loaded) -> Result<FeedSettings, ConfigError> {
    let feed: FeedSection = loaded.section("feed")?;
    loaded.within("feed.retention", feed.retention, TimeSpan::seconds(10)..=TimeSpan::hours(1))?;
    Ok(FeedSettings {
        poll: feed.poll.as_std(),
        retention: feed.retention.as_std(),
        wait: feed.wait.as_std(),
    })
}

/// A process that the others take for dead must have stopped serving rows before.
const LONGEST_STALENESS: TimeSpan = TimeSpan::seconds(4);

fn read_cache(loaded: &Loaded) -> Result<CacheSettings, ConfigError> {
    let cache: CacheSection = loaded.section("cache")?;
    let feed: FeedSection = loaded.section("feed")?;
    loaded.within("cache.expiry", cache.expiry, TimeSpan::seconds(1)..=TimeSpan::hours(24))?;
    loaded.within("cache.sample", cache.sample, 0..=1_000_000_000)?;
    // A process that reads nothing must have stopped serving rows before the others no longer wait for it.
    if cache.size.as_u64() > 0 {
        let range = (Bound::Excluded(feed.poll), Bound::Included(feed.wait.min(LONGEST_STALENESS)));
        loaded.within("cache.staleness", cache.staleness, range)?;
    }
    Ok(CacheSettings {
        bytes: cache.size.as_u64(),
        expiry: cache.expiry.as_std(),
        staleness: cache.staleness.as_std(),
        sample: cache.sample,
    })
}

fn read_database(loaded: &Loaded) -> Result<(String, DatabaseSettings), ConfigError> {
    let section: DatabaseSection = loaded.section("database")?;
    loaded.within("database.max_rows", section.max_rows, 1..=1_000_000)?;
    loaded.within("database.cohort_size", section.cohort_size, 1..=1_000_000)?;
    loaded.within("database.request_cache", section.request_cache, 1..=1_000_000)?;
    loaded.within("database.n_plus_one_threshold", section.n_plus_one_threshold, 2..=1_000_000)?;
    loaded.within("database.reader_threads", section.reader_threads, 1..=64)?;
    loaded.within("database.max_waiting_writes", section.max_waiting_writes, 1..=1_000_000)?;
    loaded.within("database.pool_size", section.pool_size, 1..=1000)?;
    loaded.within("database.lanes", section.lanes, 1..=64)?;
    let settings = DatabaseSettings {
        max_rows: section.max_rows,
        cohort_size: section.cohort_size,
        request_cache: section.request_cache,
        n_plus_one_threshold: section.n_plus_one_threshold,
        transaction_limit: section.transaction_limit.as_std(),
        feed: read_feed(loaded)?,
        cache: read_cache(loaded)?,
        sqlite: SqliteSettings {
            reader_threads: section.reader_threads,
            max_waiting_writes: section.max_waiting_writes,
            commit_inline_limit: section.commit_inline_limit.as_std(),
            cache_bytes: section.cache_size.as_u64(),
            mmap_bytes: section.mmap_size.as_u64(),
        },
        postgres: PostgresSettings {
            pool_size: section.pool_size,
            lanes: section.lanes,
            acquire_timeout: section.acquire_timeout.as_std(),
            connect_timeout: section.connect_timeout.as_std(),
            statement_timeout: section.statement_timeout.as_std(),
            idle_in_transaction_timeout: section.idle_in_transaction_timeout.as_std(),
            migrate_url: Some(section.migrate_url).filter(|url| !url.is_empty()),
            migrate_lock_timeout: section.migrate_lock_timeout.as_std(),
            pooler: match section.pooler {
                PoolerChoice::None => Pooler::None,
                PoolerChoice::Transaction => Pooler::Transaction,
            },
        },
    };
    Ok((section.url, settings))
}
