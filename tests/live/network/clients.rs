//! Clients of the web as they are, through an allowlist by name: each gets what it wants from a host that is listed, and
//! from no other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::by_name::read;
use super::names::Named;
use crate::support::anthropic::{Anthropic, KEY};
use crate::support::figures;
use crate::support::host::run;
use crate::support::running::Running;
use crate::support::{internet, wait};

const CLIENTS: &str = include_str!("clients.sh");
const SERVER: &str = include_str!("clients_server.py");

/// The server of all of them; ends when it is dropped.
struct Server {
    address: String,
    /// What a client has to trust.
    authority: PathBuf,
    _process: Running,
}

impl Server {
    /// At the address of the stand-in internet that ends like this, for every host of these domains.
    fn start(last: u8, domains: &[&str], api: &Anthropic, dir: &Path) -> Self {
        let address = internet::further_address(last);
        let file = |name: &str| dir.join(name);
        let openssl = |args: &[&str]| run(with(Command::new("openssl"), args, dir), b"").ok();
        let names = domains.iter().map(|domain| format!("DNS:*.{domain}")).collect::<Vec<_>>().join(",");
        // Python 3.13 wants to be told of each key whose it is and what it is for
        let of_each = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid";
        std::fs::write(file("names"), format!("subjectAltName={names}\n{of_each}\n")).unwrap();
        let new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let authority = ["req", "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"];
        openssl(&[&authority[..], &["-addext", "keyUsage=critical,keyCertSign"], &new].concat());
        openssl(&[&["req", "-subj", "/CN=clients", "-keyout", "key.pem", "-out", "asked.pem"], &new[..]].concat());
        openssl(&[
            "x509",
            "-req",
            "-in",
            "asked.pem",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            "cert.pem",
        ]);
        let mut serve = internet::command("python3");
        serve.args(["-c", SERVER, &address]).args([file("cert.pem"), file("key.pem"), dir.to_owned()]).arg(api.url());
        Self { address, authority: file("ca.pem"), _process: Running::listening(serve) }
    }
}

fn with(mut command: Command, args: &[&str], dir: &Path) -> Command {
    command.args(args).current_dir(dir);
    command
}

/// The host that each client asks in a domain.
fn hosts(domain: &str) -> Vec<String> {
    let mut list = Command::new("bash");
    list.args(["-c", CLIENTS, "bash", domain, "0", "hosts"]);
    run(list, b"").ok().stdout.lines().map(str::to_owned).collect()
}

#[test]
fn clients_as_they_are_reach_the_hosts_that_are_listed() {
    const LISTED: &str = "yes.n110.test";
    const UNLISTED: &str = "no.n110.test";
    let (dir, api) = (tempfile::tempdir().unwrap(), Anthropic::start());
    let server = Server::start(110, &[LISTED, UNLISTED], &api, dir.path());
    let lead =
        |hosts: &[String]| hosts.iter().map(|host| format!("{} {host}\n", server.address)).collect::<Vec<_>>().concat();
    let (listed, unlisted) = (hosts(LISTED), hosts(UNLISTED));
    let allowed: Vec<&str> = listed.iter().map(String::as_str).collect();
    let named = Named::new(&allowed, &(lead(&listed) + &lead(&unlisted)));
    let put = |name: &str, from: &Path| std::fs::copy(from, named.host.proj.join(name)).unwrap();
    put("ca.pem", &server.authority);
    put("cargo", Path::new(env!("CARGO")));
    std::fs::write(named.host.proj.join("clients.sh"), CLIENTS).unwrap();
    // of what the clients are, this is not in the image
    let library = "mkdir grpc && cd grpc && npm install --silent @grpc/grpc-js";
    named.cci(&["run", "--network", "open", "--", "sh", "-c", library]).ok();
    let container = named.container();
    // whoever asks for a host that is not listed knows where it is: what refuses it is the gateway
    let prepare = format!(
        "printf '{}' >> /etc/hosts; cp /workspace/ca.pem /usr/local/share/ca-certificates/test.crt; \
         update-ca-certificates > /dev/null 2>&1",
        lead(&unlisted).replace('\n', "\\n")
    );
    named.exec(&container, &["bash", "-c", &prepare]);

    let seconds = if figures::is_long() { "600" } else { "20" };
    let clients = |domain: &str, limit: &str| {
        let (key, limit) = (format!("API_KEY={KEY}"), format!("LIMIT={limit}"));
        let printed = named.exec(&container, &["env", &key, &limit, "bash", "/workspace/clients.sh", domain, seconds]);
        read(&printed)
    };
    let seen = clients(LISTED, "90");
    assert_eq!(seen.len(), listed.len(), "{seen:?}");
    let failures = || std::fs::read_to_string(named.host.proj.join("failures")).unwrap_or_default();
    assert!(seen.values().all(|outcome| outcome == "done"), "{seen:?}\n{}", failures());
    let seen = clients(UNLISTED, "15");
    assert_eq!(seen.len(), unlisted.len(), "{seen:?}");
    assert!(seen.values().all(|outcome| outcome == "failed"), "{seen:?}\n{}", failures());
    // each of them had asked
    wait::until("each refusal is recorded", Duration::from_secs(10), || {
        let denied = named.cci(&["network", "log", &container, "--denied"]).ok().stdout;
        let silent: Vec<&String> =
            unlisted.iter().filter(|host| !denied.contains(&format!("no rule allows {host}:"))).collect();
        if silent.is_empty() { Ok(()) } else { Err(format!("{silent:?}\n{denied}")) }
    });
}
