//! The rows that a relation gave, and who may see them.

use std::sync::Arc;

use super::related::Related;
use crate::scope::TransactionState;

/// The rows of one link; none take no room. Entities with the same link share them.
pub(super) type Rows<R> = Option<Arc<dyn Held<R>>>;

/// Rows that are kept. An entity keeps them behind this trait, so that the compiler, when it wants to know whether an
/// entity is `Send`, ends here: it would go on into the related entity, from there into the next, and give up at nine.
pub(super) trait Held<R>: Send + Sync {
    fn rows(&self) -> &[R];
    fn rows_mut(&mut self) -> &mut [R];
}

impl<R: Related, const N: usize> Held<R> for [R; N] {
    fn rows(&self) -> &[R] {
        self
    }
    fn rows_mut(&mut self) -> &mut [R] {
        self
    }
}

impl<R: Related> Held<R> for Box<[R]> {
    fn rows(&self) -> &[R] {
        self
    }
    fn rows_mut(&mut self) -> &mut [R] {
        self
    }
}

/// Takes the rows out of `found`, which keeps its memory. A few lie in one block with their count of holders, and only
/// more cost a second one.
pub(super) fn hold<R: Related>(found: &mut Vec<R>) -> Arc<dyn Held<R>> {
    fn few<R: Related, const N: usize>(found: &mut Vec<R>) -> Option<Arc<dyn Held<R>>> {
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

/// From where the database was looked at: inside a transaction, or outside of any.
pub(super) type Viewer = Option<Arc<TransactionState>>;

/// Whether what `seen_by` saw may be shown to `asking`. A transaction loads for itself, since it may have changed
/// the rows; what it saw is shown to others once it is committed.
pub(super) fn shows(seen_by: &Viewer, asking: &Viewer) -> bool {
    match (seen_by, asking) {
        (None, None) => true,
        (Some(then), Some(now)) => Arc::ptr_eq(then, now),
        (Some(then), None) => then.is_committed(),
        (None, Some(_)) => false,
    }
}
