//! One `RTCPeerConnection`: its listeners, and the steps of a negotiation.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use metered_core::{ConnectionEvent, ConnectionId, ConnectionState, Input, Operation, Outcome, RemoteId};
use metered_protocol::{Candidate, Description, IceServer, SdpType, ToJson};
use wasm_bindgen::prelude::*;

use crate::bindings::{self, Event, RtcPeerConnection};
use crate::callback::Listener;
use crate::driver::Driver;
use crate::json::Json;

/// Reads an event of the connection; `None` for one that says nothing.
type Reader = dyn Fn(&Event) -> Option<ConnectionEvent<Json>>;

/// A connection of ours, closed when dropped.
pub(crate) struct Connection {
    pc: RtcPeerConnection,
    listeners: Vec<Listener>,
}

impl Connection {
    pub(crate) fn open(
        driver: &Rc<Driver>,
        id: ConnectionId,
        remote: RemoteId,
        factory: &Function,
        ice_servers: &[IceServer],
    ) -> Result<Self, JsValue> {
        let config = Object::new();
        Reflect::set(&config, &"iceServers".into(), &ice_server_list(ice_servers))?;
        let pc: RtcPeerConnection = factory.call1(&JsValue::UNDEFINED, &config)?.unchecked_into();
        let mut connection = Self { pc: pc.clone(), listeners: Vec::new() };
        let mut listen = |name, handle: Box<Reader>| {
            let driver = Rc::clone(driver);
            let listener = Listener::new(&pc, name, move |event| {
                if let Some(event) = handle(&event) {
                    driver.input(Input::Connection(id, event));
                }
            })?;
            connection.listeners.push(listener);
            Ok::<(), JsValue>(())
        };
        listen("negotiationneeded", Box::new(|_| Some(ConnectionEvent::NegotiationNeeded)))?;
        listen("icecandidate", Box::new(|event| candidate(&event.candidate())))?;
        let source = pc.clone();
        listen("connectionstatechange", Box::new(move |_| state(&source)))?;
        let weak = Rc::downgrade(driver);
        connection.listeners.push(Listener::new(&pc, "datachannel", move |event| {
            if let Some(driver) = weak.upgrade() {
                driver.data_channel(remote, &event.channel());
            }
        })?);
        Ok(connection)
    }

    pub(crate) fn pc(&self) -> &RtcPeerConnection {
        &self.pc
    }

    /// Begins an operation.
    pub(crate) fn operate(&self, operation: &Operation) -> Result<Promise, JsValue> {
        match operation {
            Operation::CreateOffer => self.pc.create_offer(),
            Operation::CreateAnswer => self.pc.create_answer(),
            Operation::SetLocal(description) => self.pc.set_local_description(&init(description)?),
            Operation::SetRemote(description) => self.pc.set_remote_description(&init(description)?),
            Operation::Rollback => {
                let rollback = Object::new();
                Reflect::set(&rollback, &"type".into(), &"rollback".into())?;
                // A stack that reads `sdp` before it looks at the type finds a string.
                Reflect::set(&rollback, &"sdp".into(), &"".into())?;
                self.pc.set_local_description(&rollback)
            }
            Operation::AddCandidate(candidate) => {
                let init = match candidate {
                    Some(candidate) => candidate_init(candidate)?,
                    None => JsValue::NULL,
                };
                self.pc.add_ice_candidate(&init)
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The listeners go first: closing is our own doing and no news.
        self.listeners.clear();
        let _ = self.pc.close_connection();
    }
}

/// Reads what an operation answered. Only created descriptions are of interest.
pub(crate) fn outcome(value: JsValue) -> Outcome {
    let field = |name: &str| bindings::field(&value, &name.into()).as_string();
    let kind = match field("type").as_deref() {
        Some("offer") => SdpType::Offer,
        Some("answer") => SdpType::Answer,
        _ => return Outcome::Applied,
    };
    Outcome::Created(Description { kind, sdp: field("sdp").unwrap_or_default() })
}

/// The ICE servers as an `RTCConfiguration` has them.
pub(crate) fn ice_server_list(servers: &[IceServer]) -> Array {
    servers
        .iter()
        .map(|server| {
            let urls = server.urls.iter().map(|url| JsValue::from_str(url)).collect();
            let credential = server.credential.as_ref().map(|secret| secret.expose());
            bindings::ice_server(urls, server.username.as_deref(), credential)
        })
        .collect()
}

fn candidate(candidate: &JsValue) -> Option<ConnectionEvent<Json>> {
    if candidate.is_null() || candidate.is_undefined() {
        return Some(ConnectionEvent::Candidate(None));
    }
    let candidate = Candidate::parse(&Json(candidate.clone())).ok()?;
    Some(ConnectionEvent::Candidate(Some(candidate)))
}

fn state(pc: &RtcPeerConnection) -> Option<ConnectionEvent<Json>> {
    Some(ConnectionEvent::State(match pc.connection_state().as_string()?.as_str() {
        "new" => ConnectionState::New,
        "connecting" => ConnectionState::Connecting,
        "connected" => ConnectionState::Connected,
        "disconnected" => ConnectionState::Disconnected,
        "failed" => ConnectionState::Failed,
        "closed" => ConnectionState::Closed,
        _ => return None,
    }))
}

fn init(description: &Description) -> Result<JsValue, JsValue> {
    let object = Object::new();
    Reflect::set(&object, &"type".into(), &description.kind.as_str().into())?;
    Reflect::set(&object, &"sdp".into(), &description.sdp.as_str().into())?;
    Ok(object.into())
}

fn candidate_init(candidate: &Candidate) -> Result<JsValue, JsValue> {
    let mut text = String::new();
    candidate.write_json(&mut text);
    js_sys::JSON::parse(&text)
}
