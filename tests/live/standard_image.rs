//! What the standard image has, as programs in a container find it.

use std::process::Command;

use crate::support::host::{Host, Output, U1000, image, incus};

/// Runs lines of bash in a container of the image; they must come to their end.
#[track_caller]
fn inside(host: &Host, script: &str) -> Output {
    host.cci(&["run", "--", "bash", "-c", &format!("set -eo pipefail\n{script}")]).ok()
}

#[test]
fn its_programs_are_of_this_year() {
    let host = Host::live(U1000);
    let out = inside(
        &host,
        r#"
        docker --version | sed -E 's/.* version ([0-9]+).*/docker \1/'
        docker compose version --short | sed -E 's/\..*//; s/^v?/compose /'
        docker buildx version | grep -o 'buildx v\?0.[1-9][0-9]' | sed -E 's/0\..*/0/'
        python3 -c 'import sys; print("python %d.%d" % sys.version_info[:2])'
        node -p '"node LTS " + (process.release.lts !== undefined)'
        gh --version | grep -o '^gh version'
        "#,
    );
    let mut lines = out.stdout.lines();
    let docker = lines.next().and_then(|line| line.strip_prefix("docker ")).and_then(|major| major.parse().ok());
    assert!(docker.is_some_and(|major: u32| major >= 26), "{out}");
    let rest: Vec<&str> = lines.collect();
    assert_eq!(rest, ["compose 2", "buildx 0", "python 3.13", "node LTS true", "gh version"], "{out}");
}

#[test]
fn its_git_opens_repositories_with_relative_worktrees() {
    let host = Host::live(U1000);
    let out = inside(
        &host,
        "git init --quiet main; cd main
         git -c user.name=a -c user.email=a@example.org commit --quiet --allow-empty --message one
         git worktree add --quiet --relative-paths ../beside
         git -C ../beside rev-parse --abbrev-ref HEAD; git config extensions.relativeWorktrees",
    );
    assert_eq!(out.stdout, "beside\ntrue\n", "{out}");
}

/// Pastes three lines into a program under tmux, which has asked for extended keys, and writes what it is given.
const PASTE: &str = r#"
import os, pty
text = b"\x1b[200~one\rtwo\r\nthree\n\x1b[201~"
app = ("stty raw -echo; printf '\\033[?2004h\\033[>4;2mREADY'; head -c %d > got; echo DONE; exec sleep 60" % len(text))
# the start of the system empties /tmp
socket = os.path.expanduser("~/.paste")
tmux = ["tmux", "-S", socket, "-u", "set-option", "-s", "extended-keys", "on", ";", "new-session", "sh", "-c", app]
pid, terminal = pty.fork()
if pid == 0:
    os.execvpe("tmux", tmux, {**os.environ, "TERM": "xterm-256color"})
shown = b""
def until(word):
    global shown
    while word not in shown:
        shown += os.read(terminal, 65536)
until(b"READY")
os.write(terminal, text)
until(b"DONE")
got = open("got", "rb").read()
print(got == text, got)
"#;

#[test]
fn three_pasted_lines_arrive_byte_for_byte_with_extended_keys_on() {
    let host = Host::live(U1000);
    std::fs::write(host.proj.join("paste.py"), PASTE).unwrap();
    let out = host.cci(&["run", "--timeout", "30", "--", "python3", "paste.py"]).ok();
    assert!(out.stdout.starts_with("True "), "{out}");
}

/// Lines of a shell that wait until Docker can be asked.
const DOCKER_LISTENS: &str = "until [ -S /run/docker.sock ]; do sleep 0.1; done";

/// Prints the storage driver, and what was said of it.
const DOCKER_SAYS: &str = "docker info --format '{{.Driver}} {{.Labels}}'";

#[test]
fn docker_takes_overlay2_although_the_pool_is_btrfs() {
    let host = Host::live(U1000);
    let out = inside(&host, &format!("stat --file-system --format=%T /; {DOCKER_LISTENS}; {DOCKER_SAYS}"));
    assert_eq!(
        out.stdout,
        "btrfs
overlay2 []
",
        "{out}"
    );
}

/// A pool of directories for one host's containers.
struct Directories<'a> {
    host: &'a Host,
    name: String,
}

