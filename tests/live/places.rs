//! What of the host belongs to a workspace besides its files: what its links lead out to, its place on the host, its
//! `.env`, and the SSH agent of its person.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::settings::{configured, in_container};
use crate::support::host::{Host, Output, U1000, U1234, run};
use crate::support::wait;

const LONG: Duration = Duration::from_secs(60);

/// A host with a file outside of the workspace, and a link to its directory inside.
fn linked(config: &str) -> Host {
    let host = configured(U1234, config);
    let data = host.dir("data");
    on_host(&host, &format!("echo of the host >{}/file", data.display())).ok();
    on_host(&host, &format!("ln -s {} set", data.display())).ok();
    host
}

fn on_host(host: &Host, lines: &str) -> Output {
    let mut shell = host.command("bash");
    shell.args(["-ec", lines]);
    run(shell, b"")
}

#[test]
fn what_links_lead_out_to_is_there_as_the_settings_say() {
    let script = "cat set/file; echo new >set/new; echo $?";
    for (config, shown, is_written) in [
        ("", "of the host\n1\n", false),
        ("[workspace]\noutside_links = \"off\"\n", "1\n", false),
        ("[workspace]\noutside_links = \"write\"\n", "of the host\n0\n", true),
    ] {
        let host = linked(config);
        let out = in_container(&host, &[], script).ok();
        assert_eq!(out.stdout, shown, "{config}: {out}");
        assert_eq!(host.dir("data").join("new").exists(), is_written, "{config}");
        assert!(!out.stderr.contains("links lead out"), "{out}");
    }
}

#[test]
fn a_link_that_an_agent_plants_opens_nothing_at_the_next_launch() {
    let host = linked("");
    let private = host.dir("private");
    on_host(&host, &format!("echo secret >{}/file", private.display())).ok();
    let plant = format!("cat set/file; rm set; ln -s {0} set; ln -s {0} new; ln -s ~ home", private.display());
    assert_eq!(in_container(&host, &[], &plant).ok().stdout, "of the host\n");
    host.wait_until_gone();
    let out = in_container(&host, &[], "cat set/file new/file; ls home/.ssh; true").ok();
    assert_eq!(out.stdout, "", "{out}");
    let said = "warning: links lead out of the workspace to what the container does not see: ";
    assert!(out.stderr.contains(said), "{out}");
    for link in ["set", "new"] {
        let named = format!("{link} to {} (not there, or to another place, when", private.display());
        assert!(out.stderr.contains(&named), "{out}");
    }
    // who wants it inside says so
    host.wait_until_gone();
    let mount = format!("{0}:{0}:ro", private.display());
    let out = in_container(&host, &["--mount", &mount], "cat new/file").ok();
    assert_eq!(out.stdout, "secret\n", "{out}");
    assert!(!out.stderr.contains("new to"), "{out}");
}

#[test]
fn a_workspace_is_where_it_is_on_the_host_and_its_agent_works_there() {
    let closed = "mounts.default = [{ host = \"closed\", container = \"/workspace/closed\", readonly = true }]\n";
    let host = configured(U1000, &format!("{closed}[workspace]\nsame_path = true\n"));
    fs::create_dir(host.proj.join("closed")).unwrap();
    let mut git = host.command("git");
    git.args(["init", "--quiet"]).current_dir(&host.proj);
    run(git, b"").ok();
    let proj = host.proj.canonicalize().unwrap();
    let out = in_container(
        &host,
        &[],
        "pwd; touch here; ls /workspace; for at in . /workspace; do touch $at/closed/x || echo x >$at/.git/hooks/x || echo shut; done
        git config a.b c; git -C /workspace config a.b",
    )
    .ok();
    assert_eq!(out.stdout, format!("{}\nclosed\nhere\nshut\nshut\nc\n", proj.display()), "{out}");
    assert!(!fs::read_to_string(host.proj.join(".git/config")).unwrap().contains("[a]"));
    assert_eq!(fs::read_dir(host.proj.join("closed")).unwrap().count(), 0, "what is closed is closed at both places");
    host.wait_until_gone();
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    let place = || {
        let words = ["sh", "-c", "readlink /proc/$(pgrep -u code -o -x bash)/cwd; ls -A ~/.claude/projects"];
        host.cci(&[&["container", "exec", "--user", "code", &name, "--"][..], &words].concat())
    };
    let transcripts = proj.to_str().unwrap().replace(|char: char| !char.is_ascii_alphanumeric(), "-");
    wait::until("the shell is there", LONG, || {
        let out = place();
        let is_there = out.stdout.contains(proj.to_str().unwrap()) && out.stdout.contains(&transcripts);
        if is_there { Ok(()) } else { Err(out.to_string()) }
    });
}

