//! What waits for one connection's socket.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use metered_protocol::CloseCode;
use tokio::sync::Notify;

use crate::hub::Frame;
use crate::limits::exceeds;

/// How much is handed to a socket at a time, in bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// A queue between whoever calls the hub and the one task that writes the socket, bounded in bytes.
///
/// Bytes count until they are written. A queue that is over its bound takes nothing more: the connection behind it
/// is too slow and has to go. As the bound is looked at before a frame is added, a single frame of any size passes.
#[derive(Debug)]
pub(super) struct Outbox {
    limit: usize,
    queue: Mutex<Queue>,
    /// There is something to take.
    filled: Notify,
    /// The queue was given up.
    abandoned: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    /// Of the frames that wait and of the batch that is being written.
    bytes: usize,
    end: Option<End>,
}

/// How to close the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: CloseCode,
    pub(super) reason: &'static str,
}

/// What the writing task shall do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Write these frames, then say [`Outbox::written`].
    Write(Vec<Frame>),
    /// Close the socket: everything before has been taken.
    Close(End),
}

/// The queue is over its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Outbox {
    /// An empty queue. A limit of 0 is no limit.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, queue: Mutex::default(), filled: Notify::new(), abandoned: Notify::new() }
    }

    /// Adds a frame.
    pub(super) fn push(&self, frame: Frame) -> Result<(), Full> {
        let mut queue = self.lock();
        if exceeds(self.limit, queue.bytes) {
            return Err(Full);
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// Closes the socket after what is in the queue.
    pub(super) fn close(&self, end: End) {
        self.lock().end = Some(end);
        self.filled.notify_one();
    }

    /// Drops what is in the queue and closes the socket as soon as it can be.
    pub(super) fn abandon(&self, end: End) {
        let mut queue = self.lock();
        queue.frames = VecDeque::new();
        queue.end = Some(end);
        drop(queue);
        self.filled.notify_one();
        self.abandoned.notify_one();
    }

    /// Waits for the next thing to do. Dropping the future loses nothing.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.lock().take() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    /// Waits until [`Outbox::abandon`] was called: the batch that is being written can be given up.
    pub(super) async fn abandoned(&self) {
        self.abandoned.notified().await;
    }

    /// These bytes of the last batch have been written.
    pub(super) fn written(&self, bytes: usize) {
        let mut queue = self.lock();
        queue.bytes = queue.bytes.saturating_sub(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take(&mut self) -> Option<Next> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some(frame) = self.frames.pop_front()
        {
            bytes += frame.len();
            batch.push(frame);
        }
        if batch.is_empty() { self.end.map(Next::Close) } else { Some(Next::Write(batch)) }
    }
}
