//! No secret is in a process list, in a log or in what cci says, at any moment of a launch.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::host::{Host, U1000, U1234};
use crate::support::wait;
use crate::support::watch::Over;

const INTERVAL: Duration = Duration::from_millis(5);

/// Does `work` while the arguments of every process of the host, those in containers included, are read again and again;
/// which of the texts were seen.
fn probed<T>(texts: &[&str], work: impl FnOnce() -> T) -> (T, BTreeSet<String>) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let probe = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                seen.extend(in_arguments(texts));
                std::thread::park_timeout(INTERVAL);
            }
            seen
        });
        let end = Over(&over);
        let done = work();
        drop(end);
        (done, probe.join().unwrap())
    })
}

fn in_arguments(texts: &[&str]) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("cmdline"));
    let arguments = processes.filter_map(|path| std::fs::read(path).ok());
    let lines = arguments.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    lines
        .flat_map(|line| texts.iter().filter(move |text| line.contains(**text)).map(|text| (*text).to_owned()))
        .collect()
}

/// The files below a directory that hold the text, without the agent's own credentials.
fn files_with(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_with(&path, text));
        } else if std::fs::read_to_string(&path).is_ok_and(|content| content.contains(text))
            && !path.ends_with(".credentials.json")
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_secret_is_in_no_process_list_no_log_and_no_output() {
    let host = Host::live(U1000);
    let unique = host.prefix.trim_end_matches('-');
    let (token, credential, planted) =
        (format!("token-{unique}"), format!("credential-{unique}"), format!("planted-{unique}"));
    let claude = host.dir("home/.claude");
    std::fs::write(claude.join(".credentials.json"), format!("{{\"token\": \"{credential}\"}}")).unwrap();
    let env = [("TOKEN", token.as_str()), ("CCI_USE_DUMMY", "1")];
    let (outputs, seen) = probed(&[&token, &credential, &planted], || {
        let ran =
            host.cci_with(&["run", "-vvv", "-e", "TOKEN", "--", "sh", "-c", "test -n \"$TOKEN\""], &env, b"").ok();
        let started = host.cci_with(&["shell", "--background", "-vvv", "-e", "TOKEN"], &env, b"").ok();
        let name = started.stdout.split_whitespace().next().unwrap().to_owned();
        wait::until("the agent runs", Duration::from_secs(30), || {
            let out = host.cci(&["tmux", "capture", &name]);
            if out.stdout.contains("You:") { Ok(()) } else { Err(out.to_string()) }
        });
        // the probe finds one that is there for a moment, so what it does not find is not there
        assert!(Command::new("sh").args(["-c", "sleep 0.1; :", &planted]).status().unwrap().success());
        [ran, started]
    });
    assert_eq!(seen, BTreeSet::from([planted]), "the list of processes shows a secret, or the probe is blind");
    for output in outputs {
        for secret in [&token, &credential] {
            assert!(!output.to_string().contains(secret.as_str()), "{output}");
        }
        assert!(output.stderr.contains("DEBUG") || output.stderr.contains("TRACE"), "{output}");
    }
    for secret in [&token, &credential] {
        assert_eq!(files_with(&host.home.join(".cci"), secret), [""; 0]);
    }
}

#[test]
fn what_the_hosts_settings_give_away_is_named_and_can_be_left_out() {
    let host = Host::live(U1234);
    let settings = json!({
        "model": "opus", "apiKeyHelper": "echo helper-of-the-test",
        "env": { "GITHUB_TOKEN": "token-of-the-test", "EDITOR": "vi" },
    });
    std::fs::write(host.dir("home/.claude").join("settings.json"), settings.to_string()).unwrap();
    let config = host.dir("home/.config/cci").join("config.toml");
    let start = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let out = host.cci(&["shell", "--background", "--debug"]).ok();
        let name = host.only_container();
        let inside =
            host.cci(&["container", "exec", &name, "--", "cat", "/home/code/.claude/settings.json"]).ok().stdout;
        host.cci(&["kill", &name]).ok();
        host.wait_until_gone();
        (out, serde_json::from_str::<Value>(&inside).unwrap())
    };
    let (out, inside) = start("");
    assert_eq!(inside["env"], settings["env"]);
    let warnings: Vec<&str> = out.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{out}");
    for told in ["apiKeyHelper", "env.GITHUB_TOKEN", "defaults.settings_secrets"] {
        assert!(warnings[0].contains(told), "{out}");
    }
    assert!(!out.to_string().contains("of-the-test") && !warnings[0].contains("EDITOR"), "{out}");
    let (out, inside) = start("[defaults]\nsettings_secrets = \"drop\"\n");
    assert!(!out.stderr.contains("warning: "), "{out}");
    assert_eq!((&inside["env"], &inside["model"]), (&json!({ "EDITOR": "vi" }), &json!("opus")));
    assert!(!inside.to_string().contains("of-the-test"), "{inside}");
}

