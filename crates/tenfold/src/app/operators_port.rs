//! What `http.operators` serves, and the start of its thread.

use tenfold_data::Database;

use crate::http::{
    self, CriticalPages, OperatorsPort, OperatorsService, OperatorsThread, Routes, RuntimePulse, ServerState,
    Shared,
};

/// The routes of modules with critical pages, with connections of their own to the database. It is called on the runtime of the
/// service, which is watched from now on.
pub(super) fn operators_service(
    database: Database,
    shared: &Shared,
    routes: Vec<fn() -> Routes>,
    critical: Vec<CriticalPages>,
) -> OperatorsService {
    let routes = routes.into_iter().fold(Routes::new(), |all, of_module| all.merge(of_module()));
    let state = ServerState::new(shared.aside(database.clone()));
    let router = http::operators_router(routes, state, critical, RuntimePulse::begin());
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
