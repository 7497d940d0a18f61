//! The streams of `run` and `container exec`: any amount, at full speed, ending as in a local shell.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::container::launched;
use crate::support::host::{Host, U1000, U1234, kill_group, run};
use crate::support::wait;

fn mebibytes() -> u64 {
    if std::env::var_os("CCI_TEST_ROUNDS").is_some() { 1024 } else { 256 }
}

/// The next number of a fixed random sequence.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// A mebibyte that no other is equal to.
fn block(state: &mut u64) -> Vec<u8> {
    (0..1 << 17).flat_map(|_| next(state).to_le_bytes()).collect()
}

/// Sends so many mebibytes through a command and compares what comes back; the rate and the largest memory of cci in kB.
fn through(mut command: Command, mebibytes: u64) -> (f64, u64) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let blocks: Vec<Vec<u8>> = {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        (0..8).map(|_| block(&mut state)).collect()
    };
    // the first answer ends the launch, which is not the stream's time
    stdin.write_all(b"ready").unwrap();
    let mut ready = [0; 5];
    stdout.read_exact(&mut ready).unwrap();
    let began = Instant::now();
    let sent = blocks.clone();
    let feed = std::thread::spawn(move || {
        for n in 0..mebibytes {
            stdin.write_all(&n.to_le_bytes()).unwrap();
            stdin.write_all(&sent[usize::try_from(n % 8).unwrap()]).unwrap();
        }
    });
    let mut got = vec![0; (1 << 20) + 8];
    let mut memory = 0;
    for n in 0..mebibytes {
        stdout.read_exact(&mut got).unwrap();
        assert!(got[..8] == n.to_le_bytes(), "block {n} is another");
        assert!(got[8..] == blocks[usize::try_from(n % 8).unwrap()], "block {n} differs");
        if n % 32 == 31 {
            memory = memory.max(resident(child.id()));
        }
    }
    feed.join().unwrap();
    assert_eq!(stdout.read(&mut got).unwrap(), 0, "more came than was sent");
    let seconds = began.elapsed().as_secs_f64();
    assert!(child.wait().unwrap().success());
    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    let rate = mebibytes as f64 / seconds;
    (rate, memory)
}

/// The largest resident memory so far in kB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[test]
fn random_bytes_come_through_unchanged_fast_and_in_little_memory() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let most = mebibytes();
    let mut incus = Command::new("incus");
    incus.args(["exec", "--project", &host.project, &name, "--", "cat"]);
    let (by_incus, _) = through(incus, most);
    // the program itself takes most of it, the more so without optimizations
    let (_, base) = through(host.cci_command(&["container", "exec", &name, "--", "cat"]), 32);
    let (exec, exec_memory) = through(host.cci_command(&["container", "exec", &name, "--", "cat"]), most);
    let (run, run_memory) = through(host.cci_command(&["run", "--", "cat"]), most);
    eprintln!(
        "{most} MiB: incus {by_incus:.0} MiB/s; exec {exec:.0} MiB/s, {exec_memory} kB; run {run:.0} MiB/s, {run_memory} kB"
    );
    let limit = base + 12_000;
    assert!(exec_memory < limit && run_memory < limit, "{exec_memory} kB, {run_memory} kB, of 32 MiB {base} kB");
    if !cfg!(debug_assertions) {
        assert!(exec > by_incus * 0.6 && run > by_incus * 0.6, "incus {by_incus:.0}, exec {exec:.0}, run {run:.0}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let host = Host::live(U1000);
    let name = launched(&host);
    for args in [&["run", "--", "yes"][..], &["container", "exec", &name, "--", "yes"]] {
        let mut child =
            host.cci_command(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut two = [0; 2];
        child.stdout.take().unwrap().read_exact(&mut two).unwrap();
        assert_eq!(&two, b"y\n");
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(141), "{args:?}: {said}");
        assert!(!said.contains("error") && !said.contains("panic"), "{said}");
    }
    host.cci(&["container", "exec", &name, "--", "sh", "-c", "! pgrep -x yes"]).ok();
}

#[test]
fn a_closed_stdin_is_an_end_of_input_and_a_closed_stdout_is_no_error() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let cci = crate::support::host::binary_dir().join("cci");
    let line = |redirect: &str| {
        let mut sh = host.command("sh");
        sh.args(["-c", &format!("exec \"$0\" container exec \"$1\" -- sh -c 'wc -c; echo err >&2' {redirect}")]);
        sh.arg(&cci).arg(&name);
        run(sh, b"typed")
    };
    assert_eq!(line("<&-").ok().stdout, "0\n");
    assert_eq!(line("</dev/null").ok().stdout, "0\n");
    assert_eq!(line("").ok().stdout, "5\n");
    let closed = line(">&-").ok();
    assert_eq!((closed.stdout.as_str(), closed.stderr.as_str()), ("", "err\n"));
}

#[test]
fn a_signal_that_cci_was_started_to_ignore_ends_nothing() {
    let host = Host::live(U1234);
    let name = launched(&host);
    let mut nohup = host.command("nohup");
    nohup.arg(crate::support::host::binary_dir().join("cci"));
    nohup.args(["container", "exec", &name, "--", "sh", "-c", "echo up; read -r line; echo \"end $line\""]);
    let mut child = nohup.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 3]).unwrap();
    // the users' prefix becomes nohup, and that cci
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    child.stdin.take().unwrap().write_all(b"x\n").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("end x\n", Some(0)));
}

