//! What the verbs print on a real Incus: JSON that matches its schema, names for completion, every line in its words.

use std::time::{Duration, Instant};

use crate::support::completion::offered;
use crate::support::host::{Host, Output, U1000, U1234};
use crate::support::schema;

#[test]
fn every_json_keeps_to_its_schema() {
    let host = Host::live(U1000);
    let started = schema::keeps_to(&host, "shell", &["shell", "--debug", "--background"]);
    let name = started["container"].as_str().unwrap();
    let printed: &[(&str, &[&str])] = &[
        ("list", &["list"]),
        ("list", &["list", "--all"]),
        ("list", &["list", "--stopped"]),
        ("info", &["info"]),
        ("tmux-list", &["tmux", "list"]),
        ("tmux-capture", &["tmux", "capture", name]),
        ("network-show", &["network", "show", name]),
        ("network-why", &["network", "why", "10.0.0.5", "--from", name]),
        ("network-refresh", &["network", "refresh"]),
        ("image-list", &["images"]),
        ("image-list", &["image", "list", "--all"]),
        ("clean", &["clean", "--dry-run", "--sessions"]),
    ];
    for (schema, args) in printed {
        schema::keeps_to(&host, schema, args);
    }
    let listed = schema::keeps_to(&host, "list", &["list", "--all"]);
    assert_eq!(listed["active_containers"][0]["session_id"], started["session_id"]);
    assert_eq!(listed["saved_sessions"][0]["live"], true);
    assert!(schema::keeps_to(&host, "list", &["list"]).get("saved_sessions").is_none());

    host.cci(&["kill", name]).ok();
    let cleaned = schema::keeps_to(&host, "clean", &["clean", "--sessions", "--force"]);
    assert_eq!((&cleaned["removed"], &cleaned["sessions"][0]["session_id"]), (&1.into(), &started["session_id"]));
    let doctor = host.cci(&["doctor", "--format=json"]);
    schema::check(&host, "doctor", &serde_json::from_str(&doctor.stdout).unwrap_or_else(|_| panic!("{doctor}")));
}

#[test]
fn names_are_offered_as_they_are_now() {
    let host = Host::live(U1000);
    host.cci(&["shell", "--debug", "--background"]).ok();
    let name = host.only_container();
    let session = host.sessions().remove(0);
    let names = |line: &[&str]| -> Vec<String> {
        offered(&host, line).into_iter().filter(|word| !word.starts_with('-')).collect()
    };
    let prefix = host.prefix.as_str();
    for line in [&["kill", ""][..], &["attach", prefix], &["tmux", "send", ""], &["image", "publish", prefix]] {
        assert_eq!(names(line), [name.as_str()], "{line:?}");
    }
    assert_eq!(names(&["info", ""]), [session.as_str()]);
    assert_eq!(offered(&host, &["shell", &format!("--resume={}", &session[..4])]), [format!("--resume={session}")]);
    let image = crate::support::host::image();
    assert!(names(&["image", "delete", ""]).contains(&image));
    assert!(offered(&host, &["shell", "--image", ""]).contains(&image));
    // what belongs to another is offered to nobody else
    let other = host.with_user(U1234);
    let offered_to_other = offered(&other, &["kill", ""]);
    assert!(!offered_to_other.contains(&name), "{offered_to_other:?}");

    // what cci needs, and not what else this machine does: the fastest of many
    let times = (0..200).map(|_| {
        let began = Instant::now();
        names(&["kill", ""]);
        began.elapsed()
    });
    let quick = times.into_iter().any(|took| took < Duration::from_millis(50));
    assert!(quick, "no answer within 50 ms");

    host.cci(&["kill", &name]).ok();
    assert_eq!(names(&["kill", ""]), [""; 0]);
}

/// A transcript: each command line with everything it printed, without what differs from run to run.
struct Transcript<'a> {
    host: &'a Host,
    known: Vec<(String, String)>,
    text: String,
}

impl<'a> Transcript<'a> {
    fn new(host: &'a Host) -> Self {
        let dir = host.proj.parent().unwrap().display().to_string();
        Self { host, known: vec![(dir, "$DIR".into())], text: String::new() }
    }

    fn cci(&mut self, args: &[&str]) -> Output {
        let out = self.host.cci(args);
        for name in self.host.containers() {
            let number = name.rsplit('-').next().unwrap().to_owned();
            self.know(name, format!("CONTAINER-{number}"));
        }
        for session in self.host.sessions() {
            let number = self.known.iter().filter(|(_, shown)| shown.starts_with("SESSION")).count() + 1;
            self.know(session, format!("SESSION-{number}"));
        }
        let lines: Vec<String> =
            out.to_string().lines().filter(|line| !line.starts_with("[setup]")).map(same).collect();
        let asked = format!("$ cci {}", args.join(" "));
        self.text += &([&[asked], lines.as_slice()].concat().join("\n") + "\n");
        for (word, shown) in &self.known {
            self.text = self.text.replace(word, shown);
        }
        out
    }

    fn know(&mut self, word: String, shown: String) {
        if !self.known.iter().any(|(known, _)| *known == word) {
            self.known.push((word, shown));
        }
    }
}

/// A line without its time or address.
fn same(line: &str) -> String {
    let label = line.split_once(": ").map_or("", |(label, _)| label);
    match label.trim() {
        "Created" | "Saved" | "Saved At" | "IPv4" | "Data Size" => format!("{label}: ..."),
        _ => match line.rsplit_once(" (") {
            Some((rest, size)) if size.ends_with("KiB)") => format!("{rest} (...)"),
            _ if line.starts_with("Frees ") => "Frees ...".to_owned(),
            _ => line.to_owned(),
        },
    }
}

#[test]
fn every_line_in_its_words() {
    let host = Host::live(U1000);
    let mut script = Transcript::new(&host);
    for nothing in [&["list"][..], &["list", "--all"], &["attach"], &["kill", "--all"], &["tmux", "list"], &["info"]] {
        script.cci(nothing);
    }
    script.cci(&["shell", "--background", "--resume"]);
    let first = script.cci(&["shell", "--background", "--debug"]).ok().stdout;
    let first = first.split_whitespace().next().unwrap().to_owned();
    script.cci(&["shell", "--background", "--debug", "--slot", "1"]).ok();
    for shown in [&["list"][..], &["list", "--stopped"], &["tmux", "list"], &["attach"]] {
        script.cci(shown);
    }
    // the hash of the workspace can begin with the same
    let second = format!("{}-2", first.strip_suffix("-1").unwrap());
    script.cci(&["persist", &first]).ok();
    script.cci(&["attach", &first]);
    script.cci(&["kill", &first, &second]);
    script.cci(&["shutdown", "--timeout", "30", &second]).ok();
    host_is_left_with(&host, &first);
    script.cci(&["kill", &second]);
    script.cci(&["tmux", "send", &second, "text"]);
    script.cci(&["attach", &second]);
    script.cci(&["kill", &first]).ok();
    host.wait_until_gone();
    script.cci(&["info"]).ok();
    script.cci(&["clean", "--sessions", "--dry-run"]).ok();
    script.cci(&["clean", "--sessions"]);
    script.cci(&["clean", "--sessions", "--force"]).ok();
    script.cci(&["run", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    host.wait_until_gone();
    script.cci(&["run", "--", "no-such-command"]);
    insta::assert_snapshot!(script.text);
}

#[track_caller]
fn host_is_left_with(host: &Host, name: &str) {
    crate::support::wait::until("the other one is gone", Duration::from_secs(30), || {
        let left = host.containers();
        if left == [name] { Ok(()) } else { Err(format!("{left:?}")) }
    });
}
