//! Hellos of TLS, as real clients and as hostile ones send them.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// The hello of a real client.
pub(crate) fn rustls_hello(name: &str, protocols: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut bytes = Vec::new();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut bytes).unwrap();
    bytes
}

/// A hello with these extensions, besides the one that every hello has.
pub(crate) fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let algorithms = extension(13, &[0, 2, 4, 3]);
    let extensions = block(2, &[&algorithms[..], &extensions.concat()].concat());
    let body = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], &extensions].concat();
    let message = [&[1][..], &block(3, &body)].concat();
    [&[22, 3, 1][..], &block(2, &message)].concat()
}

/// One extension.
pub(crate) fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &block(2, data)].concat()
}

/// The extension that names the server.
pub(crate) fn server_name(name: &[u8]) -> Vec<u8> {
    extension(0, &block(2, &[&[0][..], &block(2, name)].concat()))
}

/// The extension that hides another name (ECH).
pub(crate) fn hidden() -> Vec<u8> {
    extension(0xfe0d, &[0, 0, 1, 0, 1, 9, 0, 1, 7, 0, 1, 7])
}

/// The same message in records of this size.
pub(crate) fn fragmented(hello: &[u8], size: usize) -> Vec<u8> {
    hello[5..].chunks(size).flat_map(|piece| [&[22, 3, 1][..], &block(2, piece)].concat()).collect()
}

/// Bytes behind their length, which has so many bytes.
pub(crate) fn block(length: usize, bytes: &[u8]) -> Vec<u8> {
    let all = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&all[4 - length..], bytes].concat()
}
