//! Which layer wins, and what is reported about an invalid file.

use cci_core::network::Mode;
use cci_core::settings::Variable;

use super::world::World;
use crate::settings::{Trust, entries};

/// The example of the user documentation, letter for letter.
const EXAMPLE: &str = r#"[defaults]
image = "cci"
persistent = true
mount_claude_config = true

[tool]
name = "claude"  # Claude Code configuration
# binary = "claude"  # Optional: override binary name

[paths]
# Note: sessions_dir is deprecated - sessions are now stored in ~/.cci/sessions-claude/
sessions_dir = "~/.cci/sessions"  # Legacy path (not used for new sessions)
storage_dir = "~/.cci/storage"

[incus]
project = "default"
group = "incus-admin"
claude_uid = 1000

[profiles.rust]
image = "cci-rust"
environment = { RUST_BACKTRACE = "1" }
persistent = true
"#;

const NETWORK_EXAMPLE: &str = r#"[network]
mode = "restricted"  # restricted | open | allowlist

# Allowlist mode configuration
# Supports both domain names and raw IPv4 addresses
allowed_domains = ["github.com", "api.anthropic.com", "8.8.8.8"]
refresh_interval_minutes = 30  # IP refresh interval (0 to disable)
"#;

#[test]
fn the_example_loads_and_each_of_its_keys_shows_where_it_is() {
    let world = World::new().user(EXAMPLE);
    let shown = entries(&world.stack().unwrap()).unwrap();
    let origin = |key: &str| shown.iter().find(|entry| entry.key == key).map(|entry| entry.origin.clone());
    let file = world.home().join(".config/cci/config.toml").display().to_string();
    for (key, line) in [
        ("defaults.image", 2),
        ("defaults.persistent", 3),
        ("defaults.mount_claude_config", 4),
        ("tool.name", 7),
        ("paths.sessions_dir", 12),
        ("paths.storage_dir", 13),
        ("incus.project", 16),
        ("incus.group", 17),
        ("incus.claude_uid", 18),
        ("profiles.rust.image", 21),
        ("profiles.rust.environment.RUST_BACKTRACE", 22),
        ("profiles.rust.persistent", 23),
    ] {
        assert_eq!(origin(key), Some(format!("{file}:{line}")), "{key}");
    }
    let settings = world.settings().unwrap();
    assert_eq!(settings.paths.storage_dir, Some(world.home().join(".cci/storage")));
    let settings = World::new().user(NETWORK_EXAMPLE).settings().unwrap();
    assert_eq!(settings.network.allowed_domains, ["github.com", "api.anthropic.com", "8.8.8.8"]);
}

#[test]
fn a_higher_layer_wins_key_by_key() {
    let mut world = World::new()
        .user("[defaults]\nimage = \"user\"\npersistent = true\nmodel = \"user\"\nenvironment = { A = \"user\", B = \"user\" }\n")
        .project("[defaults]\nimage = \"project\"\nenvironment = { B = \"project\" }\n");
    world.approve();
    let settings = world.settings().unwrap();
    assert_eq!(settings.defaults.image, "project");
    assert!(settings.defaults.persistent, "the project does not speak of it");
    let plain = settings.environment();
    assert_eq!((plain["A"].as_str(), plain["B"].as_str()), ("user", "project"));

    world.extra = Some(world.write("extra.toml", "[defaults]\nimage = \"extra\"\npersistent = false\n"));
    assert_eq!(world.settings().unwrap().defaults.image, "extra");
    world.environment = vec![("CCI_IMAGE", "variable"), ("CCI_PERSISTENT", "1")];
    let settings = world.settings().unwrap();
    assert_eq!(settings.defaults.image, "variable");
    assert!(settings.defaults.persistent);
    world.overrides.image = Some("flag".into());
    world.overrides.persistent = Some(false);
    let settings = world.settings().unwrap();
    assert_eq!(settings.defaults.image, "flag");
    assert!(!settings.defaults.persistent);
    assert_eq!(settings.defaults.model.as_deref(), Some("user"));
}

#[test]
fn mounts_add_up_by_container_path_and_a_flag_replaces() {
    let mut world = World::new().user(
        "[[mounts.default]]\nhost = \"~/a\"\ncontainer = \"/a\"\nreadonly = true\n[[mounts.default]]\nhost = \"$DATA\"\ncontainer = \"/b/\"\n",
    );
    world.environment = vec![("DATA", "/srv/data")];
    world.extra = Some(world.write("extra.toml", "mounts.default = [{ host = \"/x\", container = \"/c\" }]\n"));
    world.overrides.mounts = vec!["/flag:/a".into()];
    let mounts = world.settings().unwrap().mounts.default;
    let hosts: Vec<(&str, String, bool)> =
        mounts.iter().map(|(path, mount)| (path.as_str(), mount.host.display().to_string(), mount.readonly)).collect();
    assert_eq!(hosts, [("/a", "/flag".into(), false), ("/b", "/srv/data".into(), false), ("/c", "/x".into(), false)]);
}

#[test]
fn the_project_file_is_that_of_the_workspace() {
    let world = World::new();
    world.write("other/.cci.toml", "[defaults]\nmodel = \"other\"\n");
    let other = world.proj().with_file_name("other");
    let settings = world.stack_of(&other, Trust::Judged).unwrap().settings().unwrap();
    assert_eq!(settings.defaults.model.as_deref(), Some("other"));
    assert_eq!(world.settings().unwrap().defaults.model, None);
}

