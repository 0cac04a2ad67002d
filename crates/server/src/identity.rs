//! Who is at the other end of a connection.

use metered_protocol::{PeerId, RawJson};

use crate::Grants;

/// What a credential was found to say about the connection that presented it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The peer. Several connections may share it.
    pub peer_id: PeerId,
    /// What it may do.
    pub grants: Grants,
    /// When the credential ends, in Unix seconds; `None` for never.
    pub expires_at: Option<u64>,
    /// Private data, told once in `welcome`.
    pub metadata: Option<RawJson>,
    /// Public data, shown to other peers.
    pub peer_metadata: Option<RawJson>,
}

impl Identity {
    /// A peer that may do everything, for ever, and has no metadata.
    pub fn unrestricted(peer_id: PeerId) -> Self {
        Self { peer_id, grants: Grants::everything(), expires_at: None, metadata: None, peer_metadata: None }
    }
}
