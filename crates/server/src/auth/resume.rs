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
