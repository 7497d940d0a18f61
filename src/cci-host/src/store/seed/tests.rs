//! What comes of a host's configuration in a session, file by file.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use cci_agent::{NotCopied, Part};
use cci_core::idmap::Ids;
use serde_json::json;

use super::*;

/// A host, and a session that is started again and again.
struct World {
    home: tempfile::TempDir,
    session: tempfile::TempDir,
    named: Option<PathBuf>,
    from_host: bool,
    import: Import,
    copies_login: bool,
    is_fresh: bool,
    /// What containers could write.
    written: Vec<PathBuf>,
}

impl World {
    fn new() -> Self {
        let dir = || tempfile::tempdir().unwrap();
        Self {
            home: dir(),
            session: dir(),
            named: None,
            from_host: true,
            copies_login: true,
            is_fresh: false,
            import: Import::default(),
            written: Vec::new(),
        }
    }

    /// The directory of the agent's configuration on the host.
    fn directory(&self) -> PathBuf {
        self.sources().directory
    }

    fn sources(&self) -> Sources {
        agent().sources(&self.place(), &Import::default())
    }

    fn place(&self) -> HostPlace {
        HostPlace { home: self.home.path().to_owned(), named: self.named.clone() }
    }

    fn host(&self, path: &str, text: &str) -> PathBuf {
        written(&self.directory().join(path), text)
    }

    fn state_file(&self) -> PathBuf {
        self.sources().host[1].path.clone()
    }

    fn state(&self) -> PathBuf {
        self.session.path().join("state")
    }

    fn inside(&self, path: &str) -> String {
        fs::read_to_string(self.state().join(path)).unwrap_or_else(|error| error.to_string())
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.inside(path)).unwrap()
    }

    /// What containers never see of this host.
    fn protected(&self) -> Vec<Protected> {
        let home = self.home.path().canonicalize().unwrap();
        let closed = |path: PathBuf, below| Protected { path, below, except: Vec::new() };
        let of_agents = agent().protected().iter().map(|place| closed(home.join(place), true));
        of_agents.chain([closed(home.clone(), false), closed(home.join(".ssh"), true)]).collect()
    }

    fn plant(&self) -> Planted {
        fs::create_dir_all(self.state()).unwrap();
        let state = GuestDir::open(&self.state(), owner()).unwrap();
        let seed = Seed {
            agent: agent(),
            place: self.place(),
            search: None,
            login: LoginGiven { is_copied: self.copies_login, is_fresh: self.is_fresh, is_closed: false },
            from_host: self.from_host,
            import: &self.import,
            secrets: SettingsSecrets::Copy,
            api_key: None,
            workspace: self.session.path(),
            at_host_path: false,
            protected: self.protected(),
            mounted: Vec::new(),
            written: self.written.clone(),
            turns: TurnHooks { known_by: "/cci.sock", commands: None, heard: None },
            state: "/home/code/state".into(),
            guest_home: "/home/code",
        };
        seed.plant(&state, self.session.path()).unwrap()
    }
}

fn owner() -> Ids {
    Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
}

fn agent() -> &'static dyn Agent {
    cci_agent::default_agent()
}

fn written(path: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    path.to_owned()
}

/// What the agent notes for itself, in a session.
fn state_name() -> &'static str {
    agent().sources(&HostPlace::default(), &Import::default()).session[1]
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_agents_own_files_come_along_and_nothing_else() {
    let world = World::new();
    for copied in world.sources().copied {
        written(&copied.host.join("deep/x.md"), "do");
    }
    world.host("projects/-other/x", "private");
    world.host("history.jsonl", "private");
    written(&world.home.path().join(".ssh/id"), "private");
    assert_eq!(world.plant().omitted, []);
    let made = agent().seed(&Given::default()).files.into_iter().map(|(name, _)| name.to_owned());
    let copied = world.sources().copied;
    let expected = copied.iter().map(|copied| copied.session.display().to_string()).chain(made).collect();
    assert_eq!(names(&world.state()), expected);
    for copied in copied {
        assert_eq!(fs::read_to_string(world.state().join(copied.session).join("deep/x.md")).unwrap(), "do");
    }
}

