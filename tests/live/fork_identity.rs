//! A fork is a machine of its own: its system, its journal and D-Bus have another identity than those it comes from.

use serde_json::Value;

use crate::support::host::{Host, Output, U1234, incus};

/// A session of the stand-in agent in the background.
struct Session {
    host: Host,
    name: String,
}

impl Session {
    fn start() -> Self {
        let host = Host::live(U1234);
        host.cci_with(&["shell", "--background"], &[("CCI_USE_DUMMY", "1")], b"").ok();
        let name = host.only_container();
        Self { host, name }
    }

    fn cci(&self, args: &[&str]) -> Output {
        self.host.cci_with(args, &[("CCI_USE_DUMMY", "1")], b"").ok()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.cci(&[args, &["--format", "json"]].concat()).stdout).unwrap()
    }

    fn inside(&self, container: &str, script: &str) -> String {
        incus(&["exec", "--project", &self.host.project, container, "--", "bash", "-c", script])
    }

    /// What a container that has booted says that it is, which all of it agrees on.
    #[track_caller]
    fn identity(&self, container: &str) -> String {
        let up = "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait";
        assert_eq!(self.inside(container, up), "running\n");
        let own = self.inside(container, "cat /etc/machine-id").trim().to_owned();
        assert!(own.len() == 32 && own.bytes().all(|digit| digit.is_ascii_hexdigit()), "{own}");
        assert_eq!(self.inside(container, "cat /var/lib/dbus/machine-id").trim(), own);
        assert_eq!(self.inside(container, "findmnt -n /etc/machine-id; :"), "", "it is in the root file system");
        let asked = "busctl call org.freedesktop.systemd1 / org.freedesktop.DBus.Peer GetMachineId";
        assert_eq!(self.inside(container, asked).trim(), format!("s \"{own}\""));
        let logged = "logger here; journalctl --sync; journalctl -b -n 1 -o json | jq -r ._MACHINE_ID";
        assert_eq!(self.inside(container, logged).trim(), own, "the journal");
        own
    }
}

#[test]
fn every_fork_and_what_is_adopted_is_another_machine_and_what_is_rewound_the_same() {
    let session = Session::start();
    let origin = session.identity(&session.name);
    let first = session.cci(&["checkpoint"]).stdout.trim().to_owned();
    let made = session.json(&["fork", &first, "-n", "2"]);
    let of = |fork: usize, key: &str| made["forks"][fork][key].as_str().unwrap().to_owned();
    let containers = [of(0, "container"), of(1, "container")];
    let forks = containers.each_ref().map(|container| session.identity(container));
    assert!(forks[0] != origin && forks[1] != origin && forks[0] != forks[1], "{origin} {forks:?}");

    session.cci(&["rewind", "--yes", &first]);
    assert_eq!(session.identity(&session.name), origin, "a rewind brings back the same machine");
    let place = of(0, "workspace");
    let of_fork = session.cci(&["-w", &place, "checkpoint"]).stdout.trim().to_owned();
    session.cci(&["rewind", "-w", &place, "--yes", &of_fork]);
    assert_eq!(session.identity(&containers[0]), forks[0], "and so it is in a fork");

    session.cci(&["adopt", "--yes", &of(1, "name")]);
    let adopted = session.identity(&session.name);
    assert!(![&origin, &forks[0], &forks[1]].contains(&&adopted), "the fork goes on with its own: {adopted}");
    incus(&["restart", "--project", &session.host.project, &containers[1]]);
    assert_eq!(session.identity(&containers[1]), forks[1], "it has it at every boot");
}
