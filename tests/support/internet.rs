//! A stand-in internet on this machine: a network namespace with a public-looking address that only it has.

use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::sync::OnceLock;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The address that plays a server on the internet.
pub const SERVER: &str = "198.51.100.10";
const NAMESPACE: &str = "cci-net-internet";
const GATEWAY: &str = "198.51.100.1/24";

/// Makes the namespace once; it is shared by all test processes and removed by `tests/run`.
fn namespace() {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        if listens_there() {
            return;
        }
        let steps: [&[&str]; 8] = [
            &["netns", "add", NAMESPACE],
            &["link", "add", "cci-net0", "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE],
            &["addr", "add", GATEWAY, "dev", "cci-net0"],
            &["link", "set", "cci-net0", "up"],
            &["-n", NAMESPACE, "addr", "add", "198.51.100.10/24", "dev", "eth0"],
            &["-n", NAMESPACE, "link", "set", "eth0", "up"],
            &["-n", NAMESPACE, "link", "set", "lo", "up"],
            &["-n", NAMESPACE, "route", "add", "default", "via", "198.51.100.1"],
        ];
        for step in steps {
            // another test process may be making it at this moment: only the whole counts
            let _ = Command::new("ip").args(step).output().expect("the tests need iproute2");
        }
        super::wait::until("the stand-in internet is there", std::time::Duration::from_secs(10), || {
            if listens_there() { Ok(()) } else { Err("no address in the namespace".to_owned()) }
        });
    });
}

fn listens_there() -> bool {
    let show = Command::new("ip").args(["-n", NAMESPACE, "-4", "route", "show", "default"]).output();
    show.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("198.51.100.1"))
}

/// Addresses in the same namespace that no container may reach unless its network is open.
pub const NEAR: [&str; 5] = ["10.99.0.10", "172.20.0.10", "192.168.77.10", "100.64.9.9", "169.254.169.254"];
/// Further addresses of the stand-in internet, with routes of their own.
pub const PUBLIC: [&str; 2] = ["198.51.100.12", "198.51.100.13"];
/// The host's own address on the way there.
pub const HOST_SIDE: &str = "198.51.100.1";

/// Gives the namespace its further addresses, and the host its ways to them.
fn addresses() {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        namespace();
        let ip = |args: &[&str]| Command::new("ip").args(args).output().expect("the tests need iproute2");
        for address in NEAR.iter().chain(&PUBLIC) {
            let single = format!("{address}/32");
            // "replace" is there already when another test process was quicker
            ip(&["-n", NAMESPACE, "addr", "replace", &single, "dev", "lo"]);
            let routed = ip(&["route", "replace", &single, "via", SERVER, "dev", "cci-net0"]);
            assert!(routed.status.success(), "{}", String::from_utf8_lossy(&routed.stderr));
        }
    });
}

/// Gives the namespace one more address, and the host a way to it.
pub fn further_address(last: u8) -> String {
    another_address(&format!("198.51.100.{last}"))
}

/// The same for any address.
pub fn another_address(address: &str) -> String {
    addresses();
    let ip = |args: &[&str]| Command::new("ip").args(args).output().expect("the tests need iproute2");
    ip(&["-n", NAMESPACE, "addr", "replace", &format!("{address}/32"), "dev", "lo"]);
    let routed = ip(&["route", "replace", &format!("{address}/32"), "via", SERVER, "dev", "cci-net0"]);
    assert!(routed.status.success(), "{}", String::from_utf8_lossy(&routed.stderr));
    address.to_owned()
}

/// A program that runs there.
pub fn command(program: &str) -> Command {
    addresses();
    let mut command = Command::new("ip");
    command.args(["netns", "exec", NAMESPACE, program]);
    command
}

/// Does something with this thread moved into the namespace; sockets made in it stay there.
pub fn inside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    addresses();
    std::thread::spawn(move || {
        let there = File::open(format!("/run/netns/{NAMESPACE}")).unwrap();
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&there), Some(LinkNameSpaceType::Network)).unwrap();
        work()
    })
    .join()
    .unwrap()
}

/// Answers TCP and UDP on every address of the namespace at the port that is returned, until the test ends.
pub fn serve() -> u16 {
    let all: Vec<&str> = NEAR.into_iter().chain(PUBLIC).collect();
    inside(move || Sockets::bind("0.0.0.0", &all)).answer()
}

/// The same on an address of the host itself.
pub fn serve_on_host(address: &str) -> u16 {
    Sockets::bind(address, &[address]).answer()
}

/// A listener, and datagram sockets with the same port: one for each address, so that it answers from there.
pub struct Sockets {
    tcp: TcpListener,
    udp: Vec<UdpSocket>,
}

impl Sockets {
    /// Sockets in the network namespace of this thread.
    pub fn bind(listen: &str, datagrams: &[&str]) -> Self {
        let mut tries = (0..50).map(|_| {
            let tcp = TcpListener::bind(format!("{listen}:0"))?;
            let port = tcp.local_addr()?.port();
            let udp =
                datagrams.iter().map(|address| UdpSocket::bind((*address, port))).collect::<std::io::Result<_>>()?;
            Ok::<_, std::io::Error>(Self { tcp, udp })
        });
        tries.find_map(Result::ok).expect("a port that is free for TCP and UDP")
    }

    /// Answers until the test ends.
    pub fn answer(self) -> u16 {
        let port = self.tcp.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in self.tcp.incoming().flatten() {
                let _ = stream.write_all(b"here");
            }
        });
        for socket in self.udp {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(b"here", from);
                }
            });
        }
        port
    }
}

/// A listener on a free port of the stand-in internet.
pub fn listen() -> TcpListener {
    namespace();
    std::thread::spawn(|| {
        let there = File::open(format!("/run/netns/{NAMESPACE}")).unwrap();
        // only this thread moves; the socket stays in the namespace it was made in
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&there), Some(LinkNameSpaceType::Network)).unwrap();
        TcpListener::bind((SERVER, 0)).unwrap()
    })
    .join()
    .unwrap()
}