#[test]
fn nothing_of_the_host_is_taken_when_that_is_switched_off() {
    let world = World { from_host: false, ..World::new() };
    for place in
        world.sources().copied.iter().map(|one| &one.host).chain(world.sources().host.iter().map(|one| &one.path))
    {
        written(place, "{\"theme\":\"mine\"}");
    }
    world.plant();
    let made = agent().seed(&Given::default()).files;
    assert_eq!(names(&world.state()), made.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, content) in made {
        assert_eq!(fs::read(world.state().join(name)).unwrap(), content, "{name}");
    }
}

#[test]
fn modes_links_depth_and_odd_names_come_as_they_are() {
    let world = World::new();
    let script = world.host("skills/h/run.sh", "#!/bin/sh\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let dotfiles = tempfile::tempdir().unwrap();
    written(&dotfiles.path().join("linked/SKILL.md"), "linked");
    symlink(dotfiles.path().join("linked"), world.directory().join("skills/l")).unwrap();
    let deep = "skills/1/2/3/4/5/6/7/8/9/10/11/12/x";
    world.host(deep, "deep");
    let odd = Path::new("skills").join(OsStr::from_bytes(b"caf\xe9"));
    written(&world.directory().join(&odd).join("x"), "odd");
    assert_eq!(world.plant().omitted, []);
    assert_eq!(mode(&world.state().join("skills/h/run.sh")), 0o755);
    assert_eq!(world.inside("skills/l/SKILL.md"), "linked");
    assert_eq!(world.inside(deep), "deep");
    assert_eq!(fs::read_to_string(world.state().join(odd).join("x")).unwrap(), "odd");
}

#[test]
fn what_does_not_come_along_is_named_and_the_rest_comes() {
    let world = World::new();
    world.host("skills/a/x", "x");
    let skills = world.directory().join("skills");
    symlink("nowhere", skills.join("dangling")).unwrap();
    symlink(&skills, skills.join("a/endless")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, skills.join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let omitted = world.plant().omitted;
    for (name, why) in
        [("dangling", NotCopied::Dangling), ("a/endless", NotCopied::Endless), ("pipe", NotCopied::Special)]
    {
        let path = skills.join(name);
        assert!(omitted.contains(&Omission::NotCopied { path, why }), "{name}: {omitted:?}");
    }
    assert_eq!((omitted.len(), world.inside("skills/a/x").as_str()), (3, "x"));
}

#[test]
fn what_is_removed_on_the_host_is_gone_and_what_the_session_made_stays() {
    let world = World::new();
    let (gone, agents) = (world.host("skills/gone/SKILL.md", "x"), world.host("agents/old.md", "x"));
    world.host("skills/kept/SKILL.md", "x");
    world.plant();
    written(&world.state().join("skills/own/SKILL.md"), "own");
    fs::remove_dir_all(gone.parent().unwrap()).unwrap();
    fs::remove_file(agents).unwrap();
    assert_eq!(world.plant().omitted, []);
    assert_eq!(names(&world.state().join("skills")), ["kept", "own"].map(str::to_owned).into());
    assert_eq!(names(&world.state().join("agents")), BTreeSet::new());
    written(&world.state().join("skills/kept/SKILL.md"), "changed inside");
    assert_eq!(world.plant().omitted, [Omission::Undone("skills/kept/SKILL.md".into())]);
    assert_eq!(world.inside("skills/kept/SKILL.md"), "x");
    let made = written(&world.state().join("skills/new/SKILL.md"), "made inside");
    let before = std::time::SystemTime::now() - Duration::from_secs(60);
    fs::File::options().append(true).open(made).unwrap().set_modified(before).unwrap();
    world.host("skills/new/SKILL.md", "x");
    assert_eq!(world.plant().omitted, [Omission::Undone("skills/new/SKILL.md".into())]);
}

#[test]
fn a_login_that_the_session_renewed_stays_where_the_host_has_none() {
    let world = World::new();
    let login = world.sources().copied.into_iter().find(|copied| copied.login).unwrap();
    written(&login.host, "first");
    world.plant();
    fs::remove_file(&login.host).unwrap();
    written(&world.state().join(&login.session), "renewed");
    assert_eq!(world.plant().omitted, []);
    assert_eq!(fs::read_to_string(world.state().join(&login.session)).unwrap(), "renewed");
}

#[test]
fn a_broken_file_of_the_host_is_passed_over_with_its_name_and_line() {
    let world = World::new();
    let (state, settings) = (world.state_file(), world.directory().join("settings.json"));
    fs::create_dir_all(world.directory()).unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(60);
    for (path, text, line) in [
        (&state, "", 1),
        (&state, "{\"theme\": \"light\",\n \"pro", 2),
        (&state, "{}\n}\n", 2),
        (&settings, "{\n// a comment\n\"model\": \"opus\"}", 2),
        (&settings, "{\n\"model\": \"opus\",\n}", 3),
    ] {
        written(path, text);
        fs::File::options().append(true).open(path).unwrap().set_modified(old).unwrap();
        let begun = Instant::now();
        let omitted = world.plant().omitted;
        assert!(begun.elapsed() < Duration::from_millis(300), "nobody writes it: {:?}", begun.elapsed());
        let [Omission::NotRead { path: named, problem }] = &omitted[..] else { panic!("{text:?}: {omitted:?}") };
        assert_eq!(named, path);
        assert!(problem.contains(&format!("line {line} ")), "{text:?}: {problem}");
        written(path, "\u{feff}{\"theme\": \"light\", \"model\": \"opus\"}");
        assert_eq!(world.plant().omitted, [], "a byte order mark changes nothing");
        let is_state = *path == state;
        assert_eq!(world.json("settings.json")["model"], if is_state { Value::Null } else { json!("opus") });
        assert_eq!(world.json(state_name())["theme"], if is_state { "light" } else { "dark" });
        fs::remove_file(path).unwrap();
        fs::remove_dir_all(world.session.path().join("state")).unwrap();
    }
}

#[test]
fn a_file_that_is_being_rewritten_is_read_again() {
    let world = World::new();
    let path = written(&world.state_file(), "{}");
    let text = json!({ "tipsHistory": "x".repeat(4_000_000), "theme": "light" }).to_string();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let mut file = fs::File::create(&path).unwrap();
                text.as_bytes().chunks(1_000_000).for_each(|part| file.write_all(part).unwrap());
                // its owner works in between
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        let omitted: Vec<_> = (0..20).flat_map(|_| world.plant().omitted).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(omitted, []);
    });
}

