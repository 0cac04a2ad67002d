//! What waits for all sockets together.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::exceeds;

/// The bytes in all outboxes, and how many outboxes share them.
///
/// Memory is short when together they are over the bound. Then those who have more waiting than the average have to
/// go, which are the slow ones: whoever keeps up has next to nothing waiting and loses nothing.
#[derive(Debug)]
pub(super) struct Backlog {
    limit: usize,
    bytes: AtomicUsize,
    outboxes: AtomicUsize,
}

impl Backlog {
    /// An empty one. A limit of 0 is no limit.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: AtomicUsize::new(0), outboxes: AtomicUsize::new(0) }
    }

    pub(super) fn enter(&self) {
        self.outboxes.fetch_add(1, Ordering::Relaxed);
    }

    /// An outbox is gone, with so many bytes in it.
    pub(super) fn leave(&self, bytes: usize) {
        self.outboxes.fetch_sub(1, Ordering::Relaxed);
        self.remove(bytes);
    }

    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether memory is short and an outbox with so many bytes in it takes up more than its share.
    pub(super) fn is_too_much(&self, own: usize) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let outboxes = self.outboxes.load(Ordering::Relaxed);
        exceeds(self.limit, bytes) && own > 0 && own.saturating_mul(outboxes) >= bytes
    }

    /// The bytes in all outboxes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}
