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
            .map_err(|why| invalid("url", why.must(), &url.as_deref().into()))?;
        let mut config = Config::new(url, credential);
        match number(options, "tokenProviderTimeoutMs")? {
            Some(ms) if ms.is_finite() && ms > 0.0 => config.token_provider_timeout_ms = ms as u64,
            Some(ms) => {
                return Err(invalid("tokenProviderTimeoutMs", "must be a finite number > 0", &ms.into()));
            }
            None => {}
        }
        if let Some(ms) = number(options, "inactivityTimeoutMs")? {
            config.inactivity_timeout_ms = (ms.is_finite() && ms > 0.0).then_some(ms as u64);
        }
        if let Some(on) = boolean(options, "autoResubscribe")? {
            config.auto_resubscribe = on;
        }
        config.reconnect = reconnect(options)?;
        let web_socket_factory = match function(options, "webSocketFactory")? {
            Some(factory) => factory,
            None => bindings::web_socket_factory()?,
        };
        Ok(Self { config, token_provider, logger: logger(options)?, web_socket_factory })
    }
}

fn reconnect(options: &JsValue) -> Result<Option<Reconnect>, JsValue> {
    if bindings::field(options, &"reconnect".into()).as_bool() == Some(false) {
        return Ok(None);
    }
    let options = &bindings::option(options, "reconnect", "object")?;
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
    match reconnect.validate() {
        Ok(()) => Ok(Some(reconnect)),
        Err(why) => Err(invalid(why.option, why.must, &bindings::field(options, &why.option.into()))),
    }
}

/// An option that must be a function.
pub(crate) fn function(options: &JsValue, name: &str) -> Result<Option<Function>, JsValue> {
    let value = bindings::option(options, name, "function")?;
    Ok((!value.is_undefined()).then(|| value.unchecked_into()))
}

/// The option `logger`; undefined where there is none.
pub(crate) fn logger(options: &JsValue) -> Result<JsValue, JsValue> {
    bindings::option(options, "logger", "object")
}

/// An option that must be a number, and not `NaN`.
pub(crate) fn number(options: &JsValue, name: &str) -> Result<Option<f64>, JsValue> {
    Ok(bindings::option(options, name, "number")?.as_f64())
}

/// An option that must be true or false.
pub(crate) fn boolean(options: &JsValue, name: &str) -> Result<Option<bool>, JsValue> {
    Ok(bindings::option(options, name, "boolean")?.as_bool())
}

/// An option that must be a non-empty string.
fn text(options: &JsValue, name: &str) -> Result<Option<String>, JsValue> {
    match bindings::option(options, name, "string")?.as_string() {
        Some(text) if text.is_empty() => Err(invalid(name, "must not be empty", &"".into())),
        text => Ok(text),
    }
}