impl<'a> Directories<'a> {
    fn of(host: &'a Host) -> Self {
        let name = format!("cci-test-{}pool", host.prefix);
        incus(&["storage", "create", "--quiet", &name, "dir"]);
        Self { host, name }
    }
}

impl Drop for Directories<'_> {
    fn drop(&mut self) {
        self.host.remove_containers();
        let _ = Command::new("incus").args(["storage", "delete", &self.name]).output();
    }
}

#[test]
fn docker_takes_overlay2_on_a_pool_of_directories() {
    let host = Host::live(U1000);
    let pool = Directories::of(&host);
    std::fs::write(host.proj.join("pool.toml"), format!("incus.storage_pool = \"{}\"\n", pool.name)).unwrap();
    let script = format!("{DOCKER_LISTENS}; {DOCKER_SAYS}");
    let out = host.cci(&["run", "--config", "pool.toml", "--", "bash", "-c", &script]).ok();
    // the end of a container is left to Incus, and the pool goes with it
    host.wait_until_gone();
    assert_eq!(out.stdout, "overlay2 []\n", "{out}");
}

#[test]
fn it_is_hardly_larger_than_that_of_debian_12() {
    let list = incus(&["query", &format!("/1.0/images/aliases/{}", image())]);
    let alias: serde_json::Value = serde_json::from_str(&list).unwrap();
    let found = incus(&["query", &format!("/1.0/images/{}", alias["target"].as_str().unwrap())]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let size = found["size"].as_u64().unwrap() >> 20;
    assert!((300..=557).contains(&size), "{size} MiB");
}

#[test]
fn docker_says_why_it_does_not_take_overlay2() {
    let host = Host::live(U1000);
    // an overlay on an overlay is refused
    let out = inside(
        &host,
        &format!(
            "sudo mkdir -p /var/lib/docker /mnt/lower /mnt/upper /mnt/work
             sudo mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /var/lib/docker
             {DOCKER_LISTENS}; {DOCKER_SAYS}"
        ),
    );
    assert!(out.stdout.contains("[overlay2-cannot-be-used=") && !out.stdout.starts_with("overlay2"), "{out}");
}

#[test]
fn the_words_that_end_a_container_show_their_help_and_pass_their_arguments_on() {
    let host = Host::live(U1000);
    let out = inside(
        &host,
        "for word in poweroff halt reboot shutdown close; do $word --help | grep -c -- --help; done
         halt --no-such-option || echo refused; echo still running",
    );
    assert_eq!(out.stdout, "1\n1\n1\n1\n1\nrefused\nstill running\n", "{out}");
}

#[test]
fn packages_installed_later_find_where_their_manuals_go() {
    let host = Host::live(U1000);
    let out = inside(
        &host,
        "mkdir try && cd try && echo manual > hello.1
         sudo update-alternatives --install /usr/bin/hello hello /bin/true 1 --slave /usr/share/man/man1/hello.1 hello.1 $PWD/hello.1
         cat /usr/share/man/man1/hello.1",
    );
    assert!(out.stdout.ends_with("manual\n"), "{out}");
}

/// Stops the network's service while the bus answers nothing, as it is when a machine ends in its first second.
const STOP_WITHOUT_BUS: &str =
    "until [ -S /run/systemd/private ]; do sleep 0.1; done; sudo systemctl is-system-running --wait >/dev/null || true
    sudo pkill -STOP dbus-daemon; sudo systemctl restart systemd-networkd
    timeout 20 sudo systemctl stop systemd-networkd && echo stopped";

#[test]
fn a_machine_that_ends_at_once_does_not_wait_for_its_bus() {
    let host = Host::live(U1000);
    assert_eq!(inside(&host, STOP_WITHOUT_BUS).stdout, "stopped\n");
}

#[test]
fn its_door_to_secrets_is_there_before_the_system_has_started() {
    let host = Host::live(U1000);
    let out = inside(
        &host,
        "until [ -S /run/systemd/private ]; do sleep 0.1; done; sudo systemctl is-system-running --wait >/dev/null || true
         at() { systemctl show -p ActiveEnterTimestampMonotonic --value $1; }
         test $(at cci-secrets.socket) -lt $(at sysinit.target) && echo early",
    );
    assert_eq!(out.stdout, "early\n", "{out}");
}
