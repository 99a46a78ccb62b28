//! What an application imports: [`App`], [`Module`], [`Context`], HTTP, configuration and test support.
//!
//! A module's author needs `use tenfold::prelude::*;` and little else.

// So that our own macros, which write `::tenfold`, work in here too.
extern crate self as tenfold;

pub mod app;
pub mod call;
mod compute;
pub mod config;
pub mod credentials;
mod demo;
mod erasure;
mod facts;
pub mod http;
pub mod module;
mod notify;
pub mod operators;
pub mod settings;
pub mod testing;
pub mod why;
mod wiring;

#[doc(hidden)]
pub use async_trait::async_trait;
#[doc(hidden)]
pub use axum;
#[doc(hidden)]
pub use utoipa;

pub use tenfold_data as data;
pub use tenfold_data::{Context, SystemContext, id, sql};
pub use tenfold_jobs as jobs;
pub use tenfold_macros::{endpoint, module_api, modules};
pub use tenfold_observe::telemetry;

pub use crate::app::App;
pub use crate::call::CallError;
pub use crate::compute::{ComputeError, compute};
pub use crate::erasure::OrganizationErased;
pub use crate::facts::{ApplicationFacts, ModuleFacts};
pub use crate::http::Use;
pub use crate::module::Module;
pub use crate::notify::{NotificationKind, Notify};
pub use crate::wiring::Wiring;

/// What nearly every file of a module uses.
pub mod prelude {
    // `routes!` and the derives below write paths that begin with these.
    pub use axum;
    pub use utoipa;
    pub use utoipa::{IntoParams, ToSchema};

    pub use tenfold_data::{
        Context, Count, Currency, DataError, Entity, EntityExt, EntityRow, EraseRows, Listing, Many, Money,
        One, OrgId, Page, Ref, SystemContext, TextEnum, Timestamp, Tx, Versioned, id, migrations, sql,
    };
    pub use tenfold_jobs::{
        Discard, Enqueue, Event, GivenUp, Job, JobContext, JobOptions, RateLimit, Snooze, TryLater,
    };
    pub use tenfold_macros::{endpoint, module_api};

    pub use crate::async_trait;
    pub use crate::call::CallError;
    pub use crate::http::Use;
    pub use crate::http::{
        Created, DisplayName, IfMatch, Json, NoContent, OnConflict, Path, Permission, Problem, Query,
        Require, Role, Routes, Tagged, Text, routes,
    };
    pub use crate::module::Module;
    pub use crate::wiring::Wiring;
}