#[test]
fn the_sessions_own_state_is_kept_whatever_its_size_and_a_damaged_one_put_aside() {
    let world = World::new();
    let many = json!({ "numStartups": 7, "long": "x".repeat(17 * 1024 * 1024), "last": 1 }).to_string();
    written(&world.state().join(state_name()), &many);
    assert_eq!(world.plant().omitted, []);
    let state = world.json(state_name());
    assert_eq!(
        (&state["numStartups"], &state["last"], &state["hasCompletedOnboarding"]),
        (&json!(7), &json!(1), &json!(true))
    );

    let torn = "{\"numStartups\": 8, \"projects\": {\"/workspace\": {\"lastCost\": 2, \"his";
    written(&world.state().join(state_name()), torn);
    let omitted = world.plant().omitted;
    let [Omission::PutAside { kept, .. }] = &omitted[..] else { panic!("{omitted:?}") };
    assert_eq!(fs::read_to_string(kept).unwrap(), torn);
    let state = world.json(state_name());
    assert_eq!((&state["numStartups"], &state["projects"]["/workspace"]["lastCost"]), (&json!(8), &json!(2)));

    let values = json!({ "numStartups": 9, "many": vec![0; 9_000_000] }).to_string();
    written(&world.state().join(state_name()), &values);
    let omitted = world.plant().omitted;
    assert!(matches!(&omitted[..], [Omission::LeftAlone { .. }]), "{omitted:?}");
    assert_eq!(world.inside(state_name()), values);
    written(&world.state().join(state_name()), &values[..values.len() - 2]);
    let omitted = world.plant().omitted;
    assert!(matches!(&omitted[..], [Omission::PutAside { .. }]), "{omitted:?}");
    assert_eq!(world.json(state_name())["hasCompletedOnboarding"], true);

    let huge = fs::File::create(world.state().join(state_name())).unwrap();
    huge.set_len(1 << 40).unwrap();
    let omitted = world.plant().omitted;
    assert!(matches!(&omitted[..], [Omission::LeftAlone { .. }]), "{omitted:?}");
    assert_eq!(fs::metadata(world.state().join(state_name())).unwrap().len(), 1 << 40);
}