#[test]
fn output_that_cannot_be_written_is_cci_s_own_failure_with_its_reason() {
    let host = Host::live(U1234);
    let name = launched(&host);
    let cci = crate::support::host::binary_dir().join("cci");
    for args in ["run", &format!("container exec {name}")] {
        let mut sh = host.command("sh");
        sh.args(["-c", &format!("exec \"$0\" {args} -- echo hi >/dev/full")]).arg(&cci);
        let out = run(sh, b"");
        assert_eq!(out.code, 125, "{args}: {out}");
        assert!(out.stderr.contains("cannot write to standard output: No space left on device"), "{args}: {out}");
    }
}

#[test]
fn both_streams_at_full_speed_do_not_wait_for_one_another() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let script = "head -c 30000000 /dev/zero & head -c 30000000 /dev/zero >&2; wait";
    let out = host.cci(&["container", "exec", &name, "--", "sh", "-c", script]).ok();
    assert_eq!((out.raw.len(), out.stderr.len()), (30_000_000, 30_000_000));
}

#[test]
fn a_command_decides_itself_what_a_signal_does() {
    let host = Host::live(U1000);
    let name = launched(&host);
    let asked = |script: &str, signal: rustix::process::Signal, heard: &str| {
        let mut child = host
            .cci_command(&["container", "exec", &name, "--", "bash", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut ready = [0; 6];
        stdout.read_exact(&mut ready).unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        // the signal and the input go by ways of their own: the command reads on when it has said that it heard
        let mut told = vec![0; heard.len()];
        stdout.read_exact(&mut told).unwrap();
        assert_eq!(String::from_utf8_lossy(&told), heard);
        let mut stdin = child.stdin.take().unwrap();
        let mut said = String::new();
        let feed = std::thread::spawn(move || {
            let _ = stdin.write_all(b"go on\n");
        });
        stdout.read_to_string(&mut said).unwrap();
        feed.join().unwrap();
        let status = wait::until("the command ends", Duration::from_secs(60), || {
            child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
        });
        kill_group(&child);
        (status.code(), said)
    };
    let ignores =
        "trap 'echo heard' TERM; echo ready; read line; while [ -z \"$line\" ]; do read line; done; echo $line; exit 3";
    let (code, said) = asked(ignores, rustix::process::Signal::TERM, "heard\n");
    assert_eq!((code, said.as_str()), (Some(3), "go on\n"));
    let (code, _) = asked("echo ready; exec sleep 1000", rustix::process::Signal::TERM, "");
    assert_eq!(code, Some(143));
    let (code, _) = asked("echo ready; exec sleep 1000", rustix::process::Signal::INT, "");
    assert_eq!(code, Some(130));
}

#[test]
fn run_ends_a_command_whose_time_is_over() {
    let host = Host::live(U1000);
    for script in ["echo begun; sleep 1000", "trap '' TERM; echo begun; while :; do sleep 1; done"] {
        let began = Instant::now();
        let out = host.cci(&["run", "--timeout", "1", "--", "bash", "-c", script]);
        assert_eq!((out.code, out.stdout.as_str()), (124, "begun\n"), "{out}");
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
    host.cci(&["run", "--timeout", "100", "--", "true"]).ok();
    host.wait_until_gone();
}

#[test]
fn run_captures_what_a_command_prints() {
    let host = Host::live(U1000);
    let script = "printf out; printf err >&2; exit 4";
    let out = host.cci(&["run", "--capture", "--format", "json", "--", "sh", "-c", script]).ok();
    let object: serde_json::Value = serde_json::from_str(&out.stdout).unwrap();
    assert!(object["duration_ms"].as_u64().is_some_and(|millis| millis < 60_000), "{object}");
    assert_eq!((&object["stdout"], &object["stderr"], &object["exit_code"]), (&"out".into(), &"err".into(), &4.into()));
    let timed = host.cci(&["run", "--capture", "--timeout", "1", "--", "sleep", "1000"]).ok();
    let object: serde_json::Value = serde_json::from_str(&timed.stdout).unwrap();
    assert_eq!(object["exit_code"], 124, "{object}");
    assert_eq!(host.cci(&["run", "--format", "json", "--", "true"]).code, 2);
    assert_eq!(host.cci(&["run"]).code, 2);
}

#[test]
fn a_kept_container_is_reused_and_said_to_be() {
    let host = Host::live(U1000);
    let first = host.cci(&["run", "--persistent", "--", "touch", "/home/code/kept"]).ok();
    assert!(!first.stderr.contains("Reusing existing container"), "{first}");
    wait::until("the container has stopped", Duration::from_secs(60), || {
        let running = host.cci(&["container", "running", &host.only_container()]).code == 0;
        if running { Err("it runs".to_owned()) } else { Ok(()) }
    });
    let second = host.cci(&["run", "--persistent", "--", "ls", "/home/code/kept"]).ok();
    assert!(second.stderr.contains("Reusing existing container"), "{second}");
    host.only_container();
}
