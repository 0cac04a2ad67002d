//! The table of requests that wait for their `ack` or `error`.

use super::Origin;
use crate::Instant;
use crate::limits::ACK_TIMEOUT_MS;

pub(super) type Id = metered_protocol::RequestId;

/// Requests in the order of their numbers. Numbers rise and all wait equally long, so the first in the queue
/// expires first.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: u64,
    waiting: Vec<Request>,
}

#[derive(Debug)]
struct Request {
    number: u64,
    origin: Origin,
    deadline: Instant,
}

impl Requests {
    /// The id that the next [`Requests::insert`] will wait for.
    pub(super) fn next_id(&self) -> Id {
        Id::numbered(self.last + 1)
    }

    pub(super) fn insert(&mut self, origin: Origin, now: Instant) {
        self.last += 1;
        let deadline = now.after(ACK_TIMEOUT_MS);
        self.waiting.push(Request { number: self.last, origin, deadline });
    }

    /// Takes the request that an answer names. A request is answered once; what we did not ask finds nothing.
    pub(super) fn take(&mut self, id: &str) -> Option<Origin> {
        let number: u64 = id.parse().ok()?;
        let at = self.waiting.binary_search_by_key(&number, |request| request.number).ok()?;
        Some(self.waiting.remove(at).origin)
    }

    pub(super) fn take_all(&mut self) -> Vec<Origin> {
        std::mem::take(&mut self.waiting).into_iter().map(|request| request.origin).collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|request| request.deadline)
    }

    /// Takes a request whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Option<(String, Origin)> {
        if self.next_deadline()? > now {
            return None;
        }
        let request = self.waiting.remove(0);
        Some((Id::numbered(request.number).as_str().to_owned(), request.origin))
    }
}
