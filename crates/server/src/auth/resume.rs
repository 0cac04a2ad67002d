//! Resume tokens: who may have which session back.
//!
//! The server signs them for itself, so nothing about them is anybody else's business:
//!
//! ```text
//!   base64url( version │ end, Unix s │ session │ length of peer id │ peer id │ HMAC-SHA256 )
//!                1 byte      8 bytes   16 bytes             1 byte                  32 bytes
//! ```
//!
//! The signature covers the [`Holder`] too, which the token does not name: presented with another credential than the
//! one that it was given to, it is as good as forged. The signing key is derived from the server's secret keys, so a
//! token outlives a restart, and goes with the secrets when they are changed. Neither its key nor its form is that of
//! an access token.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use metered_protocol::limits::MAX_PEER_ID_LENGTH;
use metered_protocol::{PeerId, Secret};
use sha2::Sha256;

use super::Keys;
use crate::Limits;
use crate::hub::{SessionId, UnixMillis};

/// What the signing key is derived for. A new version of the token means another key.
const PURPOSE: &[u8] = b"metered-server: resume tokens, version 1";

const VERSION: u8 = 1;

const MAC_BYTES: usize = 32;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = (1 + 8 + 16 + 1 + MAX_PEER_ID_LENGTH + MAC_BYTES) * 4 / 3 + 1;

/// What signs and checks resume tokens.
#[derive(Clone)]
pub struct ResumeKey(Hmac<Sha256>);

/// Who holds a credential, apart from the peer id.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    /// Of a publishable key.
    Key(&'a str),
    /// Of a token that the secret key of this id has signed.
    Token(&'a str),
}

impl ResumeKey {
    /// The key that belongs to a server's secret keys. `entropy` takes their place where there is none: then tokens
    /// hold for as long as the server remembers it.
    pub fn derive(keys: &Keys, entropy: &[u8]) -> Self {
        let mut mac = hmac(PURPOSE);
        for key in &keys.secret {
            for part in [key.id.as_bytes(), key.secret.expose().as_bytes()] {
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part);
            }
        }
        if keys.secret.is_empty() {
            mac.update(entropy);
        }
        Self(hmac(&mac.finalize().into_bytes()))
    }

    /// A token for a session of this peer.
    pub(super) fn sign(
        &self,
        now: UnixMillis,
        limits: &Limits,
        holder: Holder<'_>,
        peer_id: &PeerId,
        session: SessionId,
    ) -> Secret {
        let peer_id = peer_id.as_str().as_bytes();
        let end = match limits.resume_token_seconds {
            0 => u64::MAX,
            seconds => (now.0 / 1000).saturating_add(seconds),
        };
        let mut token = vec![VERSION];
        token.extend(end.to_be_bytes());
        token.extend(session.0.to_be_bytes());
        // The ids of peers have at most 128 characters, all of them ASCII.
        token.push(u8::try_from(peer_id.len()).unwrap_or(u8::MAX));
        token.extend(peer_id);
        let signature = self.mac(&token, holder).finalize().into_bytes();
        token.extend(signature);
        Secret::new(URL_SAFE_NO_PAD.encode(token))
    }

    /// The session and the peer of a token, if it is one of ours, for this holder, and not past its end.
    pub(super) fn verify(
        &self,
        now: UnixMillis,
        holder: Holder<'_>,
        token: &Secret,
    ) -> Option<(SessionId, PeerId)> {
        let token = Some(token.expose()).filter(|token| token.len() <= MAX_TOKEN_BYTES)?;
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (content, signature) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        self.mac(content, holder).verify_slice(signature).ok()?;

        // From here on it is what we wrote.
        let (version, rest) = content.split_first()?;
        let (end, rest) = rest.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (_, peer_id) = rest.split_first()?;
        let is_over = u64::from_be_bytes(*end) <= now.0 / 1000;
        if *version != VERSION || is_over {
            return None;
        }
        let peer_id = PeerId::parse(std::str::from_utf8(peer_id).ok()?).ok()?;
        Some((SessionId(u128::from_be_bytes(*session)), peer_id))
    }

    fn mac(&self, content: &[u8], holder: Holder<'_>) -> Hmac<Sha256> {
        let (kind, id) = match holder {
            Holder::Key(id) => (b'k', id),
            Holder::Token(id) => (b't', id),
        };
        // The content ends where its peer id's length says, so nothing can be moved between the parts.
        self.0.clone().chain_update(content).chain_update([kind]).chain_update(id)
    }
}

