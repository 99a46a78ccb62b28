//! Uploads, their processing and their content: the private side of the files module.
//!
//! The client waits only for its bytes: they are streamed to the blob store, then a row and a job are committed
//! together. The job does everything else.

mod blobs;
mod content;
mod delete;
mod digest;
mod entities;
mod erase;
mod events;
mod facts;
mod get;
mod kind;
mod lines;
mod list;
mod outside;
mod permissions;
mod picture;
mod private;
mod process;
mod quota;
mod range;
mod routes;
mod service;
mod sniff;
mod store;
mod sweep;
mod table;
mod text;
mod upload;
mod view;

use tenfold::prelude::*;
use tenfold_auth_api::Auth;
use tenfold_billing_api::Billing;
use tenfold_files_api::{FILE_FAILED, FILE_READY};

use crate::service::Files;

/// The module, for `main.rs`.
pub fn module() -> Module {
    Module::new("files")
        .settings(include_str!("defaults.toml"))
        .checks(service::check)
        .migrations(migrations!())
        .needs::<dyn Auth>()
        .needs::<dyn Billing>()
        .service(|wiring| Box::pin(std::future::ready(Files::open(wiring))))
        .before_serving::<Files>(|files| Box::pin(store::check(files)))
        .job::<process::ProcessUpload>()
        .on_given_up(process::given_up)
        .job::<delete::DeleteBlobs>()
        .job::<sweep::SweepBlobs>()
        .notifies(FILE_READY)
        .notifies(FILE_FAILED)
        .every("files.sweep", "17 * * * *", || sweep::SweepBlobs {})
        .erases("files.erase", erase::erase)
        .routes(routes::all)
}
