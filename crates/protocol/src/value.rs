//! Reading JSON without knowing who parsed it.

use std::fmt;

use crate::Field;

/// A parsed JSON value, as much of it as the protocol has to see.
///
/// Every accessor answers `None` when the value is not of the asked kind; none of them fails or panics,
/// whatever a remote sent. Cloning must be cheap or at least bounded by the frame's size.
pub trait Value: Clone {
    /// The named field, if this is an object that has it and it is not `undefined`.
    fn field(&self, field: Field) -> Option<Self>;

    /// The named field's text, if this is an object and the field a string.
    fn text(&self, field: Field) -> Option<String> {
        self.field(field)?.string()
    }

    /// Hands the id of each of the first `max` peers in a list of this frame to `take`, with a function that reads its
    /// metadata. `take` answers whether that is an id. What is no peer at all is passed over.
    ///
    /// A platform whose values are shared may leave those peers in the list and nothing else, to show it as it is.
    fn peers(&self, list: Field, max: usize, take: &mut TakePeer<'_, Self>) {
        for peer in self.field(list).and_then(|list| list.items(max)).unwrap_or_default() {
            if let Some(id) = peer.text(Field::PeerId) {
                take(&id, &|| peer.field(Field::Metadata).filter(Self::is_object));
            }
        }
    }

    /// The text, if this is a string.
    fn string(&self) -> Option<String>;

    /// The number, if this is one.
    fn number(&self) -> Option<f64>;

    /// The truth value, if this is one.
    fn boolean(&self) -> Option<bool>;

    /// Whether this is `null`.
    fn is_null(&self) -> bool;

    /// Whether this is an object and not an array.
    fn is_object(&self) -> bool;

    /// The first `max` items, if this is an array.
    fn items(&self, max: usize) -> Option<Vec<Self>>;
}

/// What is handed to it of a peer: the id, and a function that reads the metadata. Answers whether that is an id.
pub type TakePeer<'a, V> = dyn FnMut(&str, &dyn Fn() -> Option<V>) -> bool + 'a;

/// A frame or signal that does not say what its type promises: the field that is missing or of a wrong kind.
/// Never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub Field);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is missing or malformed", self.0.name())
    }
}

impl std::error::Error for Malformed {}

/// A field's text, or a [`Malformed`] that names the field.
pub(crate) fn required_string<V: Value>(value: &V, field: Field) -> Result<String, Malformed> {
    value.text(field).ok_or(Malformed(field))
}

/// A field's number.
pub(crate) fn number<V: Value>(value: &V, field: Field) -> Option<f64> {
    value.field(field)?.number()
}

/// Whether a field is `true`.
pub(crate) fn flag<V: Value>(value: &V, field: Field) -> bool {
    value.field(field).and_then(|value| value.boolean()).unwrap_or(false)
}

/// The number of 16 bits, if this is one.
pub(crate) fn index<V: Value>(value: &V) -> Option<u16> {
    value.number().filter(|n| (0.0..=65_535.0).contains(n) && n.fract() == 0.0).map(|n| n as u16)
}

/// Answers a field's value, treating `null` as absent.
pub(crate) fn optional<V: Value>(value: &V, field: Field) -> Option<V> {
    value.field(field).filter(|v| !v.is_null())
}

#[cfg(any(feature = "serde", test))]
impl Value for serde_json::Value {
    fn field(&self, field: Field) -> Option<Self> {
        self.as_object()?.get(field.name()).cloned()
    }

    fn string(&self) -> Option<String> {
        self.as_str().map(str::to_owned)
    }

    fn number(&self) -> Option<f64> {
        self.as_f64()
    }

    fn boolean(&self) -> Option<bool> {
        self.as_bool()
    }

    fn is_null(&self) -> bool {
        serde_json::Value::is_null(self)
    }

    fn is_object(&self) -> bool {
        serde_json::Value::is_object(self)
    }

    fn items(&self, max: usize) -> Option<Vec<Self>> {
        Some(self.as_array()?.iter().take(max).cloned().collect())
    }
}
