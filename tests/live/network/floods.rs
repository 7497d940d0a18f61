//! One container takes all that it can get of the gateway: that is its own share, and the others go on.

use std::process::Child;
use std::time::{Duration, Instant};

use super::adversary::Attack;
use super::names::Named;
use crate::support::host::{exec_in_background, supervisor};
use crate::support::{figures, wait};

const FLOOD: &str = include_str!("flood.py");

/// Two containers of one policy; the first of them floods.
struct Flood {
    attack: Attack,
    container: String,
    neighbour: String,
    host: &'static str,
}

impl Flood {
    fn new(last: u8, host: &'static str) -> Self {
        let attack = Attack::new(last, &[host], &[host]);
        let container = attack.named.container();
        let second = attack.named.cci(&["shell", "--background", "--debug"]).ok().stdout;
        let neighbour = second.split_whitespace().next().unwrap().to_owned();
        let flood = Self { attack, container, neighbour, host };
        // both get there as long as nobody floods
        for name in [&flood.container, &flood.neighbour] {
            flood.goes_on(name);
        }
        flood
    }

    fn named(&self) -> &Named {
        &self.attack.named
    }

    fn begins(&self, args: &[&str]) -> Child {
        let begun = exec_in_background(
            &self.named().host.project,
            &self.container,
            &[&["python3", "-c", FLOOD, args[0], &self.attack.web.address], &args[1..]].concat(),
        );
        wait::until("the flood is there", Duration::from_secs(240), || {
            self.goes_on(&self.neighbour);
            let there = self.named().exec(&self.container, &["sh", "-c", "ls /tmp/holds || true"]);
            if there.contains("/tmp/holds") { Ok(()) } else { Err(there) }
        });
        begun
    }

    /// What a request of a container's comes to, and how long that takes it.
    fn asks(&self, name: &str) -> (String, f64) {
        let ask = ["curl", "-s", "-m", "40", "-o", "/dev/null", "-w", "%{http_code} %{time_total}"];
        let url = format!("http://{}/", self.host);
        let ask = format!("{} {url} || true", ask.map(|word| format!("'{word}'")).join(" "));
        let said = self.named().exec(name, &["sh", "-c", &ask]);
        let (status, took) = said.trim().split_once(' ').unwrap();
        (status.to_owned(), took.parse().unwrap())
    }

    /// A request of a container's is answered as if nobody else were there.
    #[track_caller]
    fn goes_on(&self, name: &str) {
        let (status, took) = self.asks(name);
        assert_eq!(status, "200", "{name}");
        assert!(took < 5.0, "{name}: {took} s");
    }

    /// The most memory that the supervisor has had, in MB.
    fn memory(&self) -> u64 {
        let pid = supervisor::of(&self.named().host.home).expect("it runs").as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        most.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

#[test]
fn a_hundred_thousand_connections() {
    let count = figures::rounds(2_000, 100_000);
    let flood = Flood::new(118, "a.n118.test");
    let before = flood.memory();
    let began = Instant::now();
    let held = flood.begins(&["many", &count.to_string(), "9000"]);
    for _ in 0..5 {
        flood.goes_on(&flood.neighbour);
    }
    let (most, took) = (flood.memory(), began.elapsed());
    flood.named().exec(&flood.container, &["touch", "/tmp/enough"]);
    let said = String::from_utf8(held.wait_with_output().unwrap().stdout).unwrap();
    let numbers: Vec<usize> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [opened, open] = numbers[..] else { panic!("{said}") };
    figures::note(&format!(
        "egress: {opened} connections in {took:.0?}, {open} of them at once, and the supervisor had {most} MB after {before} MB"
    ));
    assert!(opened > count / 10 * 9 && open >= 1000, "the control: it holds many at once: {said}");
    assert!(most < 200, "{most} MB after {before} MB");
    wait::until("whoever flooded goes on too", Duration::from_secs(20), || {
        let (status, took) = flood.asks(&flood.container);
        if status == "200" { Ok(()) } else { Err(format!("{status} {took}")) }
    });
}

#[test]
fn hellos_and_heads_that_do_not_end() {
    let flood = Flood::new(119, "a.n119.test");
    let held = flood.begins(&["slow", "300"]);
    let began = Instant::now();
    let (status, took) = std::thread::scope(|scope| {
        let own = scope.spawn(|| flood.asks(&flood.container));
        while began.elapsed() < Duration::from_secs(10) {
            flood.goes_on(&flood.neighbour);
        }
        own.join().unwrap()
    });
    assert!(status != "200" || took > 2.0, "the control: its own places are taken, {status} after {took} s");
    let said = String::from_utf8(held.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.starts_with("left 0 after "), "{said}");
    assert!(began.elapsed() < Duration::from_secs(60), "{said}");
    flood.goes_on(&flood.container);
}
