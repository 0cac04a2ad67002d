//! A room: in the end everybody is with everybody.
//!
//! That is, every client is `joined`, its roster is exactly the other clients, and for each pair both sides' present
//! connections are connected to each other, with every channel that was created on them open, and at least one was,
//! and with nothing left to negotiate.
//!
//! In the last round everybody says something to all and to each, and adds media to a connection or ten times to
//! one: every message arrives once, and the same connections carry the media in the end.

use metered_core::{ConnectionId, RemoteState, RoomState};

use super::Said;
use crate::client::Client;
use crate::world::World;

/// What is missing to everybody being with everybody.
pub(super) fn check(world: &World) -> Result<(), String> {
    let World { out, server, clients, channel } = world;
    for client in clients {
        let state = client.core.room_state();
        if state != RoomState::Joined {
            return Err(format!("{} is {}", client.who, state.as_str()));
        }
    }
    let mut ids: Vec<_> = clients.iter().filter_map(|client| client.core.peer_id().cloned()).collect();
    ids.sort();
    if server.peers(channel) != ids {
        return Err(format!("the server has {:?}, they are {ids:?}", server.peers(channel)));
    }
    for client in clients {
        let own = client.core.peer_id();
        let roster: Vec<_> = client.core.remotes().map(|(_, peer)| peer).collect();
        if !roster.iter().copied().eq(ids.iter().filter(|id| Some(*id) != own)) {
            return Err(format!("{} has the roster {roster:?} of {ids:?}", client.who));
        }
        for (id, remote) in client.watch.remotes.iter() {
            let pair = format!("{} and {}", client.who, remote.peer_id);
            let state = client.core.remote(id).map(|view| view.state);
            if state != Some(RemoteState::Connected) {
                return Err(format!("between {pair} it is {state:?}"));
            }
            let other = clients.iter().find(|other| other.core.peer_id() == Some(&remote.peer_id));
            let theirs = other.and_then(|other| {
                let (_, back) = other.watch.remotes.iter().find(|(_, r)| Some(&r.peer_id) == own)?;
                other.pc(back.connection)
            });
            let (Some(ours), Some(theirs)) = (client.pc(remote.connection), theirs) else {
                return Err(format!("between {pair} a connection is missing"));
            };
            if out.webrtc.connection(ours).and_then(|pc| pc.partner) != Some(theirs) {
                return Err(format!("between {pair} pc {} and pc {} are apart", ours.0, theirs.0));
            }
            let (open, closed) = out.webrtc.channels_between(ours, theirs);
            let both = (out.webrtc.connection(ours), out.webrtc.connection(theirs));
            if !matches!(both, (Some(ours), Some(theirs)) if ours.is_settled_with(theirs)) {
                return Err(format!("between {pair} there is something left to negotiate"));
            }
            if open == 0 || closed > 0 {
                return Err(format!("between {pair} {open} channels are open and {closed} are not"));
            }
        }
    }
    Ok(())
}

/// The last round.
pub(super) fn last_round(world: &mut World) -> (Vec<Said>, Connections) {
    let World { out, clients, channel, .. } = world;
    let before = connections(clients);
    let ids: Vec<_> = clients.iter().map(|client| client.core.peer_id().cloned()).collect();
    let everybody = 0..clients.len();
    let mut said = Vec::new();
    for (from, client) in clients.iter_mut().enumerate() {
        let others = everybody.clone().filter(|to| *to != from);
        said.push(Said { data: client.say(out, None, channel), to: others.clone().collect() });
        for to in others {
            let data = client.say(out, ids[to].as_ref(), channel);
            said.push(Said { data, to: [to].into() });
        }
        client.add_media(out);
    }
    (said, before)
}

/// The connections of all clients.
pub(super) type Connections = Vec<Vec<ConnectionId>>;

/// The connections as they are now.
pub(super) fn connections(clients: &[Client]) -> Connections {
    clients.iter().map(|client| client.connections().collect()).collect()
}
