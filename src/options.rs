//! The options of the constructors, checked when they are given.

use js_sys::Function;
use metered_core::{Config, Credential, Reconnect};
use metered_protocol::{Secret, ServerUrl};
use wasm_bindgen::prelude::*;

use crate::bindings;
use crate::error::{invalid, type_error};

/// What a client is constructed with.
pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) token_provider: Option<Function>,
    pub(crate) logger: JsValue,
    pub(crate) web_socket_factory: Function,
}

impl Options {
    /// Reads `SignallingClientOptions`. Throws a `TypeError` that names the option.
    pub(crate) fn parse(options: &JsValue) -> Result<Self, JsValue> {
        if !options.is_object() {
            return Err(invalid("options", "must be an object", options));
        }
        let api_key = text(options, "apiKey")?;
        let token_provider = function(options, "tokenProvider")?;
        let credential = match (api_key, &token_provider) {
            (Some(key), None) => Credential::ApiKey(Secret::new(key)),
            (None, Some(_)) => Credential::TokenProvider,
            _ => return Err(type_error("pass exactly one of `apiKey` and `tokenProvider`")),
        };
        let url = text(options, "url")?;
        let url = ServerUrl::parse(url.as_deref().unwrap_or(ServerUrl::DEFAULT))
            .map_err(|why| type_error(&["`url` ", &why.to_string()].concat()))?;
        let mut config = Config::new(url, credential);
        if let Some(ms) = number(options, "tokenProviderTimeoutMs")? {
            if !(ms.is_finite() && ms > 0.0) {
                let got = JsValue::from_f64(ms);
                return Err(invalid("tokenProviderTimeoutMs", "must be a finite number > 0", &got));
            }
            config.token_provider_timeout_ms = ms as u64;
        }
        if let Some(ms) = number(options, "inactivityTimeoutMs")? {
            config.inactivity_timeout_ms = (ms.is_finite() && ms > 0.0).then_some(ms as u64);
        }
        if let Some(on) = boolean(options, "autoResubscribe")? {
            config.auto_resubscribe = on;
        }
        config.reconnect = reconnect(&get(options, "reconnect")?)?;
        let web_socket_factory = match function(options, "webSocketFactory")? {
            Some(factory) => factory,
            None => bindings::web_socket_factory()?,
        };
        Ok(Self { config, token_provider, logger: logger(options)?, web_socket_factory })
    }
}

fn reconnect(options: &JsValue) -> Result<Option<Reconnect>, JsValue> {
    if options.as_bool() == Some(false) {
        return Ok(None);
    }
    if !(options.is_undefined() || options.is_object()) {
        return Err(invalid("reconnect", "must be false or an object", options));
    }
    let mut reconnect = Reconnect::default();
    for (name, slot) in [
        ("initialDelayMs", &mut reconnect.initial_delay_ms),
        ("multiplier", &mut reconnect.multiplier),
        ("maxDelayMs", &mut reconnect.max_delay_ms),
        ("jitterRatio", &mut reconnect.jitter_ratio),
        ("maxAttempts", &mut reconnect.max_attempts),
    ] {
        if let Some(value) = number(options, name)? {
            *slot = value;
        }
    }
    reconnect.validate().map_err(|why| type_error(&["`reconnect.", why.option, "` ", why.must].concat()))?;
    Ok(Some(reconnect))
}

/// An option; `null` counts as absent.
pub(crate) fn get(options: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    let value = bindings::option(options, name)?;
    Ok(if value.is_null() { JsValue::UNDEFINED } else { value })
}

/// An option that must be a function.
pub(crate) fn function(options: &JsValue, name: &str) -> Result<Option<Function>, JsValue> {
    optional(options, name, "must be a function", |value| value.dyn_ref::<Function>().cloned())
}

/// The option `logger`; undefined where there is none.
pub(crate) fn logger(options: &JsValue) -> Result<JsValue, JsValue> {
    let read = |value: &JsValue| (value.is_object() || value.is_function()).then(|| value.clone());
    Ok(optional(options, "logger", "must be an object", read)?.unwrap_or(JsValue::UNDEFINED))
}

/// An option that must be a number, and not `NaN`.
pub(crate) fn number(options: &JsValue, name: &str) -> Result<Option<f64>, JsValue> {
    optional(options, name, "must be a number", |value| value.as_f64().filter(|n| !n.is_nan()))
}

/// An option that must be true or false.
pub(crate) fn boolean(options: &JsValue, name: &str) -> Result<Option<bool>, JsValue> {
    optional(options, name, "must be true or false", JsValue::as_bool)
}

/// An option that must be a non-empty string. Its value is not shown: it may be a credential.
fn text(options: &JsValue, name: &str) -> Result<Option<String>, JsValue> {
    let value = get(options, name)?;
    match value.as_string() {
        Some(text) if !text.is_empty() => Ok(Some(text)),
        None if value.is_undefined() => Ok(None),
        _ => Err(type_error(&["`", name, "` must be a non-empty string"].concat())),
    }
}

fn optional<T>(
    options: &JsValue,
    name: &str,
    must: &str,
    read: impl FnOnce(&JsValue) -> Option<T>,
) -> Result<Option<T>, JsValue> {
    let value = get(options, name)?;
    if value.is_undefined() {
        return Ok(None);
    }
    read(&value).map(Some).ok_or_else(|| invalid(name, must, &value))
}
