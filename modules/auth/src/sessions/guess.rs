//! A password that somebody typed, and whether it is right.

use std::sync::Arc;

use tenfold::data::Scope;
use tenfold::http::{ClientAddress, StatusCode};
use tenfold::prelude::*;

use crate::passwords::Turn;
use crate::service::Identity;
use crate::throttle::{Attempt, Throttle};

/// A turn to try a password for an account: the throttle has admitted it.
pub(crate) struct GuessTurn {
    throttle: Throttle,
    attempt: Attempt,
    turn: Turn,
}

impl GuessTurn {
    /// Waits for a turn.
    ///
    /// # Errors
    /// 429 if account or address has to wait, 503 if too many wait for a turn.
    pub(crate) async fn wait(
        identity: &Identity,
        cx: &SystemContext,
        email: &str,
        client: ClientAddress,
    ) -> Result<Self, Problem> {
        let throttle = identity.throttle;
        let mut attempt = throttle.admit(cx, email, client).await?;
        let turn = identity.passwords.turn(client).await?;
        if turn.waited() {
            // Those whose turn was before may have failed: of many guesses at once no more are tried than of one after another.
            attempt = throttle.admit(cx, email, client).await?;
        }
        Ok(GuessTurn { throttle, attempt, turn })
    }

    /// What counts if the guess is right, or wrong after all.
    pub(crate) fn attempt(&self) -> Attempt {
        self.attempt.clone()
    }

    /// A guess: the typed password, and the hash to compare it with; none for an unknown account.
    pub(crate) fn guess(self, password: String, stored: Option<String>) -> Guess {
        let GuessTurn { throttle, attempt, turn } = self;
        Guess { throttle, attempt, password, stored, turn }
    }
}

/// A password that somebody typed for an account.
pub(crate) struct Guess {
    throttle: Throttle,
    attempt: Attempt,
    password: String,
    /// The hash to compare it with; none for an unknown account.
    stored: Option<String>,
    turn: Turn,
}

impl Guess {
    /// Gives the turn back when the password is right. A wrong one is counted before its turn ends.
    ///
    /// Both are done by a task of their own: it goes on when the client hangs up and this request is dropped, so that
    /// hanging up saves no guess from being counted.
    pub(crate) async fn judge(self, cx: &SystemContext) -> Result<Option<Turn>, Problem> {
        let scope = Scope::new(cx.scope().database().clone(), cx.scope().trace(), None);
        let apart = Arc::clone(&scope);
        #[expect(clippy::disallowed_methods, reason = "dropping the request must not end it")]
        let judged = tokio::spawn(async move {
            let cx = SystemContext::new(Arc::clone(&apart));
            apart.drive(self.judge_within(&cx)).await
        });
        let judged = judged.await.map_err(Problem::internal)?;
        cx.scope().absorb(scope.cost());
        judged
    }

    async fn judge_within(self, cx: &SystemContext) -> Result<Option<Turn>, Problem> {
        if self.turn.verify(self.password, self.stored).await? {
            return Ok(Some(self.turn));
        }
        self.throttle.fail(cx, &self.attempt).await?;
        Ok(None)
    }
}

/// The refusal of a sign-in, the same for every reason.
pub(crate) fn refused() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials", "Address, password or organization is wrong")
}
