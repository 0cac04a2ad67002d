//! From what a socket was opened with to an [`Arrival`].

use jsonwebtoken::decode_header;
use metered_protocol::{PeerId, Secret};

use super::resume::{Holder, ResumeKey};
use super::{AuthError, Credential, Keys};
use crate::hub::{Arrival, Claim, SessionId, Ticket, UnixMillis};
use crate::{Identity, Limits};

/// What the query of a connection says.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Who wants in.
    pub credential: Option<Credential>,
    /// The resume token, unchecked.
    pub resume: Option<Secret>,
    /// How many `message`, `direct` and `presence` frames of the session have been received.
    pub seen: Option<u64>,
}

/// The names that a connection gets if it brings none.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// For its peer.
    pub peer_id: PeerId,
    /// For its session. Random: whoever guesses it still lacks the signature, but two must never be equal.
    pub session: SessionId,
}

impl Request {
    /// Reads a connection's query parameters. Those that mean nothing here are ignored.
    pub fn parse<'a>(query: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        let first = |wanted| query.clone().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        Self {
            credential: Credential::find(query.clone()),
            resume: first("resume").map(Secret::new),
            // What is no number is no place that one could go on from.
            seen: first("seen").map(|seen| seen.parse().unwrap_or(u64::MAX)),
        }
    }
}

impl Keys {
    /// Finds out who wants in, and which session is theirs.
    ///
    /// A good resume token is answered with its peer's id and a claim, whether its session still exists or not; any
    /// other counts as none. Where sessions are not resumed there are neither.
    pub fn admit(
        &self,
        now: UnixMillis,
        limits: &Limits,
        resume: &ResumeKey,
        request: &Request,
        fresh: Fresh,
    ) -> Result<Arrival, AuthError> {
        let credential = request.credential.as_ref();
        let mut identity = self.authenticate(now, limits, credential, || fresh.peer_id)?;
        let kid;
        let holder = match credential {
            _ if limits.resume_grace_ms == 0 => None,
            Some(Credential::Key(key)) => Some(Holder::Key(key.expose())),
            Some(Credential::Token(token)) => {
                kid = decode_header(token.expose()).ok().and_then(|header| header.kid);
                kid.as_deref().map(Holder::Token)
            }
            None => None,
        };
        let Some(holder) = holder else { return Ok(identity.into()) };
        let session = request.resume.as_ref().and_then(|token| resume.verify(now, holder, token));
        let session = session
            .and_then(|(session, peer_id)| keep_peer(holder, &mut identity, peer_id).then_some(session));
        let ticket = |session| {
            let token = resume.sign(now, limits, holder, &identity.peer_id, session);
            Ticket { session, token }
        };
        let claim = session.map(|session| Claim { ticket: ticket(session), seen: request.seen });
        Ok(Arrival { ticket: Some(ticket(fresh.session)), claim, identity })
    }
}

/// Gives the peer its id back. False if the credential says that it is another.
fn keep_peer(holder: Holder<'_>, identity: &mut Identity, peer_id: PeerId) -> bool {
    match holder {
        Holder::Token(_) => identity.peer_id == peer_id,
        Holder::Key(_) => {
            identity.peer_id = peer_id;
            true
        }
    }
}
