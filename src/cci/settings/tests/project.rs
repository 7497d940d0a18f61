//! What a project file may choose, and what an approval covers. The refusals are tried on the binary, by the live tests.

use super::world::World;
use crate::settings::{Approvals, Trust};

/// A user who has tightened everything that can be.
const STRICT: &str = r#"
[defaults]
mount_claude_config = false
docker = false
[network]
mode = "allowlist"
allowed_domains = ["api.anthropic.com"]
[limits]
cpu = "2"
memory = "1GiB"
processes = "500"
disk = "5GiB"
[[mounts.default]]
host = "/srv/data"
container = "/data"
readonly = true
[profiles.tight]
limits = { memory = "512MiB" }
[profiles.loose]
network = { mode = "open" }
"#;

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
    assert_eq!(settings.mounts.default.len(), 2);
}

#[test]
fn approval_is_of_exactly_this_content() {
    let world = world("[network]\nmode = \"open\"\n");
    world.refusal();
    let stack = world.stack_of(&world.proj(), Trust::Unjudged).unwrap();
    let (path, hash) = stack.project().unwrap();
    Approvals::of(&world.home()).unwrap().approve(path, hash.to_owned()).unwrap();
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
