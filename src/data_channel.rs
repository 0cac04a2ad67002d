//! `DataChannel`: an `RTCDataChannel` whose `send` knows backpressure.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use js_sys::{Function, Promise};
use metered_core::{Admission, SendGate, SendLimits};
use wasm_bindgen::prelude::*;

use crate::bindings::{self, Calls, Emitter, RtcDataChannel};
use crate::callback::Callback;
use crate::client::promised;
use crate::emit;
use crate::error::{invalid, named, overflow, oversized};
use crate::options::{logger, number};

/// The wrapper. See `index.d.ts` for the documentation of each member.
#[wasm_bindgen(skip_typescript)]
pub struct DataChannel {
    shared: Rc<Shared>,
}

/// A send that waits in the gate.
struct Waiting {
    data: JsValue,
    call: u32,
}

struct Shared {
    channel: RtcDataChannel,
    emitter: Emitter,
    gate: RefCell<SendGate<Waiting>>,
    /// Whether `readyState` is `open`, kept by events: reading a string for each send would cost more than the
    /// send.
    open: Cell<bool>,
    /// What every send resolves to that went out at once.
    sent: Promise,
    calls: Calls,
    last_call: Cell<u32>,
    recheck: RefCell<Option<Timeout>>,
    listening: RefCell<Option<Listening>>,
}

/// Our listeners on the channel. They hold [`Shared`] until the channel closes.
struct Listening {
    detach: Function,
    _callback: Callback<dyn Fn(u32)>,
}

/// What the listener in `js/data_channel.js` reports.
const OPEN: u32 = 0;
const CLOSE: u32 = 1;
const LOW: u32 = 2;

#[wasm_bindgen]
impl DataChannel {
    /// Wraps a native channel.
    #[wasm_bindgen(constructor)]
    pub fn new(channel: &JsValue, options: &JsValue) -> Result<DataChannel, JsValue> {
        if !channel.is_object() {
            return Err(invalid("channel", "must be an RTCDataChannel", channel));
        }
        let limits = limits(options)?;
        let emitter = Emitter::new(&logger(options)?);
        let channel: RtcDataChannel = channel.clone().unchecked_into();
        channel.set_binary_type("arraybuffer");
        channel.set_buffered_amount_low_threshold(limits.buffered_amount_low_threshold as f64);
        let shared = Rc::new(Shared {
            open: Cell::new(is(&channel, "open")),
            channel,
            emitter,
            gate: RefCell::new(SendGate::new(limits)),
            sent: Promise::resolve(&JsValue::UNDEFINED),
            calls: Calls::new(),
            last_call: Cell::new(0),
            recheck: RefCell::default(),
            listening: RefCell::default(),
        });
        if !is(&shared.channel, "closed") {
            shared.listen();
        }
        Ok(Self { shared })
    }

    /// The channel's label.
    #[wasm_bindgen(getter)]
    pub fn label(&self) -> JsValue {
        self.shared.channel.label()
    }

    /// `connecting`, `open`, `closing` or `closed`.
    #[wasm_bindgen(getter, js_name = readyState)]
    pub fn ready_state(&self) -> JsValue {
        self.shared.channel.ready_state()
    }

    /// Bytes that the channel has taken and not yet sent.
    #[wasm_bindgen(getter, js_name = bufferedAmount)]
    pub fn buffered_amount(&self) -> f64 {
        self.shared.channel.buffered_amount()
    }

    /// The event dispatch.
    #[wasm_bindgen(getter)]
    pub fn emitter(&self) -> JsValue {
        (&self.shared.emitter).into()
    }

    /// Sends a string or bytes; resolves when the channel has taken them.
    pub fn send(&self, data: &JsValue) -> Promise {
        promised(|| self.shared.send(data))
    }

    /// Closes the channel. Sends that wait are rejected.
    pub fn close(&self) {
        // A channel that is closed already has nothing to say against it.
        let _ = self.shared.channel.close_channel();
        self.shared.closed();
    }
}

