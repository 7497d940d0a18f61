use super::*;
use crate::host_files::Everything;
use crate::seed::HostPlace;

fn named(named: Option<&str>, text: &str) -> (String, Vec<PathBuf>, Vec<Found>) {
    let host = Everything {
        programs: vec![("guard", "/home/ann/bin/guard"), ("ruby", "/usr/bin/ruby"), ("jq", "/usr/bin/jq")],
        scripts: vec![
            ("/home/ann/.claude/hooks/a.rb", "#!/usr/bin/env ruby\n"),
            ("/home/ann/.claude/hooks/b.py", "#!/home/ann/.venv/bin/python\nopen('/etc/hosts')\n"),
            ("/home/ann/.claude/hooks/c.sh", "#!/bin/sh\n. /home/ann/.claude/lib/c.sh\n~/bin/x\n"),
            ("/home/ann/.claude/lib/c.sh", "exec ~/.claude/further/d\n"),
        ],
        links: vec![("/home/ann/.claude", "/home/ann/dots/agent"), ("/data/ann", "/home/ann")],
    };
    let given = Given {
        place: HostPlace { home: "/home/ann".into(), named: named.map(PathBuf::from) },
        mounted: vec![("/home/ann/proj".into(), "/workspace".into())],
        state: "/home/code/.claude".into(),
        guest_home: "/home/code",
        files: Some(&host),
        ..Given::default()
    };
    let mut named = Named::of(&given);
    let inside = named.command(text);
    (inside, named.copied.into_iter().map(|one| one.session).collect(), named.found)
}

#[test]
fn a_file_of_the_agents_directory_is_copied_and_named_as_it_is_inside() {
    for (text, inside, copied) in [
        ("~/.claude/hooks/guard.sh -v", "~/.claude/hooks/guard.sh -v", "hooks"),
        ("\"$HOME\"/.claude/guard.sh -v", "\"$HOME\"/.claude/guard.sh -v", "guard.sh"),
        ("sh ${CLAUDE_CONFIG_DIR:-$HOME/.claude}/b/c", "sh ${CLAUDE_CONFIG_DIR:-$HOME/.claude}/b/c", "b"),
        ("$HOME/.claude/status.sh", "$HOME/.claude/status.sh", "status.sh"),
        ("bash \"/home/ann/.claude/my hooks/a.sh\"", "bash \"/home/code/.claude/my hooks/a.sh\"", "my hooks"),
        (
            "X=/home/ann/.claude/a/b;sh $CLAUDE_CONFIG_DIR/a/c",
            "X=/home/code/.claude/a/b;sh $CLAUDE_CONFIG_DIR/a/c",
            "a",
        ),
    ] {
        assert_eq!(named(None, text), (inside.to_owned(), vec![copied.into()], vec![]), "{text}");
    }
    let (inside, copied, _) = named(Some("/home/ann/work"), "sh ~/work/a.sh");
    assert_eq!((inside.as_str(), copied), ("sh /home/code/.claude/a.sh", vec!["a.sh".into()]));
    assert_eq!(named(Some("/home/ann/work"), "\"$HOME\"/work/a.sh").0, "\"\"/home/code/.claude/a.sh");
    assert_eq!(named(None, "cat ~/.claude/settings.json ~/.claude/plugins").1, Vec::<PathBuf>::new());
}

#[test]
fn a_file_of_the_workspace_is_named_as_it_is_inside() {
    assert_eq!(named(None, "/home/ann/proj/guard.sh").0, "/workspace/guard.sh");
    assert_eq!(named(None, "ls ~/proj").0, "ls /workspace");
}

#[test]
fn a_file_of_the_agents_directory_is_known_by_its_other_names() {
    for text in ["/home/ann/dots/agent/hooks/x.sh", "/data/ann/.claude/hooks/x.sh", "~/dots/agent/hooks/x.sh"] {
        let expected = ("/home/code/.claude/hooks/x.sh".to_owned(), vec!["hooks".into()], vec![]);
        assert_eq!(named(None, text), expected, "{text}");
    }
}

#[test]
fn what_the_scripts_need_that_a_command_runs_is_copied_or_told() {
    let place = |place: &str| Found::Place(place.into());
    for (text, copied, told) in [
        ("~/.claude/hooks/a.rb", &["hooks"][..], vec![Found::Program("ruby".into())]),
        ("~/.claude/hooks/b.py", &["hooks"], vec![place("/home/ann/.venv/bin/python")]),
        ("bash ~/.claude/hooks/c.sh", &["hooks", "lib", "further"], vec![place("/home/ann/bin/x")]),
    ] {
        let copied = copied.iter().map(PathBuf::from).collect();
        assert_eq!(named(None, text), (text.to_owned(), copied, told), "{text}");
    }
}

#[test]
fn what_only_the_host_has_is_told() {
    let place = |place: &str| Found::Place(place.into());
    for (text, told) in [
        ("~/bin/guard.sh", vec![place("/home/ann/bin/guard.sh")]),
        ("python3 /opt/guard/x.py 2>/dev/null", vec![place("/opt/guard/x.py")]),
        ("guard --check", vec![Found::Program("guard".into())]),
        ("cat | /usr/bin/ruby -e 1 | jq .", vec![Found::Program("ruby".into())]),
        ("cat ~/.claude/projects/x/y.jsonl", vec![place("/home/ann/.claude/projects/x/y.jsonl")]),
        ("/usr/bin/env node -e 'a/b'", vec![]),
        ("echo https://example.com/a", vec![]),
    ] {
        assert_eq!(named(None, text).2, told, "{text}");
    }
}
