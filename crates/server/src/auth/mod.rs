//! From a credential to an [`Identity`].
//!
//! Two credentials exist. A *publishable key* is shipped in pages: it is compared, carries fixed grants, and its
//! holder gets a fresh peer id. A *token* is a JWT that somebody's backend signed with a *secret key*: it names
//! the peer, and narrows the secret key's grants. Time and fresh ids are parameters here too.
//!
//! With either may come a *resume token*, which says whose session its holder had. It only ever adds: one that is no
//! good is as if it were not there.

mod arrival;
mod origin;
mod resume;
mod token;

pub use arrival::{Fresh, Request};
pub use origin::OriginPattern;
pub use resume::ResumeKey;

use metered_protocol::{CloseCode, PeerId, Secret};
use subtle::ConstantTimeEq;

use crate::hub::UnixMillis;
use crate::{Grants, Identity, Limits};

/// The keys that a server knows.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Keys that clients may present themselves.
    pub publishable: Vec<PublishableKey>,
    /// Keys that backends sign tokens with.
    pub secret: Vec<SecretKey>,
}

/// A key that is its own credential.
#[derive(Clone, Debug)]
pub struct PublishableKey {
    /// The key, `pk_live_…`.
    pub key: Secret,
    /// What its holders may do.
    pub grants: Grants,
    /// The pages that may use it; `None` lets anybody. A request that names no origin comes from none of them.
    pub origins: Option<Vec<OriginPattern>>,
}

/// A key that signs tokens.
#[derive(Clone, Debug)]
pub struct SecretKey {
    /// Its public name, `sk_id_…`: the `kid` of the tokens it signs.
    pub id: String,
    /// What it signs with.
    pub secret: Secret,
    /// The most that its tokens may grant.
    pub grants: Grants,
}

/// What a client presents.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A publishable key.
    Key(Secret),
    /// A signed token.
    Token(Secret),
}

impl Credential {
    /// Finds the credential among a connection's query parameters. A token wins over a key; parameters that mean
    /// nothing here are ignored.
    pub fn find<'a>(query: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut found = None;
        for (name, value) in query {
            match (name, &found) {
                ("token", None | Some(Self::Key(_))) => found = Some(Self::Token(Secret::new(value))),
                ("key", None) => found = Some(Self::Key(Secret::new(value))),
                _ => {}
            }
        }
        found
    }
}

/// Why a credential was refused. The words go into a close frame and never repeat what was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Neither a key nor a token.
    Missing,
    /// No such publishable key.
    UnknownKey,
    /// The key is not for pages of this origin.
    Origin,
    /// The token is no good, for the given reason.
    InvalidToken(&'static str),
    /// The token was good once.
    Expired,
}

impl AuthError {
    /// The code to close with. An expired token is no mistake: its holder fetches another and comes back.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Missing | Self::UnknownKey | Self::Origin | Self::InvalidToken(_) => {
                CloseCode::INVALID_TOKEN
            }
            Self::Expired => CloseCode::TOKEN_EXPIRED,
        }
    }

    /// The reason to close with.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing key or token",
            Self::UnknownKey => "invalid key",
            Self::Origin => "the key is not for this origin",
            Self::InvalidToken(reason) => reason,
            Self::Expired => "token expired",
        }
    }
}

impl Keys {
    /// The publishable key of [`Keys::dev`].
    pub const DEV_KEY: &'static str = "pk_live_dev";
    /// The id of the secret key of [`Keys::dev`].
    pub const DEV_SECRET_KEY_ID: &'static str = "sk_id_dev";
    /// The secret of the secret key of [`Keys::dev`].
    pub const DEV_SECRET: &'static str = "sk_secret_dev";

    /// The well-known keys of development. They grant everything and protect nothing.
    pub fn dev() -> Self {
        Self {
            publishable: vec![PublishableKey {
                key: Secret::new(Self::DEV_KEY),
                grants: Grants::everything(),
                origins: None,
            }],
            secret: vec![SecretKey {
                id: Self::DEV_SECRET_KEY_ID.to_owned(),
                secret: Secret::new(Self::DEV_SECRET),
                grants: Grants::everything(),
            }],
        }
    }

    /// Whether these keys are the ones to ask about a credential: it is one of them, or claims to be signed by one.
    pub fn know(&self, credential: &Credential) -> bool {
        match credential {
            Credential::Key(presented) => self.publishable(presented).is_some(),
            Credential::Token(token) => {
                token::kid(token).is_some_and(|kid| self.secret.iter().any(|key| key.id == kid))
            }
        }
    }

    /// Finds out who presents a credential. `origin` is the page that a browser says it comes from.
    pub fn authenticate(
        &self,
        now: UnixMillis,
        limits: &Limits,
        credential: Option<&Credential>,
        origin: Option<&str>,
        fresh_peer_id: impl FnOnce() -> PeerId,
    ) -> Result<Identity, AuthError> {
        match credential.ok_or(AuthError::Missing)? {
            Credential::Key(presented) => {
                let key = self.publishable(presented).ok_or(AuthError::UnknownKey)?;
                if !origin::permit(key.origins.as_deref(), origin) {
                    return Err(AuthError::Origin);
                }
                Ok(Identity { grants: key.grants.clone(), ..Identity::unrestricted(fresh_peer_id()) })
            }
            Credential::Token(token) => token::verify(&self.secret, now, limits, token),
        }
    }

    /// Looks at every key, so that the time it takes says nothing about any of them.
    fn publishable(&self, presented: &Secret) -> Option<&PublishableKey> {
        let mut found = None;
        for key in &self.publishable {
            if bool::from(key.key.expose().as_bytes().ct_eq(presented.expose().as_bytes())) {
                found = Some(key);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn authenticate(credential: Option<Credential>) -> Result<Identity, AuthError> {
        let fresh = || PeerId::parse("fresh").unwrap();
        Keys::dev().authenticate(NOW, &Limits::default(), credential.as_ref(), None, fresh)
    }

    #[test]
    fn a_publishable_key_gets_a_fresh_peer_id_and_never_expires() {
        let identity = authenticate(Some(Credential::Key(Secret::new("pk_live_dev")))).unwrap();
        assert_eq!(identity.peer_id.as_str(), "fresh");
        assert_eq!(identity.expires_at, None);
        assert!(identity.metadata.is_none() && identity.peer_metadata.is_none());
    }

    #[test]
    fn any_other_key_is_refused() {
        for key in ["", "pk_live_de", "pk_live_dev2", "sk_id_dev", "sk_secret_dev"] {
            let error = authenticate(Some(Credential::Key(Secret::new(key)))).unwrap_err();
            assert_eq!((error, error.close_code()), (AuthError::UnknownKey, CloseCode::INVALID_TOKEN));
        }
        assert_eq!(authenticate(None).unwrap_err(), AuthError::Missing);
    }

    #[test]
    fn a_credential_is_found_among_other_parameters_and_a_token_wins() {
        let find = |query: &[(&'static str, &'static str)]| match Credential::find(query.iter().copied()) {
            None => "none".to_owned(),
            Some(Credential::Key(key)) => format!("key {}", key.expose()),
            Some(Credential::Token(token)) => format!("token {}", token.expose()),
        };
        assert_eq!(find(&[("v", "1"), ("keys", "x")]), "none");
        assert_eq!(find(&[("v", "1"), ("key", "k"), ("resume", "r")]), "key k");
        assert_eq!(find(&[("key", "k"), ("token", "t"), ("key", "l")]), "token t");
        assert_eq!(find(&[("token", "t"), ("token", "u")]), "token t");
    }
}
