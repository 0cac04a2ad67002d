//! What the application is subscribed to, and the replay of it after a reconnect.

use metered_protocol::Channel;

use crate::Instant;
use crate::limits::{REPLAY_RETRIES, REPLAY_RETRY_DELAY_MS};

#[derive(Debug, Default)]
/// In the order they were made.
pub(super) struct Subscriptions(Vec<Subscription>);

#[derive(Debug)]
struct Subscription {
    channel: Channel,
    include_sender_metadata: bool,
    /// Replays that failed on this connection.
    failures: u32,
    retry_at: Option<Instant>,
}

impl Subscriptions {
    pub(super) fn insert(&mut self, channel: Channel, include_sender_metadata: bool) {
        self.remove(&channel);
        self.0.push(Subscription { channel, include_sender_metadata, failures: 0, retry_at: None });
    }

    pub(super) fn remove(&mut self, channel: &Channel) {
        self.0.retain(|subscription| subscription.channel != *channel);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The option of a subscription that is still wanted.
    pub(super) fn get(&self, channel: &Channel) -> Option<bool> {
        let found = self.0.iter().find(|subscription| subscription.channel == *channel);
        found.map(|subscription| subscription.include_sender_metadata)
    }

    /// A new connection: everything is to be replayed, with all retries.
    pub(super) fn start_replay(&mut self) -> Vec<Channel> {
        for subscription in &mut self.0 {
            subscription.failures = 0;
            subscription.retry_at = None;
        }
        self.0.iter().map(|subscription| subscription.channel.clone()).collect()
    }

    /// A replay failed. Answers whether another will follow.
    pub(super) fn schedule_retry(&mut self, channel: &Channel, now: Instant) -> bool {
        let found = self.0.iter_mut().find(|subscription| subscription.channel == *channel);
        let Some(subscription) = found else { return false };
        if subscription.failures >= REPLAY_RETRIES {
            return false;
        }
        subscription.failures += 1;
        subscription.retry_at = Some(now.after(REPLAY_RETRY_DELAY_MS));
        true
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.0.iter().filter_map(|subscription| subscription.retry_at).min()
    }

    /// Takes a channel whose retry is due.
    pub(super) fn due_retry(&mut self, now: Instant) -> Option<Channel> {
        let is_due = |subscription: &&mut Subscription| subscription.retry_at.is_some_and(|at| at <= now);
        let subscription = self.0.iter_mut().find(is_due)?;
        subscription.retry_at = None;
        Some(subscription.channel.clone())
    }
}
