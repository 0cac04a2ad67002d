//! Closures that JavaScript calls, and their owners.
//!
//! A closure that was dropped on this side throws when JavaScript still calls it. A [`Listener`] takes itself out
//! of its target before that can happen; a [`Callback`] is reached through a slot which it empties, for
//! promises, which cannot be unsubscribed from.

use wasm_bindgen::prelude::*;

use crate::bindings::{Event, EventTarget, Slot};

/// An event listener, removed when dropped.
pub(crate) struct Listener {
    target: EventTarget,
    name: &'static str,
    closure: Closure<dyn Fn(Event)>,
}

impl Listener {
    pub(crate) fn new(
        target: &EventTarget,
        name: &'static str,
        f: impl Fn(Event) + 'static,
    ) -> Result<Self, JsValue> {
        let closure = Closure::wrap(Box::new(f) as Box<dyn Fn(Event)>);
        target.add_event_listener(name, closure.as_ref())?;
        Ok(Self { target: target.clone(), name, closure })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A target that throws here has already let go of its listeners.
        let _ = self.target.remove_event_listener(self.name, self.closure.as_ref());
    }
}

/// A closure of any signature in a slot that JavaScript may keep for longer.
pub(crate) struct Callback<F: ?Sized> {
    slot: Slot,
    _closure: Closure<F>,
}

impl<F: ?Sized> Callback<F> {
    pub(crate) fn new(closure: Closure<F>) -> Self {
        let slot: Slot = js_sys::Object::new().unchecked_into();
        slot.set_callback(closure.as_ref());
        Self { slot, _closure: closure }
    }

    pub(crate) fn slot(&self) -> &Slot {
        &self.slot
    }
}

impl<F: ?Sized> Drop for Callback<F> {
    fn drop(&mut self) {
        self.slot.set_callback(&JsValue::UNDEFINED);
    }
}
