//! What the application is subscribed to, and how the server comes to know it.
//!
//! A subscription is what the application *wants* of a channel and what the server has *agreed* to. The two differ
//! while a request is under way, and stay apart when its answer is lost with the connection. A welcome settles that: a
//! new session knows nothing, so everything is replayed; a resumed one stands, so only what was not answered is.

use metered_protocol::Channel;

use super::requests::Number;
use crate::Instant;
use crate::limits::{REPLAY_RETRIES, REPLAY_RETRY_DELAY_MS};

/// In the order they were made.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

/// `includeSenderMetadata` of a subscription, or `None` for no subscription.
pub(super) type Wish = Option<bool>;

#[derive(Debug)]
struct Subscription {
    channel: Channel,
    wanted: Wish,
    agreed: Wish,
    /// The latest request about it, until that is answered for good.
    unanswered: Option<Number>,
    /// Replays that failed on this connection.
    failures: u32,
    retry_at: Option<Instant>,
}

/// How a request about a channel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Agreed,
    Refused,
    /// It may or may not have taken effect.
    Unknown,
}

impl Subscriptions {
    /// The application subscribes or unsubscribes, by this request.
    pub(super) fn request(&mut self, channel: &Channel, wanted: Wish, request: Number) {
        match self.find(channel) {
            Some(found) => {
                (found.wanted, found.unanswered, found.retry_at) = (wanted, Some(request), None);
            }
            None if wanted.is_none() => {}
            None => self.0.push(Subscription {
                channel: channel.clone(),
                wanted,
                agreed: None,
                unanswered: Some(request),
                failures: 0,
                retry_at: None,
            }),
        }
    }

    /// The application no longer wants a channel, and there is no connection to say so.
    pub(super) fn give_up(&mut self, channel: &Channel) {
        if let Some(found) = self.find(channel) {
            found.wanted = None;
        }
    }

    /// A request about a channel ended, in which `wanted` was asked for. One that the server refuses leaves things as
    /// they were: its caller is told that it failed.
    pub(super) fn answered(&mut self, channel: &Channel, request: Number, wanted: Wish, answer: Answer) {
        let Some(found) = self.find(channel) else { return };
        let is_latest = found.unanswered == Some(request);
        match answer {
            Answer::Agreed => found.agreed = wanted,
            Answer::Refused if is_latest && wanted.is_some() => found.wanted = found.agreed,
            Answer::Refused | Answer::Unknown => {}
        }
        if is_latest && answer != Answer::Unknown {
            found.unanswered = None;
            if found.wanted.is_none() {
                self.0.retain(|subscription| subscription.channel != *channel);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A new connection: answers what is to be asked for on it, with all retries. An application that renews its
    /// subscriptions itself still has those ended that it gave up.
    pub(super) fn start_replay(&mut self, resumed: bool, renew: bool) -> Vec<(Channel, Wish)> {
        if !resumed {
            self.0.retain(|subscription| subscription.wanted.is_some() && renew);
        }
        let mut replays = Vec::new();
        for subscription in &mut self.0 {
            subscription.failures = 0;
            subscription.retry_at = None;
            if !resumed {
                subscription.agreed = None;
            }
            let is_open = subscription.agreed != subscription.wanted || subscription.unanswered.is_some();
            if is_open && (renew || subscription.wanted.is_none()) {
                replays.push((subscription.channel.clone(), subscription.wanted));
            }
        }
        replays
    }

    /// A replay is on its way.
    pub(super) fn replaying(&mut self, channel: &Channel, request: Number) {
        if let Some(found) = self.find(channel) {
            found.unanswered = Some(request);
        }
    }

    /// A replay failed. Answers whether another will follow.
    pub(super) fn schedule_retry(&mut self, channel: &Channel, now: Instant) -> bool {
        let Some(found) = self.find(channel).filter(|found| found.failures < REPLAY_RETRIES) else {
            return false;
        };
        found.failures += 1;
        found.retry_at = Some(now.after(REPLAY_RETRY_DELAY_MS));
        true
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.0.iter().filter_map(|subscription| subscription.retry_at).min()
    }

    /// Takes a channel whose retry is due.
    pub(super) fn due_retry(&mut self, now: Instant) -> Option<(Channel, Wish)> {
        let is_due = |subscription: &&mut Subscription| subscription.retry_at.is_some_and(|at| at <= now);
        let subscription = self.0.iter_mut().find(is_due)?;
        subscription.retry_at = None;
        Some((subscription.channel.clone(), subscription.wanted))
    }

    fn find(&mut self, channel: &Channel) -> Option<&mut Subscription> {
        self.0.iter_mut().find(|subscription| subscription.channel == *channel)
    }
}
