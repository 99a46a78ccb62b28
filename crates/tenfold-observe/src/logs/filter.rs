//! Which events and spans are logged.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

use super::error::InstallError;

/// The levels that a filter may name.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// The fields by which a span names its trace.
pub(super) const TRACE_ID: &str = "trace_id";
/// See [`TRACE_ID`].
pub(crate) const SPAN_ID: &str = "span_id";

/// A level for everything, and others for targets (module paths, including their submodules).
///
/// A span with a field `trace_id` or `span_id` always passes, up to level DEBUG, so that the lines inside
/// it carry its trace even where its own closing line is not logged.
#[derive(Clone, Debug)]
pub struct LogFilter {
    targets: Targets,
    most: LevelFilter,
}

impl LogFilter {
    /// Lets everything through.
    pub fn everything() -> Self {
        Self { targets: Targets::new().with_default(LevelFilter::TRACE), most: LevelFilter::TRACE }
    }

    /// Reads levels and `target=level` pairs separated by commas: `info,tenfold=debug,hyper=off`. Targets
    /// that no part covers are off; of two matching targets the longer one counts. Unlike in `EnvFilter`,
    /// a single word that is not a level is an error: a misspelt level would otherwise switch everything
    /// off.
    pub fn parse(filter: &str) -> Result<Self, InstallError> {
        let mut targets = Targets::new();
        let mut most = LevelFilter::OFF;
        for part in filter.split(',').map(str::trim) {
            let (target, level) = match part.split_once('=') {
                Some((target, level)) => (Some(target.trim()), level.trim()),
                None => (None, part),
            };
            let level = LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(level));
            let (Some(&(_, level)), false) = (level, target == Some("")) else {
                return Err(InstallError::Filter { filter: filter.to_owned(), part: part.to_owned() });
            };
            most = most.max(level);
            targets = match target {
                Some(target) => targets.with_target(target, level),
                None => targets.with_default(level),
            };
        }
        Ok(Self { targets, most })
    }

    /// Whether a line of this target and level is logged.
    pub(super) fn logs(&self, target: &str, level: &Level) -> bool {
        self.targets.would_enable(target, level)
    }

    fn passes(&self, metadata: &Metadata<'_>) -> bool {
        let identifies = |name| metadata.fields().field(name).is_some();
        self.logs(metadata.target(), metadata.level())
            || metadata.is_span() && (identifies(TRACE_ID) || identifies(SPAN_ID))
    }
}

impl<S> Filter<S> for LogFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.passes(metadata)
    }

    /// The answer never changes, so a line that is not logged costs one comparison.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.passes(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most.max(LevelFilter::DEBUG))
    }
}
