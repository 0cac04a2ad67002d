//! Tokens: HS256 JWTs that a secret key has signed.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use metered_protocol::{PeerId, RawJson, Secret};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{AuthError, SecretKey};
use crate::grants::{Action, Actions, ChannelPattern, Grants};
use crate::hub::{Hub, UnixMillis};
use crate::limits::exceeds;
use crate::{Identity, Limits};

/// Longest token that is looked at, in bytes: the largest metadata fit with room to spare.
const MAX_TOKEN_BYTES: usize = 32 * 1024;

/// Most channel patterns a token may bring: each one costs time on every request.
const MAX_PATTERNS: usize = 100;

/// How far the clock of the one who signed may be ahead of ours, in seconds, when `nbf` is now.
const NOT_BEFORE_LEEWAY_SECONDS: f64 = 5.0;

/// The claims we read. `metadata` stays text: it is sized and passed on, not looked into.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    channels: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    metadata: Option<Box<RawValue>>,
    peer_metadata: Option<Box<RawValue>>,
}

/// The id of the key that a token says it is signed with, unchecked.
pub(super) fn kid(token: &Secret) -> Option<String> {
    let token = Some(token.expose()).filter(|token| token.len() <= MAX_TOKEN_BYTES)?;
    decode_header(token).ok()?.kid
}

/// Checks a token and reads what it says.
pub(super) fn verify(
    keys: &[SecretKey],
    now: UnixMillis,
    limits: &Limits,
    token: &Secret,
) -> Result<Identity, AuthError> {
    let token = token.expose();
    if token.len() > MAX_TOKEN_BYTES {
        return Err(AuthError::InvalidToken("token too long"));
    }
    let header = decode_header(token).map_err(|_| AuthError::InvalidToken("malformed token"))?;
    if header.alg != Algorithm::HS256 {
        return Err(AuthError::InvalidToken("token algorithm must be HS256"));
    }
    let kid = header.kid.ok_or(AuthError::InvalidToken("token header has no kid"))?;
    // An unknown key and a wrong signature are told apart by nobody.
    let refused = AuthError::InvalidToken("unknown kid or wrong signature");
    let key = keys.iter().find(|key| key.id == kid).ok_or(refused)?;
    let claims = read_claims(token, key, refused)?;

    let now_seconds = now.0 as f64 / 1000.0;
    if !claims.exp.is_finite() || claims.nbf.is_some_and(|nbf| !nbf.is_finite()) {
        return Err(AuthError::InvalidToken("token times must be numbers"));
    }
    if claims.exp - Hub::EXPIRY_MARGIN_MS as f64 / 1000.0 <= now_seconds {
        return Err(AuthError::Expired);
    }
    if claims.nbf.is_some_and(|nbf| nbf > now_seconds + NOT_BEFORE_LEEWAY_SECONDS) {
        return Err(AuthError::InvalidToken("token is not valid yet"));
    }
    let peer_id =
        PeerId::parse(&claims.sub).map_err(|_| AuthError::InvalidToken("token sub must be a peer id"))?;
    Ok(Identity {
        peer_id,
        grants: grants(&key.grants, claims.channels.as_deref(), claims.permissions.as_deref())?,
        expires_at: Some(claims.exp as u64),
        metadata: metadata(claims.metadata, limits.metadata_bytes)
            .map_err(|()| AuthError::InvalidToken("token metadata must be an object of at most 8 KB"))?,
        peer_metadata: metadata(claims.peer_metadata, limits.peer_metadata_bytes)
            .map_err(|()| AuthError::InvalidToken("token peerMetadata must be an object of at most 4 KB"))?,
    })
}

fn read_claims(token: &str, key: &SecretKey, refused: AuthError) -> Result<Claims, AuthError> {
    use jsonwebtoken::errors::ErrorKind;

    let mut validation = Validation::new(Algorithm::HS256);
    // The library would read the system's clock. Audience and issuer are the signer's own affair.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let secret = DecodingKey::from_secret(key.secret.expose().as_bytes());
    decode::<Claims>(token, &secret, &validation).map(|token| token.claims).map_err(|error| {
        match error.kind() {
            // The signature is checked first, so whoever gets here holds the key.
            ErrorKind::Json(_) => AuthError::InvalidToken("token needs sub, exp and well-formed claims"),
            _ => refused,
        }
    })
}

