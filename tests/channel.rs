//! The send gate before a real data channel: two connections in one page.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says so by failing")]

use std::collections::VecDeque;

use js_sys::{Array, Promise, Reflect};
use metered_realtime::{admit, release};
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

    export function send(channel, data) {
        channel.send(data);
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
    fn send(channel: &JsValue, data: &str);
    fn drained(channel: &JsValue) -> Promise;
}

// What becomes of a send.
const SEND: u32 = 0;
const WAIT: u32 = 1;
const TOO_LARGE: u32 = 3;

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).expect("a field")
}

async fn wait(promise: Promise) -> JsValue {
    JsFuture::from(promise).await.expect("no rejection")
}

fn buffered(channel: &JsValue) -> f64 {
    get(channel, "bufferedAmount").as_f64().expect("a number")
}

const SIZE: usize = 32_000;
const HIGH: f64 = 64_000.0;
const MAX: f64 = 100_000.0;

#[wasm_bindgen_test]
async fn sends_beyond_the_high_water_mark_wait_and_arrive_in_order() {
    let pair = wait(pair()).await;
    let near = get(&pair, "near");
    let send = |i: usize| send(&near, &format!("{i:05}{}", "x".repeat(SIZE - 5)));
    assert_eq!(admit(MAX + 1.0, MAX, buffered(&near), HIGH, 0.0, 8.0), TOO_LARGE);
    assert_eq!(admit(MAX + 1.0, f64::INFINITY, buffered(&near), HIGH, 0.0, 8.0), SEND);
    assert_eq!(admit(1.0, MAX, f64::INFINITY, HIGH, 0.0, 8.0), WAIT);

    let mut waiting = VecDeque::new();
    let (mut sent, mut refused) = (0, 0);
    for i in 0..12 {
        match admit(SIZE as f64, MAX, buffered(&near), HIGH, waiting.len() as f64, 8.0) {
            SEND => {
                assert!(waiting.is_empty(), "nothing overtakes");
                send(i);
                sent += 1;
            }
            WAIT => waiting.push_back(i),
            _ => refused += 1,
        }
    }
    assert!(sent >= 2, "the first two fit under the mark");
    assert!(waiting.len() <= 8);
    let mut draining = false;
    while let Some(&next) = waiting.front() {
        draining = release(SIZE as f64, MAX, buffered(&near), HIGH, 0.0, draining) == SEND;
        if draining {
            send(next);
            waiting.pop_front();
        } else {
            wait(drained(&near)).await;
        }
    }

    let arrived = get(&pair, "arrived");
    let accepted = 12 - refused;
    wait(count(&arrived, accepted)).await;
    let order: Vec<String> = Array::from(&arrived)
        .iter()
        .filter_map(|data| data.as_string())
        .map(|data| data.chars().take(5).collect())
        .collect();
    let expected: Vec<String> = (0..accepted).map(|i| format!("{i:05}")).collect();
    assert_eq!(order, expected);
    get(&pair, "close").unchecked_into::<js_sys::Function>().call0(&JsValue::UNDEFINED).expect("closes");
}
