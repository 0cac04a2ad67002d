//! The send gate before a real data channel: two connections in one page.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says so by failing")]

use js_sys::{Array, Promise, Reflect};
use metered_realtime::Channel;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(inline_js = r#"
    // Two connected channels, and what arrives at the second.
    export async function pair() {
        const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
        a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate);
        b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate);
        const near = a.createDataChannel("test");
        const arrived = [];
        const far = new Promise((resolve) => {
            b.ondatachannel = ({ channel }) => {
                channel.onmessage = ({ data }) => arrived.push(data);
                resolve(channel);
            };
        });
        await a.setLocalDescription();
        await b.setRemoteDescription(a.localDescription);
        await b.setLocalDescription();
        await a.setRemoteDescription(b.localDescription);
        await Promise.all([far, new Promise((resolve) => { near.onopen = resolve; })]);
        return { near, arrived, close: () => { a.close(); b.close(); } };
    }

    // Resolves when so many messages have arrived.
    export async function count(arrived, n) {
        while (arrived.length < n) await new Promise((resolve) => setTimeout(resolve, 5));
    }

    // Resolves when a channel's buffer has emptied.
    export async function drained(channel) {
        if (channel.bufferedAmount === 0) return;
        await new Promise((resolve) => { channel.onbufferedamountlow = resolve; });
    }
"#)]
extern "C" {
    fn pair() -> Promise;
    fn count(arrived: &JsValue, n: u32) -> Promise;
    fn drained(channel: &JsValue) -> Promise;
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).expect("a field")
}

async fn wait(promise: Promise) -> JsValue {
    JsFuture::from(promise).await.expect("no rejection")
}

#[wasm_bindgen_test]
async fn sends_beyond_the_high_water_mark_wait_and_arrive_in_order() {
    let pair = wait(pair()).await;
    let near = get(&pair, "near");
    let channel = Channel::new(near.clone(), 64_000.0, 0.0, 8.0);
    let message = |i: u32| JsValue::from_str(&format!("{i:05}{}", "x".repeat(31_995)));
    let outcomes: Vec<u32> =
        (0..12).map(|i| channel.send(&message(i), 32_000.0, i).expect("the channel is open")).collect();
    let sent = outcomes.iter().filter(|&&outcome| outcome == 0).count();
    assert!(sent >= 2, "the first two fit under the mark: {outcomes:?}");
    assert!(
        outcomes.iter().rev().skip_while(|&&o| o == 2).all(|&o| o < 2),
        "nothing overtakes: {outcomes:?}"
    );

    let accepted = outcomes.iter().filter(|&&outcome| outcome < 2).count() as u32;
    let mut released = Vec::new();
    while released.len() + sent < accepted as usize {
        match channel.release().expect("the channel is open") {
            Some(call) => released.push(call),
            None => drop(wait(drained(&near)).await),
        }
    }
    assert!(released.is_sorted());
    let arrived = get(&pair, "arrived");
    wait(count(&arrived, accepted)).await;
    let order: Vec<String> = Array::from(&arrived)
        .iter()
        .filter_map(|data| data.as_string())
        .map(|data| data.chars().take(5).collect())
        .collect();
    let expected: Vec<String> = (0..accepted).map(|i| format!("{i:05}")).collect();
    assert_eq!(order, expected);
    assert_eq!(channel.recheck_ms(), None);
    get(&pair, "close").unchecked_into::<js_sys::Function>().call0(&JsValue::UNDEFINED).expect("closes");
}

#[wasm_bindgen_test]
async fn a_closed_channel_fails_the_send_and_hands_the_waiting_back() {
    let pair = wait(pair()).await;
    let near = get(&pair, "near");
    let channel = Channel::new(near, 1.0, 0.0, 8.0);
    channel.send(&"a".repeat(200_000).into(), 200_000.0, 1).expect("an empty buffer takes any size");
    let outcome = channel.send(&"b".into(), 1.0, 2).expect("the channel is open");
    get(&pair, "close").unchecked_into::<js_sys::Function>().call0(&JsValue::UNDEFINED).expect("closes");
    if outcome == 1 {
        assert_eq!(channel.abandon(), Some(2));
    }
    assert_eq!(channel.abandon(), None);
    assert!(channel.send(&"c".into(), 1.0, 3).is_err() || channel.abandon() == Some(3));
}
