//! Subscriptions converge to what the application asked for.

use std::collections::BTreeSet;

use metered_protocol::Channel;

/// The reference: a set of channels.
#[derive(Debug, Default)]
pub struct Wishes(BTreeSet<Channel>);

impl Wishes {
    /// `subscribe()`. Refused, and not remembered, while there is no connection; but the options of what is
    /// remembered already can be changed at any time.
    pub fn subscribed(&mut self, channel: &Channel, is_connected: bool) {
        if is_connected {
            self.0.insert(channel.clone());
        }
    }

    /// `unsubscribe()`, which holds whatever the server says.
    pub fn unsubscribed(&mut self, channel: &Channel) {
        self.0.remove(channel);
    }

    /// `close()`
    pub fn forget(&mut self) {
        self.0.clear();
    }

    /// Whether the application wants a channel.
    pub fn contains(&self, channel: &Channel) -> bool {
        self.0.contains(channel)
    }
}
