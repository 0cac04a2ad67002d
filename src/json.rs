//! JSON as the platform parsed it.

use std::mem::ManuallyDrop;

use js_sys::Array;
use metered_protocol::{Field, TakePeer, Value};
use wasm_bindgen::prelude::*;

/// A JavaScript value: inbound something that `JSON.parse` made, outbound JSON text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Json(pub(crate) JsValue);

thread_local! {
    /// The field names as JavaScript strings, by [`Field`]'s discriminants: converting a name takes longer than
    /// reading the field. Never dropped: the module lives as long as its memory.
    static NAMES: ManuallyDrop<Vec<JsValue>> =
        ManuallyDrop::new(Field::ALL.iter().map(|field| field.name().into()).collect());
}

// See `js/json.js`.
#[wasm_bindgen(module = "/js/json.js")]
extern "C" {
    #[wasm_bindgen(js_name = field)]
    fn field_of(value: &JsValue, name: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = text)]
    fn text_of(value: &JsValue, name: &JsValue) -> Option<String>;
    #[wasm_bindgen(js_name = peers)]
    fn peers_of(frame: &JsValue, name: &JsValue, max: usize) -> String;
    #[wasm_bindgen(js_name = metadata)]
    fn metadata_of(list: &Array, at: u32) -> JsValue;
    #[wasm_bindgen(js_name = remove)]
    fn remove(list: &Array, at: u32);
    #[wasm_bindgen(js_name = number)]
    fn number_of(value: &JsValue) -> f64;
    #[wasm_bindgen(js_name = isObject)]
    fn is_object(value: &JsValue) -> bool;
}

fn with_name<T>(field: Field, read: impl FnOnce(&JsValue) -> T) -> T {
    NAMES.with(|names| read(names.get(field as usize).unwrap_or(&JsValue::UNDEFINED)))
}

fn present(value: JsValue) -> Option<Json> {
    (value != JsValue::UNDEFINED).then_some(Json(value))
}

impl Value for Json {
    fn field(&self, field: Field) -> Option<Self> {
        present(with_name(field, |name| field_of(&self.0, name)))
    }

    fn text(&self, field: Field) -> Option<String> {
        with_name(field, |name| text_of(&self.0, name))
    }

    fn peers(&self, list: Field, max: usize, take: &mut TakePeer<'_, Self>) {
        let ids = with_name(list, |name| peers_of(&self.0, name, max));
        let Some(list) = self.field(list) else { return };
        let list = list.0.unchecked_ref::<Array>();
        let (mut at, mut start) = (0, 0);
        for (end, byte) in ids.bytes().enumerate() {
            if byte != b'\n' {
                continue;
            }
            // A searcher for a char is more to download.
            if take(ids.get(start..end).unwrap_or_default(), &|| present(metadata_of(list, at))) {
                at += 1;
            } else {
                remove(list, at);
            }
            start = end + 1;
        }
    }

    fn string(&self) -> Option<String> {
        text_of(&self.0, &JsValue::UNDEFINED)
    }

    fn number(&self) -> Option<f64> {
        Some(number_of(&self.0)).filter(|number| !number.is_nan())
    }

    fn boolean(&self) -> Option<bool> {
        let is = |flag| self.0 == flag;
        if is(JsValue::TRUE) { Some(true) } else { is(JsValue::FALSE).then_some(false) }
    }

    fn is_null(&self) -> bool {
        self.0 == JsValue::NULL
    }

    fn is_object(&self) -> bool {
        is_object(&self.0)
    }

    fn items(&self, max: usize) -> Option<Vec<Self>> {
        let array = self.0.dyn_ref::<Array>()?;
        Some((0..array.length()).take(max).map(|i| Json(array.get(i))).collect())
    }
}
