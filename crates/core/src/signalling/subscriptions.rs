//! What the application is subscribed to, and the replay of it after a reconnect.

use litemap::LiteMap;
use metered_protocol::Channel;

use crate::Instant;
use crate::limits::{REPLAY_RETRIES, REPLAY_RETRY_DELAY_MS};

#[derive(Debug, Default)]
pub(super) struct Subscriptions(LiteMap<Channel, Subscription>);

#[derive(Debug)]
struct Subscription {
    include_sender_metadata: bool,
    /// Replays that failed on this connection.
    failures: u32,
    retry_at: Option<Instant>,
}

impl Subscriptions {
    pub(super) fn insert(&mut self, channel: Channel, include_sender_metadata: bool) {
        self.0.insert(channel, Subscription { include_sender_metadata, failures: 0, retry_at: None });
    }

    pub(super) fn remove(&mut self, channel: &Channel) {
        self.0.remove(channel);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The option of a subscription that is still wanted.
    pub(super) fn get(&self, channel: &Channel) -> Option<bool> {
        self.0.get(channel).map(|subscription| subscription.include_sender_metadata)
    }

    /// A new connection: everything is to be replayed, with all retries.
    pub(super) fn start_replay(&mut self) -> Vec<Channel> {
        for (_, subscription) in self.0.iter_mut() {
            subscription.failures = 0;
            subscription.retry_at = None;
        }
        self.0.keys().cloned().collect()
    }

    /// A replay failed. Answers whether another will follow.
    pub(super) fn schedule_retry(&mut self, channel: Channel, now: Instant) -> bool {
        let Some(subscription) = self.0.get_mut(&channel) else { return false };
        if subscription.failures >= REPLAY_RETRIES {
            return false;
        }
        subscription.failures += 1;
        subscription.retry_at = Some(now.after(REPLAY_RETRY_DELAY_MS));
        true
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.0.values().filter_map(|subscription| subscription.retry_at).min()
    }

    /// Takes a channel whose retry is due.
    pub(super) fn due_retry(&mut self, now: Instant) -> Option<Channel> {
        let (channel, subscription) =
            self.0.iter_mut().find(|(_, subscription)| subscription.retry_at.is_some_and(|at| at <= now))?;
        subscription.retry_at = None;
        Some(channel.clone())
    }
}
