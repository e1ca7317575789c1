//! A map that remembers what it was: every change is recorded in the topmost layer, and a layer can be undone,
//! folded into the one below, or looked through. Transactions, blocks and pending transactions are layers, so a
//! failed transaction, a fork and "as of the solid block" are all the same mechanism.

use std::collections::BTreeMap;

/// A map with layers of undo information.
#[derive(Debug, Clone)]
pub(crate) struct Table<K, V> {
    now: BTreeMap<K, V>,
    /// Per layer, what stood under a key before the layer first touched it.
    layers: Vec<BTreeMap<K, Option<V>>>,
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// An empty map without layers.
    pub(crate) const fn new() -> Self {
        Self { now: BTreeMap::new(), layers: Vec::new() }
    }

    /// The present value.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.now.get(key)
    }

    /// The value before the topmost `back` layers.
    pub(crate) fn get_before(&self, key: &K, back: usize) -> Option<&V> {
        let from = self.layers.len().saturating_sub(back);
        self.layers
            .iter()
            .skip(from)
            .find_map(|layer| layer.get(key))
            .map_or_else(|| self.now.get(key), Option::as_ref)
    }

    /// Every present key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.now.iter()
    }

    /// Every key that exists now or existed in some layer.
    pub(crate) fn keys_ever(&self) -> impl Iterator<Item = &K> {
        self.now.keys().chain(self.layers.iter().flat_map(BTreeMap::keys))
    }

    /// Sets or removes a value, recording what was there.
    pub(crate) fn put(&mut self, key: K, value: Option<V>) {
        let before = match value {
            Some(value) => self.now.insert(key.clone(), value),
            None => self.now.remove(&key),
        };
        if let Some(layer) = self.layers.last_mut() {
            layer.entry(key).or_insert(before);
        }
    }

    /// Starts recording into a new layer.
    pub(crate) fn push(&mut self) {
        self.layers.push(BTreeMap::new());
    }

    /// Undoes the topmost layer.
    pub(crate) fn undo(&mut self) {
        for (key, before) in self.layers.pop().unwrap_or_default() {
            match before {
                Some(value) => self.now.insert(key, value),
                None => self.now.remove(&key),
            };
        }
    }

    /// Makes the topmost layer part of the one below it.
    pub(crate) fn fold(&mut self) {
        let top = self.layers.pop().unwrap_or_default();
        if let Some(below) = self.layers.last_mut() {
            for (key, before) in top {
                below.entry(key).or_insert(before);
            }
        }
    }

    /// Forgets how to undo the oldest layer.
    pub(crate) fn forget_oldest(&mut self) {
        if !self.layers.is_empty() {
            self.layers.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_undo_fold_and_show_the_past() {
        let mut table = Table::new();
        table.put("a", Some(1));
        table.push();
        table.put("a", Some(2));
        table.put("b", Some(1));
        table.push();
        table.put("a", None);
        assert_eq!(
            (table.get(&"a"), table.get_before(&"a", 1), table.get_before(&"a", 2)),
            (None, Some(&2), Some(&1))
        );
        assert_eq!(table.get_before(&"b", 2), None);
        table.fold();
        assert_eq!((table.get(&"a"), table.get_before(&"a", 1)), (None, Some(&1)));
        table.undo();
        assert_eq!((table.get(&"a"), table.get(&"b")), (Some(&1), None));
    }
}
