//! A room: in the end everybody is with everybody.
//!
//! That is, every client is `joined`, its roster is exactly the other clients, and for each pair both sides' present
//! connections are connected to each other, with every channel that was created on them open, and at least one was,
//! and with nothing left to negotiate. What becomes of two with the Python SDK between themselves is their affair.
//!
//! In the last round everybody says something to all and to each, and adds media to a connection or ten times to
//! one: every message arrives once, and the same connections carry the media in the end, but for those to somebody with
//! the Python SDK, who may need another.

use metered_core::{ConnectionId, RemoteState, RoomState};
use metered_protocol::PeerId;

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
            let other = clients.iter().find(|other| other.core.peer_id() == Some(&remote.peer_id));
            if client.is_python() && other.is_some_and(Client::is_python) {
                continue;
            }
            let pair = format!("{} and {}", client.who, remote.peer_id);
            let state = client.core.remote(id).map(|view| view.state);
            if state != Some(RemoteState::Connected) {
                return Err(format!("between {pair} it is {state:?}"));
            }
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

/// So long two may take to agree on what one of them has asked for: less than an offer waits for its answer before it is
/// made again, and more than all steps and frames of two exchanges take.
const SOON_MS: u64 = 12_000;

/// What two have not agreed on though they could have, for all that the server and the path between them did. Where all
/// is well but for that, offers and answers arrive, those of the time without a server too.
pub(super) fn check_haste(world: &World) -> Result<(), String> {
    let World { out, clients, .. } = world;
    let has_server = |client: &Client| client.link().is_some_and(|link| out.network.is_whole(link));
    for client in clients.iter().filter(|client| has_server(client)) {
        for (_, remote) in client.watch.remotes.iter() {
            let other = clients.iter().find(|other| other.core.peer_id() == Some(&remote.peer_id));
            let Some(other) = other.filter(|other| has_server(other)) else { continue };
            let back =
                other.watch.remotes.iter().find(|(_, back)| Some(&back.peer_id) == client.core.peer_id());
            let Some((_, back)) = back else { continue };
            let pc = |client: &Client, id| client.pc(id).and_then(|pc| out.webrtc.connection(pc));
            let (Some(ours), Some(theirs)) = (pc(client, remote.connection), pc(other, back.connection))
            else {
                continue;
            };
            let since = [
                client.watch.returns.joined(),
                other.watch.returns.joined(),
                client.watch.remotes.connected(remote),
                other.watch.remotes.connected(back),
                Some(ours.asked.max(theirs.asked)),
            ];
            let Some(since) =
                since.into_iter().collect::<Option<Vec<_>>>().and_then(|since| since.into_iter().max())
            else {
                continue;
            };
            if out.kernel.now.since(since) > SOON_MS && !ours.is_settled_with(theirs) {
                return Err(format!("{} and {} since {}", client.who, other.who, since.0));
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

/// The connections between those who can keep them.
pub(super) type Connections = Vec<Vec<ConnectionId>>;

/// The connections as they are now.
pub(super) fn connections(clients: &[Client]) -> Connections {
    let keeps =
        |peer: &PeerId| clients.iter().all(|other| !other.is_python() || other.core.peer_id() != Some(peer));
    let of = |client: &Client| {
        let remotes = client.watch.remotes.iter().filter(|(_, remote)| keeps(&remote.peer_id));
        remotes.map(|(_, remote)| remote.connection).collect()
    };
    clients.iter().filter(|client| !client.is_python()).map(of).collect()
}
