//! A pinned name server is the one that is asked: by the policy's name server, for an allowlist, and by the gateway.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

use super::by_name::{check, named, rows, run};
use super::configure;
use crate::support::internet;
use crate::support::web::Web;

/// A name server on the stand-in internet by which every name has one address; what it was asked for.
pub(super) fn name_server(last: u8, leads_to: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let address = internet::further_address(last);
    let (at, leads_to) = (address.clone(), leads_to.parse::<std::net::Ipv4Addr>().unwrap());
    let socket = internet::inside(move || UdpSocket::bind((at.as_str(), 5353)).unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let question = &question[..length];
            let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap_or_default() + 5;
            names.lock().unwrap().push(String::from_utf8_lossy(&question[12..end]).to_ascii_lowercase());
            let mut answer = question[..end].to_vec();
            (answer[2], answer[3]) = (0x81, 0x80);
            answer[6..12].fill(0);
            if question[end - 3] == 1 {
                answer[7] = 1;
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                answer.extend(leads_to.octets());
            }
            let _ = socket.send_to(&answer, from);
        }
    });
    (format!("{address}:5353"), asked)
}

#[test]
fn a_pinned_name_server_is_asked_instead_of_the_hosts() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(76, dir.path());
    let (server, asked) = name_server(77, &web.address);
    // the host knows other addresses for these
    let named = named(&[], "198.51.100.12 one.n76.example\n198.51.100.12 a.wild.n76.example\n");
    let wanted = rows(&[
        ("http one.n76.example one.n76.example", "200"),
        ("https one.n76.example one.n76.example", "200"),
        ("https a.wild.n76.example a.wild.n76.example", "200"),
    ]);
    for mode in [
        "mode = \"allowlist\"\nallowed_domains = [\"one.n76.example\", \"*.wild.n76.example\"]",
        "mode = \"restricted\"",
    ] {
        asked.lock().unwrap().clear();
        configure(&named.host, &format!("{mode}\nresolver = \"{server}\""));
        check(&named.cci(&run(&[], &wanted)).ok().stdout, &wanted);
        let asked = asked.lock().unwrap().clone();
        for name in ["one", "wild"] {
            assert!(asked.iter().any(|asked| asked.contains(name)), "{mode} {name}: {asked:?}");
        }
    }
    // without it they lead where the host says, where nobody listens
    configure(&named.host, "mode = \"allowlist\"\nallowed_domains = [\"one.n76.example\"]");
    let closed = rows(&[("http one.n76.example one.n76.example", "502")]);
    check(&named.cci(&run(&[], &closed)).ok().stdout, &closed);
}
