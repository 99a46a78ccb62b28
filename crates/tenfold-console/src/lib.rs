//! The console: for operators, when something is slow or failing. An application mounts it as a module.
//!
//! It belongs to the operators, not to a tenant: no account of the application is enough. Operators have names, passwords and codes; a
//! password in the configuration opens it also while the application's database is unavailable (decision 71). It shows what is in
//! this process's memory; jobs, mails and people are queried when their pages are opened.

mod access;
mod agent;
mod alerts;
mod chart;
mod deploys;
mod hash_door;
mod known;
mod layout;
mod mcp;
mod module_graph;
mod pages;
mod plans;
mod seen_tokens;
mod signed_out;
mod unrecorded;
mod words;
mod wrong_sign_ins;

use axum::routing::{get, post};
use tenfold::axum;
use tenfold::http::{Asset, assets};
use tenfold::prelude::*;

use crate::access::{Access, ConsoleSettings};
use crate::alerts::{AlertSettings, Alerts, MailAlert};

const ASSETS: &[Asset] = &[
    Asset::style("/console/console.css", include_str!("../assets/console.css")),
    Asset::script("/console/console.js", include_str!("../assets/console.js")),
];

/// The module, for an application's list.
pub fn module() -> Module {
    Module::new("console")
        .settings(include_str!("defaults.toml"))
        .checks(|loaded| ConsoleSettings::read(loaded).and(AlertSettings::read(loaded)).map(drop))
        .service(|wiring| Box::pin(async move { Access::start(wiring) }))
        .service(|wiring| Box::pin(async move { Alerts::start(wiring) }))
        .each_minute::<Alerts>(|alerts| Box::pin(async move { alerts.look().await }))
        .job::<MailAlert>()
        .migrations(migrations!())
        .routes(routes)
        .critical("/console", &["/console/sign-in"])
}

fn routes() -> Routes {
    assets(ASSETS)
        .route("/console", get(pages::overview::overview))
        .route("/console/why.json", get(pages::why::why_json))
        .route("/console/why/records.json", get(pages::why::records_json))
        .route("/console/mcp", mcp::door())
        .route("/console/sign-in", get(pages::sign_in::form).post(pages::sign_in::sign_in))
        .route("/console/sign-out", post(pages::sign_in::sign_out))
        .route("/console/endpoints", get(pages::endpoints::endpoints))
        .route("/console/endpoints/days", get(pages::days::days))
        .route("/console/statements", get(pages::statements::statements))
        .route("/console/modules", get(pages::modules::modules))
        .route("/console/deploys", get(pages::deploys::deploys))
        .route("/console/changes", get(pages::changes::changes))
        .route("/console/cache", get(pages::cache::cache))
        .route("/console/cache/clear", post(pages::cache::clear))
        .route("/console/jobs", get(pages::jobs::jobs))
        .route("/console/jobs/{id}", get(pages::job::job))
        .route("/console/jobs/{id}/retry", post(pages::job::retry))
        .route("/console/jobs/{id}/cancel", post(pages::job::cancel))
        .route("/console/queues", get(pages::queues::queues))
        .route("/console/queues/{queue}/pause", post(pages::queues::pause))
        .route("/console/queues/{queue}/resume", post(pages::queues::resume))
        .route("/console/schedules/run", post(pages::queues::run))
        .route("/console/events", get(pages::events::events))
        .route("/console/events/{id}/replay", post(pages::events::replay))
        .route("/console/mails", get(pages::mails::mails))
        .route("/console/mails/allow", post(pages::mails::allow))
        .route("/console/mails/{id}", get(pages::mail::mail))
        .route("/console/mails/{id}/html", get(pages::mail::html))
        .route("/console/people", get(pages::people::people))
        .route("/console/people/{id}", get(pages::person::person))
        .route("/console/people/{id}/{act}", post(pages::person::act))
        .route("/console/organizations/{id}", get(pages::organization::organization))
        .route("/console/organizations/{id}/suspend", post(pages::organization::suspend))
        .route("/console/organizations/{id}/release", post(pages::organization::release))
        .route(
            "/console/organizations/{id}/invitations/{invitation}/mail",
            post(pages::organization::mail_invitation),
        )
        .route("/console/log", get(pages::log::log))
        .route("/console/traces", get(pages::traces::traces))
        .route("/console/traces/{id}", get(pages::trace::trace))
}
