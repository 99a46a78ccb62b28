//! What a person has changed is seen by the next request of the same person, although another process answers it.
//!
//! Other processes learn of a commit within `cache.staleness`. So an answer to a request that has changed something names the process, in a
//! cookie that lives a little longer than that and in a header, and a process that is not the one reads past its cache. No clocks are
//! compared: the client's counts the seconds of the cookie, and a program sends the header back for so long.

use std::time::Duration;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tenfold_data::{Scope, Uuid};

use super::auth::cookie;
use super::state::ServerState;

const WRITTEN_BY: HeaderName = HeaderName::from_static("x-written-by");
const COOKIE: &str = "tenfold_written_by";
/// What an answer may take to arrive.
const ON_THE_WAY: Duration = Duration::from_secs(2);

/// Lets a request read past the cache if another process has just changed something for the same person.
pub(super) fn heed(headers: &HeaderMap, scope: &Scope) {
    let written_by = headers.get(&WRITTEN_BY).and_then(|value| value.to_str().ok());
    let written_by = written_by.or_else(|| cookie(headers, COOKIE)).and_then(|id| id.parse::<Uuid>().ok());
    if written_by.is_some() && written_by != scope.database().feed().process() {
        scope.read_past_cache();
    }
}

/// Names this process in an answer, if the request has changed something and there are other processes.
pub(super) fn name(state: &ServerState, scope: &Scope, headers: &mut HeaderMap) {
    let feed = state.database().feed();
    if !scope.has_written() || !feed.has_others() {
        return;
    }
    let Some(process) = feed.process() else { return };
    // Where several processes have made changes, each reads past its cache.
    let process = if scope.reads_past_cache() { Uuid::nil() } else { process };
    let seconds = (state.database().staleness() + ON_THE_WAY).as_secs();
    let secure = if state.settings().https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={process}; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age={seconds}");
    if let (Ok(process), Ok(cookie)) =
        (HeaderValue::try_from(process.to_string()), HeaderValue::try_from(cookie))
    {
        headers.insert(WRITTEN_BY, process);
        headers.append(SET_COOKIE, cookie);
    }
}
