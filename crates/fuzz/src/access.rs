//! Who may come in, and how that is set up: addresses, tokens, resume tokens, configuration files.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use metered_protocol::{Channel, PeerId, Secret, ServerUrl};
use metered_server::auth::{Credential, Fresh, Keys, Request, ResumeKey};
use metered_server::hub::{SessionId, UnixMillis};
use metered_server::{Action, ChannelPattern, Config, Grants, Identity, Limits};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// The address of a server. Another parser, that of the WHATWG's standard, says where the credential would go.
pub fn server_url(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(server) = ServerUrl::parse(text) else { return };
    let key = "k&e=y#/é";
    let address = server.with_key(&Secret::new(key));
    let address = ServerUrl::resuming(&address, &Secret::new("r&"), 7);
    let Ok(url) = url::Url::parse(address.expose()) else { return };
    let host = url.host_str().unwrap_or_default();
    assert!(
        url.scheme() == "wss"
            || (url.scheme() == "ws" && ["localhost", "127.0.0.1", "[::1]"].contains(&host)),
        "{text} would carry a credential in the clear"
    );
    assert_eq!((url.path(), url.fragment(), url.username(), url.password()), ("/v1", None, "", None));
    let query: Vec<_> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let expected = [("key", key), ("resume", "r&"), ("seen", "7")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(query, expected);
}

/// The claims of a token that a good key has signed, and texts that are presented as tokens.
pub fn token(data: &[u8]) {
    let mut keys = Keys::dev();
    let [secret] = keys.secret.as_mut_slice() else { unreachable!() };
    let pattern = ChannelPattern::parse("app/**").expect("a pattern");
    secret.grants = Grants::new([Action::Subscribe, Action::Send].into_iter().collect(), [pattern]);

    let text = String::from_utf8_lossy(data);
    assert!(authenticate(&keys, text.clone().into_owned()).is_none(), "nobody can sign without the secret");

    // Header and claims, if there are two parts; else claims under a good header.
    let (header, claims) = text.split_once('\0').unwrap_or((r#"{"alg":"HS256","kid":"sk_id_dev"}"#, &text));
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(Keys::DEV_SECRET.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    let Some(identity) = authenticate(&keys, format!("{message}.{signature}")) else { return };

    let limits = Limits::default();
    assert!(identity.expires_at.is_some_and(|at| at >= NOW.0 / 1000), "it ends, and not before now");
    assert!(
        !identity.grants.permit(Action::Publish) && !identity.grants.permit(Action::Presence),
        "no more than its key"
    );
    assert!(
        !identity.grants.reach(&Channel::parse("other").expect("a channel")),
        "nowhere else than its key"
    );
    assert!(identity.metadata.is_none_or(|metadata| metadata.as_str().len() <= limits.metadata_bytes));
    assert!(
        identity.peer_metadata.is_none_or(|metadata| metadata.as_str().len() <= limits.peer_metadata_bytes)
    );
}

fn authenticate(keys: &Keys, token: String) -> Option<Identity> {
    let credential = Credential::Token(Secret::new(token));
    let fresh = || PeerId::parse("fresh").expect("a peer id");
    match keys.authenticate(NOW, &Limits::default(), Some(&credential), None, fresh) {
        Ok(identity) => Some(identity),
        Err(error) => {
            assert!(error.reason().len() <= 123, "a close frame has room for the reason");
            None
        }
    }
}

/// A text that is presented as a resume token: as it is, and as what a good one becomes by a change.
pub fn resume_token(data: &[u8]) {
    let keys = Keys::dev();
    let key = ResumeKey::derive(&keys, b"");
    let admit = |resume: Option<Secret>| {
        let credential = Some(Credential::Key(Secret::new(Keys::DEV_KEY)));
        let request = Request { credential, resume, seen: None, origin: None };
        let fresh = Fresh { peer_id: PeerId::parse("fresh").expect("a peer id"), session: SessionId(7) };
        keys.admit(NOW, &Limits::default(), &key, &request, fresh).expect("a good key")
    };
    let good = admit(None).ticket.expect("a ticket").token;
    assert!(admit(Some(good.clone())).claim.is_some());

    let mut changed = good.expose().as_bytes().to_vec();
    for pair in data.chunks_exact(2) {
        let at = usize::from(pair[0]) % changed.len();
        changed[at] ^= pair[1];
    }
    for text in [String::from_utf8_lossy(data).into_owned(), String::from_utf8_lossy(&changed).into_owned()] {
        let is_good = text == good.expose();
        let arrival = admit(Some(Secret::new(text)));
        assert_eq!(arrival.claim.is_some(), is_good, "only what was signed is good");
        assert_eq!(arrival.identity.peer_id.as_str(), "fresh");
    }
}

/// A configuration: the file's text, and after a NUL the environment, one `NAME=value` a line.
pub fn config(data: &[u8]) {
    const SECRET: &str = "planted-credential-planted-credential";

    let Ok(text) = str::from_utf8(data) else { return };
    // Files that a configuration names are read: not those of whoever runs this.
    if ["file", "FILE", "cert", "CERT", "\\"].iter().any(|word| text.contains(word)) {
        return;
    }
    let (text, variables) = text.split_once('\0').unwrap_or((text, ""));
    let text = text.replace("SECRET", SECRET);
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let environment: BTreeMap<_, _> =
        variables.map(|(name, value)| (name.to_owned(), value.replace("SECRET", SECRET))).collect();
    match Config::read(&text, "/nowhere".as_ref(), &environment) {
        Ok(config) => {
            assert!(!config.apps.is_empty(), "somebody can connect");
            for app in &config.apps {
                let secrets = app.keys.secret.iter().map(|key| format!("{:?}", key.secret));
                let keys = app.keys.publishable.iter().map(|key| format!("{:?}", key.key));
                assert!(secrets.chain(keys).all(|shown| !shown.contains(SECRET)));
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                assert!(
                    mistake.line.is_none_or(|line| (1..=text.split('\n').count().max(1)).contains(&line)),
                    "{mistake}"
                );
                assert!(!mistake.message.is_empty() && mistake.line.is_some() == mistake.column.is_some());
            }
        }
    }
}
