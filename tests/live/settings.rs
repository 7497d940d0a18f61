//! Every setting takes effect in a container: read back there, section by section.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use serde_json::Value;

use crate::support::host::{Host, Output, U1000, U1234, User, incus, run};
use crate::support::wait;

/// A host whose user has this configuration.
pub(crate) fn configured(user: User, text: &str) -> Host {
    let host = Host::live(user);
    let dir = host.home.join(".config/cci");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), text).unwrap();
    host
}

/// A script in a fresh container.
#[track_caller]
pub(crate) fn in_container(host: &Host, flags: &[&str], script: &str) -> Output {
    let args: Vec<&str> = ["run"].iter().chain(flags).chain(&["--", "bash", "-c", script]).copied().collect();
    host.cci(&args)
}

#[test]
fn each_section_is_read_back_inside() {
    let host = configured(
        U1234,
        r#"
[defaults]
environment = { COLOUR = "blue", TOKEN = { command = "printf 's3 cret'" } }
docker = false
[paths]
storage_dir = "~/.cci/storage"
[limits]
cpu = 1
[[mounts.default]]
host = "~/data"
container = "/data"
readonly = true
[profiles.green]
environment = { COLOUR = "green" }
"#,
    );
    fs::create_dir(host.home.join("data")).unwrap();
    fs::write(host.home.join("data/file"), "of the host").unwrap();
    // Incus shares the processors out a moment after the start
    let script = "timeout 20 sh -c 'until [ $(nproc) = 1 ]; do sleep 0.1; done'; echo $COLOUR; echo $TOKEN; nproc; cat /data/file; echo; touch /data/new 2>/dev/null; echo $?; \
                  touch /storage/kept; stat -c '%a %U' /storage";
    let out = in_container(&host, &[], script).ok();
    assert_eq!(out.stdout, "blue\ns3 cret\n1\nof the host\n1\n700 code\n", "{out}");
    let kept = fs::metadata(host.home.join(".cci/storage/kept")).unwrap();
    assert_eq!((kept.uid(), kept.gid()), (1234, U1234.gid()));
    assert_eq!(in_container(&host, &["--profile", "green"], "echo $COLOUR").ok().stdout, "green\n");
    let flags = ["--profile", "green", "-e", "COLOUR=red", "-e", "TOKEN=flag"];
    assert_eq!(in_container(&host, &flags, "echo $COLOUR $TOKEN").ok().stdout, "red flag\n");
    let other = host.dir("other");
    fs::write(other.join("file"), "of the flag").unwrap();
    let flag = format!("{}:/data", other.display());
    assert_eq!(in_container(&host, &["--mount", &flag], "cat /data/file").ok().stdout, "of the flag");
}

#[test]
fn what_containers_never_see_is_refused_before_anything_is_made() {
    let host = Host::live(U1000);
    fs::create_dir(host.home.join(".ssh")).unwrap();
    let home = host.home.display().to_string();
    for source in
        ["/".to_owned(), home.clone(), format!("{home}/.ssh"), "/etc".into(), "/var/lib/incus/unix.socket".into()]
    {
        let out = host.cci(&["run", "--mount", &format!("{source}:/x"), "--", "true"]);
        assert_eq!(out.code, 2, "{source}: {out}");
        assert!(out.stderr.contains("cannot mount"), "{source}: {out}");
    }
    assert_eq!(host.containers(), Vec::<String>::new());
}

#[test]
fn a_resumed_session_keeps_its_profile_unless_another_is_asked_for() {
    let host =
        configured(U1000, "[profiles.green]\nlimits = { processes = 321 }\n[profiles.blue]\npersistent = false\n");
    let profile = || {
        let name = host.only_container();
        let get = |key: &str| incus(&["config", "get", "--project", &host.project, &name, key]).trim().to_owned();
        (get("user.cci.profile"), get("limits.processes"))
    };
    let start = |flags: &[&str]| {
        host.cci(&[&["shell", "--background", "--debug"], flags].concat()).ok();
        let found = profile();
        host.cci(&["kill", &host.only_container()]).ok();
        host.wait_until_gone();
        found
    };
    let green = ("green".to_owned(), "321".to_owned());
    assert_eq!(start(&["--profile", "green"]), green);
    assert_eq!(start(&["--resume"]), green);
    assert_eq!(start(&["--resume", "--profile", "blue"]), ("blue".to_owned(), String::new()));
}

