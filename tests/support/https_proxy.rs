//! A proxy on the stand-in internet that answers in the place of every HTTPS host: what a program asks any of them, a plain
//! server is asked.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::host::run;
use super::internet;

/// Starts one before a server at this address (`http://…`), for programs that trust any certificate; its own address.
pub fn start(server: &str) -> String {
    let listener = internet::listen();
    let url = format!("http://{}:{}", internet::SERVER, listener.local_addr().unwrap().port());
    let (config, server) = (config(), server.strip_prefix("http://").unwrap().to_owned());
    std::thread::spawn(move || serve(&listener, &config, &server));
    url
}

fn config() -> Arc<ServerConfig> {
    let dir = tempfile::tempdir().unwrap();
    let (key, certificate) = (dir.path().join("key.pem"), dir.path().join("cert.pem"));
    make(&key, &certificate);
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

fn make(key: &Path, certificate: &Path) {
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    make.args(["-subj", "/CN=any.example"]).arg("-keyout").arg(key).arg("-out").arg(certificate);
    run(make, b"").ok();
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, server: &str) {
    for stream in listener.incoming().flatten() {
        let (config, server) = (Arc::clone(config), server.to_owned());
        // a client that goes away ends its exchange
        std::thread::spawn(move || drop(exchange(stream, config, &server)));
    }
}

fn exchange(mut client: TcpStream, config: Arc<ServerConfig>, server: &str) -> io::Result<()> {
    if !head(&mut client)?.starts_with("CONNECT ") {
        return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n");
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut client = StreamOwned::new(connection, client);
    loop {
        let head = head(&mut client)?;
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        client.read_exact(&mut body)?;
        let mut asked = TcpStream::connect(server)?;
        asked.write_all(&[head.as_bytes(), &body].concat())?;
        asked.shutdown(std::net::Shutdown::Write)?;
        let mut answer = Vec::new();
        asked.read_to_end(&mut answer)?;
        client.write_all(&answer)?;
        client.flush()?;
    }
}

/// The head of a request, up to its empty line.
fn head(client: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}