#[test]
fn what_the_workspaces_env_file_sets_reaches_the_agent() {
    let host = configured(U1234, "[workspace]\ndotenv = true\n");
    fs::write(host.proj.join(".env"), "export WORD='two words' # x\nPATH=/evil\nLD_PRELOAD=/evil\n").unwrap();
    let out = in_container(&host, &[], "echo $WORD; echo ${LD_PRELOAD-none}; echo $PATH").ok();
    assert!(out.stdout.starts_with("two words\nnone\n/home/code"), "{out}");
    assert!(
        out.stderr.contains("the workspace's .env is not taken as it is: it may not set LD_PRELOAD, PATH"),
        "{out}"
    );
    host.wait_until_gone();
    let secret = host.dir("elsewhere").join("env");
    fs::write(&secret, "WORD=secret\n").unwrap();
    fs::remove_file(host.proj.join(".env")).unwrap();
    symlink(&secret, host.proj.join(".env")).unwrap();
    let out = in_container(&host, &[], "echo ${WORD-none}").ok();
    assert_eq!(out.stdout, "none\n", "{out}");
    assert!(out.stderr.contains("the workspace's .env is not read: a link leads out of the workspace"), "{out}");
}

/// An SSH agent of the test's own, ended with it.
struct SshAgent(Child);

impl SshAgent {
    fn start(host: &Host, socket: &Path) -> Self {
        let _ = fs::remove_file(socket);
        let mut agent: Command = host.command("ssh-agent");
        agent.args(["-D", "-a"]).arg(socket).stdin(Stdio::null()).stdout(Stdio::null());
        let agent = Self(agent.spawn().unwrap());
        let add = format!(
            "[ -f key ] || ssh-keygen -q -t ed25519 -N '' -C of-the-test -f key; SSH_AUTH_SOCK={} ssh-add -q key",
            socket.display()
        );
        wait::until("the agent has a key", LONG, || {
            let out = on_host(host, &add);
            if out.code == 0 { Ok(()) } else { Err(out.to_string()) }
        });
        agent
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_callers_ssh_agent_signs_and_shows_no_key() {
    let host = configured(U1234, "[ssh]\nagent = true\n");
    let socket = host.dir("agent").join("socket");
    let agent = SshAgent::start(&host, &socket);
    on_host(&host, "mkdir -p ~/.ssh; echo 'host.example ssh-ed25519 AAAA' >~/.ssh/known_hosts").ok();
    let env = [("SSH_AUTH_SOCK", socket.to_str().unwrap())];
    host.cci_with(&["shell", "--background", "--debug"], &env, b"").ok();
    let name = host.only_container();
    // what the shell of the session says, because it has what an agent would have in its environment
    let inside = |script: &str| {
        let (said, done) = (host.proj.join("said"), host.proj.join("done"));
        let _ = fs::remove_file(&done);
        let line = format!("({script}) >said 2>said.wrong; echo $? >said.exit; touch done");
        host.cci(&["tmux", "send", &name, &line]).ok();
        wait::until("it is done", LONG, || {
            if done.exists() { Ok(()) } else { Err(host.cci(&["tmux", "capture", &name]).to_string()) }
        });
        let wrong = fs::read_to_string(host.proj.join("said.wrong")).unwrap();
        let exit = fs::read_to_string(host.proj.join("said.exit")).unwrap();
        (exit.trim().to_owned(), fs::read_to_string(said).unwrap(), wrong)
    };
    let listed = || {
        let (exit, said, wrong) = inside("ssh-add -l");
        assert!(exit == "0" && said.contains("of-the-test"), "{exit} {said} {wrong}");
    };
    listed();
    let sign = "ssh-add -L >/tmp/key.pub; echo x | ssh-keygen -Y sign -f /tmp/key.pub -n test 2>/dev/null | head -1";
    assert_eq!(inside(sign).1, "-----BEGIN SSH SIGNATURE-----\n");
    assert_ne!(inside("ssh-add -D").0, "0", "a container removes no key");
    listed();
    let known = inside("cat /etc/ssh/ssh_known_hosts; ls -A ~/.ssh 2>/dev/null").1;
    assert_eq!(known, "host.example ssh-ed25519 AAAA\n");
    // one that was started again is found
    drop(agent);
    let _agent = SshAgent::start(&host, &socket);
    listed();
    host.cci(&["kill", &name]).ok();
    let other = host.dir("other");
    let words = ["-w", other.to_str().unwrap(), "shell", "--background", "--debug"];
    let out = host.cci(&words).ok();
    assert!(out.stderr.contains("`ssh.agent` is on, and there is no SSH agent to forward: SSH_AUTH_SOCK"), "{out}");
}
