//! The way to the service that runs now, as clients have it: calls fail while it is down, are cut off with its power, and
//! a handler that panics costs its caller the connection.

use crate::http::AppState;
use futures_util::FutureExt as _;
use std::{cell::RefCell, panic::AssertUnwindSafe, sync::Arc};
use tokio::sync::watch;

/// The way to whatever life of the service there is.
#[derive(Debug)]
pub(super) struct Door {
    state: RefCell<Option<Arc<AppState>>>,
    life: watch::Sender<u64>,
}

impl Default for Door {
    fn default() -> Self {
        Self { state: RefCell::default(), life: watch::Sender::new(0) }
    }
}

impl Door {
    /// A life begins.
    pub(super) fn open(&self, state: Arc<AppState>) {
        *self.state.borrow_mut() = Some(state);
    }

    /// A life ends: whoever is being answered is cut off.
    pub(super) fn close(&self) {
        drop(self.state.borrow_mut().take());
        self.life.send_modify(|life| *life += 1);
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.borrow().is_some()
    }

    pub(super) fn state(&self) -> Option<Arc<AppState>> {
        self.state.borrow().clone()
    }

    /// Calls the service. `None`: it is down, or the connection was lost before there was an answer.
    pub(super) async fn call<T>(&self, work: impl AsyncFnOnce(Arc<AppState>) -> T) -> Option<T> {
        let state = self.state()?;
        let mut life = self.life.subscribe();
        tokio::select! {
            biased;
            _ = life.changed() => None,
            answer = AssertUnwindSafe(work(state)).catch_unwind() => answer.ok(),
        }
    }
}
