//! The exported client in a browser, against a host that writes down what it is asked for.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says so by failing")]

use js_sys::{Array, JSON};
use metered_realtime::{Client, Host};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(inline_js = r#"
    // The names of some methods, by their numbers in src/host.rs.
    const methods = Object.assign(Array.from({ length: 32 }, (_, number) => `method ${number}`),
        { 0: "openSocket", 8: "arm", 10: "resolve", 13: "connected", 14: "disconnected" });

    // Every method of a host, as a line of its name and arguments.
    export function recorder(lines) {
        return new Proxy({ methods }, {
            get: (target, name) =>
                target[name] ?? ((...args) => { lines.push([name, ...args].map(String).join(" ")); }),
        });
    }
"#)]
extern "C" {
    fn recorder(lines: &Array) -> Host;
}

// The numbers of src/client.rs.
const CONNECT: u32 = 0;
const SUBSCRIBE: u32 = 2;
const FRAME: u32 = 9;
const GARBAGE: u32 = 10;
const CLOSED: u32 = 11;
const STATE: u32 = 0;
const PEER_ID: u32 = 2;

const BACKOFF: [f64; 8] = [10_000.0, 60_000.0, 30_000.0, 500.0, 2.0, 30_000.0, 0.2, 100.0];

fn client(url: &str, numbers: &[f64]) -> Result<Client, String> {
    let settings =
        Array::of5(&"pk_live_secret".into(), &url.into(), &JsValue::UNDEFINED, &true.into(), &7.into());
    numbers.iter().for_each(|&n| _ = settings.push(&n.into()));
    Client::new(&settings).map_err(|(option, must)| format!("{option} {must}"))
}

/// The number of the state.
fn state(client: &Client) -> Option<f64> {
    client.read(STATE, 0, 0).as_f64()
}

fn lines(lines: &Array) -> Vec<String> {
    let taken = lines.iter().filter_map(|line| line.as_string()).collect();
    lines.set_length(0);
    taken
}

#[wasm_bindgen_test]
fn what_only_the_core_can_check_is_refused_at_construction_by_the_options_name() {
    let refused = |url, numbers: &[f64]| client(url, numbers).err().unwrap_or_default();
    assert_eq!(refused("wss://a.example", &BACKOFF), "");
    assert!(refused("https://a.example", &BACKOFF).starts_with("url must be"));
    assert!(refused("ws://a.example", &BACKOFF).starts_with("url must be wss"));
    let mut no_growth = BACKOFF;
    no_growth[4] = 0.5;
    assert!(refused("wss://a.example", &no_growth).starts_with("multiplier must be"));
}

#[wasm_bindgen_test]
fn a_connect_opens_a_socket_and_resolves_with_the_welcome() {
    let said = Array::new();
    let host = recorder(&said);
    let client = client("ws://localhost:9", &BACKOFF).expect("the options are good");
    assert_eq!(state(&client), Some(0.0), "idle");
    client.tell(&host, CONNECT, 1, 0, JsValue::UNDEFINED, JsValue::UNDEFINED);
    assert_eq!(state(&client), Some(1.0), "connecting");
    let opened = lines(&said);
    let socket = opened.iter().find_map(|line| line.strip_prefix("openSocket ")).expect("a socket");
    let (id, url) = socket.split_once(' ').expect("an id and a URL");
    assert_eq!(url, "ws://localhost:9/v1?key=pk_live_secret");

    let id = id.parse().expect("a number");
    client.tell(&host, GARBAGE, id, 0, JsValue::UNDEFINED, JsValue::UNDEFINED);
    let welcome = JSON::parse(r#"{"type":"welcome","peerId":"me","maxMessageSize":65536}"#).expect("JSON");
    client.tell(&host, FRAME, id, 0, welcome, JsValue::UNDEFINED);
    let said_then = lines(&said);
    assert!(said_then.contains(&"resolve 1".to_owned()), "{said_then:?}");
    assert!(said_then.iter().any(|line| line.starts_with("connected 65536 me ")), "{said_then:?}");
    assert_eq!(client.read(PEER_ID, 0, 0).as_string().as_deref(), Some("me"));
    assert_eq!(state(&client), Some(2.0), "connected");

    client.tell(&host, CLOSED, id, 4001, "no".into(), JsValue::UNDEFINED);
    assert!(lines(&said).contains(&"disconnected 4001 no false".to_owned()));
    assert_eq!(state(&client), Some(4.0), "closed");
}

#[wasm_bindgen_test]
fn a_name_that_is_none_changes_nothing() {
    let said = Array::new();
    let client = client("wss://a.example", &BACKOFF).expect("the options are good");
    let call = |name: &str| {
        client.tell(&recorder(&said), SUBSCRIBE, 1, 0, name.into(), JsValue::UNDEFINED).as_string()
    };
    assert_eq!(call("").as_deref(), Some("must not be empty"));
    assert_eq!(call(&"x".repeat(257)).as_deref(), Some("is too long"));
    assert!(lines(&said).is_empty());
}

#[wasm_bindgen_test]
fn notifications_of_what_is_unknown_do_nothing() {
    let said = Array::new();
    let host = recorder(&said);
    let client = client("wss://a.example", &BACKOFF).expect("the options are good");
    for kind in (8..22).chain(40..45) {
        for value in [JsValue::UNDEFINED, JsValue::NULL, 5.into(), "x".into(), Array::new().into()] {
            client.tell(&host, kind, 77, 77, value, JsValue::UNDEFINED);
        }
    }
    assert!(lines(&said).iter().all(|line| line == "arm Infinity"));
}
