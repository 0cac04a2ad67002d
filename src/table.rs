//! What the driver holds, by the ids that the core knows it by.

use std::cell::RefCell;

/// A small table: entries are looked up one after the other, which for the handful of sockets and the at most
/// 256 connections of a room is as fast as a tree and a tenth of its code. Values are cheap to clone, and come
/// out as clones: nothing stays borrowed while JavaScript runs.
pub(crate) struct Table<K, V>(RefCell<Vec<(K, V)>>);

impl<K: Copy + PartialEq, V: Clone> Table<K, V> {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        self.0.borrow_mut().push((key, value));
    }

    pub(crate) fn get(&self, key: K) -> Option<V> {
        self.0.borrow().iter().find(|entry| entry.0 == key).map(|entry| entry.1.clone())
    }

    pub(crate) fn remove(&self, key: K) -> Option<V> {
        let mut entries = self.0.borrow_mut();
        let at = entries.iter().position(|entry| entry.0 == key)?;
        Some(entries.swap_remove(at).1)
    }
}
