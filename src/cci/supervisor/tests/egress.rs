//! Connections that are judged by name: known by where they come from, and refused as their own session's rules say.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use cci_core::network::{Allowance, ProxyVariables};
use cci_core::session::SessionId;
use cci_host::store::audit::{Audits, Followed};
use cci_host::store::run_dir::{EgressNote, Watched};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::world::{World, until};
use crate::supervisor::ask::Ask;
use crate::supervisor::egress::Asked;
use crate::supervisor::tail;

const ONE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const NOBODY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// The place of a bridge, of this test only: each has a process of its own.
fn bridge() -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 77, high, low.max(1))
}

fn door(port: u16) -> SocketAddr {
    (bridge(), 18_000 + port).into()
}

pub(super) fn note(address: Ipv4Addr, allowed: &[&str]) -> EgressNote {
    EgressNote {
        container: format!("cci-0a-{}", address.octets()[3]),
        address,
        doors: BTreeMap::from([80, 443].map(|port| (port, door(port)))),
        allowed: allowed.iter().map(|entry| (*entry).to_owned()).collect(),
        hosts: Vec::new(),
        proxy: None,
        resolver: None,
        ask: false,
        learns: false,
        withholds_local: false,
    }
}

/// Sends bytes from an address to a door, and reads all that comes back.
async fn say(from: Ipv4Addr, port: u16, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let mut stream = socket.connect(door(port)).await?;
    // it may be refused before it has been read
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    Ok(answer)
}

pub(super) async fn get(from: Ipv4Addr, host: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let answer = say(from, 80, request.as_bytes()).await;
    answer.map_or_else(|error| error.to_string(), |answer| String::from_utf8_lossy(&answer).into_owned())
}

fn hello(name: &str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let mut hello = Vec::new();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut hello).unwrap();
    hello
}

/// Waits until a session is served.
pub(super) async fn served(from: Ipv4Addr) {
    until("it is served", async || get(from, "nowhere.example").await.starts_with("HTTP/1.1 403 ")).await;
}

fn record(world: &World, session: SessionId) -> String {
    std::fs::read_to_string(world.place.cci_dir().join(format!("audit/{session}.jsonl"))).unwrap_or_default()
}

fn refused(world: &World) -> Vec<String> {
    let lines = tail(&world.place.log(), 1000).unwrap();
    lines.iter().filter_map(|line| line.split_once(": refused: ")).map(|(_, what)| what.to_owned()).collect()
}

