//! The interface of the billing module: what an organization is entitled to.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;

/// How much an organization may store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageQuota {
    /// The plan that sets the limit, such as `free`.
    pub plan: String,
    /// The most bytes at any time.
    pub limit_bytes: u64,
}

/// What the billing module does for other modules.
#[module_api(name = "billing", version = 1)]
pub trait Billing {
    /// How much the caller's organization may store. The module that stores counts the usage.
    #[call]
    async fn storage(&self, cx: &Context) -> Result<StorageQuota, CallError>;
}