#[test]
fn an_env_file_gives_its_variables_and_no_process_list_shows_them() {
    let host = Host::live(U1234);
    let unique = host.prefix.trim_end_matches('-');
    let (filed, piped, planted) = (format!("filed-{unique}"), format!("piped-{unique}"), format!("planted-{unique}"));
    let file = host.home.join("tokens");
    std::fs::write(&file, format!("# tokens\n\nFILED={filed}\nBOTH=file\nHOSTS\nNOWHERE\n")).unwrap();
    let file = file.to_str().unwrap();
    let script = "echo $FILED $BOTH $HOSTS ${NOWHERE-none}; wc -c";
    let (outputs, seen) = probed(&[&filed, &piped, &planted], || {
        let flags = ["run", "--env-file", file, "-e", "BOTH=flag", "--", "sh", "-c", script];
        let of_file = host.cci_with(&flags, &[("HOSTS", "forwarded")], b"four").ok();
        let lines = format!("PIPED={piped}\n");
        let flags = ["run", "--env-file", "-", "--", "sh", "-c", "echo $PIPED; wc -c"];
        let of_stdin = host.cci_with(&flags, &[], lines.as_bytes()).ok();
        host.wait_until_gone();
        host.cci(&["shell", "--background", "--debug", "--env-file", file]).ok();
        let exec = ["container", "exec", &host.only_container(), "--env-file", file, "--", "sh", "-c", "echo $FILED"];
        let of_exec = host.cci(&exec).ok();
        assert!(Command::new("sh").args(["-c", "sleep 0.1; :", &planted]).status().unwrap().success());
        [of_file, of_stdin, of_exec].map(|out| out.stdout)
    });
    let wanted = [format!("{filed} flag forwarded none\n4\n"), format!("{piped}\n0\n"), format!("{filed}\n")];
    assert_eq!(outputs, wanted);
    assert_eq!(seen, BTreeSet::from([planted]), "the list of processes shows a secret, or the probe is blind");
}

#[test]
fn a_secret_of_the_host_is_carried_by_requests_and_is_nowhere_inside() {
    const SECRET: &str = "secret-of-the-test-0123456789-abcdefghij";
    let world = crate::login::World::new(U1234, "");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heads = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let seen = std::sync::Arc::clone(&heads);
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().flatten() {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            seen.lock().unwrap().push_str(&String::from_utf8_lossy(&head));
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", head.len());
            let _ = stream.write_all(&head);
        }
    });
    let ((), arguments) = probed(&[SECRET], || {
        let set = ["-vvv", "secret", "set", "api", "--host", &format!("http://{address}")];
        let set = world.host.cci_with(&set, &[], SECRET.as_bytes()).ok();
        assert!(!set.to_string().contains(SECRET), "{set}");
        let started = world.host.cci(&["shell", "--background", "--debug", "-vvv"]).ok();
        assert!(!started.to_string().contains(SECRET), "{started}");
        let name = started.stdout.split_whitespace().next().unwrap().to_owned();
        let ask =
            format!("curl -s --unix-socket /run/cci/secrets.sock -H \"X-Api-Key: $API\" http://{address}/asked >got");
        world.shows(&name, "$");
        world.host.cci(&["tmux", "send", &name, &ask]).ok();
        wait::until("the request carries the secret", Duration::from_secs(60), || {
            let heads = heads.lock().unwrap().clone();
            let screen = || format!("{started}\n{heads}\n{}", world.host.cci(&["tmux", "capture", &name]));
            if heads.contains(&format!("x-api-key: {SECRET}")) { Ok(()) } else { Err(screen()) }
        });
        wait::until("the answer is there without it", Duration::from_secs(30), || {
            let got = world.inside(&name, "code", "cat got /workspace/got").stdout;
            if got.contains("x-api-key: ****") && !got.contains(SECRET) { Ok(()) } else { Err(got) }
        });
        let tokens = world.inside(&name, "root", "cat /proc/*/environ | tr '\\0' '\\n' | grep -a ^API=").stdout;
        assert!(tokens.contains("API=cci.api.secret"), "{tokens}");
        assert_eq!(world.found(&name, SECRET), "");
    });
    assert_eq!(arguments, BTreeSet::new());
    assert_eq!(files_with(&world.host.home.join(".cci/logs"), SECRET), [""; 0]);
}
