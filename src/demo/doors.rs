//! Where the service answers: one address for each of its instances, as long as that one is there.

use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// The addresses of all instances.
#[derive(Debug)]
pub(super) struct Doors {
    bases: watch::Sender<Vec<Option<String>>>,
    turn: AtomicUsize,
}

impl Doors {
    /// For so many instances, none of which is there yet.
    pub(super) fn new(instances: usize) -> Self {
        Self { bases: watch::Sender::new(vec![None; instances]), turn: AtomicUsize::new(0) }
    }

    /// An instance answers there now, or nowhere.
    pub(super) fn set(&self, instance: usize, base: Option<String>) {
        self.bases.send_modify(|bases| {
            if let Some(slot) = bases.get_mut(instance) {
                *slot = base;
            }
        });
    }

    /// How many instances there are, there or not.
    pub(super) fn count(&self) -> usize {
        self.bases.borrow().len()
    }

    /// Those that are there.
    pub(super) fn open(&self) -> Vec<(usize, String)> {
        let bases = self.bases.borrow();
        bases.iter().enumerate().filter_map(|(n, base)| Some((n, base.clone()?))).collect()
    }

    /// Another one each time.
    pub(super) fn next(&self) -> Option<String> {
        let open = self.open();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        open.get(turn.checked_rem(open.len())?).map(|(_, base)| base.clone())
    }

    /// Waits until every instance is there.
    pub(super) async fn all_open(&self) {
        let mut bases = self.bases.subscribe();
        // The sender is `self`, so this ends only with success.
        let _all = bases.wait_for(|bases| bases.iter().all(Option::is_some)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Doors;

    #[test]
    fn whoever_is_there_is_asked_in_turn() {
        let doors = Doors::new(3);
        assert_eq!(doors.next(), None);
        doors.set(0, Some("a".to_owned()));
        doors.set(2, Some("c".to_owned()));
        let asked: Vec<_> = (0..4).filter_map(|_| doors.next()).collect();
        assert!(asked.windows(2).all(|two| two[0] != two[1]), "{asked:?}");
        doors.set(0, None);
        assert_eq!((doors.next(), doors.next()), (Some("c".to_owned()), Some("c".to_owned())));
    }
}