impl Shared {
    fn listen(self: &Rc<Self>) {
        let shared = Rc::clone(self);
        let closure: Box<dyn Fn(u32)> = Box::new(move |what| match what {
            OPEN => {
                shared.open.set(true);
                emit::open(&shared.emitter);
            }
            CLOSE => shared.closed(),
            LOW => {
                shared.release();
                emit::buffered_amount_low(&shared.emitter);
            }
            _ => {}
        });
        let callback = Callback::new(Closure::wrap(closure));
        let detach = bindings::attach(&self.channel, &self.emitter, callback.slot());
        *self.listening.borrow_mut() = Some(Listening { detach, _callback: callback });
    }

    fn send(self: &Rc<Self>, data: &JsValue) -> Result<Promise, JsValue> {
        let Some(bytes) = bindings::payload_bytes(data) else {
            return Err(invalid("data", "must be a string, an ArrayBuffer or a view of one", data));
        };
        if !self.open.get() {
            return Err(not_open());
        }
        let bytes = bytes as usize;
        let admission = self.gate.borrow().admit(bytes, self.buffered());
        match admission {
            Admission::Send => {
                self.channel.send(data)?;
                Ok(self.sent.clone())
            }
            Admission::Queued => {
                let call = self.last_call.get().wrapping_add(1);
                self.last_call.set(call);
                self.gate.borrow_mut().enqueue(bytes, Waiting { data: data.clone(), call });
                self.schedule_recheck();
                Ok(self.calls.begin(call))
            }
            Admission::Overflow(queued) => {
                Err(overflow(queued, self.gate.borrow().limits().max_queued_sends))
            }
            Admission::TooLarge(max) => Err(oversized(bytes, max)),
        }
    }

    /// Lets waiting sends go as far as the buffer has room.
    fn release(self: &Rc<Self>) {
        loop {
            let buffered = self.buffered();
            let next = self.gate.borrow_mut().release(buffered);
            let Some(waiting) = next else { break };
            self.calls.settle(waiting.call, &self.channel.send(&waiting.data).err().unwrap_or_default());
        }
        self.schedule_recheck();
    }

    /// Looks at the buffer again by itself: `@roamhq/wrtc` does not announce that it is low.
    fn schedule_recheck(self: &Rc<Self>) {
        let delay = self.gate.borrow_mut().recheck_ms();
        let timeout = delay.map(|delay| {
            let shared = Rc::clone(self);
            Timeout::new(delay, move || shared.release())
        });
        *self.recheck.borrow_mut() = timeout;
    }

    fn closed(&self) {
        self.open.set(false);
        *self.recheck.borrow_mut() = None;
        let Some(listening) = self.listening.borrow_mut().take() else { return };
        let _ = listening.detach.call0(&JsValue::UNDEFINED);
        let waiting: Vec<Waiting> = self.gate.borrow_mut().take_all().collect();
        for waiting in waiting {
            self.calls.settle(waiting.call, &not_open());
        }
        emit::close(&self.emitter);
        self.emitter.end();
    }

    fn buffered(&self) -> usize {
        self.channel.buffered_amount() as usize
    }
}

fn is(channel: &RtcDataChannel, state: &str) -> bool {
    channel.ready_state().as_string().as_deref() == Some(state)
}

fn not_open() -> JsValue {
    named("InvalidStateError", "the data channel is not open")
}

fn limits(options: &JsValue) -> Result<SendLimits, JsValue> {
    let default = SendLimits::default();
    let whole = |name: &str, least: f64| match number(options, name)? {
        Some(n) if n < least => Err(invalid(name, "is too small", &n.into())),
        n => Ok(n.map(|n| n as usize)),
    };
    let max_buffered_amount = whole("maxBufferedAmount", 1.0)?.unwrap_or(default.max_buffered_amount);
    Ok(SendLimits {
        max_buffered_amount,
        buffered_amount_low_threshold: whole("bufferedAmountLowThreshold", 0.0)?
            .unwrap_or(max_buffered_amount / 2),
        max_queued_sends: whole("maxQueuedSends", 0.0)?.unwrap_or(default.max_queued_sends),
    })
}
