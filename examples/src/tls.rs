//! A certificate for as long as an example runs; nobody has signed it.

use std::sync::Arc;

use anyhow::Context;
use rcgen::{CertifiedKey, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;

/// A certificate for `localhost` and its key.
///
/// # Errors
/// When the random numbers for the key cannot be had.
pub fn certificate() -> anyhow::Result<CertifiedKey<KeyPair>> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .context("cannot make a certificate")
}

/// A server's configuration with a [`certificate`], for HTTP/2 and HTTP/1.
///
/// # Errors
/// Those of [`certificate`].
pub fn server_config() -> anyhow::Result<Arc<ServerConfig>> {
    let certificate = certificate()?;
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.into()], key)
        .context("cannot use the certificate just made")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
