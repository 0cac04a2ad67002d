//! A queue of two stacks.

/// First in, first out, in amortised constant time. A tenth of the code that `VecDeque` brings to a wasm file for
/// each type it holds.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    /// The front, reversed: its last is the next to come out.
    front: Vec<T>,
    back: Vec<T>,
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self { front: Vec::new(), back: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.front.len() + self.back.len()
    }

    pub(crate) fn push(&mut self, item: T) {
        self.back.push(item);
    }

    /// Puts an item before all others.
    pub(crate) fn push_front(&mut self, item: T) {
        self.front.push(item);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.front.is_empty() {
            std::mem::swap(&mut self.front, &mut self.back);
            self.front.reverse();
        }
        self.front.pop()
    }

    pub(crate) fn any(&self, is: impl Fn(&T) -> bool) -> bool {
        self.front.iter().chain(&self.back).any(is)
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
        assert_eq!(queue.len(), 6);
        queue.push_front(99);
        assert!(queue.any(|&i| i == 9) && !queue.any(|&i| i == 0));
        while let Some(i) = queue.pop() {
            out.push(i);
        }
        assert_eq!(out, [0, 1, 2, 3, 99, 4, 5, 6, 7, 8, 9]);
        assert_eq!(queue.pop(), None);
    }
}
