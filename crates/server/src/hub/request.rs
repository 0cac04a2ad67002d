//! What a client's frames do.
//!
//! Each request is checked in the same order: is the action permitted at all, is the channel one that clients may
//! use, does the credential reach it, and only then what the request itself asks for.

use metered_protocol::{
    Channel, ClientFrame, ClientFrameError, CloseCode, ErrorCode, PeerId, RawJson, RequestId, ServerFrame,
};

use super::presence::Change;
use super::ring::Kept;
use super::room::Subscriber;
use super::{ConnId, Frame, Hub, Output, UnixMillis};
use crate::limits::exceeds;
use crate::{Action, Identity};

/// A refusal whose request is not filled in yet.
type Refusal = (ErrorCode, &'static str);

/// A message for a channel.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) channel: Channel,
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
        let joined = room.subscribe(conn, subscriber, identity.peer_metadata.as_ref());
        let snapshot = if sees_presence { room.peers(Some(&peer_id)) } else { Vec::new() };

        if let Some(request_id) = request_id {
            let frame = Frame::encode(&ServerFrame::Ack { request_id }).read_alone();
            self.outputs.push_back(Output::Send { conn, frame });
        }
        self.deliver(
            conn,
            &ServerFrame::Presence { channel: channel.clone(), joined: snapshot, left: Vec::new() },
        );
        if let Some(peer) = joined {
            self.announce(conn, &channel, Change::Joined(peer));
        }
        Ok(())
    }

    /// Takes a connection out of a channel's room.
    pub(super) fn leave(&mut self, conn: ConnId, channel: &Channel) {
        let Some(room) = self.rooms.get_mut(channel) else { return };
        let left = room.unsubscribe(conn);
        if room.is_empty() {
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
        self.ack(conn, request_id);
        let Some(connection) = self.connections.get(&conn) else { return Ok(()) };
        let Identity { peer_id: from, peer_metadata: from_metadata, .. } = connection.identity.clone();
        self.broadcast(Some(conn), &Publication { channel, from, from_metadata, data });
        Ok(())
    }

    /// Sends a message to every subscriber but the one who published it. Answers how many that are.
    pub(super) fn broadcast(&mut self, except: Option<ConnId>, publication: &Publication) -> usize {
        self.messages += 1;
        let Publication { channel, from, from_metadata, data } = publication;
        self.introduce(from);
        let Some(room) = self.rooms.get(channel) else { return 0 };
        let encode = |from_metadata: Option<&RawJson>| {
            let frame = ServerFrame::Message {
                channel: channel.clone(),
                from: from.clone(),
                from_metadata: from_metadata.cloned(),
                data: data.clone(),
            };
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
        if !self.peers.contains_key(to) {
            return Err((ErrorCode::PEER_NOT_FOUND, "no such peer is connected"));
        }
        self.ack(conn, request_id);
        self.messages += 1;
        if let Some(from) = self.connections.get(&conn).map(|connection| connection.identity.peer_id.clone())
        {
            self.introduce(&from);
        }
        let (Some(connection), Some(targets)) = (self.connections.get(&conn), self.peers.get(to)) else {
            return Ok(());
        };
        let frame = ServerFrame::Direct {
            from: connection.identity.peer_id.clone(),
            from_metadata: connection.identity.peer_metadata.clone(),
            data,
        };
        let kept = Kept::encode(&frame, &self.meter);
        for conn in targets {
            if let Some(connection) = self.connections.get_mut(conn) {
                self.outputs.extend(connection.deliver(*conn, &kept, &self.limits));
            }
        }
        Ok(())
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
