//! `RemotePeer`: somebody else in the room.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::Promise;
use metered_core::{Call, RemoteId, RemoteState, RemoteView};
use metered_protocol::PeerId;
use wasm_bindgen::prelude::*;

use crate::bindings::{self, Emitter, RtcPeerConnection};
use crate::client::{measure, promised};
use crate::driver::Driver;
use crate::error::{invalid, named};
use crate::json::Json;

/// A remote peer. One object for as long as the peer stays in the room, whatever becomes of its connection. See
/// `index.d.ts` for the documentation of each member.
#[wasm_bindgen(skip_typescript)]
#[derive(Clone)]
pub struct RemotePeer {
    shared: Rc<Shared>,
}

struct Shared {
    driver: Weak<Driver>,
    remote: RemoteId,
    peer_id: PeerId,
    pc: RefCell<JsValue>,
    emitter: Emitter,
    /// The one JavaScript object for this peer, as long as it is in the room: the same in every event.
    object: RefCell<JsValue>,
    /// The metadata when it left.
    last_metadata: RefCell<JsValue>,
}

impl RemotePeer {
    pub(crate) fn new(
        driver: Weak<Driver>,
        remote: RemoteId,
        peer_id: PeerId,
        pc: JsValue,
        logger: &JsValue,
    ) -> Self {
        let peer = Self {
            shared: Rc::new(Shared {
                driver,
                remote,
                peer_id,
                pc: RefCell::new(pc),
                emitter: Emitter::new(logger),
                object: RefCell::default(),
                last_metadata: RefCell::default(),
            }),
        };
        *peer.shared.object.borrow_mut() = peer.clone().into();
        peer
    }

    pub(crate) fn object(&self) -> JsValue {
        self.shared.object.borrow().clone()
    }

    pub(crate) fn set_pc(&self, pc: JsValue) {
        *self.shared.pc.borrow_mut() = pc;
    }

    /// Keeps what the core no longer knows: the peer has left.
    pub(crate) fn left(&self, metadata: &Option<Json>) {
        *self.shared.last_metadata.borrow_mut() = metadata.clone().map_or(JsValue::UNDEFINED, |json| json.0);
    }

    /// Lets go of the JavaScript object, which holds this one.
    pub(crate) fn release(&self) {
        self.shared.emitter.end();
        *self.shared.object.borrow_mut() = JsValue::UNDEFINED;
    }

    fn view(&self) -> Option<RemoteView<Json>> {
        self.shared.driver.upgrade()?.read(|core| core.remote(self.shared.remote))
    }
}

#[wasm_bindgen]
impl RemotePeer {
    /// The peer's id.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.shared.peer_id.to_string()
    }

    /// The peer's metadata, as of its latest presence.
    #[wasm_bindgen(getter)]
    pub fn metadata(&self) -> JsValue {
        match self.view() {
            Some(view) => view.metadata.map_or(JsValue::UNDEFINED, |json| json.0),
            None => self.shared.last_metadata.borrow().clone(),
        }
    }

    /// `idle`, `connecting`, `connected`, `reconnecting` or `closed`.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> String {
        self.view().map_or(RemoteState::Closed, |view| view.state).as_str().to_owned()
    }

    /// Whether this side yields when both offer at once.
    #[wasm_bindgen(getter)]
    pub fn polite(&self) -> bool {
        self.view().is_some_and(|view| view.polite)
    }

    /// The native `RTCPeerConnection`, to be read again after a `connection-reset`.
    #[wasm_bindgen(getter)]
    pub fn pc(&self) -> JsValue {
        self.shared.pc.borrow().clone()
    }

    /// The event dispatch.
    #[wasm_bindgen(getter, js_name = emitter)]
    pub fn emitter_object(&self) -> JsValue {
        self.emitter().into()
    }

    /// Sends to this peer, by way of the server.
    pub fn send(&self, data: &JsValue) -> Promise {
        promised(|| {
            let data = measure(data)?;
            match (self.view(), self.shared.driver.upgrade()) {
                (Some(_), Some(driver)) => {
                    Ok(driver.call(Call::SendTo { to: self.shared.peer_id.clone(), data }))
                }
                _ => Err(closed()),
            }
        })
    }

    /// Opens a data channel on the present connection and answers the native object.
    #[wasm_bindgen(js_name = createDataChannel)]
    pub fn create_data_channel(&self, label: &JsValue, init: &JsValue) -> Result<JsValue, JsValue> {
        let Some(text) = label.as_string() else {
            return Err(invalid("label", "must be a string", label));
        };
        if self.view().is_none() {
            return Err(closed());
        }
        let pc = self.pc();
        if pc.is_null() {
            return Err(named("InvalidStateError", "there is no RTCPeerConnection to this peer"));
        }
        let init = if init.is_undefined() { js_sys::Object::new().into() } else { init.clone() };
        pc.unchecked_into::<RtcPeerConnection>().create_data_channel(&text, &init)
    }

    /// What may be logged of a remote peer.
    #[wasm_bindgen(js_name = toJSON)]
    pub fn to_json(&self) -> JsValue {
        bindings::remote_summary(self.shared.peer_id.as_str(), &self.state())
    }
}

impl RemotePeer {
    pub(crate) fn emitter(&self) -> &Emitter {
        &self.shared.emitter
    }
}

fn closed() -> JsValue {
    named("InvalidStateError", "the remote peer has left")
}
