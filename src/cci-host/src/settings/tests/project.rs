//! What a project file may choose, and what an approval covers. The live tests try the refusals on the binary.

use super::world::World;
use crate::settings::Trust;

/// A user who has tightened everything that can be.
const STRICT: &str = include_str!("strict.toml");

fn world(project: &str) -> World {
    World::new().user(STRICT).project(project)
}

#[test]
fn what_a_project_may_choose_is_obeyed() {
    let text = r#"
[defaults]
image = "cci-rust"
persistent = true
model = "opus"
environment = { RUST_BACKTRACE = "1" }
[tool]
binary = "/workspace/tools/agent"
args = ["--verbose"]
[network]
allowed_domains = []
[worktree]
copy = []
[limits]
memory = "512MiB"
cpu = 1
[[mounts.default]]
host = "sub"
container = "/cache"
[[mounts.default]]
host = "/srv/data"
container = "/data"
readonly = true
[profiles.small]
limits = { memory = "256MiB" }
"#;
    let settings = world(text).settings().unwrap();
    assert_eq!(settings.defaults.image, "cci-rust");
    assert_eq!(settings.limits.memory.as_deref(), Some("512MiB"));
    assert!(settings.network.allowed_domains.is_empty());
    assert!(settings.worktree.copy.is_empty());
    assert_eq!(settings.mounts.default.len(), 2);
}

/// Lines of a project that choose the code in the container.
const CHOOSING: [(&str, &str); 8] = [
    ("[tool]\nbinary = \"/workspace/evil\"", "tool.binary"),
    ("[tool]\nname = \"evil\"", "tool.name"),
    ("[tool]\nargs = [\"--mcp-config=/workspace/x\"]", "tool.args"),
    ("[defaults]\nimage = \"evil\"", "defaults.image"),
    ("[defaults]\nenvironment = { BASH_ENV = \"/workspace/evil\" }", "defaults.environment.BASH_ENV"),
    ("[profiles.x]\nenvironment = { path = \"/workspace\" }", "defaults.environment.path (profile x)"),
    ("[profiles.node]\nimage = \"evil\"", "defaults.image (profile node)"),
    (
        "mounts.default = [{ host = \"sub\", container = \"/home/code/.local/bin\" }]",
        "mounts.default (/home/code/.local/bin)",
    ),
];

#[test]
fn what_chooses_code_waits_for_approval_while_credentials_are_inside() {
    let outside = "[defaults]\nmount_claude_config = false\n";
    let with_token = "[defaults]\nmount_claude_config = false\nenvironment = { TOKEN = \"x\" }\n";
    for (text, key) in CHOOSING {
        let refused =
            |world: &World| assert!(world.refusal().contains(&format!("{key} is refused")), "{}", world.refusal());
        for user in ["", with_token] {
            refused(&World::new().user(user).project(text));
        }
        let mut world = World::new().user(outside).project(text);
        world.settings().unwrap_or_else(|error| panic!("{text}: {error}"));
        world.overrides.brings_credentials = true;
        refused(&world);
        let mut world = World::new().user(outside).project(text);
        world.extra = Some(world.write("extra.toml", "[defaults]\nmount_claude_config = true\n"));
        refused(&world);
        refused(
            &World::new().project(&format!(
                "defaults.mount_claude_config = false\n{}",
                text.replace("[defaults]\n", "defaults.")
            )),
        );
    }
}

#[test]
fn the_place_and_the_value_of_what_waits_are_known() {
    let world =
        World::new().project("# a comment\n[tool]\nbinary = \"/workspace/evil\"\n[profiles.a]\ninherits = \"b\"\n");
    world.write("proj/profiles/b.toml", "\nimage = \"evil\"\n");
    let stack = world.stack_of(&world.proj(), Trust::Weighed).unwrap();
    let waiting = &stack.project().unwrap().waiting;
    let shown = |index: usize| {
        let one = &waiting[index];
        let file = one.file.file_name().unwrap().to_string_lossy().into_owned();
        (one.key.clone(), one.value.to_string(), file, one.place.map(|place| place.line))
    };
    assert_eq!(shown(0), ("tool.binary".into(), "\"/workspace/evil\"".into(), ".cci.toml".into(), Some(3)));
    assert_eq!(shown(1).2, ".cci.toml", "the profile that inherits it: {waiting:?}");
    assert_eq!(waiting.len(), 2, "{waiting:?}");
}

#[test]
fn two_commands_of_one_name_are_both_shown() {
    let world = World::new().project(
        "[defaults]\nenvironment = { T = { command = \"true\" } }\n[profiles.x]\nenvironment = { T = { command = \"false\" } }\n",
    );
    let stack = world.stack_of(&world.proj(), Trust::Weighed).unwrap();
    let commands: Vec<String> = stack.project().unwrap().waiting.iter().map(|one| one.value.to_string()).collect();
    assert_eq!(commands, ["{\"command\":\"true\"}", "{\"command\":\"false\"}"]);
}

#[test]
fn a_model_is_never_a_flag() {
    let refusal = World::new().project("[defaults]\nmodel = \"--mcp-config=/workspace/x\"\n").refusal();
    assert!(refusal.contains("defaults.model: expected a text that does not begin with `-`"), "{refusal}");
}

#[test]
fn an_approval_covers_exactly_this_content() {
    let world = world("[network]\nmode = \"open\"\n");
    world.refusal();
    world.approve();
    assert_eq!(world.settings().unwrap().network.mode, cci_core::network::Mode::Open);
    world.write("proj/.cci.toml", "[network]\nmode = \"open\"\n# changed\n");
    assert!(world.refusal().contains("network.mode is refused"));
    world.write("proj/.cci.toml", "[network]\nmode = \"open\"\n");
    world.write("proj/profiles/more.toml", "docker = true\n");
    assert!(world.refusal().contains("network.mode is refused"), "a profile beside it is part of what is approved");
}

#[test]
fn a_profile_beside_the_project_file_is_judged_like_it() {
    let world = world("# nothing\n");
    world.write("proj/profiles/mine.toml", "network = { mode = \"open\" }\n");
    assert!(world.refusal().contains("network.mode (profile mine) is refused"));
    let world = World::new().project("# nothing\n");
    world.write("proj/profiles/other.toml", "this = \"belongs to something else\"\n");
    world.settings().unwrap();
    assert!(world.profile("other").refusal().contains("unknown key 'this'"));
}
