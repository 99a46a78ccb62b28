//! How much is measured.

/// How much of a bench is run: all of it, as a rule.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Extent {
    /// Less of everything.
    #[arg(global = true, long)]
    pub quick: bool,
    /// This case of `list` or `writes` only, for a profiler.
    #[arg(global = true, long)]
    pub only: Option<String>,
    /// Lists so many users only, for a profiler.
    #[arg(global = true, long)]
    pub users: Option<usize>,
    /// So many writers at once only, for a profiler.
    #[arg(global = true, long)]
    pub at_once: Option<usize>,
}

impl Extent {
    /// Whether a case is measured.
    pub fn wants(&self, case: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == case)
    }
}
