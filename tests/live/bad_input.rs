//! Bad input and a broken environment: the documented form of errors, and nothing left behind.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::Duration;

use crate::support::host::{Host, Output, ROOT, U1000, U1234, image, run};
use crate::support::wait;

#[track_caller]
fn refused(host: &Host, out: &Output, code: i32, error: &str, hint: &str) {
    assert_eq!(out.code, code, "{out}");
    assert!(out.stderr.contains(&format!("error: {error}")), "{out}");
    assert!(out.stderr.contains(&format!("hint: {hint}")), "{out}");
    assert_eq!(host.containers(), [""; 0], "a container is left");
    assert_eq!(host.sessions(), [""; 0], "a session is left");
}

#[test]
fn an_image_that_is_not_there() {
    let host = Host::live(U1000);
    let out = host.cci(&["shell", "--background", "--image", "no-such-image"]);
    refused(&host, &out, 1, "image 'no-such-image' not found", "see `cci image list --all`");
    let out = host.cci(&["run", "--image", "no-such-image", "--", "true"]);
    refused(&host, &out, 125, "image 'no-such-image' not found", "see `cci image list --all`");
    // nothing of a shell that was to be kept either
    let out = host.cci(&["shell", "--background", "--persistent", "--image", "no-such-image"]);
    refused(&host, &out, 1, "image 'no-such-image' not found", "see `cci image list --all`");
}

#[test]
fn a_kept_container_outlives_its_image() {
    let host = Host::live(U1000);
    host.cci(&["run", "--persistent", "--", "true"]).ok();
    let kept = host.only_container();
    let out = host.cci(&["run", "--persistent", "--image", "no-such-image", "--", "getent", "hosts", "localhost"]).ok();
    assert!(out.stderr.contains("Reusing existing container"), "{out}");
    let of = format!("reusing container {kept}, which was created from image '{}', not 'no-such-image'", image());
    assert!(out.stderr.contains(&of), "{out}");
    let again = host.cci(&["run", "--persistent", "--", "true"]).ok();
    assert!(!again.stderr.contains("which was created from image"), "what it is made of was forgotten: {again}");
    assert!(!again.stderr.contains("Configuration applied"), "nothing has changed but the launch: {again}");
    assert_eq!(host.only_container(), kept);
    // a shell's metadata says of which image a resume would make it again
    host.cci(&["shell", "--background", "--debug", "--persistent", "--image", "no-such-image"]).ok();
    let metadata = host.home.join(".cci/sessions-claude").join(&host.sessions()[0]).join("metadata.json");
    let metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(metadata).unwrap()).unwrap();
    assert_eq!((&metadata["image"], &metadata["container_name"]), (&image().into(), &kept.into()));
}

#[test]
fn a_workspace_that_does_not_exist() {
    let host = Host::live(U1000);
    let out = host.cci(&["shell", "--background", "-w", "missing"]);
    refused(&host, &out, 1, "cannot use workspace", "choose a directory");
    assert!(out.stderr.contains("/proj/missing: it does not exist"), "{out}");
}

#[test]
fn a_workspace_that_is_a_file() {
    let host = Host::live(U1000);
    std::fs::write(host.proj.join("file"), "x").unwrap();
    let out = host.cci(&["run", "-w", "file", "--", "true"]);
    refused(&host, &out, 125, "cannot use workspace", "choose a directory");
    assert!(out.stderr.contains("it is not a directory"), "{out}");
}

#[test]
fn a_workspace_that_cannot_be_read() {
    let host = Host::live(U1234);
    let closed = host.proj.join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
    let out = host.cci(&["run", "-w", "closed", "--", "true"]);
    refused(&host, &out, 125, "cannot use workspace", "choose a directory");
    assert!(out.stderr.contains("it cannot be read by this user"), "{out}");
}

#[test]
fn a_workspace_that_the_agent_cannot_write() {
    let host = Host::live(U1000);
    std::os::unix::fs::chown(&host.proj, Some(0), Some(0)).unwrap();
    let out = host.cci(&["shell", "--background"]);
    refused(&host, &out, 1, "the agent cannot write in workspace", "you cannot write there yourself: check owner");
    let out = host.cci(&["run", "--", "true"]);
    assert_eq!(out.code, 125, "{out}");
    assert!(out.stderr.contains("error: the agent cannot write in workspace"), "{out}");
    host.wait_until_gone();
}

#[test]
fn incus_that_is_stopped() {
    let host = Host::live(U1000);
    let socket = host.dir("dead").join("unix.socket");
    // a socket file whose daemon is gone, as a stopped one leaves it
    drop(UnixListener::bind(&socket).unwrap());
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).unwrap();
    let dead = Host::new(U1000).at_socket(&socket);
    for verb in [&["list"][..], &["shell", "--background"], &["attach"], &["kill", "x"], &["tmux", "list"], &["clean"]]
    {
        let out = dead.cci(verb);
        assert_eq!(out.code, 1, "{verb:?}: {out}");
        assert!(
            out.stderr.contains(&format!("cannot reach Incus at {}: Connection refused", socket.display())),
            "{verb:?}: {out}"
        );
        assert!(out.stderr.contains("hint: run `cci setup`"), "{verb:?}: {out}");
    }
    let out = dead.cci(&["run", "--", "true"]);
    assert_eq!(out.code, 125, "{out}");
    assert_eq!(dead.sessions(), [""; 0]);
}

