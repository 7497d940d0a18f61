//! A stand-in for the release server: `openssl s_server` on the loopback, with a certificate of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::host::run;
use super::running::Running;

/// Serves what is put there; ends when it is dropped.
pub struct Https {
    pub url: String,
    /// What a client has to trust.
    pub certificate: PathBuf,
    dir: PathBuf,
    _server: Running,
}

impl Https {
    /// Serves from a directory, which every user may read.
    pub fn start(dir: PathBuf) -> Self {
        let (key, certificate) = (dir.join("key.pem"), dir.join("cert.pem"));
        let mut make = Command::new("openssl");
        make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        make.args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]);
        make.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        run(make, b"").ok();
        let mut serve = Command::new("openssl");
        serve
            .args(["s_server", "-HTTP", "-accept", "127.0.0.1:0"])
            .arg("-key")
            .arg(&key)
            .arg("-cert")
            .arg(&certificate);
        serve.current_dir(&dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = serve.spawn().unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = said.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:").map(str::to_owned)).unwrap();
        // it names each file, and nobody has to read that
        std::thread::spawn(move || said.for_each(drop));
        Self { url: format!("https://127.0.0.1:{port}"), certificate, dir, _server: Running(server) }
    }

    /// Puts a file there.
    pub fn put(&self, name: &str, content: &[u8]) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
        self.write(name, &[head.as_bytes(), content].concat());
    }

    /// Sends whoever asks for it elsewhere.
    pub fn redirect(&self, name: &str, to: &str) {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        self.write(name, answer.as_bytes());
    }

    /// Knows a file no more.
    pub fn takes_away(&self, name: &str) {
        self.write(name, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }

    fn write(&self, name: &str, answer: &[u8]) {
        std::fs::write(Path::new(&self.dir).join(name), answer).unwrap();
    }
}
