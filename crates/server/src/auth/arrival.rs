//! From what a socket was opened with to an [`Arrival`].

use metered_protocol::{PeerId, Secret};

use super::resume::{Holder, ResumeKey};
use super::{AuthError, Credential, Keys, token};
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
    /// The `Origin` header: the page that a browser says it connects for.
    pub origin: Option<String>,
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
            origin: None,
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
        let mut identity =
            self.authenticate(now, limits, credential, request.origin.as_deref(), || fresh.peer_id)?;
        let kid;
        let holder = match credential {
            _ if limits.resume_grace_ms == 0 => None,
            Some(Credential::Key(key)) => Some(Holder::Key(key.expose())),
            Some(Credential::Token(token)) => {
                kid = token::kid(token);
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

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use metered_protocol::CloseCode;
    use serde_json::json;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn key(name: &str) -> Option<Credential> {
        Some(Credential::Key(Secret::new(name)))
    }

    fn token_of(kid: &str, secret: &str, sub: &str) -> Option<Credential> {
        let header = Header { kid: Some(kid.into()), ..Header::default() };
        let claims = json!({"sub": sub, "exp": NOW.0 / 1000 + 60});
        let token = encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
        Some(Credential::Token(Secret::new(token)))
    }

    fn token(sub: &str) -> Option<Credential> {
        token_of("sk_id_dev", "sk_secret_dev", sub)
    }

    /// Development with a second key of either kind.
    fn keys() -> Keys {
        let mut keys = Keys::dev();
        let (mut publishable, mut secret) = (keys.publishable[0].clone(), keys.secret[0].clone());
        publishable.key = Secret::new("pk_live_other");
        secret.id = "sk_id_other".to_owned();
        keys.publishable.push(publishable);
        keys.secret.push(secret);
        keys
    }

    fn admit_with(limits: &Limits, credential: Option<Credential>, resume: Option<&Secret>) -> Arrival {
        let request = Request { credential, resume: resume.cloned(), seen: Some(3), origin: None };
        let fresh = Fresh { peer_id: PeerId::parse("fresh").unwrap(), session: SessionId(7) };
        let resume = ResumeKey::derive(&keys(), b"");
        keys().admit(NOW, limits, &resume, &request, fresh).unwrap()
    }

    fn admit(credential: Option<Credential>, resume: Option<&Secret>) -> Arrival {
        admit_with(&Limits::default(), credential, resume)
    }

    fn resume_token(credential: Option<Credential>) -> Secret {
        admit(credential, None).ticket.unwrap().token
    }

    #[test]
    fn a_publishable_key_gets_its_peer_back_and_a_token_the_session() {
        let resume = resume_token(key("pk_live_dev"));
        let request = Request { credential: key("pk_live_dev"), resume: Some(resume), ..Request::default() };
        let fresh = Fresh { peer_id: PeerId::parse("another").unwrap(), session: SessionId(8) };
        let arrival =
            keys().admit(NOW, &Limits::default(), &ResumeKey::derive(&keys(), b""), &request, fresh).unwrap();
        assert_eq!(arrival.identity.peer_id.as_str(), "fresh");
        let claim = arrival.claim.unwrap();
        assert_eq!((claim.ticket.session, claim.seen), (SessionId(7), None));
        assert_eq!(arrival.ticket.unwrap().session, SessionId(8));

        let arrival = admit(token("alice"), Some(&resume_token(token("alice"))));
        assert_eq!(arrival.claim.unwrap().seen, Some(3));
    }

    #[test]
    fn a_resume_token_of_somebody_else_counts_as_none() {
        let all = || {
            [
                key("pk_live_dev"),
                key("pk_live_other"),
                token("alice"),
                token("bob"),
                token_of("sk_id_other", "sk_secret_dev", "alice"),
            ]
        };
        for (at, theirs) in all().into_iter().enumerate() {
            let theirs = resume_token(theirs);
            for (_, ours) in all().into_iter().enumerate().filter(|(other, _)| *other != at) {
                let peer_id = admit(ours.clone(), None).identity.peer_id;
                let arrival = admit(ours, Some(&theirs));
                assert!(arrival.claim.is_none());
                assert_eq!(arrival.identity.peer_id, peer_id);
            }
        }
    }

    #[test]
    fn neither_kind_of_token_passes_for_the_other() {
        let resume = resume_token(key("pk_live_dev"));
        let request = Request { credential: Some(Credential::Token(resume)), ..Request::default() };
        let fresh = Fresh { peer_id: PeerId::parse("fresh").unwrap(), session: SessionId(7) };
        let refused = keys()
            .admit(NOW, &Limits::default(), &ResumeKey::derive(&keys(), b""), &request, fresh)
            .unwrap_err();
        assert_eq!(refused.close_code(), CloseCode::INVALID_TOKEN);
        let Some(Credential::Token(jwt)) = token("alice") else { unreachable!() };
        assert!(admit(token("alice"), Some(&jwt)).claim.is_none());
        assert!(admit(key("pk_live_dev"), Some(&jwt)).claim.is_none());
    }

    #[test]
    fn where_nothing_is_resumed_there_are_no_tokens_and_none_is_looked_at() {
        let resume = resume_token(key("pk_live_dev"));
        let limits = Limits { resume_grace_ms: 0, ..Limits::default() };
        let arrival = admit_with(&limits, key("pk_live_dev"), Some(&resume));
        assert!(arrival.ticket.is_none() && arrival.claim.is_none());
    }

    #[test]
    fn a_query_is_read_whatever_it_holds() {
        let parse = |query: &[(&'static str, &'static str)]| {
            let Request { credential, resume, seen, .. } = Request::parse(query.iter().copied());
            (credential.is_some(), resume.map(|token| token.expose().to_owned()), seen)
        };
        assert_eq!(parse(&[]), (false, None, None));
        assert_eq!(parse(&[("seen", "5"), ("key", "k"), ("resume", "r")]), (true, Some("r".into()), Some(5)));
        for nonsense in ["", "-1", "1.5", "many", "99999999999999999999"] {
            assert_eq!(parse(&[("seen", nonsense)]), (false, None, Some(u64::MAX)));
        }
    }

    #[test]
    fn an_arrival_does_not_show_its_tokens() {
        let arrival = admit(key("pk_live_dev"), Some(&resume_token(key("pk_live_dev"))));
        let shown = format!("{arrival:?}");
        assert!(!shown.contains(arrival.ticket.unwrap().token.expose()));
        assert!(!shown.contains(arrival.claim.unwrap().ticket.token.expose()));
    }
}