/// What the key permits, narrowed by what the token says. What it leaves out is not narrowed.
fn grants(
    key: &Grants,
    channels: Option<&[String]>,
    permissions: Option<&[String]>,
) -> Result<Grants, AuthError> {
    let invalid = AuthError::InvalidToken("token permissions are subscribe, publish, presence, send");
    let actions = match permissions {
        None => Actions::all(),
        Some(names) => {
            let actions: Option<Actions> = names.iter().map(|name| Action::parse(name)).collect();
            actions.ok_or(invalid)?
        }
    };
    let invalid = AuthError::InvalidToken("token channels must be at most 100 patterns");
    let own = match channels {
        None => Grants::everything().only(actions),
        Some(patterns) if patterns.len() > MAX_PATTERNS => return Err(invalid),
        Some(patterns) => {
            let patterns: Result<Vec<_>, _> = patterns.iter().map(|p| ChannelPattern::parse(p)).collect();
            Grants::new(actions, patterns.map_err(|_| invalid)?)
        }
    };
    Ok(key.and(&own))
}

fn metadata(claim: Option<Box<RawValue>>, max: usize) -> Result<Option<RawJson>, ()> {
    match claim {
        Some(raw) if !raw.get().starts_with('{') || exceeds(max, raw.get().len()) => Err(()),
        claim => Ok(claim.map(|raw| RawJson::from(&*raw))),
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use metered_protocol::{Channel, CloseCode};
    use serde_json::{Value, json};

    use super::super::{Credential, Keys};
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn sign_with(header: Header, secret: &str, claims: &Value) -> String {
        encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn sign(claims: &Value) -> String {
        let header = Header { kid: Some("sk_id_dev".into()), ..Header::default() };
        sign_with(header, "sk_secret_dev", claims)
    }

    fn check_with(keys: &Keys, token: String) -> Result<Identity, AuthError> {
        let credential = Credential::Token(Secret::new(token));
        let now = UnixMillis(NOW * 1000);
        keys.authenticate(now, &Limits::default(), Some(&credential), None, || unreachable!())
    }

    fn check(token: String) -> Result<Identity, AuthError> {
        check_with(&Keys::dev(), token)
    }

    fn base() -> Value {
        json!({"sub": "alice", "exp": NOW + 60})
    }

    fn with(name: &str, value: Value) -> String {
        let mut claims = base();
        claims[name] = value;
        sign(&claims)
    }

    fn refused(token: String) -> &'static str {
        let error = check(token).unwrap_err();
        assert_eq!(error.close_code(), CloseCode::INVALID_TOKEN, "{error:?}");
        error.reason()
    }

    #[test]
    fn a_token_says_who_what_and_how_long() {
        let mut claims = base();
        claims["metadata"] = json!({"iceServers": []});
        claims["peerMetadata"] = json!({"name": "Alice"});
        claims["channels"] = json!(["room-*"]);
        claims["permissions"] = json!(["subscribe"]);
        claims["aud"] = json!("somebody else's affair");
        let identity = check(sign(&claims)).unwrap();
        assert_eq!(identity.peer_id.as_str(), "alice");
        assert_eq!(identity.expires_at, Some(NOW + 60));
        assert_eq!(identity.metadata.unwrap().as_str(), r#"{"iceServers":[]}"#);
        assert_eq!(identity.peer_metadata.unwrap().as_str(), r#"{"name":"Alice"}"#);
        assert!(identity.grants.permit(Action::Subscribe) && !identity.grants.permit(Action::Publish));
        assert!(identity.grants.reach(&Channel::parse("room-1").unwrap()));
        assert!(!identity.grants.reach(&Channel::parse("hall").unwrap()));
    }

    #[test]
    fn what_a_token_leaves_out_is_the_keys() {
        let identity = check(sign(&base())).unwrap();
        assert!(Action::ALL.into_iter().all(|action| identity.grants.permit(action)));
        assert!(identity.grants.reach(&Channel::parse("anything/at/all").unwrap()));
    }

    #[test]
    fn a_token_narrows_its_key_and_never_widens_it() {
        let mut keys = Keys::dev();
        keys.secret[0].grants = Grants::new(
            [Action::Subscribe].into_iter().collect(),
            [ChannelPattern::parse("app/**").unwrap()],
        );
        let mut claims = base();
        claims["channels"] = json!(["**"]);
        claims["permissions"] = json!(["subscribe", "publish"]);
        let grants = check_with(&keys, sign(&claims)).unwrap().grants;
        assert!(!grants.permit(Action::Publish));
        assert!(grants.reach(&Channel::parse("app/x").unwrap()));
        assert!(!grants.reach(&Channel::parse("other").unwrap()));
    }

    #[test]
    fn a_token_without_channels_in_its_list_reaches_none() {
        let grants = check(with("channels", json!([]))).unwrap().grants;
        assert!(!grants.reach(&Channel::parse("room").unwrap()));
    }

    #[test]
    fn what_was_not_signed_by_a_known_key_is_refused() {
        let header = |alg, kid: Option<&str>| Header { kid: kid.map(Into::into), ..Header::new(alg) };
        let hs256 = |kid| header(Algorithm::HS256, kid);
        assert_eq!(refused(String::new()), "malformed token");
        assert_eq!(refused("a.b.c".into()), "malformed token");
        assert_eq!(refused(sign_with(hs256(None), "sk_secret_dev", &base())), "token header has no kid");
        let unknown = refused(sign_with(hs256(Some("sk_id_x")), "sk_secret_dev", &base()));
        let wrong = refused(sign_with(hs256(Some("sk_id_dev")), "sk_secret_x", &base()));
        assert_eq!(unknown, wrong);
        let hs512 = header(Algorithm::HS512, Some("sk_id_dev"));
        assert_eq!(refused(sign_with(hs512, "sk_secret_dev", &base())), "token algorithm must be HS256");
    }

    #[test]
    fn the_algorithm_none_is_refused() {
        // {"alg":"none","kid":"sk_id_dev"} with the claims of a good token and no signature.
        let good = sign(&base());
        let claims = good.split('.').nth(1).unwrap();
        refused(format!("eyJhbGciOiJub25lIiwia2lkIjoic2tfaWRfZGV2In0.{claims}."));
    }

    #[test]
    fn claims_of_a_wrong_kind_are_refused() {
        refused(sign(&json!({"sub": "alice"})));
        refused(sign(&json!({"exp": NOW + 60})));
        refused(with("sub", json!("")));
        refused(with("sub", json!("élise")));
        refused(with("exp", json!("tomorrow")));
        refused(with("nbf", json!(NOW + 3600)));
        refused(with("channels", json!("room")));
        refused(with("channels", json!([""])));
        refused(with("channels", json!(vec!["room"; 101])));
        refused(with("permissions", json!(["subscribe", "fly"])));
        refused(with("metadata", json!("text")));
        refused(with("peerMetadata", json!(["list"])));
    }

    #[test]
    fn metadata_over_their_limits_and_huge_tokens_are_refused() {
        let of = |bytes: usize| json!({"k": "x".repeat(bytes - r#"{"k":""}"#.len())});
        assert!(check(with("metadata", of(8192))).is_ok());
        assert!(refused(with("metadata", of(8193))).contains("metadata"));
        assert!(check(with("peerMetadata", of(4096))).is_ok());
        assert!(refused(with("peerMetadata", of(4097))).contains("peerMetadata"));
        assert_eq!(refused(with("other", json!("x".repeat(40_000)))), "token too long");
    }

    #[test]
    fn an_expired_token_is_told_from_a_bad_one() {
        for exp in [0, NOW - 1, NOW] {
            let error = check(with("exp", json!(exp))).unwrap_err();
            assert_eq!((error, error.close_code()), (AuthError::Expired, CloseCode::TOKEN_EXPIRED));
        }
        assert!(check(with("exp", json!(NOW + 1))).is_ok());
        assert!(check(with("exp", json!(NOW as f64 + 1.5))).is_ok());
    }
}
