//! `cci config` and `cci profile`, without Incus.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::support::screen::Screen;
use super::support::wait;
use super::{Host, host, shown};

const SOON: Duration = Duration::from_secs(30);

fn with_user_file(text: &str) -> Host {
    let host = host();
    let dir = host.home.join(".config/cci");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), text).unwrap();
    host
}

fn with_project_file(text: &str) -> Host {
    let host = host();
    fs::write(host.proj.join(".cci.toml"), text).unwrap();
    host
}

#[test]
fn a_broken_file_stops_a_launch_and_not_what_helps_to_fix_it() {
    let host = with_user_file("[defaults]\nimgae = \"x\"\n[limits\n");
    for args in [&["version"][..], &["--help"], &["config", "--help"], &["config", "path"], &["config", "schema"]] {
        host.cci(args).ok();
    }
    for args in [&["config", "check"][..], &["list"], &["shell", "--background"]] {
        let out = host.cci(args);
        assert_eq!(out.code, 2, "{args:?}: {out}");
        assert!(out.stderr.contains("/home/.config/cci/config.toml:3:8:"), "{args:?}: {out}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let host = with_user_file("[defaults]\nimgae = \"x\"\npersistent = 1\n");
    insta::assert_snapshot!(shown(&host, &host.cci(&["config", "check"])));
}

#[test]
fn a_hostile_project_file_is_refused_and_can_be_trusted() {
    let host =
        with_project_file("[incus]\nproject = \"other\"\n[[mounts.default]]\nhost = \"~\"\ncontainer = \"/h\"\n");
    let refused = host.cci(&["run", "--", "true"]);
    insta::assert_snapshot!(shown(&host, &refused));
    host.trust();
    host.cci(&["config", "check"]).ok();
    assert!(host.cci(&["config", "trust", "--list"]).ok().stdout.contains("/proj/.cci.toml"));
    host.cci(&["config", "trust", "--revoke"]).ok();
    assert_eq!(host.cci(&["config", "check"]).code, 2);
}

#[test]
fn show_says_what_applies_and_why() {
    let host = with_user_file("[limits]\nmemory = \"2GiB\"\n");
    let args = ["config", "show", "--origin", "--format", "json", "--persistent"];
    let entries: Vec<Value> = serde_json::from_str(&host.cci(&args).ok().stdout).unwrap();
    let origin = |key: &str| {
        let entry = entries.iter().find(|entry| entry["key"] == key).unwrap();
        entry["origin"].as_str().unwrap().to_owned()
    };
    assert!(origin("limits.memory").ends_with("/config.toml:2"), "{}", origin("limits.memory"));
    assert_eq!(origin("defaults.persistent"), "--persistent");
    assert_eq!(origin("defaults.image"), "CCI_IMAGE");
    assert_eq!(origin("tool.name"), "built-in");
}

#[test]
fn what_show_prints_is_a_configuration_file() {
    let host = with_user_file(
        "[defaults]\nenvironment = { A = \"x \\\" y\" }\n[[mounts.default]]\nhost = \"~/d\"\ncontainer = \"/d\"\n",
    );
    let shown = host.cci(&["config", "show", "--format", "json"]).ok().stdout;
    let value: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(value["mounts"]["default"][0]["container"], "/d");
    assert_eq!(value["defaults"]["environment"]["A"], "x \" y");
}

#[test]
fn init_writes_a_file_that_checks_and_never_over_another() {
    let host = host();
    host.cci(&["config", "init"]).ok();
    host.cci(&["config", "check"]).ok();
    let again = host.cci(&["config", "init"]);
    assert_ne!(again.code, 0, "{again}");
    assert!(again.stderr.contains("already exists"), "{again}");
}

#[test]
fn a_profile_is_made_listed_and_used() {
    let host = host();
    host.cci(&["profile", "create", "mine", "--inherits", "hardened"]).ok();
    let listed: Vec<Value> =
        serde_json::from_str(&host.cci(&["profile", "list", "--format", "json"]).ok().stdout).unwrap();
    let names: Vec<&str> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["default", "gvisor", "hardened", "mine", "node", "python", "rust"]);
    let shown = host.cci(&["config", "show", "--profile", "mine"]).ok();
    assert!(shown.stdout.contains("limits.memory = \"4GiB\""), "{shown}");
    assert!(host.cci(&["profile", "show", "rust", "--script"]).ok().stdout.starts_with("#!/bin/bash"));
}

