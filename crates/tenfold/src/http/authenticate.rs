//! What the auth module provides: the identity behind a token.

use async_trait::async_trait;
use tenfold_data::{Context, OrgId, SystemContext};

use super::problem::Problem;
use crate::demo::DemoOrganization;

/// Turns a token into a context; the auth module provides it.
#[async_trait]
pub trait Authenticate: Send + Sync + 'static {
    /// The context of a live session, or `None` for a token that is forged, expired or signed out.
    ///
    /// # Errors
    /// When the session cannot be looked up.
    async fn authenticate(&self, cx: &SystemContext, token: &str) -> Result<Option<Context>, Problem>;

    /// The organization that a token is for, from the token alone, before any look-up: for admission. The token may have
    /// ended, but must not be forged, or a client could use up another organization's share. Without this, a client
    /// counts by its address.
    fn organization_of(&self, token: &str) -> Option<OrgId> {
        let _ = token;
        None
    }

    /// What [`authenticate`](Authenticate::authenticate) says of each of these tokens, in their order. The sessions
    /// behind all live streams are checked with it, again and again: one statement should do for all.
    ///
    /// # Errors
    /// When the sessions cannot be looked up.
    async fn authenticate_all(
        &self,
        cx: &SystemContext,
        tokens: &[&str],
    ) -> Result<Vec<Option<Context>>, Problem> {
        let each = cx.repeating("this module checks one session at a time");
        let mut found = Vec::with_capacity(tokens.len());
        for token in tokens {
            found.push(self.authenticate(&each, token).await?);
        }
        Ok(found)
    }

    /// The demo organizations with their people, created if missing. Without demo people: none.
    ///
    /// # Errors
    /// When they cannot be stored.
    async fn demo_organizations(&self, cx: &SystemContext) -> anyhow::Result<Vec<DemoOrganization>> {
        let _ = cx;
        Ok(Vec::new())
    }
}
