//! A value that several futures wait for.

use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use super::FEW;
use super::platform::{Mutex, MutexGuard};
use super::signal::is_clone;

/// A value that is set once, and the wakers of the futures that wait for it.
pub(crate) struct Answer<T>(Mutex<AnswerState<T>>);

struct AnswerState<T> {
    value: Option<T>,
    wakers: Vec<Waker>,
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Answer(Mutex::new(AnswerState { value: None, wakers: Vec::new() }))
    }
}

impl<T> Answer<T> {
    fn lock(&self) -> MutexGuard<'_, AnswerState<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the value and wakes all waiters. Only the first call has an effect.
    pub(crate) fn set(&self, value: T) {
        let wakers = {
            let mut state = self.lock();
            if state.value.is_some() {
                return;
            }
            state.value = Some(value);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// What `read` makes of the value, once it is there.
    pub(crate) fn poll<R>(&self, cx: &Context<'_>, read: impl FnOnce(&T) -> R) -> Poll<R> {
        let mut state = self.lock();
        match &state.value {
            Some(value) => Poll::Ready(read(value)),
            None => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// See [`Batch::holds_waker`](super::Batch::holds_waker).
    pub(crate) fn holds_waker(&self, waker: &Waker) -> usize {
        let Ok(state) = self.0.try_lock() else { return 0 };
        state.wakers.iter().take(FEW).filter(|held| is_clone(held, waker)).count()
    }
}
