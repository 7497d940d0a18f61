//! The connections to an agent's API.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

/// How long a connection may take to be there.
const CONNECTS: Duration = Duration::from_secs(15);
/// How long an API may say nothing while it answers: it sends pings more often.
const SILENT: Duration = Duration::from_secs(600);

/// How many connections to an API are kept that nobody uses: each takes memory for its buffers and its keys.
const IDLE: usize = 8;

/// What a server has to prove: whatever the host's own programs ask of it.
pub(in crate::supervisor) fn proven() -> io::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier);
    Ok(config.map_err(io::Error::other)?.with_no_client_auth())
}

/// A client that follows nothing, repeats nothing and changes nothing.
pub(in crate::supervisor) fn client() -> io::Result<Client> {
    Client::builder()
        .tls_backend_preconfigured(proven()?)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .pool_max_idle_per_host(IDLE)
        .connect_timeout(CONNECTS)
        .read_timeout(SILENT)
        .build()
        .map_err(io::Error::other)
}
