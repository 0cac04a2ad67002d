//! JSON as the platform parsed it.

use std::mem::ManuallyDrop;

use metered_protocol::{Field, Value};
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

#[wasm_bindgen]
extern "C" {
    type Object;
    #[wasm_bindgen(method, structural, indexing_getter)]
    fn get(this: &Object, name: &JsValue) -> JsValue;
}

impl Value for Json {
    fn field(&self, field: Field) -> Option<Self> {
        if !self.0.is_object() {
            return None;
        }
        let object = self.0.unchecked_ref::<Object>();
        let value = NAMES.with(|names| Some(object.get(names.get(field as usize)?)))?;
        (!value.is_undefined()).then_some(Json(value))
    }

    fn string(&self) -> Option<String> {
        self.0.as_string()
    }

    fn number(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn boolean(&self) -> Option<bool> {
        self.0.as_bool()
    }

    fn is_null(&self) -> bool {
        self.0.is_null()
    }

    fn is_object(&self) -> bool {
        self.0.is_object() && !js_sys::Array::is_array(&self.0)
    }

    fn items(&self, max: usize) -> Option<Vec<Self>> {
        let array = self.0.dyn_ref::<js_sys::Array>()?;
        Some((0..array.length()).take(max).map(|i| Json(array.get(i))).collect())
    }
}
