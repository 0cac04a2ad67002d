//! TLS by rustls, for a server without a proxy in front.
//!
//! A certificate ends, the server goes on: it looks for the certificate once per handshake, so that another one can take
//! its place between two of them. Connections that are open stay as they are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// A certificate with its key, ready to use. Clones share it.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    files: Option<PemFiles>,
}

/// Where a certificate and its key come from.
#[derive(Clone, Debug)]
pub(crate) struct PemFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What the next handshake presents.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// The certificates of a chain, in PEM, the server's own first.
    pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) => Err("there is no certificate in it"),
            Err(_) => Err("it is not well-formed PEM"),
        }
    }

    /// A private key, in PEM: PKCS #8, PKCS #1 or SEC 1.
    pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
        PrivateKeyDer::from_pem_slice(pem).map_err(|_| "there is no private key in it")
    }

    /// The two together. The error says what does not fit, and nothing of the key.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, String> {
        let current = Arc::new(Current(RwLock::new(pair(chain, key)?)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        // WebSockets are HTTP/1.1 here.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), current, files: None })
    }

    /// The same, with the files that [`Tls::reload`] reads.
    pub(crate) fn of_files(self, files: PemFiles) -> Self {
        Self { files: Some(files), ..self }
    }

    /// Reads the files again that the configuration names: handshakes that begin from now on get the certificate that
    /// is there now. What was not read from files stays as it is.
    ///
    /// # Errors
    ///
    /// What is wrong with which file. Then the certificate stays as it was.
    pub fn reload(&self) -> Result<(), String> {
        let Some(PemFiles { cert, key }) = &self.files else { return Ok(()) };
        let renewed = pair(read_certificates(cert)?, read_private_key(key)?)?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(<redacted>)")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A chain and a key, if they belong together.
fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, String> {
    let pair = CertifiedKey::from_der(chain, key, &ring::default_provider());
    pair.map(Arc::new).map_err(|error| format!("certificate and key do not fit: {error}"))
}

/// The chain that a PEM file holds.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    Tls::certificates(&read_file(path)?).map_err(|what| format!("{}: {what}", path.display()))
}

/// The private key that a PEM file holds.
pub(crate) fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    Tls::private_key(&read_file(path)?).map_err(|what| format!("{}: {what}", path.display()))
}

/// What a file holds.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
