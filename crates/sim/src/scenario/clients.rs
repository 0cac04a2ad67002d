//! Bare clients: in the end each is connected and subscribed to exactly what its application asked for.
//!
//! In the last round everybody publishes to every channel and sends to everybody: every subscriber and every
//! receiver gets each message once, and nobody else any.

use metered_core::SignallingState;

use super::Said;
use crate::app::{CHANNELS, channel};
use crate::world::World;

/// What is missing to everybody having what they asked for.
pub(super) fn check(world: &World) -> Result<(), String> {
    for client in &world.clients {
        let state = client.core.signalling_state();
        if state != SignallingState::Connected {
            return Err(format!("{} is {}", client.who, state.as_str()));
        }
    }
    for channel in CHANNELS.map(channel) {
        let wishing = world.clients.iter().filter(|client| client.watch.wishes.contains(&channel));
        let mut ids: Vec<_> = wishing.filter_map(|client| client.core.peer_id().cloned()).collect();
        ids.sort();
        let peers = world.server.peers(&channel);
        if peers != ids {
            return Err(format!("channel {channel} has {peers:?}, and it was {ids:?} who asked for it"));
        }
    }
    Ok(())
}

/// The last round.
pub(super) fn last_round(world: &mut World) -> Vec<Said> {
    let World { out, clients, .. } = world;
    let ids: Vec<_> = clients.iter().map(|client| client.core.peer_id().cloned()).collect();
    let channels = CHANNELS.map(channel);
    let subscribers = channels.each_ref().map(|channel| -> Vec<usize> {
        let wishing = clients.iter().enumerate().filter(|(_, client)| client.watch.wishes.contains(channel));
        wishing.map(|(index, _)| index).collect()
    });
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
