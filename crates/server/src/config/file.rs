//! The keys of a configuration file, each with its check. `README.md` beside the crate's manifest explains them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use metered_protocol::Secret;
use toml::de::DeTable;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::mistake::{Mistake, Place};
use super::reader::{Document, Found, Table};
use super::{App, Cluster, Config, Login, parse_host};
use crate::Limits;
use crate::auth::{Keys, OriginPattern, PublishableKey, SecretKey};
use crate::grants::{Action, Actions, ChannelPattern, Grants};
use crate::net::{PemFiles, Tls, TrustedProxies, read_certificates, read_file, read_private_key};
use crate::turn::Turn;

/// A secret that can be guessed is none.
const MIN_SECRET_BYTES: usize = 16;

/// Where a secret of ours may be.
const SECRET_KEYS: [&str; 3] = ["secret", "secret_env", "secret_file"];

const U32: u64 = u32::MAX as u64;

/// The longest time that is worth writing down, in milliseconds: a year.
const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;

pub(super) fn read(
    text: &str,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Vec<Mistake>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let document = Document::new(text, environment);
    if !errors.is_empty() {
        // What could not be read would be missed, and that would be told as a mistake too.
        for error in errors {
            document.mistake(&Place::File(error.span().unwrap_or(0..0)), "", error.message());
        }
        return Err(document.into_mistakes());
    }
    let config = Reading { document: &document, directory }.config(Table::root(&document, root.get_ref()));
    let mistakes = document.into_mistakes();
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

struct Reading<'a, 'd> {
    document: &'d Document<'a>,
    directory: &'d Path,
}

impl<'a> Reading<'a, '_> {
    fn config(&self, root: Table<'a, '_>) -> Config {
        let default = Config::empty();
        let host = root.parsed("host", "an IP address or \"localhost\"", parse_host);
        let host = host.map_or(default.listen.ip(), |host| host.value);
        let port = root.number("port", 0..=u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok());
        let trusted = root.list(
            "trusted_proxies",
            "an IP address or a network like \"10.0.0.0/8\"",
            TrustedProxies::parse_network,
        );
        let (limits, resume) = (root.table("limits"), root.table("resume"));
        let config = Config {
            listen: SocketAddr::new(host, port.unwrap_or(Config::DEFAULT_PORT)),
            apps: self.apps(&root),
            limits: read_limits(&limits, &resume),
            exempt_loopback: limits.boolean("exempt_loopback").unwrap_or(default.exempt_loopback),
            trusted_proxies: TrustedProxies::new(trusted.unwrap_or_default()),
            tls: self.tls(root.table("tls")),
            turn: self.turn(root.table("turn")),
            drain_ms: root.number("drain_ms", 0..=YEAR_MS).unwrap_or(default.drain_ms),
            retry_after_ms: root.number("retry_after_ms", 0..=YEAR_MS).unwrap_or(default.retry_after_ms),
            returning_per_second: count(&root, "returning_per_second", default.returning_per_second),
            www: self.directory(&root, "www"),
            package: self.directory(&root, "package"),
            metrics_secret: self.metrics_secret(root.table("metrics")),
            ..default
        };
        limits.finish();
        resume.finish();
        let config = read_log(root.table("log"), config);
        let cluster = self.cluster(root.table("cluster"));
        root.finish();
        Config { cluster, ..config }
    }

    fn cluster(&self, table: Table<'a, '_>) -> Option<Cluster> {
        let nats =
            table.secret("nats").and_then(|nats| self.told(nats, |nats| Cluster::parse(nats.expose())));
        if table.exists() && nats.is_none() {
            require(&table, "nats", "the URL of a NATS server");
        }
        let name = table.parsed("name", "1 to 64 letters, digits, - or _", |name| {
            is_app_id(name).then(|| name.to_owned())
        });
        let not_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let user = table.parsed("user", "the name of a NATS user", not_empty);
        let password = self.one_secret(&table, ["password", "password_env", "password_file"]);
        let path = |text: &str| (!text.is_empty()).then(|| self.directory.join(text));
        let credentials = table.parsed("credentials", "the path of a NATS credentials file", path);
        let credentials = credentials.and_then(|path| self.told(path, |path| secret_of(path)));
        let ca = table.parsed("ca", "the path of a PEM file", path);
        let ca = ca.and_then(|ca| self.told(ca, |path| read_certificates(path).map(|_| path.clone())));
        let login = match (user, password) {
            (Some(user), Ok(Some(password))) => Some(Login { user: user.value, password: password.value }),
            (Some(_), Ok(None)) => {
                table.mistake("there is no password: expected one of password, password_env, password_file");
                None
            }
            (None, Ok(Some(_))) => {
                require(&table, "user", "the name of the NATS user whose password this is");
                None
            }
            _ => None,
        };
        if login.is_some() && credentials.is_some() {
            table.mistake("expected either user and password or credentials");
        }
        table.finish();
        let cluster = nats?.value;
        let name = name.map_or(cluster.name, |name| name.value);
        let credentials = credentials.map(|found| found.value);
        Some(Cluster { name, login, credentials, ca: ca.map(|found| found.value), ..cluster })
    }

    fn apps(&self, root: &Table<'a, '_>) -> Vec<App> {
        // A list that is none is told as such.
        let tables = root.tables("apps");
        if tables.as_ref().is_some_and(Vec::is_empty) {
            self.document.mistake(&root.place, "apps", "nobody can connect: expected an [[apps]] section");
        }
        let mut seen = Seen::default();
        let apps = tables.into_iter().flatten().filter_map(|table| {
            let expected = "1 to 64 letters, digits, - or _";
            let id = table.parsed("id", expected, |id| is_app_id(id).then(|| id.to_owned()));
            if id.is_none() {
                require(&table, "id", expected);
            }
            let (publishable, secret) = (table.tables("publishable_keys"), table.tables("secret_keys"));
            if [&publishable, &secret].iter().all(|keys| keys.as_ref().is_some_and(Vec::is_empty)) {
                let keys = "[[apps.publishable_keys]] or [[apps.secret_keys]]";
                table.mistake(format!("nobody can connect: expected a section for a key, {keys}"));
            }
            let publishable =
                publishable.into_iter().flatten().filter_map(|key| self.publishable_key(key, &mut seen));
            let publishable = publishable.collect();
            let secret =
                secret.into_iter().flatten().filter_map(|key| self.secret_key(key, &mut seen)).collect();
            table.finish();
            let id = id?;
            self.unique(&mut seen.apps, &id, "app");
            Some(App { id: id.value, keys: Keys { publishable, secret } })
        });
        apps.collect()
    }

    fn publishable_key(&self, table: Table<'a, '_>, seen: &mut Seen) -> Option<PublishableKey> {
        let expected = "a string of printable ASCII without spaces, like \"pk_live_…\"";
        let key = table.parsed("key", expected, |key| is_key(key).then(|| key.to_owned()));
        if key.is_none() {
            require(&table, "key", expected);
        }
        let expected = "an origin like \"https://app.example.com\" or \"https://*.example.com\"";
        let origins = table.list("origins", expected, OriginPattern::parse);
        let grants = read_grants(&table);
        table.finish();
        let key = key?;
        self.unique(&mut seen.publishable, &key, "publishable key");
        Some(PublishableKey { key: Secret::new(key.value), grants, origins })
    }

    fn secret_key(&self, table: Table<'a, '_>, seen: &mut Seen) -> Option<SecretKey> {
        let expected = "a string of printable ASCII without spaces, like \"sk_id_…\"";
        // The id stands before a colon where it is presented together with its secret.
        let id = table.parsed("id", expected, |id| (is_key(id) && !id.contains(':')).then(|| id.to_owned()));
        if id.is_none() {
            require(&table, "id", expected);
        }
        let secret = self.secret(&table);
        let grants = read_grants(&table);
        table.finish();
        let (id, secret) = (id?, secret?);
        self.unique(&mut seen.secret, &id, "secret key");
        Some(SecretKey { id: id.value, secret: secret.value, grants })
    }

    /// A secret of ours: itself, or where it is found.
    fn secret(&self, table: &Table<'a, '_>) -> Option<Found<Secret>> {
        let found = self.secret_if_any(table);
        if let Ok(None) = found {
            table.mistake(format!("there is no secret: expected one of {}", SECRET_KEYS.join(", ")));
        }
        found.ok()?
    }

    /// The same where there need not be one, as [`Reading::one_secret`] answers.
    fn secret_if_any(&self, table: &Table<'a, '_>) -> Result<Option<Found<Secret>>, ()> {
        let Some(found) = self.one_secret(table, SECRET_KEYS)? else { return Ok(None) };
        let found = self.told(found, |secret| {
            let is_long = secret.expose().len() >= MIN_SECRET_BYTES;
            let advice = "`openssl rand -hex 32` makes a good one";
            is_long.then(|| secret.clone()).ok_or_else(|| {
                format!("the secret is too short: expected {MIN_SECRET_BYTES} bytes or more ({advice})")
            })
        });
        found.map(Some).ok_or(())
    }

    /// A secret under one of three keys: itself, the environment variable that holds it, or the file. `Ok(None)` if there
    /// is none of them; what is wrong with one has been noted.
    fn one_secret(
        &self,
        table: &Table<'a, '_>,
        keys: [&'static str; 3],
    ) -> Result<Option<Found<Secret>>, ()> {
        let not_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let [name, variable, file] = keys;
        let own = table.secret(name);
        let variable = table.parsed(variable, "the name of an environment variable", not_empty);
        let file = table.parsed(file, "the path of a file", not_empty);
        let found = match (own, variable, file) {
            (Some(own), None, None) => Some(own),
            (None, Some(name), None) => self.told(name, |name| match self.document.variable(name) {
                Some(value) => Ok(Secret::new(value.as_str())),
                None => Err(format!("there is no variable {name:?} in the environment")),
            }),
            (None, None, Some(path)) => self.told(path, |path| secret_of(&self.directory.join(path))),
            (None, None, None) if keys.iter().any(|key| table.has(key)) => None,
            (None, None, None) => return Ok(None),
            _ => {
                table.mistake(format!("there is more than one {name}: expected one of {}", keys.join(", ")));
                None
            }
        };
        found.map(Some).ok_or(())
    }

    fn turn(&self, table: Table<'a, '_>) -> Option<Turn> {
        let expected = "a URL like \"turn:turn.example.com:3478\"";
        let urls = table.list("urls", expected, |url| Turn::is_url(url).then(|| url.to_owned()));
        let ttl = table.number("ttl_seconds", 60..=YEAR_MS / 1000);
        let secret = if table.exists() || urls.is_some() { self.secret(&table) } else { None };
        let most = metered_protocol::limits::MAX_ICE_SERVER_URLS;
        match &urls {
            None if table.exists() => require(&table, "urls", "the URLs of the TURN servers"),
            Some(urls) if urls.is_empty() || urls.len() > most => {
                table.mistake(format!("{} urls: expected 1 to {most}", urls.len()));
            }
            _ => {}
        }
        table.finish();
        Some(Turn {
            urls: urls?,
            secret: secret?.value,
            ttl_seconds: ttl.unwrap_or(Turn::DEFAULT_TTL_SECONDS),
        })
    }

    fn metrics_secret(&self, table: Table<'a, '_>) -> Option<Secret> {
        // A section that is begun must be complete, and variables may speak for one that is not there.
        let found = if table.exists() { self.secret(&table) } else { self.secret_if_any(&table).ok()? };
        table.finish();
        found.map(|found| found.value)
    }

    fn tls(&self, table: Table<'a, '_>) -> Option<Tls> {
        let path = |text: &str| (!text.is_empty()).then(|| self.directory.join(text));
        let (cert, key) = (table.parsed("cert", "a path", path), table.parsed("key", "a path", path));
        if table.exists() || cert.is_some() || key.is_some() {
            for (name, is_there) in [("cert", cert.is_some()), ("key", key.is_some())] {
                if !is_there {
                    require(&table, name, "the path of a PEM file");
                }
            }
        }
        table.finish();
        let (cert, key) = (cert?, key?);
        let files = PemFiles { cert: cert.value.clone(), key: key.value.clone() };
        let chain = self.told(cert, |path| read_certificates(path));
        let private = self.told(key, |path| read_private_key(path));
        let (chain, Found { value: private, place, path }) = (chain?, private?);
        match Tls::new(chain.value, private) {
            Ok(tls) => Some(tls.of_files(files)),
            Err(error) => {
                self.document.mistake(&place, &path, error);
                None
            }
        }
    }

    /// What can be made of a value; why nothing can is a mistake there.
    fn told<T, U>(&self, found: Found<T>, read: impl FnOnce(&T) -> Result<U, String>) -> Option<Found<U>> {
        let Found { value, place, path } = found;
        match read(&value) {
            Ok(value) => Some(Found { value, place, path }),
            Err(message) => {
                self.document.mistake(&place, &path, message);
                None
            }
        }
    }

    fn directory(&self, table: &Table<'a, '_>, key: &'static str) -> Option<PathBuf> {
        let path = |text: &str| Some(self.directory.join(text)).filter(|path| path.is_dir());
        table.parsed(key, "a directory that is there", path).map(|found| found.value)
    }

    fn unique(&self, seen: &mut BTreeMap<String, String>, found: &Found<String>, what: &str) {
        if let Some(first) = seen.insert(found.value.clone(), found.path.clone()) {
            let message = format!("{:?} is the {what} of {first} already: expected another", found.value);
            self.document.mistake(&found.place, &found.path, message);
        }
    }
}

/// A file whose text is a secret. White space at its end does not count.
fn secret_of(path: &Path) -> Result<Secret, String> {
    let text = String::from_utf8(read_file(path)?);
    text.map(|text| Secret::new(text.trim_end())).map_err(|_| "the file is not text".to_owned())
}

/// What must differ from each other, and where it was first.
#[derive(Default)]
struct Seen {
    apps: BTreeMap<String, String>,
    publishable: BTreeMap<String, String>,
    secret: BTreeMap<String, String>,
}

/// Notes that a key is missing, unless it is there and was wrong.
fn require(table: &Table<'_, '_>, key: &str, expected: &str) {
    if !table.has(key) {
        table.mistake(format!("there is no {key}: expected {expected}"));
    }
}

fn is_app_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

fn is_key(key: &str) -> bool {
    (1..=256).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}

/// What a key may do: what it says nothing about is not restricted.
fn read_grants(table: &Table<'_, '_>) -> Grants {
    let pattern = |text: &str| ChannelPattern::parse(text).ok();
    let channels = table.list("channels", "a channel pattern like \"room-*\" or \"**\"", pattern);
    let permissions = table.list("permissions", "subscribe, publish, presence or send", Action::parse);
    let actions = permissions.map_or(Actions::all(), |actions| actions.into_iter().collect());
    match channels {
        Some(patterns) => Grants::new(actions, patterns),
        None => Grants::everything().only(actions),
    }
}

fn count(table: &Table<'_, '_>, key: &'static str, default: u32) -> u32 {
    table.number(key, 0..=U32).and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}

fn read_limits(limits: &Table<'_, '_>, resume: &Table<'_, '_>) -> Limits {
    let default = Limits::default();
    let bytes = |table: &Table<'_, '_>, key, default: usize| {
        table.number(key, 0..=u64::MAX).map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX))
    };
    let ms = |table: &Table<'_, '_>, key, default: u64| table.number(key, 0..=YEAR_MS).unwrap_or(default);
    let message_bytes = limits.number("message_bytes", 0..=u64::from(Limits::MESSAGE_BYTES_CEILING));
    Limits {
        message_bytes: message_bytes.and_then(|n| u32::try_from(n).ok()).unwrap_or(default.message_bytes),
        channels_per_connection: count(limits, "channels_per_connection", default.channels_per_connection),
        messages_per_second: count(limits, "messages_per_second", default.messages_per_second),
        message_burst: count(limits, "message_burst", default.message_burst),
        requests_per_second: count(limits, "requests_per_second", default.requests_per_second),
        request_burst: count(limits, "request_burst", default.request_burst),
        failed_requests_per_address: count(
            limits,
            "failed_requests_per_address",
            default.failed_requests_per_address,
        ),
        connections_per_address: count(limits, "connections_per_address", default.connections_per_address),
        connection_window_ms: ms(limits, "connection_window_ms", default.connection_window_ms),
        peer_metadata_bytes: bytes(limits, "peer_metadata_bytes", default.peer_metadata_bytes),
        metadata_bytes: bytes(limits, "metadata_bytes", default.metadata_bytes),
        outbound_queue_bytes: bytes(limits, "outbound_queue_bytes", default.outbound_queue_bytes),
        outbound_total_bytes: bytes(limits, "outbound_total_bytes", default.outbound_total_bytes),
        handshake_timeout_ms: ms(limits, "handshake_timeout_ms", default.handshake_timeout_ms),
        idle_timeout_ms: ms(limits, "idle_timeout_ms", default.idle_timeout_ms),
        presence_tick_ms: ms(limits, "presence_tick_ms", default.presence_tick_ms),
        resume_grace_ms: ms(resume, "grace_ms", default.resume_grace_ms),
        resume_session_bytes: bytes(resume, "session_bytes", default.resume_session_bytes),
        resume_session_frames: bytes(resume, "session_frames", default.resume_session_frames),
        resume_total_bytes: bytes(resume, "total_bytes", default.resume_total_bytes),
        detached_sessions: count(resume, "detached_sessions", default.detached_sessions),
        resume_token_seconds: resume
            .number("token_seconds", 0..=u64::MAX)
            .unwrap_or(default.resume_token_seconds),
    }
}

fn read_log(table: Table<'_, '_>, mut config: Config) -> Config {
    let expected = "a level (error, warn, info, debug, trace) or directives as in RUST_LOG";
    // A level with a slip of the pen would be taken for the name of a module.
    let is_level = |text: &str| !text.is_empty() && text.parse::<LevelFilter>().is_ok();
    let is_directive = |text: &str| text.contains(['=', '[']) || is_level(text.trim());
    let is_filter = |text: &str| text.parse::<EnvFilter>().is_ok() && text.split(',').all(is_directive);
    if let Some(level) = table.parsed("level", expected, |text| is_filter(text).then(|| text.to_owned())) {
        config.log.level = level.value;
    }
    let format = table.parsed("format", "\"text\" or \"json\"", |text| match text {
        "text" => Some(false),
        "json" => Some(true),
        _ => None,
    });
    config.log.json = format.is_some_and(|format| format.value);
    table.finish();
    config
}
