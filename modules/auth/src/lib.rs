//! Accounts, organizations, users and sessions: the private side of the auth module.
//!
//! An *account* is a person who signs in; it is global. A *user* is that person inside one organization.

mod account;
mod administration;
mod api_keys;
mod clean_up;
mod closing;
mod contact;
pub mod demo;
mod device;
mod email;
mod entities;
mod foreign_hash;
pub mod import;
mod invitations;
mod last_seen;
mod links;
mod members;
mod new_password;
mod organization;
mod passwords;
mod providers;
mod routes;
mod second_factor;
mod service;
mod sessions;
mod settings;
mod signing_key;
mod throttle;
mod token;
mod users;

use tenfold::http::Authenticate;
use tenfold::prelude::*;
use tenfold_auth_api::Auth;

pub use crate::service::Identity;

/// The module, for `main.rs`.
pub fn module() -> Module {
    Module::new("auth")
        .settings(include_str!("defaults.toml"))
        .checks(|loaded| settings::AuthSettings::read(loaded).map(drop))
        .migrations(migrations!())
        .service(|wiring| Box::pin(Identity::start(wiring)))
        .provides::<dyn Auth>(|wiring| wiring.service::<Identity>())
        .authenticates(|wiring| -> std::sync::Arc<dyn Authenticate> { wiring.service::<Identity>() })
        .administers(|_| administration::Administration::shared())
        .job::<clean_up::CleanUp>()
        .job::<links::send::SendLink>()
        .job::<invitations::send::SendInvitation>()
        .job::<links::notice::SendNotice>()
        .job::<closing::send::SendClosing>()
        .job::<closing::due::DueClosings>()
        .job::<closing::erase::EraseOrganization>()
        .every("auth.due_closings", "1h", || closing::due::DueClosings {})
        .erases_last()
        .every("auth.clean_up", "1h", || clean_up::CleanUp {})
        .routes(routes::all)
}
