//! Subscriptions converge to what the application asked for.

use std::collections::BTreeMap;

use metered_core::limits::REPLAY_RETRY_DELAY_MS;
use metered_core::{CallError, CallId, Instant};
use metered_protocol::{Channel, RequestId};
use serde_json::Value as Json;

use crate::mischief::TOO_LATE;
use crate::network::STALL_MS;

/// `includeSenderMetadata` of a subscription, or `None` for no subscription.
pub type Wish = Option<bool>;

/// So long after a request the client may make another of its own accord: the request may stand still on its way, its refusal
/// come late, and a replay follows that. Latency is less than what a world has to be converged for to count.
const REPLAYED_MS: u64 = STALL_MS.1 + TOO_LATE.1 + REPLAY_RETRY_DELAY_MS;

/// The reference: of each channel, the calls that have not failed, in their order. The last one is what holds.
///
/// A call that the server refused has never been, even if it was given up before that was heard. One whose answer was
/// lost stands: the server may have done it, and is asked again by the next connection.
#[derive(Debug)]
pub struct Wishes {
    /// Whether subscriptions outlive sessions.
    are_renewed: bool,
    asked: BTreeMap<Channel, Vec<Asked>>,
    /// The requests on the present connection with their ids, in their order, that the server has not agreed to.
    requests: Vec<(String, Channel, Wish)>,
    /// When the last request left, or the connection began on which none has left.
    stirred: Instant,
}

#[derive(Debug)]
struct Asked {
    call: CallId,
    wish: Wish,
    /// The server has agreed to the same in this session.
    sure: bool,
    /// The request that was given up.
    overdue: Option<RequestId>,
}

impl Wishes {
    /// Those of a client that has not wished for anything.
    pub fn new(are_renewed: bool) -> Self {
        Self { are_renewed, asked: BTreeMap::new(), requests: Vec::new(), stirred: Instant::default() }
    }

    /// `subscribe()` or `unsubscribe()` was called.
    pub fn called(&mut self, call: CallId, channel: &Channel, wish: Wish) {
        self.asked.entry(channel.clone()).or_default().push(Asked { call, wish, sure: false, overdue: None });
    }

    /// A call has settled. Answers whether it was a `subscribe()` that the server refused.
    pub fn settled(&mut self, call: CallId, result: &Result<(), CallError<Json>>) -> bool {
        let Some((calls, at)) = self.asked.values_mut().find_map(|calls| {
            let at = calls.iter().position(|asked| asked.call == call)?;
            Some((calls, at))
        }) else {
            return false;
        };
        match result {
            Ok(()) => {
                calls[at].sure = true;
                calls.drain(..at);
            }
            Err(CallError::Server(_)) => {
                calls.remove(at);
                return true;
            }
            Err(CallError::NotConnected) if calls[at].wish.is_some() => {
                calls.remove(at);
            }
            Err(CallError::AckTimeout { request_id, .. }) => calls[at].overdue = Some(request_id.clone()),
            Err(_) => {}
        }
        false
    }

    /// The server refuses a request. Answers whether it had been given up and was the latest wish.
    pub fn refused(&mut self, id: &str) -> bool {
        let is_meant = |asked: &Asked| asked.overdue.as_ref().is_some_and(|overdue| overdue.as_str() == id);
        self.asked.values_mut().any(|calls| {
            let was_last = calls.last().is_some_and(is_meant);
            calls.retain(|asked| !is_meant(asked));
            was_last
        })
    }

    /// A request has left.
    pub fn requested(&mut self, now: Instant, id: &str, channel: &Channel, wish: Wish) {
        self.stirred = now;
        self.requests.push((id.to_owned(), channel.clone(), wish));
    }

    /// The server has agreed to a request. What follows it may change that again.
    pub fn agreed(&mut self, id: &str) {
        let Some(at) = self.requests.iter().position(|(other, ..)| other == id) else { return };
        let (_, channel, wish) = self.requests.remove(at);
        let mut later = self.requests.iter().skip(at).filter(|(_, other, _)| *other == channel);
        let stands = later.all(|(.., other)| *other == wish);
        if let Some(last) = self.asked.get_mut(&channel).and_then(|calls| calls.last_mut()) {
            last.sure |= stands && last.wish == wish;
        }
    }

    /// A connection begins.
    pub fn welcomed(&mut self, now: Instant, resumed: bool) {
        self.stirred = now;
        self.requests.clear();
        if !resumed {
            let calls = self.asked.values_mut().flatten();
            calls.for_each(|asked| asked.sure = false);
            if !self.are_renewed {
                self.asked.clear();
            }
        }
    }

    /// `close()`
    pub fn forget(&mut self) {
        self.asked.clear();
    }

    /// What the application wants of a channel.
    pub fn wish(&self, channel: &Channel) -> Wish {
        self.asked.get(channel)?.last()?.wish
    }

    /// Whether the server may have less: its answer was lost and may have been a refusal, or the request itself was
    /// and the application renews its subscriptions itself. As long as the client may ask again, nothing is open.
    pub fn is_open(&self, now: Instant, channel: &Channel, may_be_refused: bool) -> bool {
        let last = self.asked.get(channel).and_then(|calls| calls.last());
        last.is_some_and(|asked| asked.wish.is_some() && !asked.sure)
            && (may_be_refused || !self.are_renewed)
            && now.since(self.stirred) > REPLAYED_MS
    }
}
