//! Orders to a supervising loop. They never pass through the actor's mailbox, so a full or frozen actor can still
//! be stopped: a few bits, a generation number and the loop's waker, shared with whoever may give orders.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use futures_util::task::AtomicWaker;

use super::Generation;

const STOP: u8 = 1;
const KILL: u8 = 2;
const RESTART: u8 = 4;

/// One actor's inbox for orders.
#[derive(Debug, Default)]
pub(crate) struct Control {
    orders: AtomicU8,
    /// The generation to abandon; 0 is none, generations count from 1.
    abandon: AtomicU32,
    waker: AtomicWaker,
}

/// The strongest order waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// End now, without asking the actor.
    Kill,
    /// End in order: `stopping` and `stopped` run.
    Stop,
    /// This generation makes no progress: start another.
    Abandon(Generation),
    /// Start another generation with a clean record.
    Restart,
}

impl Control {
    pub(crate) fn stop(&self) {
        self.give(STOP);
    }

    pub(crate) fn kill(&self) {
        self.give(KILL);
    }

    pub(crate) fn restart(&self) {
        self.give(RESTART);
    }

    pub(crate) fn abandon(&self, generation: Generation) {
        self.abandon.store(generation.number(), Ordering::Release);
        self.waker.wake();
    }

    fn give(&self, order: u8) {
        self.orders.fetch_or(order, Ordering::AcqRel);
        self.waker.wake();
    }

    /// Who is woken by the next order. Register first, look second: an order given in between is then seen twice
    /// rather than not at all.
    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    /// Takes the strongest order; weaker ones given with it are void.
    pub(crate) fn take(&self) -> Option<Order> {
        if self.orders.load(Ordering::Acquire) == 0 && self.abandon.load(Ordering::Acquire) == 0 {
            return None; // on every poll of every actor: reading is cheaper than swapping
        }
        let orders = self.orders.swap(0, Ordering::AcqRel);
        let abandon = self.abandon.swap(0, Ordering::AcqRel);
        if orders & KILL != 0 {
            Some(Order::Kill)
        } else if orders & STOP != 0 {
            Some(Order::Stop)
        } else if abandon != 0 {
            Some(Order::Abandon(Generation::from_number(abandon)))
        } else if orders & RESTART != 0 {
            Some(Order::Restart)
        } else {
            None
        }
    }
}
