//! The rows that a relation returned, and the viewers that may see them.

use std::sync::Arc;

use super::related::Related;
use crate::scope::TransactionState;

/// The rows of one link; `None` if there are none. Entities with the same link share them.
pub(super) type LinkedRows<R> = Option<Arc<dyn HeldRows<R>>>;

/// Rows that an entity keeps. This trait object stops the compiler's check of whether an entity is `Send`. Without it
/// the check would follow the related entity, and the next, and give up at nine.
pub(super) trait HeldRows<R>: Send + Sync {
    fn rows(&self) -> &[R];
    fn rows_mut(&mut self) -> &mut [R];
}

impl<R: Related, const N: usize> HeldRows<R> for [R; N] {
    fn rows(&self) -> &[R] {
        self
    }
    fn rows_mut(&mut self) -> &mut [R] {
        self
    }
}

impl<R: Related> HeldRows<R> for Box<[R]> {
    fn rows(&self) -> &[R] {
        self
    }
    fn rows_mut(&mut self) -> &mut [R] {
        self
    }
}

/// Moves the rows out of `found`, which keeps its memory. A few rows share one allocation with their reference count;
/// more need a second one.
pub(super) fn hold<R: Related>(found: &mut Vec<R>) -> Arc<dyn HeldRows<R>> {
    fn few<R: Related, const N: usize>(found: &mut Vec<R>) -> Option<Arc<dyn HeldRows<R>>> {
        let rows: Arc<[R]> = found.drain(..).collect();
        let rows: Arc<[R; N]> = rows.try_into().ok()?;
        Some(rows)
    }
    let few = match found.len() {
        1 => few::<R, 1>(found),
        2 => few::<R, 2>(found),
        3 => few::<R, 3>(found),
        4 => few::<R, 4>(found),
        _ => None,
    };
    few.unwrap_or_else(|| Arc::new(found.drain(..).collect::<Box<[R]>>()))
}

/// Where rows were loaded: inside a transaction, or outside any.
pub(super) type Viewer = Option<Arc<TransactionState>>;

/// Whether rows loaded by `seen_by` may be shown to `asking`. A transaction loads for itself, because it may have
/// changed the rows. Outside it, what it loaded is visible once it is committed.
pub(super) fn shows(seen_by: &Viewer, asking: &Viewer) -> bool {
    match (seen_by, asking) {
        (None, None) => true,
        (Some(then), Some(now)) => Arc::ptr_eq(then, now),
        (Some(then), None) => then.is_committed(),
        (None, Some(_)) => false,
    }
}
