//! What `http.operators` serves, and the start of its thread.

use tenfold_data::Database;

use crate::http::{
    self, CriticalPages, OperatorsPort, OperatorsService, OperatorsThread, Routes, RuntimePulse, ServerState,
    Shared,
};
use crate::module::Module;

/// What operators need at any time.
pub(super) struct CriticalRoutes {
    /// The critical pages of all modules.
    pub pages: Vec<CriticalPages>,
    /// The routes of the modules that have some.
    of_modules: Vec<fn() -> Routes>,
}

impl CriticalRoutes {
    pub(super) fn of(modules: &[Module]) -> Self {
        let with_pages = modules.iter().filter(|module| !module.critical.is_empty());
        CriticalRoutes {
            pages: modules.iter().flat_map(|module| &module.critical).copied().collect(),
            of_modules: with_pages.filter_map(|module| module.routes).collect(),
        }
    }
}

/// The routes of modules with critical pages, with connections of their own to the database. It is called on the runtime of the
/// service, which is watched from now on.
pub(super) fn operators_service(
    database: Database,
    shared: &Shared,
    critical: &CriticalRoutes,
) -> OperatorsService {
    let routes = critical.of_modules.iter().fold(Routes::new(), |all, of_module| all.merge(of_module()));
    let state = ServerState::new(shared.aside(database.clone()));
    let router = http::operators_router(routes, state, critical.pages.clone(), RuntimePulse::begin());
    OperatorsService { router, settings: shared.settings.clone(), database }
}

/// Serves `http.operators`, if it is set, in every role of a process, and tells the operator where.
///
/// # Errors
/// The system gives no thread.
pub(super) fn serve_operators(
    port: Option<OperatorsPort>,
    service: Option<OperatorsService>,
    say: fn(&str),
) -> std::io::Result<Option<OperatorsThread>> {
    let (Some(port), Some(service)) = (port, service) else { return Ok(None) };
    say(&format!("health, metrics and console: http://{}\n", port.address()));
    port.serve(service).map(Some)
}
