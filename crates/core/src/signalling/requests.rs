//! The table of requests that wait for their `ack` or `error`.

use metered_protocol::RequestId;

use super::Origin;
use crate::Instant;
use crate::limits::ACK_TIMEOUT_MS;

/// A request's number: its id on the wire.
pub(super) type Number = u64;

/// Requests in the order of their numbers. Numbers rise and all wait equally long, so the first in the queue
/// expires first.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: Number,
    waiting: Vec<Request>,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) number: Number,
    pub(super) origin: Origin,
    sent: Instant,
}

impl Request {
    pub(super) fn id(&self) -> RequestId {
        RequestId::numbered(self.number)
    }

    /// How long ago it was sent, in milliseconds.
    pub(super) fn age(&self, now: Instant) -> u64 {
        now.since(self.sent)
    }

    fn deadline(&self) -> Instant {
        self.sent.after(ACK_TIMEOUT_MS)
    }
}

impl Requests {
    /// The number that the next [`Requests::insert`] will use.
    pub(super) fn next(&self) -> Number {
        self.last + 1
    }

    pub(super) fn insert(&mut self, origin: Origin, now: Instant) {
        self.last += 1;
        self.waiting.push(Request { number: self.last, origin, sent: now });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the request that an answer names. A request is answered once; what we did not ask finds nothing.
    pub(super) fn take(&mut self, number: Number) -> Option<Request> {
        // Answers come in the order of the requests, so it is one of the first.
        let at = self.waiting.iter().position(|request| request.number == number)?;
        Some(self.waiting.remove(at))
    }

    pub(super) fn take_all(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.waiting.first().map_or(Instant::NEVER, Request::deadline)
    }

    /// Takes a request whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Request> {
        self.next_deadline().is_due(now).then(|| self.waiting.remove(0))
    }
}
