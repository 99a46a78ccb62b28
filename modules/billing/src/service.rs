//! Answers what an organization is entitled to.

use serde::Deserialize;
use tenfold::config::ByteSize;
use tenfold::prelude::*;
use tenfold_billing_api::{Billing, StorageQuota};

use crate::entities::Subscription;

/// `[billing]` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BillingSettings {
    free_storage: ByteSize,
}

/// The plans of organizations.
pub(crate) struct Plans {
    free_storage: u64,
}

impl Plans {
    /// Reads the settings.
    pub(crate) fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings: BillingSettings = wiring.settings().section("billing")?;
        Ok(Plans { free_storage: settings.free_storage.as_u64() })
    }
}

#[async_trait]
impl Billing for Plans {
    async fn storage(&self, cx: &Context) -> Result<StorageQuota, CallError> {
        Ok(match Subscription::find(cx, cx.tenant()).await? {
            Some(subscription) => StorageQuota {
                plan: subscription.plan.clone(),
                limit_bytes: u64::try_from(subscription.storage_bytes).unwrap_or(0),
            },
            None => StorageQuota { plan: "free".to_owned(), limit_bytes: self.free_storage },
        })
    }
}
