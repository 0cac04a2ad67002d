//! What the application is subscribed to, and how the server comes to know it.
//!
//! A subscription is what the server has *agreed* to and what has been *asked* for since, of which the last is what the
//! application wants. A request that the server refuses has never been, even if it was given up before the refusal came;
//! one whose answer is lost stands. A welcome settles that: a new session knows nothing, so everything is replayed; a
//! resumed one stands, so only what was not answered is.

use metered_protocol::Channel;

use super::requests::Number;
use crate::Instant;
use crate::limits::{OVERDUE_SUBSCRIPTIONS, REPLAY_RETRIES, REPLAY_RETRY_DELAY_MS};

/// In the order they were made.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

/// `includeSenderMetadata` of a subscription, or `None` for no subscription.
pub(super) type Wish = Option<bool>;

#[derive(Debug)]
struct Subscription {
    channel: Channel,
    agreed: Wish,
    /// The requests since that, in their order, until they are answered.
    asked: Vec<(Number, Wish)>,
    /// The last replay that failed on this connection.
    failed: Option<Number>,
    /// How many have been made again.
    retries: u32,
    retry_at: Instant,
}

/// The number of what was asked for without a request.
const UNSENT: Number = 0;

impl Subscription {
    fn wanted(&self) -> Wish {
        self.asked.last().map_or(self.agreed, |(_, wish)| *wish)
    }

    /// Plans another replay, if nothing but one that failed asks for what is wanted. Answers whether there is one.
    fn plan_retry(&mut self, now: Instant) -> bool {
        let is_failed = self.asked.last().is_some_and(|(number, _)| Some(*number) == self.failed);
        if !is_failed || self.retry_at != Instant::NEVER || self.retries == REPLAY_RETRIES {
            return false;
        }
        self.retries += 1;
        self.retry_at = now.after(REPLAY_RETRY_DELAY_MS);
        true
    }
}

/// How a request about a channel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Agreed,
    Refused,
    /// It may or may not have taken effect.
    Unknown,
    /// It was a replay and may or may not have taken effect. It is nobody's call that has failed, and is made again.
    Failed,
}

impl Subscriptions {
    /// The application subscribes or unsubscribes, by this request.
    pub(super) fn request(&mut self, channel: &Channel, wanted: Wish, request: Number) {
        match self.find(channel) {
            Some(found) => {
                found.asked.push((request, wanted));
                found.retry_at = Instant::NEVER;
            }
            None if wanted.is_none() => {}
            None => self.0.push(Subscription {
                channel: channel.clone(),
                agreed: None,
                asked: vec![(request, wanted)],
                failed: None,
                retries: 0,
                retry_at: Instant::NEVER,
            }),
        }
    }

    /// The application no longer wants a channel, and there is no connection to say so.
    pub(super) fn give_up(&mut self, channel: &Channel) {
        if let Some(found) = self.find(channel) {
            found.asked = vec![(UNSENT, None)];
        }
    }

    /// A request ended, or is answered after its time was up; those that are about no channel are not known here. What
    /// was asked for before one that the server did does not matter any more. Answers whether a replay will follow.
    pub(super) fn answered(&mut self, request: Number, answer: Answer, now: Instant) -> bool {
        let Some((found, at)) = self.0.iter_mut().find_map(|subscription| {
            let at = subscription.asked.iter().position(|(number, _)| *number == request)?;
            Some((subscription, at))
        }) else {
            return false;
        };
        match answer {
            Answer::Agreed => {
                found.agreed = found.asked.drain(..=at).next_back().and_then(|(_, wish)| wish);
                found.retry_at = Instant::NEVER;
            }
            // A replay has failed by then, and is made again.
            Answer::Refused if found.failed == Some(request) => {}
            Answer::Refused => drop(found.asked.remove(at)),
            Answer::Failed => {
                found.failed = Some(request);
                found.asked.drain(..at);
            }
            // Those before it may be answered yet.
            Answer::Unknown => drop(found.asked.drain(..at.saturating_sub(OVERDUE_SUBSCRIPTIONS - 1))),
        }
        // What waits for an answer may yet be agreed to; a call that is refused leaves what was wanted before it.
        let is_to_follow = found.plan_retry(now);
        self.sweep();
        is_to_follow
    }

    /// Forgets what is neither agreed to nor asked for.
    fn sweep(&mut self) {
        self.0.retain(|subscription| subscription.agreed.is_some() || !subscription.asked.is_empty());
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A new connection: what is to be asked for on it is due now, with all retries. An application that renews its
    /// subscriptions itself still has those ended that it gave up.
    pub(super) fn start_replay(&mut self, now: Instant, resumed: bool, renew: bool) {
        for subscription in &mut self.0 {
            subscription.failed = None;
            subscription.retries = 0;
            subscription.retry_at = Instant::NEVER;
            let wanted = subscription.wanted();
            if !resumed {
                subscription.agreed = None;
            }
            let is_renewed = renew && wanted.is_some();
            if !resumed && !is_renewed {
                subscription.asked.clear();
            } else if !resumed || !subscription.asked.is_empty() {
                subscription.asked = vec![(UNSENT, wanted)];
            }
            if !subscription.asked.is_empty() && (renew || wanted.is_none()) {
                subscription.retry_at = now;
            }
        }
        self.sweep();
    }

    /// A replay is on its way.
    pub(super) fn replaying(&mut self, channel: &Channel, request: Number) {
        if let Some(found) = self.find(channel) {
            let wanted = found.wanted();
            found.asked.retain(|(number, _)| *number != UNSENT);
            found.asked.push((request, wanted));
        }
    }

    pub(super) fn next_retry(&self) -> Instant {
        self.0.iter().fold(Instant::NEVER, |next, subscription| next.min(subscription.retry_at))
    }

    /// Takes a channel whose replay is due.
    pub(super) fn due_retry(&mut self, now: Instant) -> Option<(Channel, Wish)> {
        let is_due = |subscription: &&mut Subscription| subscription.retry_at.is_due(now);
        let subscription = self.0.iter_mut().find(is_due)?;
        subscription.retry_at = Instant::NEVER;
        Some((subscription.channel.clone(), subscription.wanted()))
    }

    fn find(&mut self, channel: &Channel) -> Option<&mut Subscription> {
        self.0.iter_mut().find(|subscription| subscription.channel == *channel)
    }
}
