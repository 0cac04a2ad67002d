//! What must hold of everything that reads from outside, whatever it is given.
//!
//! A *target* is a function of bytes that panics when a property does not hold. That nothing panics is the least of
//! them: what was read must survive being written, must be no more than the input said, and must agree with a second
//! opinion where there is one (another parser, or a naive rule that is written down here once more).
//!
//! The same targets are used three times: `cargo xtask soak` lets libFuzzer look for inputs that find something new
//! (`fuzz/`), the tests of this crate replay what it has found (`fuzz/corpus/`), and vary that at random for a moment.
//!
//! Targets of [`actions`] read their bytes as decisions: what happens next, to whom, with which values.

pub mod access;
pub mod actions;
pub mod wire;

mod json;

/// A target's name, which is that of its corpus, and the target.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("client_frame", wire::client_frame),
    ("server_frame", wire::server_frame),
    ("signal", wire::signal),
    ("ice_servers", wire::ice_servers),
    ("data_track_control", wire::data_track_control),
    ("data_track_packet", wire::data_track_packet),
    ("server_url", access::server_url),
    ("token", access::token),
    ("resume_token", access::resume_token),
    ("config", access::config),
    ("core", actions::core),
    ("data_tracks", actions::data_tracks),
    ("hub", actions::hub),
];

/// The words that targets look for, for those who make inputs: names of fields, types and keys.
pub fn words() -> Vec<String> {
    let fields = metered_protocol::Field::ALL.iter().map(|field| format!("\"{}\":", field.name()));
    let rest = [
        "\"welcome\"",
        "\"ack\"",
        "\"error\"",
        "\"message\"",
        "\"direct\"",
        "\"presence\"",
        "\"going_away\"",
        "\"pong\"",
        "\"subscribe\"",
        "\"unsubscribe\"",
        "\"publish\"",
        "\"send\"",
        "\"ping\"",
        "\"rtc-description\"",
        "\"rtc-ice\"",
        "\"offer\"",
        "\"answer\"",
        "\"hello\"",
        "\"published\"",
        "\"unpublished\"",
        "\"subscribed\"",
        "\"refused\"",
        "a=fingerprint:",
        "a=ice-ufrag:",
        "a=mid:",
        "m=application ",
        "a=group:BUNDLE",
        "\\r\\n",
        "\\n",
        "turn:",
        "turns:",
        "stun:",
        "wss://",
        "ws://",
        "localhost",
        "[::1]",
        "127.0.0.1",
        "1e300",
        "-1",
        "65536",
        "null",
        "true",
        "\\ud800",
        "\"\\u0000\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "[[apps]]\n",
        "[limits]\n",
        "[[apps.secret_keys]]\n",
        "id = ",
        "secret = ",
        "METERED_SERVER__LIMITS__MESSAGE_BYTES=",
    ];
    fields.chain(rest.map(str::to_owned)).collect()
}
