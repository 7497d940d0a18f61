//! The user's own proxy: what is listed goes out through it, and nothing else ever gets to it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::by_name::{check, named, rows, run};
use super::configure;
use crate::support::internet;
use crate::support::web::Web;

/// A proxy of HTTP on the stand-in internet that wants a login, and leads every name to one address.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    away: Arc<AtomicBool>,
}

const LOGIN: &str = "Proxy-Authorization: Basic dTpwYTU1dzByZA==";

impl Proxy {
    fn start(last: u8, leads_to: &str) -> Self {
        let address = internet::further_address(last);
        let (at, leads_to) = (address.clone(), leads_to.to_owned());
        let listener = internet::inside(move || TcpListener::bind((at.as_str(), 3128)).unwrap());
        let (asked, away) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::default()));
        let (lines, is_away) = (Arc::clone(&asked), Arc::clone(&away));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (lines, leads_to) = (Arc::clone(&lines), leads_to.clone());
                if !is_away.load(Ordering::SeqCst) {
                    std::thread::spawn(move || drop(pass(client, &lines, &leads_to)));
                }
            }
        });
        Self { address, asked, away }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

fn pass(mut client: TcpStream, asked: &Mutex<Vec<String>>, leads_to: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let to = head.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(to.clone());
    if !head.starts_with("CONNECT ") || !head.contains(LOGIN) {
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    }
    let port: u16 = to.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
    // what is bound there is reached from there as from the host
    let server = TcpStream::connect((leads_to, port))?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from, mut back) = (client.try_clone()?, server.try_clone()?);
    let sending = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut back);
        let _ = back.shutdown(Shutdown::Write);
    });
    let (mut server, mut client) = (server, client);
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Write);
    let _ = sending.join();
    Ok(())
}

#[test]
fn a_listed_name_goes_out_through_the_users_proxy() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(74, dir.path());
    let proxy = Proxy::start(75, &web.address);
    let table = format!("{0} direct.n74.test\n10.99.0.10 near.n74.test\n{0} unlisted.n74.test\n", web.address);
    let named = named(&[], &table);
    // the name that only the proxy knows is nowhere on this host
    configure(
        &named.host,
        "mode = \"allowlist\"\nproxy = \"inherit\"\nallowed_domains = [\"far.n74.test\", \"direct.n74.test\", \"near.n74.test\"]",
    );
    let url = format!("http://u:pa55w0rd@{}:3128", proxy.address);
    let variables = [("HTTPS_PROXY", url.as_str()), ("http_proxy", &url), ("no_proxy", "localhost, .direct.n74.test")];
    let wanted = rows(&[
        ("https far.n74.test far.n74.test", "200"),
        ("http far.n74.test far.n74.test", "200"),
        ("https direct.n74.test direct.n74.test", "200"),
        ("https far.n74.test unlisted.n74.test", "alert"),
        ("http far.n74.test unlisted.n74.test", "403"),
        ("https near.n74.test near.n74.test", "alert"),
        ("http near.n74.test near.n74.test", "403"),
        (&format!("https {} -", proxy.address), "alert"),
    ]);
    let out = named.cci_with(&variables, &run(&[], &wanted)).ok();
    check(&out.stdout, &wanted);
    assert_eq!(proxy.asked(), ["far.n74.test:443", "far.n74.test:80"], "nothing that is refused, or needs no proxy");

    // the password is in the supervisor's note on the host, and nowhere else
    let secret = "pa55w0rd";
    named.cci_with(&variables, &["shell", "--background", "--debug"]).ok();
    let container = named.host.only_container();
    let searched =
        "grep -rsl pa55w0rd /etc /run /home /root /workspace /tmp /proc/*/environ; env | grep pa55w0rd; true";
    assert_eq!(named.exec(&container, &["sh", "-c", searched]).trim(), "");
    let ask = |wanted: &[(String, &str)]| {
        let asked = wanted.iter().map(|(asked, _)| asked.as_str());
        named.exec(&container, &["python3", super::by_name::PROGRAM].into_iter().chain(asked).collect::<Vec<_>>())
    };
    let open = rows(&[("http far.n74.test far.n74.test", "200")]);
    check(&ask(&open), &open);

    // with the proxy away it is closed, and said so
    proxy.away.store(true, Ordering::SeqCst);
    let away = rows(&[
        ("http far.n74.test far.n74.test", "502"),
        ("https far.n74.test far.n74.test", "alert"),
        ("http direct.n74.test direct.n74.test", "200"),
    ]);
    check(&ask(&away), &away);
    let log = named.cci(&["network", "log", &container]).ok().stdout;
    assert!(log.contains("the proxy that this host goes out through does not answer"), "{log}");
    let logged = named.cci(&["supervisor", "logs"]).ok().stdout;
    let audit = named.cci(&["audit", "show", &container]).ok().stdout;
    let info = named.cci(&["list", "--all", "--format", "json"]).ok().stdout;
    for text in [&log, &logged, &audit, &info] {
        assert!(!text.contains(secret), "{text}");
    }
    proxy.away.store(false, Ordering::SeqCst);
    check(&ask(&open), &open);
}

#[test]
fn a_proxy_without_names_to_judge_is_refused_with_the_way_out() {
    let named = named(&[], "");
    for mode in ["restricted", "open"] {
        configure(&named.host, &format!("mode = \"{mode}\"\nproxy = \"inherit\""));
        let out = named.cci(&["run", "--", "true"]);
        assert!(
            out.code != 0 && out.stderr.contains("network.proxy is for connections that are judged by name"),
            "{out}"
        );
        assert!(out.stderr.contains("mode = \"allowlist\""), "{out}");
    }
    configure(&named.host, "mode = \"learn\"\nproxy = \"inherit\"");
    let out = named.cci_with(&[("https_proxy", "https://u:pa55w0rd@proxy.test:1")], &["run", "--", "true"]);
    assert!(out.code != 0 && out.stderr.contains("network.proxy: a proxy is `http://`"), "{out}");
    assert!(!out.stderr.contains("pa55w0rd"), "{out}");
}
