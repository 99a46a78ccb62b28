//! Plans and their limits: the private side of the billing module.
//!
//! An organization without a subscription has the plan `free`, whose limits are in the configuration.

mod entities;
mod service;

use tenfold::prelude::*;
use tenfold_billing_api::Billing;

use crate::entities::Subscription;
use crate::service::Plans;

/// The module, for `main.rs`.
pub fn module() -> Module {
    Module::new("billing")
        .settings(include_str!("defaults.toml"))
        .migrations(migrations!())
        .service(|wiring| Box::pin(async move { Plans::start(wiring) }))
        .provides::<dyn Billing>(|wiring| wiring.service::<Plans>())
        .erases("billing.erase", |_, cx| async move { Ok(Subscription::erase(&cx).await?) })
}
