//! A server of the stand-in internet that answers on the ports of the web, at an address of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::host::run;
use super::running::Running;
use super::{internet, wait};

/// Answers there until it is dropped.
pub struct Web {
    pub address: String,
    _tls: Running,
}

impl Web {
    /// At the address of the stand-in internet that ends like this; no other test has it.
    pub fn start(last: u8, dir: &Path) -> Self {
        Self::at(internet::further_address(last), dir)
    }

    /// At an address that the namespace has.
    pub fn at(address: String, dir: &Path) -> Self {
        let (key, certificate) = (dir.join("web.key"), dir.join("web.cert"));
        let mut make = Command::new("openssl");
        make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        make.args(["-subj", "/CN=web.test"]).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        run(make, b"").ok();
        let at = address.clone();
        let plain = internet::inside(move || TcpListener::bind((at.as_str(), 80)).unwrap());
        answer_all(plain);
        let at = address.clone();
        echo(internet::inside(move || UdpSocket::bind((at.as_str(), 443)).unwrap()));
        let mut serve = internet::command("openssl");
        serve.args(["s_server", "-www", "-quiet", "-accept", &format!("{address}:443")]);
        serve.arg("-key").arg(&key).arg("-cert").arg(&certificate);
        let tls = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait::until("the server listens", Duration::from_secs(20), || {
            let reached = std::net::TcpStream::connect((address.as_str(), 443));
            reached.map(drop).map_err(|error| error.to_string())
        });
        Self { address, _tls: Running(tls) }
    }
}

/// Sends each datagram back, until the test ends.
fn echo(socket: UdpSocket) {
    std::thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(&datagram[..length], from);
        }
    });
}

/// Answers whoever comes, until the test ends.
pub fn answer_all(listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
}

/// Answers each request of a connection.
fn answer(mut stream: std::net::TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    loop {
        let asked: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        if asked.is_empty() {
            return;
        }
        let is_last = asked.iter().any(|line| line.eq_ignore_ascii_case("connection: close"));
        if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere").is_err() || is_last {
            return;
        }
    }
}
