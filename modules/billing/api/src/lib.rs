//! The interface of the billing module: what an organization has a right to.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;

/// How much an organization may store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageQuota {
    /// The plan that says so, such as `free`.
    pub plan: String,
    /// The most bytes at a time.
    pub limit_bytes: u64,
}

/// What the billing module does for others.
#[module_api(name = "billing", version = 1)]
pub trait Billing {
    /// How much the caller's organization may store. Who stores counts what is used.
    #[call]
    async fn storage(&self, cx: &Context) -> Result<StorageQuota, CallError>;
}