#[tokio::test]
async fn what_no_rule_allows_is_refused_in_words_and_written_down() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &["localhost"]));
    let test = async {
        served(ONE).await;
        let answer = get(ONE, "b.example").await;
        assert!(answer.contains("no rule allows b.example:80"), "{answer}");
        assert!(answer.contains("cci network why b.example:80 --from cci-0a-1"), "{answer}");
        assert_eq!(say(ONE, 443, &hello("b.example")).await.unwrap(), [21, 3, 3, 0, 2, 2, 49]);
        // a listed name passes its rule, and is judged by where it leads
        let answer = get(ONE, "localhost").await;
        assert!(answer.contains("localhost leads to") && answer.contains("a reserved address"), "{answer}");
        assert_eq!(say(ONE, 443, &hello("localhost")).await.unwrap(), [21, 3, 3, 0, 2, 2, 49]);
    };
    world.while_it_runs(test).await;
    let record = record(&world, session);
    for (what, times) in [
        (r#"{"event":"refused","why":"no rule allows b.example:80","host":"b.example:80"}"#, 1),
        (r#"{"event":"refused","why":"no rule allows b.example:443","host":"b.example:443"}"#, 1),
        (r#"{"event":"began","container":"","workspace":"/w","#, 1),
        (r#"{"event":"ended","why":"the supervisor ends"}"#, 1),
        (r#""why":"localhost leads to"#, 2),
    ] {
        assert_eq!(record.matches(what).count(), times, "{what}: {record}");
    }
    let audits = Audits::of(world.place.cci_dir());
    assert_eq!(audits.follow(session).unwrap(), Followed::Whole(record.lines().count()));
    let refused = refused(&world);
    for line in ["no rule allows b.example:80", "no rule allows b.example:443"] {
        assert_eq!(refused.iter().filter(|refused| *refused == line).count(), 1, "{refused:?}");
    }
    assert!(refused.iter().any(|line| line.starts_with("localhost leads to")), "{refused:?}");
}

#[tokio::test]
async fn a_session_that_learns_may_ask_for_any_name_and_for_nothing_near() {
    let world = World::new();
    let session = world.session_with_egress(1, EgressNote { learns: true, ..note(ONE, &[]) });
    let test = async {
        until("it is served", async || get(ONE, "localhost").await.contains("localhost leads to")).await;
        let answer = get(ONE, "198.51.100.1").await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("names an address"), "{answer}");
    };
    world.while_it_runs(test).await;
    assert!(!record(&world, session).contains("no rule allows"));
}

/// A proxy of HTTP that answers one request of each tunnel by itself; what it was asked for.
fn proxy() -> (SocketAddr, Arc<std::sync::Mutex<Vec<String>>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::<std::sync::Mutex<Vec<String>>>::default());
    let heads = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            for answer in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied"] {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    client.read_exact(&mut byte).unwrap();
                    head.push(byte[0]);
                }
                heads.lock().unwrap().push(String::from_utf8(head).unwrap());
                client.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_session_goes_out_through_the_proxy_of_its_note_and_nothing_refused_does() {
    let (address, asked) = proxy();
    let world = World::new();
    let proxy = Some(ProxyVariables::always(&format!("http://u:pa55w0rd@{address}")));
    let session = world.session_with_egress(1, EgressNote { proxy, ..note(ONE, &["far.invalid", "localhost"]) });
    let test = async {
        served(ONE).await;
        let answer = get(ONE, "far.invalid").await;
        assert!(answer.ends_with("proxied"), "{answer}");
        assert!(get(ONE, "b.example").await.contains("no rule allows b.example:80"));
        assert!(get(ONE, "localhost").await.contains("localhost leads to"), "as far as this host knows");
    };
    world.while_it_runs(test).await;
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].starts_with("CONNECT far.invalid:80 HTTP/1.1\r\n") && asked[0].contains("Basic dTpwYTU1dzByZA=="));
    assert!(asked[1].starts_with("GET / HTTP/1.1\r\n") && !asked[1].contains("Proxy-Authorization"), "{}", asked[1]);
    let record = record(&world, session);
    assert!(record.contains(r#""address":"proxy:80""#) && !record.contains("pa55w0rd"), "{record}");
    let log = tail(&world.place.log(), 1000).unwrap();
    assert!(log.iter().all(|line| !line.contains("pa55w0rd")), "{log:?}");
}

#[tokio::test]
async fn who_was_told_of_a_session_finds_its_door_open() {
    let world = World::new();
    let test = async {
        for number in 1..=20 {
            world.session_with_egress(number, note(Ipv4Addr::new(127, 0, 1, number), &[]));
            let status = Ask(&world.place).look().await.unwrap();
            assert!(status.sessions.iter().all(|session| session.closed.is_none()), "{status:?}");
            let answer = get(Ipv4Addr::new(127, 0, 1, number), "b.example").await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{number}: {answer}");
        }
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn a_door_that_somebody_else_has_is_told() {
    let world = World::new();
    let somebody = std::net::TcpListener::bind(door(80)).unwrap();
    world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        let status = Ask(&world.place).look().await.unwrap();
        let told = status.sessions[0].closed.as_deref().unwrap_or_default();
        assert!(told.contains(&door(80).to_string()), "{told}");
        drop(somebody);
        until("it is tried again", async || Ask(&world.place).look().await.unwrap().sessions[0].closed.is_none()).await;
        assert!(get(ONE, "b.example").await.starts_with("HTTP/1.1 403 "));
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn what_has_no_socket_is_served_without_one() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &[]));
    let noted = world.place.sessions().noted(session).unwrap();
    let command = Watched { launch: Some("a1b2".into()), sockets: false, ..noted };
    world.place.sessions().watch(&command).unwrap();
    let test = async {
        served(ONE).await;
        assert!(!world.socket(session).exists());
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn each_session_has_its_own_rules_behind_one_door_and_nobody_else_any() {
    let world = World::new();
    world.session_with_egress(1, note(ONE, &["localhost:80"]));
    world.session_with_egress(2, note(TWO, &["b.example:443"]));
    let test = async {
        served(ONE).await;
        served(TWO).await;
        assert!(get(ONE, "localhost").await.contains("localhost leads to"));
        assert!(get(TWO, "localhost").await.contains("no rule allows localhost:80"));
        assert!(get(TWO, "b.example").await.contains("the rule b.example:443 does not allow b.example:80"));
        assert_eq!(say(NOBODY, 443, &hello("localhost")).await.unwrap_or_default(), b"");
        assert_eq!(say(NOBODY, 80, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap_or_default(), b"");
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn new_rules_of_a_session_are_in_force_and_without_it_the_door_is_closed() {
    let world = World::new();
    world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        served(ONE).await;
        assert!(get(ONE, "localhost").await.contains("no rule allows localhost:80"));
        world.session_with_egress(1, note(ONE, &["localhost"]));
        Ask(&world.place).look().await.unwrap();
        until("the new rules are in force", async || get(ONE, "localhost").await.contains("localhost leads to")).await;
        assert!(get(ONE, "b.example").await.contains("no rule allows b.example:80"), "and only these");

        // its connection ends with it
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((ONE, 0).into()).unwrap();
        let mut held = socket.connect(door(80)).await.unwrap();
        let noted = world.place.sessions().watched();
        world.place.sessions().forget(&noted[0]);
        world.sky.changed.borrow().as_ref().unwrap().notify_one();
        until("the door is closed", async || say(ONE, 80, b"").await.is_err()).await;
        assert!(!matches!(held.read(&mut [0; 9]).await, Ok(1..)));
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn a_note_with_a_rule_that_is_none_opens_no_door() {
    let world = World::new();
    world.session_with_egress(1, note(ONE, &["localhost", "*.com"]));
    let test = async {
        until("it is told", async || {
            tail(&world.place.log(), 99).unwrap_or_default().iter().any(|line| line.contains("cannot be passed on"))
        })
        .await;
        assert!(say(ONE, 80, b"").await.is_err());
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn a_flood_is_in_the_log_and_in_the_record_up_to_a_bound_and_counted() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        served(ONE).await;
        for batch in 0..120 {
            let requests = (0..100).map(|number| format!("GET / HTTP/1.1\r\nHost: n{batch}-{number}.example\r\n\r\n"));
            let answers = say(ONE, 80, requests.collect::<String>().as_bytes()).await.unwrap();
            assert!(answers.starts_with(b"HTTP/1.1 403 "));
        }
        let allowance = Allowance::of("host.example", None).unwrap();
        Ask(&world.place).allow(&Asked { session, allowance }).await.unwrap();
        let again = until("lines are kept again", async || {
            get(ONE, "after.example").await;
            record(&world, session).contains("after.example")
        });
        again.await;
    };
    world.while_it_runs(test).await;
    assert_eq!(refused(&world).len(), 201, "200, and that there is more");
    let record = record(&world, session);
    assert!(record.contains("n0-0.example") && record.contains("after.example"), "{}", record.len());
    let written = record.lines().count();
    assert!((5_000..12_000).contains(&written), "{written}");
    assert!(record.contains(r#"{"event":"unwritten","count":"#), "what is missing is counted");
    assert!(record.contains(r#"{"event":"allowed","entry":"host.example"#), "what its person did is not missing");
    assert!(record.trim_end().lines().last().unwrap().contains(r#"{"event":"ended""#), "nor its end");
    assert_eq!(Audits::of(world.place.cci_dir()).follow(session).unwrap(), Followed::Whole(written));
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stops_nothing() {
    let world = World::new();
    std::fs::create_dir_all(world.place.cci_dir()).unwrap();
    std::fs::write(world.place.cci_dir().join("audit"), "in the way").unwrap();
    world.session_with_egress(1, note(ONE, &["localhost"]));
    let test = async {
        served(ONE).await;
        assert!(get(ONE, "localhost").await.contains("localhost leads to"));
    };
    world.while_it_runs(test).await;
    let told = tail(&world.place.log(), 1000).unwrap().join("\n");
    assert_eq!(told.matches("its record cannot be written").count(), 1, "{told}");
}