#[test]
fn a_socket_without_permission() {
    let owner = Host::new(ROOT);
    let socket = owner.dir("closed").join("unix.socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o600)).unwrap();
    let host = Host::new(U1234).at_socket(&socket);
    let out = host.cci(&["list"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("error: no permission to use the Incus socket"), "{out}");
    assert!(out.stderr.contains("hint: run `cci setup` to join the group"), "{out}");
}

/// Interrupts a launch at a moment that `reached` recognises; nothing of it may be left.
#[track_caller]
fn interrupted_at(name: &str, verb: &[&str], reached: impl Fn(&Host) -> bool) {
    let host = Host::live(U1000);
    let mut command = host.cci_command(verb);
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait::until(&format!("{name}: the moment comes"), Duration::from_secs(60), || {
        if reached(&host) { Ok(()) } else { Err(format!("{:?}", host.containers())) }
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = wait::until(name, Duration::from_secs(60), || child.try_wait().unwrap().ok_or_else(String::new));
    assert_eq!(status.code(), Some(130), "{name}");
    host.wait_until_gone();
    assert_eq!(host.sessions(), [""; 0], "{name}: a session is left");
}

#[test]
fn an_interrupt_while_the_container_is_created_leaves_nothing() {
    interrupted_at("create", &["shell", "--background"], |host| !host.containers().is_empty());
}

/// Begins a launch in a network that is made for it, and interrupts it when it says this. What it said on stderr.
#[track_caller]
fn launch_until(verb: &[&str], address: &str, moment: Option<&str>) -> Vec<String> {
    let host = Host::live(U1000);
    std::fs::create_dir_all(host.home.join(".config/cci")).unwrap();
    let network = format!("[network]\nmode = \"allowlist\"\nallowed_domains = [\"{address}\"]\n");
    std::fs::write(host.home.join(".config/cci/config.toml"), network).unwrap();
    let mut command = host.cci_command(verb);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push(line.unwrap());
        if said.last().map(String::as_str) == moment {
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        }
    }
    let status = wait::until("the launch ends", Duration::from_secs(60), || {
        child.try_wait().unwrap().ok_or("running".to_owned())
    });
    if let Some(moment) = moment {
        assert!(said.iter().any(|line| line == moment), "{moment} did not come: {said:#?}");
        assert_eq!(status.code(), Some(130), "{verb:?} {moment}: {said:#?}");
        host.wait_until_gone();
        assert_eq!(host.sessions(), [""; 0], "{verb:?} {moment}: a session is left");
    }
    said
}

#[test]
fn an_interrupt_at_each_step_that_a_launch_names_leaves_nothing() {
    let verbs: [&[&str]; 2] = [&["shell", "--background", "--debug"], &["run", "--", "sleep", "10"]];
    let mut numbers = 0..;
    // a network of its own for each launch, so that each has to make one
    let mut address = || format!("198.51.{}.{}", 101 + std::process::id() % 150, numbers.next().unwrap());
    let whole = launch_until(verbs[0], &address(), None);
    let steps: Vec<&String> = whole.iter().filter(|line| line.starts_with("[setup] ")).collect();
    assert_eq!(steps.len(), 2, "{whole:#?}");
    let network = steps.iter().copied().find(|step| step.contains("network")).expect("the network is a step");
    // `run` names the network only
    for (verb, step) in [(verbs[0], steps[0]), (verbs[0], steps[1]), (verbs[1], network)] {
        // the bridge is the policy's, not the launch's: it stays for the next one until `cci clean`
        launch_until(verb, &address(), Some(step));
    }
}

#[test]
fn an_interrupt_of_a_running_command_reaches_it_and_leaves_nothing() {
    let host = Host::live(U1000);
    let script = "trap 'touch interrupted; exit 42' INT; touch ready; while :; do sleep 0.1; done";
    let command = host.cci_command(&["run", "--", "bash", "-c", script]);
    let proj = host.proj.clone();
    let interrupt = std::thread::spawn(move || {
        wait::until("the command runs", Duration::from_secs(60), || {
            if proj.join("ready").exists() { Ok(()) } else { Err(String::new()) }
        });
    });
    let running = std::thread::spawn(move || {
        let mut command = command;
        command.stdin(Stdio::null());
        command.spawn().unwrap()
    });
    let mut child = running.join().unwrap();
    interrupt.join().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let status =
        wait::until("the command ends", Duration::from_secs(60), || child.try_wait().unwrap().ok_or_else(String::new));
    assert_eq!(status.code(), Some(42));
    assert!(host.proj.join("interrupted").exists());
    host.wait_until_gone();
}

#[test]
fn no_terminal_for_a_shell() {
    let host = Host::live(U1000);
    let out = host.cci(&["shell"]);
    refused(&host, &out, 2, "`cci shell` needs a terminal", "use `cci shell --background`");
}

#[test]
fn a_host_without_the_subuid_line_is_told_which() {
    // the tables of the machine are not touched: a private copy is mounted over them for this one command
    let host = Host::live(U1234);
    let tables = host.dir("tables");
    std::fs::write(tables.join("subuid"), "root:1000000:1000000000\n").unwrap();
    let script = format!(
        "mount --bind {dir}/subuid /etc/subuid && exec {user} {cci} run -- true",
        dir = tables.display(),
        user = U1234.prefix().join(" "),
        cci = crate::support::host::binary_dir().join("cci").display(),
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).env_clear().envs(host.environment()).current_dir(&host.proj);
    let out = run(command, b"");
    assert_eq!(out.code, 125, "{out}");
    assert!(out.stderr.contains("/etc/subuid has no line `root:1234:1`"), "{out}");
    assert!(out.stderr.contains("hint: `cci setup` adds the missing line"), "{out}");
    assert_eq!(host.containers(), [""; 0]);
}