#[test]
fn the_agent_is_the_one_that_is_configured() {
    let host = configured(
        U1000,
        "[tool]\nname = \"mine\"\nbinary = \"/workspace/agent\"\nargs = [\"--verbose\", \"two words\"]\n[defaults]\nmodel = \"opus\"\n",
    );
    let agent = host.proj.join("agent");
    fs::write(
        &agent,
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > /workspace/args.new\nmv /workspace/args.new /workspace/args\nexec cat\n",
    )
    .unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    host.cci(&["shell", "--background"]).ok();
    let args = wait::until("the agent has started", Duration::from_secs(60), || {
        fs::read_to_string(host.proj.join("args")).map_err(|error| error.to_string())
    });
    assert!(args.contains("--model\nopus\n"), "{args}");
    assert!(args.contains("--verbose\ntwo words\n"), "{args}");
    let sessions = fs::read_dir(host.home.join(".cci/sessions-mine")).unwrap().count();
    assert_eq!(sessions, 1, "the agent's name is that of its session store");
}

#[test]
fn the_hosts_configuration_of_the_agent_is_given_unless_told_otherwise() {
    for (text, given) in [("", true), ("[defaults]\nmount_claude_config = false\n", false)] {
        let host = configured(U1000, text);
        fs::write(host.dir("home/.claude").join("CLAUDE.md"), "of the host").unwrap();
        host.cci(&["shell", "--background", "--debug"]).ok();
        let look = ["exec", "--project", &host.project, &host.only_container(), "--", "sh", "-c"];
        let script = "cat /home/code/.claude/CLAUDE.md 2>/dev/null || echo nothing";
        let seen = incus(&[&look[..], &[script]].concat());
        assert_eq!(seen.trim(), if given { "of the host" } else { "nothing" }, "{text}");
    }
}

#[test]
fn variables_of_the_caller_are_forwarded_as_the_user_says() {
    let text =
        "[defaults]\nforward = [\"COLOUR_*\", \"ANTHROPIC_*\", \"MINE\"]\nenvironment = { COLOUR_B = \"file\" }\n";
    let host = configured(U1000, text);
    let secret =
        host.cci_with(&["secret", "set", "paint", "--host", "a.example", "--env", "COLOUR_KEY"], &[], b"s3cret-value");
    secret.ok();
    let given = [
        ("COLOUR_A", "it's \"blue\"\n$HOME"),
        ("COLOUR_B", "caller"),
        ("COLOUR_C", "caller"),
        ("COLOUR_KEY", "s3cret"),
        ("ANTHROPIC_MODEL", "one"),
        ("ANTHROPIC_API_KEY", "s3cret"),
        ("MINE", "1"),
        ("OTHER", "s3cret"),
    ];
    let out = host.cci_with(&["shell", "--background", "--debug", "-e", "COLOUR_C=flag"], &given, b"").ok();
    assert!(out.stderr.contains("Not forwarded: ANTHROPIC_API_KEY, COLOUR_KEY"), "{out}");
    let name = host.only_container();
    let wanted = [
        ("COLOUR_A", Some("it's \"blue\"\n$HOME")),
        ("COLOUR_B", Some("caller")),
        ("COLOUR_C", Some("flag")),
        ("ANTHROPIC_MODEL", Some("one")),
        ("ANTHROPIC_API_KEY", None),
        ("MINE", Some("1")),
        ("OTHER", None),
    ];
    let script = "pid=$(pgrep -o -u code tmux); cat /proc/$pid/environ";
    let environ = incus(&["exec", "--project", &host.project, &name, "--", "sh", "-c", script]);
    let value = |name: &str| environ.split('\0').find_map(|entry| entry.strip_prefix(&format!("{name}=")));
    for (name, value_of) in wanted {
        assert_eq!(value(name), value_of, "{name}");
    }
    assert!(!environ.contains("s3cret") && value("COLOUR_KEY").is_some(), "a placeholder: {environ}");
}

