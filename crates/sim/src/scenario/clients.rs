//! Bare clients: in the end each is connected and subscribed to exactly what its application asked for, and its
//! application knows who else is.
//!
//! In the last round everybody publishes to every channel and sends to everybody: every subscriber and every
//! receiver gets each message once, and nobody else any.

use std::collections::BTreeSet;

use metered_core::SignallingState;
use metered_protocol::Channel;

use super::Said;
use crate::app::{CHANNELS, channel};
use crate::client::Client;
use crate::plan::Plan;
use crate::watch::Wish;
use crate::world::World;

/// What is missing to everybody having what they asked for.
pub(super) fn check(world: &World) -> Result<(), String> {
    let World { out, server, clients, .. } = world;
    for client in clients {
        let state = client.core.signalling_state();
        if state != SignallingState::Connected {
            return Err(format!("{} is {}", client.who, state.as_str()));
        }
    }
    for channel in CHANNELS.map(channel) {
        let mut ids = BTreeSet::new();
        for client in clients {
            let (wish, given) = (client.watch.wishes.wish(&channel), given(world, client, &channel));
            let may_be_refused = may_be_refused(&out.plan, &channel);
            let is_open = client.watch.wishes.is_open(out.kernel.now, &channel, may_be_refused);
            if wish != given && !is_open {
                return Err(format!("{} wants {wish:?} of {channel} and has {given:?}", client.who));
            }
            ids.extend(client.core.peer_id().filter(|_| given.is_some()).cloned());
        }
        let peers: BTreeSet<_> = server.peers(&channel).into_iter().collect();
        if peers != ids {
            return Err(format!("channel {channel} has {peers:?}, and it was {ids:?} who asked for it"));
        }
        // Changes that lag behind a snapshot are left out of it. What is under way to a client it cannot know: somebody's
        // subscription, if it is open, may be made at any time.
        let is_told = |client: &&Client| {
            client.link().is_some_and(|link| !out.network.brings_news(link, out.kernel.now))
        };
        for client in clients.iter().filter(|_| out.plan.presence_lag == (0, 0)).filter(is_told) {
            let own = client.core.peer_id();
            if given(world, client, &channel).is_some()
                && let Some(known) = client.watch.presence.of(&channel)
                && !known.iter().eq(peers.iter().filter(|peer| Some(*peer) != own))
            {
                return Err(format!("{} thinks {known:?} are in {channel}, it is {peers:?}", client.who));
            }
        }
    }
    Ok(())
}

/// What the server has for a client.
fn given(world: &World, client: &Client, channel: &Channel) -> Wish {
    world.server.ledger.channels(client.link()?).get(channel).copied()
}

/// Whether the server may refuse a subscription.
fn may_be_refused(plan: &Plan, channel: &Channel) -> bool {
    let [.., last] = CHANNELS;
    (plan.channels as usize) < CHANNELS.len() || (plan.forbidden_channel && channel.as_str() == last)
}

/// The last round.
pub(super) fn last_round(world: &mut World) -> Vec<Said> {
    let ids: Vec<_> = world.clients.iter().map(|client| client.core.peer_id().cloned()).collect();
    let channels = CHANNELS.map(channel);
    let subscribers = channels.each_ref().map(|channel| -> Vec<usize> {
        let clients = world.clients.iter().enumerate();
        clients
            .filter(|(_, client)| given(world, client, channel).is_some())
            .map(|(index, _)| index)
            .collect()
    });
    let World { out, clients, .. } = world;
    let mut said = Vec::new();
    for (from, client) in clients.iter_mut().enumerate() {
        for (channel, subscribers) in channels.iter().zip(&subscribers) {
            let to = subscribers.iter().copied().filter(|to| *to != from).collect();
            said.push(Said { data: client.say(out, None, channel), to });
        }
        for (to, id) in ids.iter().enumerate().filter(|(to, _)| *to != from) {
            said.push(Said { data: client.say(out, id.as_ref(), &channels[0]), to: [to].into() });
        }
    }
    said
}

/// What the server still owes to anybody.
pub(super) fn debts(world: &World) -> Option<String> {
    let ledger = &world.server.ledger;
    let debtor = |client: &&Client| client.link().is_some_and(|link| ledger.owed(link) > 0);
    let client = world.clients.iter().find(debtor)?;
    Some(format!("{}: {}", client.who, client.link().map(|link| ledger.show(link)).unwrap_or_default()))
}