#[test]
fn a_setting_that_names_a_file_of_the_agents_directory_has_it_inside() {
    let world = World::new();
    let guard = world.host("guard/run.sh", "#!/bin/sh\n. ${0%/*}/lib\n");
    fs::set_permissions(&guard, fs::Permissions::from_mode(0o755)).unwrap();
    world.host("guard/lib", "x");
    world.host("status.sh", "x");
    world.host("output-styles/mine.md", "x");
    let own = written(&world.home.path().join("bin/own"), "x");
    let hook = |command: &Path| json!([{ "hooks": [{ "type": "command", "command": command }] }]);
    let settings = json!({
        "hooks": { "PreToolUse": hook(&guard), "Stop": hook(&own) },
        "statusLine": { "type": "command", "command": format!("sh {}", world.directory().join("status.sh").display()) },
    });
    let file = world.host("settings.json", &settings.to_string());
    let omitted = world.plant().omitted;
    let key = "hooks.Stop.hooks.command".to_owned();
    assert_eq!(omitted, [Omission::NamesHost { file, key, place: own, left_out: false }]);
    assert_eq!((mode(&world.state().join("guard/run.sh")), world.inside("guard/lib").as_str()), (0o755, "x"));
    assert_eq!((world.inside("status.sh"), world.inside("output-styles/mine.md")), ("x".into(), "x".into()));
    let inside = world.json("settings.json");
    assert_eq!(inside["hooks"]["PreToolUse"][0]["hooks"][0]["command"], "/home/code/state/guard/run.sh");
    assert_eq!(inside["statusLine"]["command"], "sh /home/code/state/status.sh");
}

#[test]
fn the_directory_that_the_agents_variable_names_is_followed() {
    let mut world = World::new();
    world.host("CLAUDE.md", "of the default account");
    world.named = Some(world.home.path().join("other"));
    world.host("CLAUDE.md", "of another account");
    written(&world.home.path().join("other").join(state_name()), "{\"theme\": \"light\"}");
    world.plant();
    assert_eq!(world.inside("CLAUDE.md"), "of another account");
    assert_eq!(world.json(state_name())["theme"], "light");
}

/// What a launch tells, and that nothing else is told.
#[track_caller]
fn told(world: &World, expected: &[Omission]) {
    assert_eq!(world.plant().omitted, expected);
}

