//! The configuration file: what it takes, and what it says about mistakes.

#![cfg(test)]

#[path = "support/directory.rs"]
mod directory;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use directory::Directory;
use metered_server::hub::UnixMillis;
use metered_server::{Action, Config, Limits};

const APP: &str = r#"
[[apps]]
id = "chat"
[[apps.publishable_keys]]
key = "pk_live_x"
"#;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("metered-server.example.toml")
}

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read_in(directory: &Path, text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    Config::read(text, directory, &environment(variables))
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

fn read(text: &str) -> Result<Config, Vec<String>> {
    read_in(Path::new("/no/such/place"), text, &[])
}

/// The mistakes in a section that stands before an app that is in order.
fn mistakes(text: &str) -> Vec<String> {
    read(&format!("{text}\n{APP}")).unwrap_err()
}

/// Keys of the example that exclude others, or name files.
const EXCLUDED: [&str; 4] = ["secret_", "password_", "credentials ", "ca "];

/// The example with all that it shows commented out, except for what excludes each other.
fn everything() -> String {
    let text = std::fs::read_to_string(example()).unwrap();
    let is_setting = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim_end();
        line.starts_with('[')
            || (line.contains('=') && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    let uncomment = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if is_setting(rest) && !EXCLUDED.iter().any(|name| rest.starts_with(name)) => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    text.lines().map(uncomment).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_in_order_and_says_what_the_defaults_are() {
    let text = std::fs::read_to_string(example()).unwrap();
    let config = read(&text).unwrap();
    assert_eq!(config.apps[0].id, "chat");
    assert_eq!(config.apps[0].keys.publishable[0].origins.as_ref().unwrap().len(), 2);
    assert_eq!(config.limits, Limits::default());

    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let directory =
        Directory::with(&[("fullchain.pem", &cert.pem()), ("privkey.pem", &signing_key.serialize_pem())]);
    for name in ["www", "pkg"] {
        std::fs::create_dir(directory.0.join(name)).unwrap();
    }
    let all = read_in(&directory.0, &everything(), &[]).unwrap();
    assert_eq!(all.limits, Limits::default(), "what the example shows as a default is one");
    assert_eq!(
        (all.listen, all.retry_after_ms, &all.log),
        (config.listen, config.retry_after_ms, &config.log)
    );
    assert!(config.metrics_secret.is_none() && all.metrics_secret.is_some());
    assert!(all.tls.is_some() && all.turn.is_some() && all.cluster.is_some());
    assert_eq!(all.www, Some(directory.0.join("www")));
}

#[test]
fn an_app_with_a_key_is_all_that_there_must_be() {
    let config = read(APP).unwrap();
    assert_eq!(config.listen, Config::dev().listen);
    assert_eq!(config.limits, Limits::default());
    assert!(!config.exempt_loopback, "only development exempts its own machine");
    let key = &config.apps[0].keys.publishable[0];
    assert!(key.origins.is_none() && Action::ALL.into_iter().all(|action| key.grants.permit(action)));
}

#[test]
fn every_mistake_is_told_with_its_line_its_column_its_key_and_what_was_expected() {
    let found = read(
        r#"port = 99999
hosst = "::"

[limits]
message_bytes = "many"
idle_timeout_ms = -1

[[apps]]
id = "a b"
[[apps.publishable_keys]]
key = "pk_live_x"
permissions = ["publish", "fly"]
origins = "https://app.example"
[[apps.secret_keys]]
id = "sk_id"
"#,
    )
    .unwrap_err();
    let expected = [
        "1:8: port: 99999: expected a whole number from 0 to 65535",
        "2:1: hosst: unknown key: expected one of apps, cluster, drain_ms, host, limits, log, metrics, package, port, \
         resume, retry_after_ms, returning_per_second, tls, trusted_proxies, turn, www",
        "5:17: limits.message_bytes: this is a string: expected a whole number from 0 to 16777216",
        "6:19: limits.idle_timeout_ms: -1: expected a whole number from 0 to 31536000000",
        r#"9:6: apps[0].id: "a b": expected 1 to 64 letters, digits, - or _"#,
        r#"12:27: apps[0].publishable_keys[0].permissions[1]: "fly": expected subscribe, publish, presence or send"#,
        "13:11: apps[0].publishable_keys[0].origins: this is a string: expected a list, each entry an origin like \
         \"https://app.example.com\" or \"https://*.example.com\"",
        "14:1: apps[0].secret_keys[0]: there is no secret: expected one of secret, secret_env, secret_file",
    ];
    assert_eq!(found, expected);
}

#[test]
fn columns_are_counted_in_characters() {
    assert!(mistakes("www = \"é\" # é\nhost = 1")[1].starts_with("2:8: host: this is a whole number"));
    assert!(mistakes("log = { level = \"é\" }")[0].starts_with("1:17: log.level: \"é\": expected a level"));
    assert!(
        mistakes("turn = { urls = [\"é\", \"turn:é\"], secret = \"0123456789abcdef\" }")[1]
            .starts_with("1:23: ")
    );
}

#[test]
fn text_that_is_no_toml_is_told_with_every_line_that_is_wrong() {
    let found = read("port = 1 2\n[limits\nhost = \n").unwrap_err();
    assert!(found.len() >= 2, "{found:?}");
    assert!(found[0].starts_with("1:8: ") && found[1].starts_with("2:"), "{found:?}");
    assert!(read("port = 1\nport = 2").unwrap_err()[0].starts_with("2:1: "));
}

#[test]
fn a_server_that_nobody_could_connect_to_is_a_mistake() {
    assert!(read("").unwrap_err()[0].contains("expected an [[apps]] section"));
    assert!(read("[[apps]]\nid = \"a\"").unwrap_err()[0].contains("expected a section for a key"));
    assert!(read("apps = 1").unwrap_err()[0].contains("expected a list of sections, [[apps]]"));
    assert!(read("apps = [1]").unwrap_err()[0].contains("apps[0]: this is a whole number"));
}

#[test]
fn two_keys_of_one_name_are_a_mistake_in_different_apps_too() {
    let other = APP.replace("chat", "other");
    let found = read(&format!("{APP}{other}")).unwrap_err();
    let message = "10:7: apps[1].publishable_keys[0].key: \"pk_live_x\" is the publishable key of \
                   apps[0].publishable_keys[0].key already: expected another";
    assert_eq!(found, [message]);
    assert!(
        read(&format!("{APP}{APP}")).unwrap_err()[0]
            .contains("apps[1].id: \"chat\" is the app of apps[0].id")
    );
}

#[test]
fn a_variable_overrides_the_file_and_one_that_means_nothing_is_a_mistake() {
    let text = format!("port = 1\ntrusted_proxies = [\"::1\"]\n{APP}");
    let variables = [
        ("METERED_SERVER__PORT", "2"),
        ("METERED_SERVER__LIMITS__MESSAGES_PER_SECOND", "0"),
        ("METERED_SERVER__RESUME__GRACE_MS", "7"),
        ("METERED_SERVER__LIMITS__EXEMPT_LOOPBACK", "true"),
        ("METERED_SERVER__LOG__FORMAT", "json"),
        ("METERED_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1"),
        ("METERED_SERVER_PORT", "tcp://what-kubernetes-sets"),
    ];
    let config = read_in(Path::new(""), &text, &variables).unwrap();
    assert_eq!((config.listen.port(), config.limits.messages_per_second), (2, 0));
    assert_eq!(config.limits.resume_grace_ms, 7);
    assert!(config.exempt_loopback && config.log.json);
    assert!(format!("{:?}", config.trusted_proxies).contains("10.0.0.0/8"));

    let variables = [("METERED_SERVER__PORTS", "2"), ("METERED_SERVER__PORT", "two")];
    let found = read_in(Path::new(""), &text, &variables).unwrap_err();
    assert_eq!(
        found,
        [
            "METERED_SERVER__PORT: port: \"two\": expected a whole number from 0 to 65535",
            "METERED_SERVER__PORTS: no key of the configuration has this name",
        ]
    );
}

#[test]
fn a_secret_may_stand_in_the_environment_or_in_a_file() {
    let directory = Directory::with(&[("secret", "a secret in a file\n")]);
    let app = |secret: &str| format!("[[apps]]\nid = \"a\"\n[[apps.secret_keys]]\nid = \"sk\"\n{secret}");
    let secret = |line: &str| {
        let config = read_in(&directory.0, &app(line), &[("CHAT", "a secret in the environment")])?;
        Ok::<_, Vec<String>>(config.apps[0].keys.secret[0].secret.expose().to_owned())
    };
    assert_eq!(secret("secret = \"a secret in the open\"").unwrap(), "a secret in the open");
    assert_eq!(secret("secret_env = \"CHAT\"").unwrap(), "a secret in the environment");
    assert_eq!(secret("secret_file = \"secret\"").unwrap(), "a secret in a file");

    let wrong = |line: &str| secret(line).unwrap_err().concat();
    assert!(
        wrong("secret_env = \"CHAD\"")
            .contains("5:14: apps[0].secret_keys[0].secret_env: there is no variable \"CHAD\"")
    );
    assert!(wrong("secret_file = \"nowhere\"").contains("cannot read"));
    assert!(wrong("secret_env = \"CHAT\"\nsecret_file = \"secret\"").contains("more than one secret"));
    assert!(
        wrong("secret = 5")
            .contains("5:10: apps[0].secret_keys[0].secret: this is a whole number: expected a string")
    );
    let short = wrong("secret = \"hunter2\"");
    assert!(short.contains("expected 16 bytes or more") && !short.contains("hunter2"), "{short}");
}

#[test]
fn a_variable_may_speak_for_a_section_that_is_not_there() {
    let secret = |variables: &[(&str, &str)]| {
        let config = read_in(Path::new(""), APP, variables)?;
        Ok::<_, Vec<String>>(config.metrics_secret.map(|secret| secret.expose().to_owned()))
    };
    let found = secret(&[("METERED_SERVER__METRICS__SECRET", "0123456789abcdef")]).unwrap();
    assert_eq!(found.as_deref(), Some("0123456789abcdef"));
    assert_eq!(secret(&[]), Ok(None));
    let short = secret(&[("METERED_SERVER__METRICS__SECRET", "hunter2")]).unwrap_err().concat();
    assert!(short.contains("expected 16 bytes or more") && !short.contains("hunter2"), "{short}");
}

#[test]
fn a_configuration_shows_no_secret() {
    let directory = Directory::with(&[]);
    let text = r#"
[[apps]]
id = "a"
[[apps.publishable_keys]]
key = "pk_live_hidden"
[[apps.secret_keys]]
id = "sk"
secret = "hidden hidden hidden"
[turn]
urls = ["turn:turn.example"]
secret = "hidden hidden hidden"
[metrics]
secret = "hidden hidden hidden"
"#;
    let shown = format!("{:?}", read_in(&directory.0, text, &[]).unwrap());
    assert!(shown.contains("turn.example") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn sections_that_are_begun_must_be_complete() {
    assert_eq!(
        mistakes("[tls]\ncert = \"nowhere.pem\""),
        ["1:1: tls: there is no key: expected the path of a PEM file"]
    );
    assert!(mistakes("[turn]")[0].contains("there is no secret"));
    assert!(
        mistakes("[metrics]")[0].contains("metrics: there is no secret: expected one of secret, secret_env")
    );
    assert!(mistakes("[metrics]\nsecret = \"short\"")[0].contains("expected 16 bytes or more"));
    assert!(mistakes("[turn]\nsecret = \"0123456789abcdef\"")[0].contains("there is no urls"));
    assert!(mistakes("[turn]\nurls = []\nsecret = \"0123456789abcdef\"")[0].contains("expected 1 to 16"));
    assert!(mistakes("[cluster]")[0].contains("there is no nats"));
    assert!(
        mistakes("[cluster]\nnats = \"http://x\"")[0]
            .contains("expected a URL like \"nats://127.0.0.1:4222\"")
    );
    for (text, expected) in [
        ("user = \"x\"", "there is no password: expected one of password, password_env, password_file"),
        ("password = \"x\"", "there is no user"),
        ("name = \"a.b\"", "expected 1 to 64 letters, digits, - or _"),
        ("credentials = \"nowhere.creds\"", "cannot read"),
        ("ca = \"nowhere.pem\"", "cannot read"),
    ] {
        let found = mistakes(&format!("[cluster]\nnats = \"nats://x\"\n{text}")).concat();
        assert!(found.contains(expected), "{text}: {found}");
    }
    for level in ["", "wran", "metered_server=debug,wran"] {
        assert!(mistakes(&format!("[log]\nlevel = \"{level}\""))[0].contains("expected a level"), "{level}");
    }
    assert!(mistakes("[log]\nlevel = \"metered_server=loud\"")[0].contains("expected a level"));
}

#[test]
fn a_cluster_is_read_and_shows_no_credential() {
    let directory = Directory::with(&[("nats.creds", "hidden seed\n")]);
    let text = format!(
        "{APP}[cluster]\nnats = \"nats://a:4222,tls://b\"\nname = \"eu\"\nuser = \"u\"\npassword_env = \"NATS\"\n"
    );
    let config = read_in(&directory.0, &text, &[("NATS", "hidden")]).unwrap();
    let cluster = config.cluster.as_ref().unwrap();
    let login = cluster.login.as_ref().unwrap();
    assert_eq!((cluster.nats.as_str(), cluster.name.as_str()), ("nats://a:4222,tls://b", "eu"));
    assert_eq!((login.user.as_str(), login.password.expose()), ("u", "hidden"));
    assert!(!format!("{config:?}").contains("hidden"));

    let text = format!("{APP}[cluster]\nnats = \"nats://a\"\ncredentials = \"nats.creds\"\n");
    let config = read_in(&directory.0, &text, &[]).unwrap();
    let credentials = config.cluster.as_ref().unwrap().credentials.as_ref().unwrap();
    assert_eq!(credentials.expose(), "hidden seed");
    assert!(!format!("{config:?}").contains("hidden"));
    let url = mistakes("[cluster]\nnats = \"nats://user:hidden@host\"").concat();
    assert!(url.contains("no place for credentials") && !url.contains("hidden"), "{url}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_with_the_reason() {
    let ours = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let (cert, key) = (ours.cert.pem(), other.signing_key.serialize_pem());
    let directory = Directory::with(&[("cert", &cert), ("key", &key), ("empty", "")]);
    let mistakes = |cert: &str, key: &str| {
        let text = format!("{APP}[tls]\ncert = \"{cert}\"\nkey = \"{key}\"");
        read_in(&directory.0, &text, &[]).unwrap_err().concat()
    };
    assert!(mistakes("cert", "key").contains("tls.key: certificate and key do not fit"));
    assert!(mistakes("empty", "key").contains("there is no certificate in it"));
    assert!(mistakes("cert", "empty").contains("there is no private key in it"));
    assert!(mistakes("nowhere", "key").contains("cannot read"));
}

#[test]
fn a_key_grants_what_its_lists_say() {
    let text = r#"
[[apps]]
id = "a"
[[apps.publishable_keys]]
key = "pk"
channels = ["room-*"]
permissions = ["subscribe"]
"#;
    let config = read(text).unwrap();
    let credential = metered_server::auth::Credential::find([("key", "pk")]).unwrap();
    let fresh = || metered_protocol::PeerId::parse("alice").unwrap();
    let now = UnixMillis(1_700_000_000_000);
    let grants =
        config.apps[0].keys.authenticate(now, &config.limits, Some(&credential), None, fresh).unwrap().grants;
    assert!(grants.permit(Action::Subscribe) && !grants.permit(Action::Publish));
    let reach = |name: &str| grants.reach(&metered_protocol::Channel::parse(name).unwrap());
    assert!(reach("room-1") && !reach("hall"));
}

/// The keys that a section may have, by what it says of one that it may not have.
fn keys_of(section: &str) -> Vec<String> {
    let text = format!("{section}\nnonsense = 1\n");
    let found = read(&text).unwrap_err();
    let unknown =
        found.iter().find_map(|mistake| mistake.split_once("nonsense: unknown key: expected one of "));
    unknown.unwrap().1.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_is_in_the_example_and_in_the_reference() {
    let manual = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let example = std::fs::read_to_string(example()).unwrap();
    for section in [
        "",
        "[[apps]]",
        "[[apps]]\n[[apps.publishable_keys]]",
        "[[apps]]\n[[apps.secret_keys]]",
        "[limits]",
        "[resume]",
        "[turn]",
        "[tls]",
        "[log]",
        "[cluster]",
    ] {
        let name = section.lines().last().unwrap_or_default();
        let part = |text: &str| text.split_once(name).unwrap().1.to_owned();
        for key in keys_of(section) {
            let is_section = [format!("[{key}]"), format!("[[{key}]]"), format!("[[apps.{key}]]")];
            if is_section.iter().any(|section| manual.contains(section) && example.contains(section)) {
                continue;
            }
            assert!(part(&example).contains(&format!("{key} = ")), "{key} of {name} in the example");
            assert!(part(&manual).contains(&format!("`{key}`")), "{key} of {name} in the reference");
        }
    }
}

#[test]
fn a_file_that_was_cut_or_garbled_anywhere_is_answered_and_harms_nothing() {
    let text = everything();
    for at in (0..text.len()).step_by(7).filter(|at| text.is_char_boundary(*at)) {
        let (before, after) = text.split_at(at);
        let rest = after.get(1..).unwrap_or_default();
        for garbled in [before.to_owned(), format!("{before}[{rest}"), format!("{before}\"{rest}")] {
            for mistake in read(&garbled).err().into_iter().flatten() {
                assert!(!mistake.is_empty());
            }
        }
    }
}