#[test]
fn profiles_inherit_from_one_another_and_override_the_files() {
    let world = World::new()
        .user("[network]\nmode = \"open\"\n[profiles.mine]\ninherits = \"hardened\"\nlimits = { memory = \"1GiB\" }\n")
        .profile("mine");
    let settings = world.settings().unwrap();
    assert_eq!(settings.network.mode, Mode::Restricted);
    assert_eq!(settings.limits.memory.as_deref(), Some("1GiB"));
    assert_eq!(settings.limits.cpu.as_deref(), Some("2"));
    assert_eq!(settings.profile.as_deref(), Some("mine"));
    let world = World::new().profile("filed");
    world.write("home/.config/cci/profiles/filed.toml", "image = \"of-a-file\"\n");
    assert_eq!(world.settings().unwrap().defaults.image, "of-a-file");
}

#[test]
fn every_shipped_profile_loads() {
    for shipped in crate::settings::shipped() {
        World::new().profile(shipped.name).settings().unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
    }
}

#[test]
fn an_unusable_profile_says_why() {
    let refusal = |text: &str, name: &str| World::new().user(text).profile(name).refusal();
    assert!(
        refusal("", "rsut").contains("unknown profile 'rsut' (known: default, gvisor, hardened, node, python, rust)")
    );
    let round = refusal("[profiles.a]\ninherits = \"b\"\n[profiles.b]\ninherits = \"a\"\n", "a");
    assert!(round.contains("inherits itself: a → b → a"), "{round}");
    let world = World::new().user("[profiles.a]\nimage = \"x\"\n");
    world.write("home/.config/cci/profiles/a.toml", "image = \"y\"\n");
    assert!(world.refusal().contains("profile 'a' is also in"), "{}", world.refusal());
    let orphan = refusal("[profiles.a]\ninherits = \"nobody\"\n", "a");
    assert!(orphan.contains("unknown profile 'nobody', which profile 'a' inherits"), "{orphan}");
    let line: Vec<String> = (0..12).map(|n| format!("[profiles.p{n}]\ninherits = \"p{}\"\n", n + 1)).collect();
    let line = line.concat();
    assert!(refusal(&line, "p0").contains("inherits more than 8"), "{}", refusal(&line, "p0"));
}

#[test]
fn everything_wrong_in_a_file_is_reported_at_once_with_its_place() {
    let text = "[defaults]\nimgae = \"x\"\npersistent = \"yes\"\ncpu = 3\n[incus]\nidmap = \"rwa\"\n[netwrok]\n[[mounts.default]]\nhots = \"/x\"\n[profiles.x]\nlimits = { cpu = 0 }\n";
    let file = "/home/.config/cci/config.toml";
    assert_eq!(
        World::new().user(text).refusal().lines().map(str::trim).collect::<Vec<_>>(),
        [
            format!("{file}:2:1: unknown key 'defaults.imgae', did you mean 'defaults.image'?"),
            format!("{file}:3:14: defaults.persistent: expected true or false, found 'yes'"),
            format!("{file}:4:1: unknown key 'defaults.cpu', did you mean 'limits.cpu'?"),
            format!("{file}:6:9: incus.idmap: expected one of raw, shift, none, found 'rwa'"),
            format!("{file}:7:2: unknown section 'netwrok', did you mean 'network'?"),
            format!("{file}:9:1: unknown key 'mounts.default.hots', did you mean 'host'?"),
            format!(
                "{file}:11:18: profiles.x.limits.cpu: expected a number of cores, or a set such as \"0-3\", found 0"
            ),
        ]
    );
}

#[test]
fn an_invalid_configuration_file_is_refused_and_nothing_waits_for_it() {
    let of = |bytes: &[u8]| {
        let world = World::new();
        world.write("proj/.cci.toml", bytes);
        world.refusal()
    };
    assert!(of(b"a = [\n").contains("/proj/.cci.toml:1:"), "{}", of(b"a = [\n"));
    assert!(of(b"\xff\xfe").contains("not UTF-8"));
    assert!(of(&vec![b'#'; 2 << 20]).contains("larger than"));
    assert!(!of(b"\"\\u001b[31m\" = 1\n").contains('\u{1b}'), "no text of a file steers the terminal");
    let world = World::new();
    let pipe = world.proj().join(".cci.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(world.refusal().contains("not a regular file"));
    std::fs::remove_file(&pipe).unwrap();
    std::os::unix::fs::symlink("nowhere", &pipe).unwrap();
    assert!(world.refusal().contains("a link to nothing"), "what it would have set must not be missing without a word");
    let mut world = World::new();
    world.extra = Some("/nonexistent/cci.toml".into());
    assert!(world.refusal().contains("configuration file not found"));
}

#[test]
fn a_secret_made_by_a_command_is_for_the_users_own_files() {
    let text = "[defaults]\nenvironment = { TOKEN = { command = \"pass token\" } }\n";
    let settings = World::new().user(text).settings().unwrap();
    assert_eq!(settings.defaults.environment["TOKEN"], Variable::Command { command: "pass token".into() });
    assert!(settings.environment().is_empty(), "it is not known before it is made");
    assert!(World::new().project(text).refusal().contains("defaults.environment.TOKEN is refused"));
}
