//! Calls from one module to another: the interface, the client that callers hold, and the errors.
//!
//! Every call can fail, even while both modules run in one process. So nothing changes for the caller when
//! one of them moves.

#[doc(hidden)]
pub mod asks;
mod error;

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use tenfold_data::scope::keyed::{self, KeyedLoad};
use tenfold_data::scope::{BatchKey, LoadSource};
use tenfold_data::{CallRecord, CallSite, Context, Outcome, PeerKey, Scope};
use tracing::Instrument as _;

use self::asks::Asks;
pub use self::error::{CallError, CallOutcome};
use crate::http::{Problem, ServerState};

/// The interface of a module: `dyn Auth`. Written by [`module_api`](crate::module_api).
pub trait Interface: Send + Sync + 'static {
    /// The module's name.
    const MODULE: &'static str;
    /// The trait's name.
    const NAME: &'static str;
    /// Counts incompatible changes.
    const VERSION: u32;
    /// The client that callers hold.
    type Client: Clone + Send + Sync + 'static;
    /// The client of an implementation in this process.
    fn client(implementation: Arc<Self>) -> Self::Client;
}

/// The client of an interface, for the extractors that [`module_api`](crate::module_api) writes: a handler only
/// needs `auth: AuthClient` in its signature.
///
/// # Errors
/// 500 when no module provides it; the application refuses to start when a declared need is not met.
pub fn client<C: Clone + Send + Sync + 'static>(state: &ServerState) -> Result<C, Problem> {
    let client = state.service::<C>();
    client.map(|client| C::clone(&client)).ok_or_else(|| {
        Problem::internal(format!("no module provides the interface of {}", std::any::type_name::<C>()))
    })
}

/// A call as [`module_api`](crate::module_api) describes it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Calling {
    /// The module that is called.
    pub module: &'static str,
    /// The method of its interface.
    pub method: &'static str,
    /// The number of keys: more than one for a method that takes a list.
    pub keys: usize,
    /// Distinguishes the arguments from others, where that is known.
    pub asks: Option<u64>,
}

/// Makes one call: refuses it inside a transaction, opens a span, counts and times it, and counts whether it repeats. Used
/// by the clients that [`module_api`](crate::module_api) writes.
#[track_caller]
pub fn run<T, F>(
    cx: &Context,
    calling: Calling,
    work: F,
) -> impl Future<Output = Result<T, CallError>> + use<T, F>
where
    F: AsyncFnOnce(Context) -> Result<T, CallError>,
{
    let site: CallSite = Location::caller();
    let allowed = cx.scope().refuse_inside_transaction("a call to another module", site);
    if allowed.is_ok() {
        cx.count_call((calling.module, calling.method), calling.keys, calling.asks, site);
    }
    let cx = cx.clone();
    async move {
        allowed.map_err(|error| CallError::inside_transaction(&error, calling.module, calling.method))?;
        recorded(&cx, calling, site, work(cx.clone())).await
    }
}

/// Runs the call in its own span, counted and timed.
async fn recorded<T>(
    cx: &Context,
    Calling { module, method, .. }: Calling,
    site: CallSite,
    work: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let span = tracing::debug_span!(
        "tenfold.call",
        rpc.system = "tenfold",
        rpc.service = module,
        rpc.method = method,
        code.file.path = site.file(),
        code.line.number = site.line(),
    );
    let (started, before) = (Instant::now(), cx.scope().cost().statements);
    let work = async { work.await.map_err(|error: CallError| error.at_boundary(module, method)) };
    let result = work.instrument(span).await;
    cx.scope().record_call(&CallRecord {
        module,
        method,
        trace: cx.trace(),
        site,
        elapsed: started.elapsed(),
        statements: cx.scope().cost().statements.saturating_sub(before),
        outcome: Outcome::of(&result),
    });
    result
}

/// A call for one key, merged with those that the request makes beside it, and with those that its peers will
/// make, into one call of the batched method. Used by the clients that [`module_api`](crate::module_api) writes.
#[track_caller]
pub fn batched<K, V, F, P>(
    cx: &Context,
    module: &'static str,
    method: &'static str,
    identity: usize,
    key: &P,
    load: F,
) -> impl Future<Output = Result<Option<V>, CallError>> + Send + use<K, V, F, P>
where
    K: Clone + Eq + Hash + Ord + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: FnOnce(Context, Vec<K>) -> ValuesFuture<V> + Send + 'static,
    P: PeerKey<K>,
{
    let site: CallSite = Location::caller();
    let batch = BatchKey {
        what: LoadSource::Call(module, method, identity),
        tenant: Some(cx.tenant()),
        connection: 0,
    };
    let allowed = cx.scope().refuse_inside_transaction("a call to another module", site);
    let allowed = allowed.map_err(|error| CallError::inside_transaction(&error, module, method));
    let request = allowed.and_then(|()| {
        let peers = key.peers();
        // A mapper that is applied to several lists in turn calls once per list. That is not an N+1.
        let is_for_list = peers.len() > 1;
        let call = (module, method);
        let new =
            || BatchedCall { cx: cx.clone(), call, site, is_for_list, load, types: std::marker::PhantomData };
        let request = keyed::request(cx.scope(), batch, site, vec![key.key()], peers, new);
        request.map_err(CallError::from)
    });
    async move {
        let values = async { request?.values().await };
        let values = values.await.map_err(|error| match error.has_left() {
            true => error,
            // It was not sent.
            false => error.at_boundary(module, method),
        });
        Ok(values?.pop().flatten())
    }
}

/// The values of many keys, in the order of the keys.
type ValuesFuture<V> = BoxFuture<'static, Result<Vec<Option<V>>, CallError>>;

struct BatchedCall<K, V, F> {
    cx: Context,
    call: (&'static str, &'static str),
    site: CallSite,
    is_for_list: bool,
    load: F,
    types: std::marker::PhantomData<fn() -> (K, V)>,
}

impl<K, V, F> KeyedLoad for BatchedCall<K, V, F>
where
    K: Clone + Eq + Hash + Ord + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: FnOnce(Context, Vec<K>) -> ValuesFuture<V> + Send + 'static,
{
    type Key = K;
    type Value = V;
    type Error = CallError;

    fn load(
        self,
        _: Arc<Scope>,
        keys: Vec<K>,
    ) -> BoxFuture<'static, Result<HashMap<K, Option<V>>, CallError>> {
        Box::pin(async move {
            let BatchedCall { cx, call, site, is_for_list, load, .. } = self;
            let allowed = cx.scope().refuse_inside_transaction("a call to another module", site);
            allowed.map_err(|error| CallError::inside_transaction(&error, call.0, call.1))?;
            let mut asks = Asks::default();
            keys.hash(&mut asks);
            let calling = Calling { module: call.0, method: call.1, keys: keys.len(), asks: asks.number() };
            if !is_for_list {
                cx.count_call(call, calling.keys, calling.asks, site);
            }
            let values = recorded(&cx, calling, site, load(cx.clone(), keys.clone())).await?;
            Ok(keys.into_iter().zip(values).collect())
        })
    }
}
