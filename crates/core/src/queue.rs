//! A queue that is emptied in batches.

use std::vec::IntoIter;

/// First in, first out, in amortised constant time. A tenth of the code that `VecDeque` brings to a wasm file for
/// each type it holds.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    /// What went in before the last time that this was empty.
    front: IntoIter<T>,
    back: Vec<T>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { front: Vec::new().into_iter(), back: Vec::new() }
    }

    pub(crate) fn push(&mut self, item: T) {
        self.back.push(item);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.front.len() == 0 {
            self.front = std::mem::take(&mut self.back).into_iter();
        }
        self.front.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_in_the_order_they_went_in() {
        let mut queue = Queue::new();
        let mut out = Vec::new();
        for i in 0..10 {
            queue.push(i);
            if i % 3 == 0 {
                out.extend(queue.pop());
            }
        }
        while let Some(i) = queue.pop() {
            out.push(i);
        }
        assert_eq!(out, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(queue.pop(), None);
    }
}