#[test]
fn incus_is_used_as_it_is_configured() {
    let text = |project: &str| format!("[incus]\nproject = \"{project}\"\nstorage_pool = \"default\"\n");
    let host = configured(U1000, "");
    fs::write(host.home.join(".config/cci/config.toml"), text(&host.project)).unwrap();
    let with = |args: &[&str]| {
        let mut command = host.cci_command(args);
        command.env_remove("INCUS_PROJECT");
        run(command, b"")
    };
    with(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    let pool = incus(&["config", "device", "get", "--project", &host.project, &name, "root", "pool"]);
    assert_eq!(pool.trim(), "default");
    fs::write(host.home.join(".config/cci/config.toml"), text("no-such-project")).unwrap();
    let out = with(&["run", "--", "true"]);
    assert!(out.code == 125 && out.stderr.contains("no-such-project"), "{out}");
    let socket = "[incus]\nsocket = \"/nonexistent/unix.socket\"\n";
    fs::write(host.home.join(".config/cci/config.toml"), socket).unwrap();
    let out = host.cci(&["list"]);
    assert!(out.code == 1 && out.stderr.contains("/nonexistent/unix.socket"), "{out}");
}

#[test]
fn the_group_of_the_configuration_is_the_one_that_is_looked_for() {
    let host = configured(U1000, "[incus]\ngroup = \"no-such-group\"\n");
    let out = host.cci(&["doctor"]);
    assert!(out.stdout.contains("is not in the group no-such-group"), "{out}");
}

#[test]
fn a_build_is_told_by_the_configuration() {
    let text = |tools: &str| {
        format!(
            "[build]\nfrom = \"images:debian/13\"\nimage_server = \"https://127.0.0.1:9\"\ntools = [{tools}]\n[paths]\nlogs_dir = \"~/logs\"\n"
        )
    };
    let host = configured(U1000, &text("\"claude\""));
    let out = host.cci(&["build", "--force", "--any-owner"]);
    assert_eq!(out.code, 1, "nothing answers there: {out}");
    assert!(out.stderr.contains("127.0.0.1:9"), "{out}");
    let log = fs::read_dir(host.home.join("logs")).unwrap().next().unwrap().unwrap();
    let log = fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("images:debian/13"), "{log}");
    fs::write(host.home.join(".config/cci/config.toml"), text("\"nobody\"")).unwrap();
    let out = host.cci(&["build", "--force", "--any-owner"]);
    assert!(out.code == 2 && out.stderr.contains("unknown tool 'nobody'"), "{out}");
    assert_eq!(host.containers(), Vec::<String>::new());
}

#[test]
fn a_secret_that_a_command_makes_is_in_no_process_list() {
    let host = configured(U1000, "[defaults]\nenvironment = { TOKEN = { command = \"cat ~/secret\" } }\n");
    fs::write(host.home.join("secret"), "hunter2-of-the-test\n").unwrap();
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    let shown = |script: &str| incus(&["exec", "--project", &host.project, &name, "--", "sh", "-c", script]);
    // it is there, and neither the host's list (which has the container's processes too) nor the container's shows it
    host.cci(&["tmux", "send", &name, "echo got=$TOKEN > /workspace/got"]).ok();
    wait::until("the session has the secret", Duration::from_secs(30), || {
        let got = fs::read_to_string(host.proj.join("got")).unwrap_or_default();
        if got == "got=hunter2-of-the-test\n" { Ok(()) } else { Err(got) }
    });
    let lines =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let telling = |line: &Vec<u8>| String::from_utf8_lossy(line).contains("hunter2-of-the-test");
    assert_eq!(lines.filter(telling).count(), 0);
    assert_eq!(shown("cat /proc/[0-9]*/cmdline | grep -ac '[h]unter2-of-the-test' || true").trim(), "0");
    let config: Value = serde_json::from_str(&host.cci(&["config", "show", "--format", "json"]).ok().stdout).unwrap();
    assert_eq!(config["defaults"]["environment"]["TOKEN"]["command"], "cat ~/secret", "what is shown is the command");
}