#[test]
fn an_unknown_profile_lists_the_known() {
    let host = host();
    insta::assert_snapshot!(shown(&host, &host.cci(&["run", "--profile", "rsut", "--", "true"])));
}

#[test]
fn two_mounts_on_one_place_are_a_conflict() {
    let host = host();
    insta::assert_snapshot!(shown(
        &host,
        &host.cci(&["shell", "--background", "--mount", "/a:/x", "--mount", "/b:/x/"])
    ));
}

#[test]
fn the_project_file_is_looked_for_in_the_workspace() {
    let host = host();
    let other = host.dir("other");
    fs::write(other.join(".cci.toml"), "[defaults]\nmodel = \"of-other\"\n").unwrap();
    let out = host.cci(&["config", "show", "--workspace", other.to_str().unwrap()]).ok();
    assert!(out.stdout.contains("defaults.model = \"of-other\""), "{out}");
}

/// Where each key comes from, as `config show --origin` says it.
fn origins(host: &Host, env: &[(&str, &str)], args: &[&str]) -> BTreeMap<String, String> {
    let out = host.cci_with(&[&["config", "show", "--origin", "--format", "json"], args].concat(), env, b"").ok();
    let entries: Vec<Value> = serde_json::from_str(&out.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries.iter().map(|entry| (text(&entry["key"]), text(&entry["origin"]))).collect()
}

#[test]
fn the_example_of_the_readme_loads_and_each_of_its_keys_shows_its_line() {
    let example = include_str!("example.toml");
    let host = with_user_file(example);
    host.cci(&["config", "check"]).ok();
    let origins = origins(&host, &[("CCI_IMAGE", "")], &[]);
    let (mut section, mut seen) = (String::new(), 0);
    for (index, line) in example.lines().enumerate() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let key = match (section.as_str(), key) {
                ("profiles.rust", "environment") => "profiles.rust.environment.RUST_BACKTRACE".to_owned(),
                _ => format!("{section}.{key}"),
            };
            let place = format!("/home/.config/cci/config.toml:{}", index + 1);
            assert!(origins[&key].ends_with(&place), "{key}: {}", origins[&key]);
            seen += 1;
        }
    }
    assert_eq!(seen, 15);
    let text = host.cci_with(&["config", "show", "--origin"], &[("CCI_IMAGE", "")], b"").ok().stdout;
    let line = text.lines().find(|line| line.starts_with("network.allowed_domains")).unwrap();
    assert!(line.contains(r#"["github.com", "api.anthropic.com", "8.8.8.8"]"#), "{line}");
    assert!(line.ends_with("/home/.config/cci/config.toml:30"), "{line}");
}

#[test]
fn the_variables_of_the_environment_stand_between_files_and_flags() {
    let host = with_user_file("[defaults]\nimage = \"of-the-file\"\n[incus]\nproject = \"of-the-file\"\n");
    let extra = host.home.join("extra.toml");
    fs::write(&extra, "[limits]\ncpu = 1\n").unwrap();
    let env = [
        ("CCI_CONFIG", extra.to_str().unwrap()),
        ("CCI_IMAGE", "of-the-variable"),
        ("CCI_PERSISTENT", "1"),
        ("CCI_STORAGE_DIR", "~/kept"),
        ("CCI_USE_DUMMY", "1"),
        ("INCUS_PROJECT", "of-the-variable"),
    ];
    let found = origins(&host, &env, &[]);
    for (key, origin) in [
        ("defaults.image", "CCI_IMAGE"),
        ("defaults.persistent", "CCI_PERSISTENT"),
        ("paths.storage_dir", "CCI_STORAGE_DIR"),
        ("tool.binary", "CCI_USE_DUMMY"),
        ("incus.project", "INCUS_PROJECT"),
        ("incus.socket", "INCUS_SOCKET"),
    ] {
        assert_eq!(found[key], origin, "{key}");
    }
    assert!(found["limits.cpu"].ends_with("/extra.toml:2"), "{}", found["limits.cpu"]);
    let found = origins(&host, &env, &["--image", "of-the-flag", "--persistent=false", "--storage", "/srv/x"]);
    for (key, origin) in
        [("defaults.image", "--image"), ("defaults.persistent", "--persistent"), ("paths.storage_dir", "--storage")]
    {
        assert_eq!(found[key], origin, "{key}");
    }
    for (name, value) in
        [("CCI_PERSISTENT", "perhaps"), ("CCI_CONTAINER_PREFIX", "Not/A/Prefix"), ("CCI_CONFIG", "/no")]
    {
        let out = host.cci_with(&["list"], &[(name, value)], b"");
        assert!(out.code == 2 && out.stderr.contains(value), "{name}: {out}");
    }
}

#[test]
fn edit_opens_the_editor_in_the_terminal_and_checks_what_it_left() {
    let host = host();
    let editor = host.dir("bin").join("editor");
    // it asks on the terminal, as an editor does, and needs the argument that the variable gives it
    let script = "#!/bin/sh\n[ \"$1\" = --wait ] || exit 3\nprintf 'line for %s? ' $ROUND\nread -r line < /dev/tty\nprintf '%s\\n' \"$line\" > \"$2\"\n";
    fs::write(&editor, script).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let screen = Screen::open(&host);
    let edit = |round: &str, answer: &str, status: u8| {
        let editor = editor.display();
        screen.enter(&format!(
            "clear; ROUND={round} EDITOR='{editor} --wait' cci config edit; echo \"{round} ended: $?\""
        ));
        screen.wait_for(&format!("line for {round}?"), SOON);
        screen.enter(answer);
        screen.wait_for(&format!("{round} ended: {status}"), SOON)
    };
    let shown = edit("first", "limits.cpu = 3", 0);
    assert!(shown.contains("config.toml: ok"), "{shown}");
    let file = host.home.join(".config/cci/config.toml");
    assert_eq!(fs::read_to_string(&file).unwrap(), "limits.cpu = 3\n");
    let shown = edit("second", "limits.cup = 3", 2);
    assert!(shown.replace('\n', "").contains("did you mean 'limits.cpu'?"), "{shown}");
    screen.enter("clear; EDITOR=false cci config edit --project; echo \"third ended: $?\"");
    let shown = screen.wait_for("third ended: 1", SOON);
    assert!(shown.contains("editor false"), "{shown}");
    let out = host.cci(&["config", "edit"]);
    assert!(out.code == 2 && out.stderr.contains("hint: "), "without a terminal: {out}");
}

#[test]
fn init_writes_every_key_with_its_meaning_also_for_a_project() {
    let host = host();
    let path = host.cci(&["config", "init", "--project"]).ok().stdout;
    assert!(path.ends_with("/proj/.cci.toml\n"), "{path}");
    let written = fs::read_to_string(path.trim()).unwrap();
    let schema: Value = serde_json::from_str(&host.cci(&["config", "schema"]).ok().stdout).unwrap();
    for (section, keys) in schema["properties"].as_object().unwrap().iter().filter(|(name, _)| *name != "profiles") {
        assert!(written.contains(&format!("# [{section}]")), "{section}");
        for (key, told) in keys["properties"].as_object().unwrap() {
            assert!(written.contains(&format!("\n# {key} = ")), "{section}.{key}");
            assert!(written.contains(told["description"].as_str().unwrap()), "{section}.{key}");
        }
    }
    assert!(written.lines().all(|line| line.is_empty() || line.starts_with('#')), "it sets nothing");
    host.cci(&["config", "check"]).ok();
}

#[test]
fn trust_asks_on_a_terminal_and_approves_what_it_has_shown() {
    let host = with_project_file("[incus]\nproject = \"first\"\n");
    let screen = Screen::open(&host);
    let ask = |answer: &str, status: u8| {
        // what is typed is not what is waited for, nor is what the last round left on the screen
        screen.enter(&format!(
            "clear; printf 'round %s\\n' {answer}; cci config trust; printf '{answer} %s\\n' ended:$?"
        ));
        screen.wait_for(&format!("round {answer}"), SOON);
        let shown = screen.wait_for("Approve exactly this?", SOON);
        assert!(shown.contains("incus.project = \"first\""), "{shown}");
        if answer == "changed" {
            fs::write(host.proj.join(".cci.toml"), "[incus]\nproject = \"second\"\n").unwrap();
        }
        screen.type_text(if answer == "no" { "n" } else { "y" });
        screen.wait_for(&format!("{answer} ended:{status}"), SOON)
    };
    assert!(ask("no", 1).contains("Nothing is approved"));
    assert_eq!(host.cci(&["config", "check"]).code, 2);
    ask("yes", 0);
    host.cci(&["config", "check"]).ok();
    host.cci(&["config", "trust", "--revoke"]).ok();
    ask("changed", 0);
    assert_eq!(host.cci(&["config", "check"]).code, 2, "what came after the question is not approved");
    assert!(!host.cci(&["config", "trust"]).stderr.contains("Trusted"));
}

#[test]
fn a_question_that_is_given_up_leaves_the_terminal_as_it_was() {
    let host = with_project_file("[incus]\nproject = \"first\"\n");
    let screen = Screen::open(&host);
    screen.enter("stty -a > ../before");
    let given_up = |round: &str, interrupt: &dyn Fn()| {
        // what is typed is not what is waited for, nor is what the last round left on the screen
        screen.enter(&format!(
            "clear; sh -c 'echo $$ > ../pid; exec cci config trust'; printf '{round} ended: %s\\n' $?; stty -a > ../after"
        ));
        wait::until(round, SOON, || {
            let shown = screen.text();
            let asked = shown.trim_end().ends_with("Approve exactly this? [y/N]") && !shown.contains("ended:");
            if asked { Ok(()) } else { Err(shown) }
        });
        interrupt();
        let shown = screen.wait_for(&format!("{round} ended: 130"), SOON);
        screen.enter(&format!("echo {round} s''till here"));
        screen.wait_for(&format!("{round} still here"), SOON);
        let mode = |name: &str| fs::read_to_string(host.proj.parent().unwrap().join(name)).unwrap();
        assert_eq!(mode("after"), mode("before"), "{shown}");
    };
    given_up("first", &|| screen.press("C-c"));
    given_up("second", &|| {
        let pid = fs::read_to_string(host.proj.parent().unwrap().join("pid")).unwrap();
        Command::new("kill").arg(pid.trim()).status().unwrap();
    });
}

#[test]
fn trust_of_a_file_that_asks_for_nothing_says_so() {
    let host = with_project_file("[limits]\ncpu = 1\n");
    let out = host.cci(&["config", "trust"]).ok();
    assert!(out.stderr.contains("nothing needs approval"), "{out}");
    assert_eq!(host.cci(&["config", "trust", "--list"]).ok().stdout, "");
}

#[test]
fn what_show_prints_check_takes() {
    let host = host();
    let config = host.dir("home/.config/cci").join("config.toml");
    let text = "[defaults.environment]\nA = \"a\\u007f\\u202e \\\"b\\\" \\U000e0041\"\n\
         [[mounts.default]]\nhost = \"/srv\"\ncontainer = \"/d.e\"\nreadonly = true\n[profiles.mine]\ninherits = \"hardened\"\n";
    fs::write(config, text).unwrap();
    let settings = |args: &[&str]| host.cci(&[&["config", "show", "--format", "json"], args].concat()).ok().stdout;
    for origin in [&[][..], &["--origin"]] {
        let shown = host.cci(&[&["config", "show"], origin].concat()).ok().stdout;
        let file = host.proj.join("shown.toml");
        fs::write(&file, shown).unwrap();
        let again = ["--config", file.to_str().unwrap()];
        host.cci(&[&["config", "check"], &again[..]].concat()).ok();
        assert_eq!(settings(&again), settings(&[]));
    }
}

#[test]
fn check_finds_a_domain_that_no_launch_could_allow() {
    let host =
        with_project_file("network.allowed_domains = [\"*.exa mple.com\", \"https://x.example\", \"fine.example\"]\n");
    let out = host.cci(&["config", "check"]);
    assert_eq!(out.code, 2, "{out}");
    for wrong in ["'*.exa mple.com': a wildcard", "'https://x.example': give the host name only"] {
        assert!(out.stderr.contains(wrong), "{out}");
    }
}

#[test]
fn the_users_file_is_where_xdg_config_home_says() {
    let host = with_user_file("[defaults]\nmodel = \"usual\"\n");
    let named = host.home.join("named");
    let environment = [("XDG_CONFIG_HOME", named.to_str().unwrap())];
    let show = || host.cci_with(&["config", "show"], &environment, b"").ok();
    let out = show();
    assert!(!out.stdout.contains("usual"), "{out}");
    let out = host.cci_with(&["list"], &environment, b"");
    assert!(out.stderr.contains("is not read: XDG_CONFIG_HOME is set"), "{out}");
    fs::create_dir_all(named.join("cci")).unwrap();
    fs::write(named.join("cci/config.toml"), "[defaults]\nmodel = \"named\"\n").unwrap();
    let out = show();
    assert!(out.stdout.contains("model = \"named\""), "{out}");
    let out = host.cci_with(&["config", "show"], &[("XDG_CONFIG_HOME", "relative")], b"").ok();
    assert!(out.stdout.contains("model = \"usual\""), "{out}");
}
