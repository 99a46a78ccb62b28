//! What a process sets right now and then: jobs of lost workers, and those that wait although what they waited for is over.

use tenfold_data::DataError;
use tokio::sync::Mutex;

use crate::rows::JobId;
use crate::runner::Jobs;
use crate::{batch, ordered, rescue};

/// How far the looks have come that examine a part at a time.
#[derive(Default)]
pub(crate) struct LastLooks {
    /// The last key of ordered jobs.
    key: Mutex<String>,
    /// The last batch.
    batch: Mutex<Option<JobId>>,
}

impl Jobs {
    /// Frees the jobs of lost workers, and ordered ones that nothing is before. Returns how many were lost.
    pub(crate) async fn rescue(&self) -> Result<usize, DataError> {
        let inner = &*self.0;
        let rescue = async |cx| {
            let rescued = rescue::rescue(&cx, &inner.registry, &inner.leases, &inner.settings).await?;
            let mut after = inner.last_look.key.lock().await;
            *after = ordered::release_stuck(&cx, &after).await?;
            Ok(rescued)
        };
        inner.database.run(None, rescue).await
    }

    /// Lets the last jobs of finished batches run that still wait.
    pub(crate) async fn release_batches(&self) -> Result<(), DataError> {
        let mut after = self.0.last_look.batch.lock().await;
        *after = self.0.database.run(None, async |cx| batch::release_some(&cx, *after).await).await?;
        Ok(())
    }

    /// Lets the next jobs of these keys run, and returns the keys that publishers still hold.
    pub(crate) async fn release_keys(&self, keys: Vec<String>) -> Result<Vec<String>, DataError> {
        self.0.database.run(None, async |cx| ordered::release_free(&cx, keys).await).await
    }
}
