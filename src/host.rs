//! The JavaScript side of a client, and how it is asked for something.
//!
//! `Host` is the class of `js/host.js`. It is handed in with each call and never stored: a reference from here
//! to there, which leads back here, would be a cycle that no garbage collector sees.
//!
//! All its methods are called in one way: their arguments are handed over with [`Host::with`], one after the other, and
//! [`Host::ask`] calls one of them by its number. A function for each would have its own conversions on both sides. The
//! platform's objects stay over there: they may come from `ws`, from `@roamhq/wrtc` or from a factory of the user's, and
//! everything that they do may throw.

use metered_core::Instant;
use wasm_bindgen::prelude::*;

use crate::json::Json;

#[wasm_bindgen]
extern "C" {
    /// See `js/host.js`, method by method, and where data tracks are concerned, `js/data_tracks.js`.
    pub type Host;

    // What is called for every packet and every frame of a data track.
    #[wasm_bindgen(method)]
    pub(crate) fn buffered(this: &Host, remote: u32) -> f64;
    #[wasm_bindgen(method)]
    pub(crate) fn packet(this: &Host, remote: u32, bytes: &[u8]);
    /// Makes a frame of what is in linear memory, for as long as the call lasts.
    #[wasm_bindgen(method)]
    pub(crate) fn frame(
        this: &Host,
        payload: &[u8],
        timestamp: Option<u64>,
        key_id: Option<u8>,
        number: u32,
        associated_data: &[u8],
    ) -> JsValue;

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

// See `js/asking.js`.
#[wasm_bindgen(module = "/js/asking.js")]
extern "C" {
    #[wasm_bindgen(js_name = hand)]
    fn hand_text(text: &str);
    #[wasm_bindgen(js_name = hand)]
    fn hand_number(number: f64);
    #[wasm_bindgen(js_name = hand)]
    fn hand_value(value: &JsValue);
    #[wasm_bindgen(js_name = ask)]
    fn ask(host: &Host, method: u16, number: f64);
}

/// What a `Host` can be asked for: its methods, in the order of the class, behind the constructor.
pub(crate) enum Ask {
    // What the core asks of the platform.
    OpenSocket,
    SendFrame,
    CloseSocket,
    FetchToken,
    OpenConnection,
    SetIceServers,
    Operate,
    CloseConnection,
    Arm,
    Log,
    // How a call ends.
    Resolve,
    Reject,
    // What the application hears of.
    StateChange,
    Connected,
    Disconnected,
    Message,
    Presence,
    ServerError,
    GoingAway,
    TokenProviderError,
    Joined,
    Left,
    PeerJoined,
    PeerLeft,
    Terminal,
    ReconcileTimeout,
    RemoteStateChange,
    ConnectionReset,
    TrackMeta,
    SignalsLost,
    RemoteError,
    IceRestartExhausted,
}

impl From<Ask> for u16 {
    fn from(method: Ask) -> Self {
        method as Self
    }
}

/// The present, by `performance.now()`.
pub(crate) fn now() -> Instant {
    Instant(performance_now() as u64)
}

impl Host {
    /// Hands over the next argument.
    pub(crate) fn with(&self, argument: impl Argument) -> &Self {
        argument.hand();
        self
    }

    /// Calls a method with `number` and what was handed over.
    pub(crate) fn ask(&self, method: impl Into<u16>, number: impl Into<f64>) {
        ask(self, method.into(), number.into());
    }
}

/// What a method of a host takes.
pub(crate) trait Argument {
    fn hand(self);
}

impl Argument for &str {
    fn hand(self) {
        hand_text(self);
    }
}

impl Argument for f64 {
    fn hand(self) {
        hand_number(self);
    }
}

impl Argument for u32 {
    fn hand(self) {
        hand_number(f64::from(self));
    }
}

impl Argument for bool {
    fn hand(self) {
        hand_value(&self.into());
    }
}

impl Argument for &Json {
    fn hand(self) {
        hand_value(&self.0);
    }
}

/// Undefined if there is none.
impl<T: Argument> Argument for Option<T> {
    fn hand(self) {
        match self {
            Some(argument) => argument.hand(),
            None => hand_value(&JsValue::UNDEFINED),
        }
    }
}

/// One argument for each.
impl<const N: usize> Argument for [u32; N] {
    fn hand(self) {
        self.into_iter().for_each(Argument::hand);
    }
}

/// One argument for each.
impl Argument for &[Json] {
    fn hand(self) {
        for value in self {
            value.hand();
        }
    }
}
