//! Secrets in TLS: the programs of a container carry them without having them, and TLS to everybody else is their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::names::Named;
use crate::login::found;
use crate::support::anthropic::Anthropic;
use crate::support::host::{Output, run};
use crate::support::running::Running;
use crate::support::{internet, wait};

const VALUE: &str = "secret-over-tls-0123456789-abcdefghij";
const SERVER: &str = include_str!("over_tls.py");
/// The one that the secret is for, and another one at the same address.
const NAMES: [&str; 2] = ["api.n64.test", "other.n64.test"];

/// A server whose authority only this test's host trusts.
struct Origin {
    address: String,
    _process: Running,
}

impl Origin {
    /// One at the address of this number, in front of this API.
    fn start(number: u8, dir: &Path, behind: &str, names: &[&str]) -> Self {
        let address = internet::further_address(number);
        let script = format!(
            "set -eu; ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'
            openssl req -x509 $ec -subj '/CN=origin of the test' -keyout ca.key -out ca.pem \
              -addext keyUsage=critical,keyCertSign 2>/dev/null
            for name in {}; do
                openssl req $ec -subj /CN=$name -keyout $name.key -out $name.csr 2>/dev/null
                printf 'subjectAltName=DNS:%s\\nextendedKeyUsage=serverAuth\\n' $name >ext
                openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -days 2 -extfile ext -out $name.crt 2>/dev/null
                cat $name.key $name.crt >$name.pem
            done
            git init -q --bare repo.git
            commit=$(git -C repo.git -c user.name=t -c user.email=t@t commit-tree -m x $(git -C repo.git hash-object -wt tree /dev/null))
            git -C repo.git update-ref refs/heads/main $commit; git -C repo.git update-server-info
            chmod -R a+rX .",
            names.join(" ")
        );
        let mut make = Command::new("sh");
        make.args(["-c", &script]).current_dir(dir);
        run(make, b"").ok();
        std::fs::write(dir.join("server.py"), SERVER).unwrap();
        let mut serve = internet::command("python3");
        serve.args(["server.py", &address, VALUE, ".", behind]).args(names).current_dir(dir);
        let process = serve.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let origin = Self { address, _process: Running(process) };
        wait::until("the server listens", Duration::from_secs(20), || {
            let reached = std::net::TcpStream::connect((origin.address.as_str(), 443));
            reached.map(drop).map_err(|error| error.to_string())
        });
        // the host's user reads its authority's certificate
        std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        origin
    }
}

/// A host with these names, a secret for the first of them, and servers that this directory's authority vouches for.
struct Keeper {
    named: Named,
    roots: PathBuf,
}

impl Keeper {
    fn new(dir: &Path, origin: &Origin, hosts: &[&str], variable: &str) -> Self {
        let table = hosts.iter().fold(String::new(), |table, name| format!("{table}{} {name}\n", origin.address));
        let named = Named::new(hosts, &table);
        let set = ["secret", "set", "api", "--env", variable, "--host", hosts[0]];
        named.host.cci_with(&set, &[], VALUE.as_bytes()).ok();
        Self { named, roots: dir.join("ca.pem") }
    }

    /// `cci`; the supervisor that it starts asks of servers what this says.
    fn cci(&self, args: &[&str]) -> Output {
        let mut command = self.named.with_names(&self.named.host.cci_command(args));
        command.env("SSL_CERT_FILE", &self.roots);
        run(command, b"")
    }

    /// What a command in the only container prints.
    fn inside(&self, user: &str, command: &[&str]) -> Output {
        let container = self.named.host.only_container();
        self.cci(&[&["container", "exec", &container, "--user", user, "--", "bash", "-c"], command].concat())
    }
}

