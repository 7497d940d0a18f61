//! The Incus that the tests share.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::OnceLock;

/// The Incus project of this run: `tests/run` names and removes it; a single test by hand works in one of its own name.
pub(super) fn project() -> String {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let name = std::env::var("CCI_TEST_PROJECT").unwrap_or_else(|_| "cci-test".to_owned());
        let known = Command::new("incus").args(["project", "show", &name]).output();
        let known = known.expect("the tests need a running Incus: `cci setup` installs it, `tests/run` does it all");
        if !known.status.success() {
            let features =
                ["features.images", "features.profiles", "features.storage.volumes", "features.storage.buckets"];
            let mut create = Command::new("incus");
            create.args(["project", "create", &name]);
            for feature in features {
                create.args(["-c", &format!("{feature}=false")]);
            }
            // another test process may be quicker: then it is there, which is what is wanted
            let _ = create.output();
        }
        name
    })
    .clone()
}

/// The socket of the Incus that the tests share.
pub fn daemon_socket() -> PathBuf {
    let candidates = ["/run/incus/unix.socket", "/var/lib/incus/unix.socket"];
    let there = candidates.iter().map(PathBuf::from).find(|path| path.exists());
    there.expect("the tests need a running Incus")
}

/// The Incus client, to look at what cci did with other eyes.
#[track_caller]
pub fn incus(args: &[&str]) -> String {
    let output = answer(Command::new("incus").args(args));
    assert!(output.status.success(), "incus {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What Incus says where it has done nothing, for a reason of its own: under load it gives an exec up, it cannot read an
/// ACL at the moment in which another test deletes one of its own, and setting a network up it looks at every interface of
/// the host, of which the pair of another test's container may just be gone.
const NOT_DONE: [&str; 3] =
    ["Failed to retrieve PID", "Failed getting ACL usage", "Failed to delete bridge children interfaces"];

/// How often a command is sent.
const TRIES: usize = 5;

fn not_done(said: &str) -> bool {
    NOT_DONE.iter().any(|sentence| said.contains(sentence))
}

/// What a command of the Incus client says; it is sent again where Incus has not done it.
pub fn answer(command: &mut Command) -> Output {
    if let Some(mut waiting) = Waiting::of(command) {
        return waiting.begun().ended();
    }
    let attempt = || command.output().expect("the tests need the Incus client");
    let mut outputs = std::iter::repeat_with(attempt).take(TRIES);
    let has_run = |output: &Output| !not_done(&String::from_utf8_lossy(&output.stderr));
    outputs.find(has_run).unwrap_or_else(|| panic!("Incus gave the command up {TRIES} times"))
}

/// A command that has begun in a container and keeps running, with a pipe as stdout; it is sent again if Incus has not begun it.
#[track_caller]
pub fn exec_in_background(project: &str, container: &str, command: &[&str]) -> Child {
    let mut incus = Command::new("incus");
    incus.args(["exec", "--project", project, container, "--"]).args(command);
    let Sent { child, stderr, first } = Waiting::of(&incus).expect("it is one for a container").begun();
    assert_eq!(first, BEGUN, "incus exec {container} {command:?}");
    std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(drop));
    child
}

/// A command for a container that begins once it is told to: Incus can give one up that runs all the same, and no script
/// may run twice because it is sent again.
struct Waiting(Command);

/// One that was sent, and the first that was heard of it.
struct Sent {
    child: Child,
    stderr: BufReader<ChildStderr>,
    first: String,
}

/// What is heard of one that waits for its word.
const BEGUN: &str = "begun\n";

impl Waiting {
    /// Of `incus exec … -- COMMAND`.
    fn of(command: &Command) -> Option<Self> {
        const WAIT: [&str; 4] = ["sh", "-c", r#"echo begun >&2; read -r _ && exec "$@""#, "sh"];
        let words: Vec<&OsStr> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        let exec = words.windows(2).position(|pair| pair == ["incus", "exec"])?;
        let inside = exec + words[exec..].iter().position(|word| *word == "--")? + 1;
        let mut waiting = Command::new(words[0]);
        waiting.args(&words[1..inside]).args(WAIT).args(&words[inside..]);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => waiting.env(name, value),
                None => waiting.env_remove(name),
            };
        }
        waiting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Some(Self(waiting))
    }

    /// Sends it until it waits, or has failed for another reason than one of Incus's own, and gives it its word.
    #[track_caller]
    fn begun(&mut self) -> Sent {
        for _ in 0..TRIES {
            let mut child = self.0.spawn().expect("the tests need the Incus client");
            let (mut stdin, stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
            let mut sent = Sent { child, stderr: BufReader::new(stderr), first: String::new() };
            // a command that says nothing and fails has an empty line
            let _ = sent.stderr.read_line(&mut sent.first);
            if sent.first == BEGUN {
                stdin.write_all(b"go\n").unwrap();
                return sent;
            }
            if !not_done(&sent.first) {
                return sent;
            }
            sent.child.wait().unwrap();
        }
        panic!("Incus gave the command up {TRIES} times");
    }
}

impl Sent {
    /// What it says, to its end.
    fn ended(mut self) -> Output {
        let stderr = std::thread::spawn(move || {
            let mut said = if self.first == BEGUN { Vec::new() } else { self.first.into_bytes() };
            self.stderr.read_to_end(&mut said).map(|_| said)
        });
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        Output { status, stdout, stderr: stderr.join().unwrap().unwrap() }
    }
}
