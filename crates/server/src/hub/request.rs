//! What a client's frames do.
//!
//! Each request is checked in the same order: is the action permitted at all, is the channel one that clients may
//! use, does the credential reach it, and only then what the request itself asks for.

use std::collections::BTreeSet;

use metered_protocol::{
    Channel, ClientFrame, ClientFrameError, CloseCode, ErrorCode, Message, PeerId, PresencePeer, RawJson,
    RequestId, ServerFrame,
};

use super::cluster::{Body, Member};
use super::presence::Change;
use super::ring::Kept;
use super::room::{Room, Subscriber};
use super::{Ask, ConnId, Frame, Hub, NodeId, Output, UnixMillis};
use crate::limits::exceeds;
use crate::{Action, Identity};

/// A refusal whose request is not filled in yet.
type Refusal = (ErrorCode, &'static str);

/// A message for a channel.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    pub(super) channel: Channel,
    pub(super) from: PeerId,
    pub(super) from_metadata: Option<RawJson>,
    pub(super) data: RawJson,
}

/// A message for a peer.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) to: PeerId,
    pub(super) from: PeerId,
    pub(super) from_metadata: Option<RawJson>,
    pub(super) data: RawJson,
}

impl Hub {
    /// Whether a frame of this length may be looked at. If not, its connection is closed.
    pub(super) fn admit_frame(&mut self, now: UnixMillis, conn: ConnId, length: usize) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        if !connection.is_attached() {
            return false;
        }
        if length > self.limits.max_message_bytes() as usize {
            self.close(now, conn, CloseCode::MESSAGE_TOO_BIG, "message too big");
            return false;
        }
        if !connection.count_frame(now) {
            self.close(now, conn, CloseCode::OVER_MESSAGE_RATE, "message rate exceeded");
            return false;
        }
        true
    }

    /// Carries out a request and answers it.
    pub(super) fn handle_request(&mut self, conn: ConnId, text: &str) {
        match ClientFrame::parse(text) {
            Ok(frame) => {
                let request_id = request_id(&frame).cloned();
                if let Err((code, message)) = self.carry_out(conn, frame) {
                    self.refuse(conn, ClientFrameError { code, request_id, message });
                }
            }
            Err(error) => self.refuse(conn, error),
        }
    }

    fn carry_out(&mut self, conn: ConnId, frame: ClientFrame<RawJson>) -> Result<(), Refusal> {
        match frame {
            ClientFrame::Subscribe { channel, request_id, include_sender_metadata } => {
                self.subscribe(conn, channel, request_id, include_sender_metadata)
            }
            ClientFrame::Unsubscribe { channel, request_id } => {
                if let Some(connection) = self.connections.get_mut(&conn) {
                    connection.channels.remove(&channel);
                }
                self.ack(conn, request_id);
                self.leave(conn, &channel);
                Ok(())
            }
            ClientFrame::Publish { channel, data, request_id } => {
                self.publish_from(conn, channel, data, request_id)
            }
            ClientFrame::Send { to, data, request_id } => self.send_direct(conn, &to, data, request_id),
            ClientFrame::Ping { .. } => {
                self.send(conn, &ServerFrame::Pong);
                Ok(())
            }
        }
    }

    fn subscribe(
        &mut self,
        conn: ConnId,
        channel: Channel,
        request_id: Option<RequestId>,
        wants_metadata: bool,
    ) -> Result<(), Refusal> {
        self.check(conn, Action::Subscribe, Some(&channel))?;
        // A client that subscribes again may take a change that is on its way for the snapshot. It has to hear of all
        // others too, or one who has left stays in its roster.
        if self.connections.get(&conn).is_some_and(|connection| connection.channels.contains(&channel)) {
            self.tell(&channel);
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return Ok(()) };
        if !connection.channels.contains(&channel) {
            let limit = self.limits.channels_per_connection as usize;
            if exceeds(limit, connection.channels.len() + 1) {
                return Err((ErrorCode::CHANNEL_LIMIT_EXCEEDED, "too many channels on this connection"));
            }
            connection.channels.insert(channel.clone());
        }
        let identity = &connection.identity;
        let peer_id = identity.peer_id.clone();
        let sees_presence = identity.grants.permit(Action::Presence);
        let subscriber = Subscriber { peer_id: peer_id.clone(), wants_metadata, sees_presence, heard: 0 };
        let room = self.rooms.entry(channel.clone()).or_default();
        let metadata = identity.peer_metadata.clone();
        let entered = room.subscribe(conn, subscriber, metadata.as_ref());
        let snapshot = if sees_presence { room.peers(Some(&peer_id)) } else { Vec::new() };

        if let Some(request_id) = request_id {
            let frame = Frame::encode(&ServerFrame::Ack { request_id }).read_alone();
            self.outputs.push_back(Output::Send { conn, frame });
        }
        self.deliver(
            conn,
            &ServerFrame::Presence { channel: channel.clone(), joined: snapshot, left: Vec::new() },
        );
        if entered.counts_here {
            self.tell_nodes(|| Body::Joined(Member { channel: channel.clone(), peer: peer_id, metadata }));
        }
        if let Some(peer) = entered.peer {
            self.announce(Some(conn), &channel, Change::Joined(peer));
        }
        Ok(())
    }

    /// Takes a connection out of a channel's room.
    pub(super) fn leave(&mut self, conn: ConnId, channel: &Channel) {
        let Some(room) = self.rooms.get_mut(channel) else { return };
        let Some((peer, gone)) = room.unsubscribe(conn) else { return };
        if gone.counts_here {
            self.tell_nodes(|| Body::Left { channel: channel.clone(), peer });
        }
        self.after_leaving(Some(conn), channel, gone.peer);
    }

    /// Somebody may have left a channel's room, and nobody may be there any more.
    pub(super) fn after_leaving(
        &mut self,
        conn: Option<ConnId>,
        channel: &Channel,
        left: Option<PresencePeer<RawJson>>,
    ) {
        if self.rooms.get(channel).is_some_and(Room::is_empty) {
            self.forget_room(channel);
        } else if let Some(peer) = left {
            self.announce(conn, channel, Change::Left(peer));
        }
    }

    fn publish_from(
        &mut self,
        conn: ConnId,
        channel: Channel,
        data: RawJson,
        request_id: Option<RequestId>,
    ) -> Result<(), Refusal> {
        self.check(conn, Action::Publish, Some(&channel))?;
        self.check_length(&data)?;
        self.ack(conn, request_id);
        let Some(connection) = self.connections.get(&conn) else { return Ok(()) };
        let Identity { peer_id: from, peer_metadata: from_metadata, .. } = connection.identity.clone();
        let publication = Publication { channel, from, from_metadata, data };
        self.messages += 1;
        self.broadcast_elsewhere(&publication, None);
        self.broadcast_here(Some(conn), &publication);
        Ok(())
    }

    /// Sends a message to the other nodes that have subscribers. Answers to which.
    pub(super) fn broadcast_elsewhere(
        &mut self,
        publication: &Publication,
        ask: Option<Ask>,
    ) -> BTreeSet<NodeId> {
        let nodes = self.nodes_in(&publication.channel);
        let Some(cluster) = self.cluster.as_mut().filter(|_| !nodes.is_empty()) else {
            return BTreeSet::new();
        };
        let Publication { channel, from, from_metadata: metadata, data } = publication.clone();
        cluster.tell(&nodes, &Body::Message { channel, from, metadata, data, ask })
    }

    /// Sends a message to every subscriber but the one who published it. Answers how many that are.
    pub(super) fn broadcast_here(&mut self, except: Option<ConnId>, publication: &Publication) -> usize {
        let Publication { channel, from, from_metadata, data } = publication;
        self.introduce(from);
        let Some(room) = self.rooms.get(channel) else { return 0 };
        let encode = |from_metadata: Option<&RawJson>| {
            let frame = ServerFrame::Message(Message {
                channel: Some(channel.clone()),
                from: from.clone(),
                from_metadata: from_metadata.cloned(),
                data: data.clone(),
            });
            Kept::encode(&frame, &self.meter)
        };
        let (mut plain, mut stamped) = (None, None);
        let mut reached = 0;
        for (conn, subscriber) in room.subscribers().filter(|(conn, _)| Some(*conn) != except) {
            let Some(connection) = self.connections.get_mut(&conn) else { continue };
            let stamp = from_metadata.as_ref().filter(|_| subscriber.wants_metadata);
            let cached = if stamp.is_some() { &mut stamped } else { &mut plain };
            let kept = cached.get_or_insert_with(|| encode(stamp));
            self.outputs.extend(connection.deliver(conn, kept, &self.limits));
            reached += 1;
        }
        reached
    }

    fn send_direct(
        &mut self,
        conn: ConnId,
        to: &PeerId,
        data: RawJson,
        request_id: Option<RequestId>,
    ) -> Result<(), Refusal> {
        self.check(conn, Action::Send, None)?;
        self.check_length(&data)?;
        let is_here = self.peers.contains_key(to);
        let mut elsewhere = self.cluster.iter().flat_map(|cluster| cluster.nodes_with(to)).peekable();
        if !is_here && elsewhere.peek().is_none() {
            return Err((ErrorCode::PEER_NOT_FOUND, "no such peer is connected"));
        }
        let nodes: Vec<_> = elsewhere.collect();
        let Some(connection) = self.connections.get(&conn) else { return Ok(()) };
        let Identity { peer_id: from, peer_metadata: from_metadata, .. } = connection.identity.clone();
        let note = Note { to: to.clone(), from, from_metadata, data };
        let is_told = self.direct_elsewhere(&nodes, &note);
        if !is_here && !is_told {
            return Err((ErrorCode::BACKEND_ERROR, "the server that has the peer cannot be reached"));
        }
        self.ack(conn, request_id);
        self.messages += 1;
        self.direct_here(note);
        Ok(())
    }

    /// Sends a message to the other nodes that have its peer. Answers whether one could be told.
    fn direct_elsewhere(&mut self, nodes: &[NodeId], note: &Note) -> bool {
        let Some(cluster) = self.cluster.as_mut().filter(|_| !nodes.is_empty()) else { return false };
        let Note { to, from, from_metadata: metadata, data } = note.clone();
        !cluster.tell(nodes, &Body::Direct { to, from, metadata, data }).is_empty()
    }

    /// Sends a message to every connection of its peer here.
    pub(super) fn direct_here(&mut self, note: Note) {
        self.introduce(&note.from);
        let Note { to, from, from_metadata, data } = note;
        let Some(targets) = self.peers.get(&to) else { return };
        let kept = Kept::encode(
            &ServerFrame::Message(Message { channel: None, from, from_metadata, data }),
            &self.meter,
        );
        for conn in targets {
            if let Some(connection) = self.connections.get_mut(conn) {
                self.outputs.extend(connection.deliver(*conn, &kept, &self.limits));
            }
        }
    }

    /// Whether a payload can reach those who are at other nodes, wherever its recipients are at the moment.
    fn check_length(&self, data: &RawJson) -> Result<(), Refusal> {
        match &self.cluster {
            Some(cluster) if !cluster.takes(data.as_str().len()) => {
                Err((ErrorCode::BACKEND_ERROR, "the payload is too long to reach other servers"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the connection may do this.
    fn check(&self, conn: ConnId, action: Action, channel: Option<&Channel>) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get(&conn) else {
            return Err((ErrorCode::INTERNAL_ERROR, "the connection is gone"));
        };
        let grants = &connection.identity.grants;
        if !grants.permit(action) {
            return Err((ErrorCode::ACTION_NOT_PERMITTED, "the credential does not permit this action"));
        }
        let Some(channel) = channel else { return Ok(()) };
        if channel.is_reserved() {
            return Err((ErrorCode::CHANNEL_RESERVED, "the channel's prefix is reserved"));
        }
        if !grants.reach(channel) {
            return Err((ErrorCode::CHANNEL_NOT_AUTHORIZED, "the credential does not reach this channel"));
        }
        Ok(())
    }
}

fn request_id<D>(frame: &ClientFrame<D>) -> Option<&RequestId> {
    match frame {
        ClientFrame::Subscribe { request_id, .. }
        | ClientFrame::Unsubscribe { request_id, .. }
        | ClientFrame::Publish { request_id, .. }
        | ClientFrame::Send { request_id, .. }
        | ClientFrame::Ping { request_id } => request_id.as_ref(),
    }
}