/// What each program is asked to print, by the name that the secret is for.
const CLIENTS: [(&str, &str); 7] = [
    ("curl", r#"curl -sS -i -H "Authorization: Bearer $API" https://api.n64.test/"#),
    (
        "curl without the session's environment",
        "env -i PATH=$PATH curl -sS -i -H 'Authorization: Bearer cci.api.secret' https://api.n64.test/",
    ),
    (
        "python, as strict as it can be",
        r#"env -u SSL_CERT_FILE python3 -c '
import os, ssl, urllib.request
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
asked = urllib.request.Request("https://api.n64.test/", headers={"Authorization": "Bearer " + os.environ["API"]})
print(urllib.request.urlopen(asked, context=context).read().decode())'"#,
    ),
    (
        "node",
        r#"node -e 'fetch("https://api.n64.test/", { headers: { Authorization: "Bearer " + process.env.API } })
            .then(async answer => console.log(await answer.text()))'"#,
    ),
    (
        "git",
        r#"git -c http.extraHeader="Authorization: Bearer $API" ls-remote https://api.n64.test/repo.git && echo welcome"#,
    ),
    (
        "openssl",
        "openssl s_client -connect api.n64.test:443 -servername api.n64.test -verify_hostname api.n64.test \
         -verify_return_error -x509_strict </dev/null 2>&1 | grep -q 'Verification: OK' && echo welcome",
    ),
    ("wget", r#"wget -qO- --header="Authorization: Bearer $API" https://api.n64.test/"#),
];

/// Runs its argument as the session's programs run: with what the shell in it has in its environment.
const AS_IN_THE_SESSION: &str = r#"
    for process in /proc/[0-9]*; do grep -qz ^API= $process/environ 2>/dev/null && break; done
    mapfile -d '' variables <$process/environ && exec env "${variables[@]}" bash -c "$1""#;

#[test]
fn programs_carry_a_secret_over_tls_and_the_container_has_neither_it_nor_the_authoritys_key() {
    let dir = tempfile::tempdir().unwrap();
    let origin = Origin::start(64, dir.path(), "", &NAMES);
    let keeper = Keeper::new(dir.path(), &origin, &NAMES, "API");
    let named = &keeper.named;
    keeper.cci(&["shell", "--background", "--debug"]).ok();
    let container = named.host.only_container();
    let inside = |user: &str, script: &str| keeper.inside(user, &[script]);
    let in_session = |script: &str| keeper.inside("code", &[AS_IN_THE_SESSION, "sh", script]);
    for (client, script) in CLIENTS {
        let out = in_session(script);
        assert!(out.stdout.contains("welcome") && !out.to_string().contains(VALUE), "{client}: {out}");
        assert!(client == "git" || client == "openssl" || out.stdout.contains("Bearer ****"), "{client}: {out}");
    }
    let log = named.cci(&["audit", "show", &container, "--format", "json"]).ok().stdout;
    assert!(log.contains("\"secrets\"") && log.contains("\"api\"") && !log.contains(VALUE), "{log}");

    // another name at the same address: its own certificate, and the placeholder as it is
    let issuer = |name: &str| {
        let asked = format!("openssl s_client -connect {name}:443 -servername {name} </dev/null 2>/dev/null");
        inside("root", &format!("{asked} | openssl x509 -noout -issuer")).stdout
    };
    assert!(issuer(NAMES[1]).contains("origin of the test"), "{}", issuer(NAMES[1]));
    assert!(issuer(NAMES[0]).contains("cci: secrets over TLS"), "{}", issuer(NAMES[0]));
    let ask = format!("curl -sSk -H \"Authorization: Bearer $API\" https://{}/", NAMES[1]);
    let out = in_session(&ask).ok();
    assert!(out.stdout.contains("a stranger") && out.stdout.contains("Bearer cci.api.secret"), "{out}");
    let wrong = format!("curl -sS -H 'Host: {}' https://{}/", NAMES[1], NAMES[0]);
    assert!(inside("code", &wrong).stdout.contains("is for other.n64.test on a connection for api.n64.test"));

    let key = std::fs::read_to_string(named.host.home.join(".cci/authority/authority.pem")).unwrap();
    let key = key.lines().nth(1).unwrap();
    for text in [VALUE, key] {
        let place = found(|script| inside("root", script).ok().stdout, text);
        assert_eq!(place, "", "{text}");
    }
    named.host.cci(&["secret", "remove", "api"]).ok();
    let out = inside("code", "curl -sSk -H 'Authorization: Bearer cci.api.secret' https://api.n64.test/").ok();
    assert!(out.stdout.contains("a stranger"), "its TLS is its own again: {out}");
}

#[test]
fn the_agent_itself_works_over_tls_with_a_key_that_its_container_does_not_have() {
    const NAME: &str = "api.n65.test";
    let (dir, api) = (tempfile::tempdir().unwrap(), Anthropic::start());
    let origin = Origin::start(65, dir.path(), &api.url(), &[NAME]);
    let keeper = Keeper::new(dir.path(), &origin, &[NAME], "ANTHROPIC_API_KEY");
    let url = format!("ANTHROPIC_BASE_URL=https://{NAME}");
    let quiet = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1";
    keeper.cci(&["shell", "--background", "-e", &url, "-e", quiet]).ok();
    let container = keeper.named.host.only_container();
    let screen = || keeper.cci(&["tmux", "capture", &container]).to_string();
    let shown = |text: &str| {
        wait::until(text, Duration::from_secs(90), || {
            let shown = screen();
            if shown.contains(text) { Ok(()) } else { Err(shown) }
        });
    };
    shown("bypass permissions");
    keeper.cci(&["tmux", "send", &container, "run: touch /workspace/by-a-command"]).ok();
    let written = keeper.named.host.proj.join("by-a-command");
    wait::until(
        "its command has run",
        Duration::from_secs(90),
        || {
            if written.exists() { Ok(()) } else { Err(screen()) }
        },
    );
    keeper.cci(&["tmux", "send", &container, "words over tls"]).ok();
    shown("echo <words over tls>");
    assert!(api.was_let_in_by(VALUE) && !api.was_let_in_by("cci.api.secret"), "{}", screen());
    let place = found(|script| keeper.inside("root", &[script]).ok().stdout, VALUE);
    assert_eq!(place, "");
    let log = keeper.cci(&["audit", "show", &container, "--format", "json"]).ok().stdout;
    assert!(log.contains("\"secrets\"") && log.contains(NAME) && !log.contains(VALUE), "{log}");
}