impl fmt::Debug for ResumeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeKey(<redacted>)")
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length")
}

#[cfg(test)]
mod tests {
    use super::super::SecretKey;
    use super::*;
    use crate::Grants;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const SESSION: SessionId = SessionId(u128::MAX / 3);

    fn key() -> ResumeKey {
        ResumeKey::derive(&Keys::dev(), b"")
    }

    fn alice() -> PeerId {
        PeerId::parse("alice").unwrap()
    }

    fn token() -> Secret {
        key().sign(NOW, &Limits::default(), Holder::Key("pk"), &alice(), SESSION)
    }

    fn verify(token: &str) -> Option<(SessionId, PeerId)> {
        key().verify(NOW, Holder::Key("pk"), &Secret::new(token))
    }

    #[test]
    fn a_token_brings_back_its_session_and_its_peer() {
        assert_eq!(verify(token().expose()), Some((SESSION, alice())));
        for peer_id in ["p", &"p".repeat(128)] {
            let peer_id = PeerId::parse(peer_id).unwrap();
            let token = key().sign(NOW, &Limits::default(), Holder::Key("pk"), &peer_id, SESSION);
            assert!(token.expose().len() <= MAX_TOKEN_BYTES);
            assert_eq!(verify(token.expose()), Some((SESSION, peer_id)));
        }
    }

    #[test]
    fn a_token_is_good_for_its_holder_only() {
        for holder in [Holder::Key("pk2"), Holder::Key(""), Holder::Token("pk")] {
            assert_eq!(key().verify(NOW, holder, &token()), None);
        }
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_none() {
        let token = token();
        let bytes = URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut forged = bytes.clone();
                forged[at] ^= 1 << bit;
                assert_eq!(verify(&URL_SAFE_NO_PAD.encode(forged)), None, "bit {bit} of byte {at}");
            }
        }
        for length in 0..bytes.len() {
            assert_eq!(verify(&URL_SAFE_NO_PAD.encode(&bytes[..length])), None, "{length} bytes of it");
        }
    }

    #[test]
    fn garbage_is_no_token() {
        for garbage in ["", "resume", "=", "é", "a.b.c", &"A".repeat(300), &"A".repeat(1_000_000)] {
            assert_eq!(verify(garbage), None);
        }
        assert_eq!(verify(&format!("{}=", token().expose())), None);
    }

    #[test]
    fn a_token_holds_for_a_week_or_as_long_as_one_likes() {
        let week = 7 * 24 * 3600 * 1000;
        let verify = |token, ms| key().verify(UnixMillis(NOW.0 + ms), Holder::Key("pk"), &token);
        assert!(verify(token(), week - 1).is_some());
        assert_eq!(verify(token(), week), None);
        let limits = Limits { resume_token_seconds: 0, ..Limits::default() };
        assert!(verify(key().sign(NOW, &limits, Holder::Key("pk"), &alice(), SESSION), 100 * week).is_some());
    }

    #[test]
    fn tokens_outlive_a_restart_and_not_a_change_of_the_secrets() {
        let with = |secret: &str, entropy: &[u8]| {
            let secret = SecretKey {
                id: "sk_id".to_owned(),
                secret: Secret::new(secret),
                grants: Grants::everything(),
            };
            let key = ResumeKey::derive(&Keys { secret: vec![secret], ..Keys::default() }, entropy);
            key.verify(NOW, Holder::Key("pk"), &token()).is_some()
        };
        assert!(key().verify(NOW, Holder::Key("pk"), &token()).is_some());
        assert!(!with("another", b""));
        let without_secrets = |entropy: &[u8]| ResumeKey::derive(&Keys::default(), entropy);
        let token = without_secrets(b"x").sign(NOW, &Limits::default(), Holder::Key("pk"), &alice(), SESSION);
        assert!(without_secrets(b"x").verify(NOW, Holder::Key("pk"), &token).is_some());
        assert!(without_secrets(b"y").verify(NOW, Holder::Key("pk"), &token).is_none());
    }

    #[test]
    fn neither_the_key_nor_a_token_shows_itself() {
        assert_eq!(format!("{:?}", key()), "ResumeKey(<redacted>)");
        assert_eq!(format!("{:?}", token()), "<redacted>");
    }
}