#[test]
fn what_is_not_a_file_of_settings_is_told() {
    let world = World::new();
    let path = world.directory().join("settings.json");
    fs::create_dir_all(world.directory()).unwrap();
    let not_read =
        |path: &Path, problem: &str| [Omission::NotRead { path: path.to_owned(), problem: problem.to_owned() }];
    let fifo = |path: &Path| {
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    };
    fifo(&path);
    told(&world, &not_read(&path, "it is not a file"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    told(&world, &not_read(&path, "it is not a file"));
    fs::remove_dir(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    told(&world, &not_read(&path, "it is a link to nothing"));
    fs::remove_file(&path).unwrap();
    for text in ["[]", "null", "3", "\"x\""] {
        written(&path, text);
        told(&world, &not_read(&path, "it is no JSON object"));
    }
    fs::remove_file(&path).unwrap();
    let state = written(&world.state_file(), "[]");
    told(&world, &not_read(&state, "it is no JSON object"));
}

#[test]
fn a_directory_of_the_agents_that_leads_nowhere_is_told_once() {
    let world = World::new();
    let path = world.directory();
    let not_copied = |why| [Omission::NotCopied { path: world.directory(), why }];
    told(&world, &[]);
    symlink("nowhere", &path).unwrap();
    told(&world, &not_copied(NotCopied::Dangling));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "x").unwrap();
    told(&world, &not_copied(NotCopied::NoDirectory));
}

#[test]
fn a_link_that_an_agent_put_where_the_person_links_to_is_not_followed_out_of_there() {
    let mut world = World::new();
    let key = written(&world.home.path().join("elsewhere/id"), "private");
    let dots = world.home.path().join("dots");
    written(&dots.join("skills/s/SKILL.md"), "x");
    symlink("s", dots.join("skills/near")).unwrap();
    fs::create_dir_all(world.directory()).unwrap();
    symlink(dots.join("skills"), world.directory().join("skills")).unwrap();
    symlink(dots.join("MEMORY"), world.directory().join("keybindings.json")).unwrap();
    symlink(&key, dots.join("skills/s/key")).unwrap();
    symlink(&key, dots.join("MEMORY")).unwrap();
    told(&world, &[]);
    assert_eq!(world.inside("skills/s/key"), "private", "it is the person's own link");

    world.written = vec!["/elsewhere".into(), dots.canonicalize().unwrap()];
    fs::remove_dir_all(world.state()).unwrap();
    let led = |path: &str| {
        let (path, place) = (world.directory().join(path), key.canonicalize().unwrap());
        Omission::NotCopied { path, why: NotCopied::LedTo(place) }
    };
    told(&world, &[led("keybindings.json"), led("skills/near/key"), led("skills/s/key")]);
    assert_eq!(names(&world.state().join("skills")), ["near", "s"].map(str::to_owned).into());
    assert_eq!(names(&world.state().join("skills/s")), ["SKILL.md".to_owned()].into());
}

#[test]
fn a_file_that_changed_without_another_time_or_length_comes_again() {
    let world = World::new();
    let dir = world.directory();
    // as in a store in which every file has the same time
    let set = |text: &str| {
        let path = world.host("store/SKILL.md", text);
        fs::File::options().write(true).open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let _ = fs::remove_dir_all(dir.join("skills"));
        fs::create_dir_all(dir.join("skills")).unwrap();
        fs::rename(dir.join("store"), dir.join("skills/s")).unwrap();
    };
    set("one");
    told(&world, &[]);
    set("two");
    told(&world, &[]);
    assert_eq!(world.inside("skills/s/SKILL.md"), "two");
}

#[test]
fn texts_name_the_agents_directory_as_it_is_called_inside() {
    let world = World::new();
    let dir = world.directory().display().to_string();
    let script = world.host("hooks/guard.sh", &format!("#!/bin/sh\n. {dir}/lib/common.sh\n"));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    world.host("lib/common.sh", "x");
    let binary = format!("{dir}/x\0");
    world.host("hooks/binary", &binary);
    let hook = json!({ "type": "command", "command": format!("{dir}/hooks/guard.sh") });
    world.host("settings.json", &json!({ "hooks": { "Stop": [{ "hooks": [hook] }] } }).to_string());
    for _ in 0..2 {
        told(&world, &[]);
        assert_eq!(world.inside("hooks/guard.sh"), "#!/bin/sh\n. /home/code/state/lib/common.sh\n");
        assert_eq!((world.inside("lib/common.sh"), world.inside("hooks/binary")), ("x".into(), binary.clone()));
    }
    assert_eq!(mode(&world.state().join("hooks/guard.sh")), 0o755);
}

#[test]
fn what_no_setting_names_stays_and_is_told() {
    let world = World::new();
    for known in ["projects/x/y.jsonl", "history.jsonl", ".git/config", "settings.json.bak", "a~", "hooks/x"] {
        world.host(known, "x");
    }
    world.host("lib/common.sh", "x");
    world.host("README.md", "x");
    let not_named = |name: &str| Omission::NotNamed(world.directory().join(name));
    told(&world, &[not_named("README.md"), not_named("lib")]);
}

#[test]
fn a_link_in_a_skill_does_not_lead_to_what_containers_never_see() {
    let world = World::new();
    let key = written(&world.home.path().join(".ssh/id"), "private");
    let talk = world.host("projects/-other/x.jsonl", "private");
    world.host("plugins/p/x", "of a plugin");
    let skill = world.host("skills/s/SKILL.md", "x").parent().unwrap().to_owned();
    let home = world.home.path().canonicalize().unwrap();
    let links = [
        ("id", key.clone()),
        ("ssh", key.parent().unwrap().to_owned()),
        ("home", home),
        ("root", "/".into()),
        ("agent", world.directory()),
        ("talk", talk.parent().unwrap().to_owned()),
    ];
    for (name, place) in &links {
        symlink(place, skill.join(name)).unwrap();
    }
    symlink("../../plugins/p", skill.join("p")).unwrap();
    let omitted = world.plant().omitted;
    for (name, place) in &links {
        let why = NotCopied::Closed(place.canonicalize().unwrap());
        assert!(omitted.contains(&Omission::NotCopied { path: skill.join(name), why }), "{name}: {omitted:?}");
    }
    assert_eq!(omitted.len(), links.len());
    assert_eq!(names(&world.state().join("skills/s")), ["SKILL.md", "p"].map(str::to_owned).into());
    assert_eq!(world.inside("skills/s/p/x"), "of a plugin");
}

#[test]
fn a_link_to_a_closed_place_is_gone_where_an_earlier_launch_had_followed_it() {
    let world = World::new();
    let link = world.host("skills/s/SKILL.md", "x").with_file_name("id");
    written(&link, "harmless");
    world.plant();
    fs::remove_file(&link).unwrap();
    symlink(written(&world.home.path().join(".ssh/id"), "private"), link).unwrap();
    assert_eq!(world.plant().omitted.len(), 1);
    assert_eq!(names(&world.state().join("skills/s")), ["SKILL.md".to_owned()].into());
}

#[test]
fn a_login_may_be_a_link_to_wherever_the_person_keeps_it() {
    let world = World::new();
    let login = world.sources().copied.into_iter().find(|copied| copied.login).unwrap();
    fs::create_dir_all(world.directory()).unwrap();
    symlink(written(&world.home.path().join(".ssh/login"), "mine"), &login.host).unwrap();
    assert_eq!(world.plant().omitted, []);
    assert_eq!(fs::read_to_string(world.state().join(&login.session)).unwrap(), "mine");
}

#[test]
fn an_agents_directory_of_which_nothing_can_be_read_is_named_once_and_what_came_before_stays() {
    let world = World::new();
    world.host("settings.json", "{}");
    world.host("skills/s/SKILL.md", "x");
    world.host("CLAUDE.md", "x");
    assert_eq!(world.plant().omitted, []);
    let directory = world.directory();
    let aside = directory.with_extension("aside");
    fs::rename(&directory, &aside).unwrap();
    let named = |why: &str| match &world.plant().omitted[..] {
        [Omission::NotCopied { path, why: NotCopied::Unreadable(problem) }] => {
            assert_eq!((path, problem.contains(why)), (&directory, true), "{problem}");
        }
        other => panic!("{why}: {other:?}"),
    };
    written(&directory, "a file");
    let why = NotCopied::NoDirectory;
    assert_eq!(world.plant().omitted, [Omission::NotCopied { path: directory.clone(), why }]);
    fs::remove_file(&directory).unwrap();
    symlink(&directory, &directory).unwrap();
    named("symbolic links");
    fs::remove_file(&directory).unwrap();
    symlink("nowhere", &directory).unwrap();
    let why = NotCopied::Dangling;
    assert_eq!(world.plant().omitted, [Omission::NotCopied { path: directory.clone(), why }]);
    assert_eq!(world.inside("skills/s/SKILL.md"), "x");
    fs::remove_file(&directory).unwrap();
    assert_eq!(world.plant().omitted, [], "there is none");
}

#[test]
fn a_file_that_is_read_and_copied_is_named_once() {
    let world = World::new();
    world.host("settings.json", "{}");
    let path = world.directory().join("CLAUDE.md");
    symlink("nowhere", &path).unwrap();
    assert_eq!(world.plant().omitted, [Omission::NotCopied { path, why: NotCopied::Dangling }]);
}

#[test]
fn what_the_session_made_where_the_host_has_another_kind_is_told() {
    let world = World::new();
    world.host("skills/a/SKILL.md", "x");
    world.host("agents/kept.md", "x");
    told(&world, &[]);
    // a directory where the host has a file now, and a file where it has a directory
    written(&world.state().join("skills/b/own"), "work");
    written(&world.state().join("skills/c"), "work");
    symlink("/etc", world.state().join("agents/d")).unwrap();
    world.host("skills/b", "x");
    world.host("skills/c/SKILL.md", "x");
    world.host("agents/d/x.md", "x");
    let undone = ["agents/d", "skills/b", "skills/c"].map(|path| Omission::Undone(path.into()));
    let omitted = world.plant().omitted;
    assert!(omitted.len() == 3 && undone.iter().all(|one| omitted.contains(one)), "{omitted:?}");
    assert_eq!((world.inside("skills/b"), world.inside("skills/c/SKILL.md")), ("x".into(), "x".into()));
    told(&world, &[]);
}

#[test]
fn a_copy_that_the_host_replaced_by_another_kind_is_not_told_but_what_the_session_added_is() {
    let world = World::new();
    for path in ["skills/a/SKILL.md", "skills/b/SKILL.md", "skills/c"] {
        world.host(path, "x");
    }
    told(&world, &[]);
    written(&world.state().join("skills/b/own"), "work");
    let skills = world.directory().join("skills");
    for name in ["a", "b"] {
        fs::remove_dir_all(skills.join(name)).unwrap();
        world.host(&format!("skills/{name}"), "y");
    }
    fs::remove_file(skills.join("c")).unwrap();
    world.host("skills/c/SKILL.md", "y");
    told(&world, &[Omission::Undone("skills/b".into())]);
    assert_eq!(["a", "b", "c/SKILL.md"].map(|name| world.inside(&format!("skills/{name}"))), ["y", "y", "y"]);
}

#[test]
fn a_copy_that_was_changed_and_has_its_time_again_is_restored_and_told() {
    let world = World::new();
    let host = world.host("skills/a/SKILL.md", "as on the host");
    told(&world, &[]);
    let copy = world.state().join("skills/a/SKILL.md");
    let set_back = |text: &str| {
        fs::write(&copy, text).unwrap();
        let time = host.metadata().unwrap().modified().unwrap();
        fs::File::options().append(true).open(&copy).unwrap().set_modified(time).unwrap();
    };
    set_back("as no the host");
    told(&world, &[Omission::Undone("skills/a/SKILL.md".into())]);
    assert_eq!(fs::read_to_string(&copy).unwrap(), "as on the host");
    // a copy of the session has the same content by another time
    set_back("as on the host");
    told(&world, &[]);
    set_back("as no the host");
    fs::remove_dir_all(world.directory().join("skills/a")).unwrap();
    told(&world, &[Omission::Undone("skills/a/SKILL.md".into())]);
}

#[test]
fn what_came_from_the_host_is_removed_once_that_is_switched_off() {
    let mut world = World::new();
    let login = world.sources().copied.into_iter().find(|copied| copied.login).unwrap();
    written(&login.host, "first");
    world.host("skills/a/SKILL.md", "x");
    world.host("agents/b.md", "x");
    world.host("CLAUDE.md", "x");
    told(&world, &[]);
    written(&world.state().join("skills/own/SKILL.md"), "own");
    written(&world.state().join("agents/b.md"), "changed inside");
    world.from_host = false;
    told(&world, &[Omission::Undone("agents/b.md".into())]);
    let made = agent().seed(&Given::default()).files.into_iter().map(|(name, _)| name.to_owned());
    assert_eq!(names(&world.state()), made.chain(["skills".to_owned()]).collect());
    assert_eq!(names(&world.state().join("skills")), ["own".to_owned()].into());
    told(&world, &[]);

    world.from_host = true;
    told(&world, &[]);
    written(&world.state().join(&login.session), "renewed");
    world.from_host = false;
    told(&world, &[]);
    assert_eq!(fs::read_to_string(world.state().join(&login.session)).unwrap(), "renewed");
}

#[test]
fn settings_of_the_workspace_that_are_not_understood_are_told() {
    let world = World::new();
    let name = *world.sources().workspace.iter().find(|name| name.ends_with("settings.json")).unwrap();
    for text in ["{\n// mine\n\"a\": 1}", "{\"a\": 1,}"] {
        let path = written(&world.session.path().join(name), text);
        let omitted = world.plant().omitted;
        let [Omission::NotRead { path: named, problem }] = &omitted[..] else { panic!("{text:?}: {omitted:?}") };
        assert_eq!(*named, path);
        assert!(problem.contains("not checked") && problem.contains("line "), "{problem}");
    }
    let path = written(&world.session.path().join(name), "\u{feff}{}");
    told(&world, &[]);
    fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    assert!(matches!(&world.plant().omitted[..], [Omission::NotRead { .. }]));
}

/// A host with a hook, a skill and a server.
fn furnished() -> World {
    let world = World::new();
    let hook = "{\"matcher\": \"X\", \"hooks\": [{\"type\": \"command\", \"command\": \"true\"}]}";
    world.host("settings.json", &format!("{{\"model\": \"opus\", \"hooks\": {{\"PreCompact\": [{hook}]}}}}"));
    world.host("skills/a/SKILL.md", "x");
    world.host("CLAUDE.md", "x");
    written(&world.state_file(), "{\"mcpServers\": {\"web\": {\"type\": \"http\", \"url\": \"https://x.example\"}}}");
    world
}

#[test]
fn a_part_that_is_no_longer_wanted_is_gone_and_one_that_never_was_is_not_told() {
    let mut world = furnished();
    told(&world, &[]);
    let server = |world: &World| world.json(state_name())["mcpServers"]["web"].is_object();
    assert!(server(&world) && world.json("settings.json")["model"] == "opus");

    world.import = Import::only([Part::Skills, Part::Hooks]);
    told(&world, &[]);
    assert_eq!(world.inside("skills/a/SKILL.md"), "x");
    assert!(!world.state().join("CLAUDE.md").exists() && !server(&world));
    let settings = world.json("settings.json");
    assert!(settings.get("model").is_none() && settings["hooks"]["PreCompact"].is_array(), "{settings}");

    world.import = Import::only([]);
    told(&world, &[]);
    assert!(!world.state().join("skills").exists() && world.json("settings.json")["hooks"].get("PreCompact").is_none());

    world.import = Import::default();
    told(&world, &[]);
    assert!(server(&world) && world.json("settings.json")["model"] == "opus" && world.inside("CLAUDE.md") == "x");
}

#[test]
fn settings_and_servers_that_are_gone_on_the_host_are_gone_and_those_that_cannot_be_read_stay() {
    let world = furnished();
    told(&world, &[]);
    for file in [world.directory().join("settings.json"), world.state_file()] {
        written(&file, "{\"a\": ");
        fs::File::open(&file).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(world.plant().omitted.len(), 2);
        assert_eq!(world.json("settings.json")["model"], "opus");
        assert!(world.json(state_name())["mcpServers"]["web"].is_object());
    }
    for file in [world.directory().join("settings.json"), world.state_file()] {
        fs::remove_file(file).unwrap();
    }
    told(&world, &[]);
    assert!(world.json("settings.json").get("model").is_none());
    assert!(world.json(state_name())["mcpServers"].get("web").is_none());
}

#[test]
fn settings_of_the_host_are_gone_once_that_is_switched_off() {
    let mut world = furnished();
    told(&world, &[]);
    world.from_host = false;
    told(&world, &[]);
    assert!(world.json("settings.json").get("model").is_none());
}

/// A login that lives until then.
fn login(access: &str, expires: u64) -> String {
    json!({ format!("{}AiOauth", agent().name()): { "accessToken": access, "refreshToken": "r", "expiresAt": expires } })
        .to_string()
}

#[test]
fn a_good_login_of_a_session_survives_all_but_a_newer_one() {
    let world = World::new();
    let place = world.sources().copied.into_iter().find(|copied| copied.login).unwrap();
    let (good, inside) = (login("good", 2_000), || world.inside(&place.session.to_string_lossy()));
    written(&place.host, &good);
    world.plant();
    assert_eq!(inside(), good);
    for other in ["", "{}", "{", "[]", &login("", 0), &login("older", 1_000), &good[..good.len() / 2]] {
        written(&place.host, other);
        world.plant();
        assert_eq!(inside(), good, "{other}");
    }
    fs::remove_file(&place.host).unwrap();
    world.plant();
    assert_eq!(inside(), good);
    symlink(written(&world.home.path().join("elsewhere"), &login("linked", 9_000)), &place.host).unwrap();
    world.plant();
    assert_eq!(inside(), good);
    fs::remove_file(&place.host).unwrap();
    written(&place.host, &login("newer", 3_000));
    world.plant();
    assert_eq!(inside(), login("newer", 3_000));
}

#[test]
fn a_login_that_a_session_holds_is_dropped_where_that_is_asked_for() {
    let mut world = World::new();
    let place = world.sources().copied.into_iter().find(|copied| copied.login).unwrap();
    let inside = world.state().join(&place.session);
    written(&place.host, &login("hosts", 2_000));
    world.plant();
    written(&inside, &login("its own", 9_000));
    world.plant();
    assert_eq!(fs::read_to_string(&inside).unwrap(), login("its own", 9_000));
    world.is_fresh = true;
    world.plant();
    assert_eq!(fs::read_to_string(&inside).unwrap(), login("hosts", 2_000));
    written(&inside, &login("its own", 9_000));
    world.copies_login = false;
    world.plant();
    assert!(!inside.exists(), "nothing of it where the host's stays there");
}

#[test]
fn a_login_that_is_kept_out_is_taken_out_again_unless_the_session_renewed_it() {
    let mut world = World::new();
    let place = world.sources().copied.into_iter().find(|copied| copied.login).unwrap();
    let inside = world.state().join(&place.session);
    written(&place.host, &login("copied", 2_000));
    world.plant();
    assert!(inside.exists());
    world.copies_login = false;
    world.plant();
    assert!(!inside.exists(), "an earlier launch's copy goes");
    world.plant();
    assert!(!inside.exists());
    written(&inside, &login("its own", 2_000));
    world.plant();
    assert!(inside.exists(), "the session logged in by itself");
}
