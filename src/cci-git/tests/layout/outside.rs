//! What became of a repository that is not in the workspace.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use cci_git::Store;
use cci_git::review::{Finding, How, Outside, Sink};

use crate::world::World;

#[test]
fn what_git_would_run_of_a_common_directory_is_found_and_work_is_quiet() {
    let world = World::new();
    world.with_submodule();
    world.git("app", &["worktree", "add", "-q", "../tree"]);
    let store = Store::open(&world.at("store")).unwrap();
    let look = || Outside::look(&store, &world.find("tree").unwrap()).unwrap();
    let was = look();
    let told = |now: &Outside| -> Vec<String> {
        let line = |one: &Finding| {
            let path = one.path.strip_prefix(world.at("app/.git")).unwrap().display();
            format!("{:?} {path} {:?} {}", one.sink, one.how, one.detail.join(", "))
        };
        was.review(&store, now).unwrap().iter().map(line).collect()
    };

    world.write("tree/new", "x");
    world.git("tree", &["add", "."]);
    world.git("tree", &["commit", "-q", "-m", "work"]);
    world.git("tree", &["branch", "side"]);
    world.git("tree", &["config", "user.name", "B"]);
    world.git("tree", &["remote", "add", "more", "https://x.example/a"]);
    world.git("tree", &["gc", "-q"]);
    assert_eq!(told(&look()), [""; 0]);

    let written: Outside = serde_json::from_str(&serde_json::to_string(&was).unwrap()).unwrap();
    assert_eq!(written, was);
    assert!(was.ids().count() > 10);

    world.git("tree", &["config", "core.fsmonitor", "./x"]);
    world.write("app/.git/hooks/post-checkout", "#!/bin/sh\n");
    world.write("app/.git/hooks/not-a-program", "#!/bin/sh\n");
    fs::set_permissions(world.at("app/.git/hooks/post-checkout"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("/bin/sh", world.at("app/.git/modules/deps/lib/hooks/pre-commit")).unwrap();
    world.write("app/.git/worktrees/tree/commondir", "/evil\n");
    world.write("app/.git/info/attributes", vec![b'x'; 2 << 20]);
    // no longer a layout to be found, so what is there is looked at as it was then
    world.write("app/.git/worktrees/tree/commondir", "../..\n");
    let lines = told(&look());
    assert_eq!(
        lines,
        [
            "GitHook hooks/post-checkout New ",
            "GitHook modules/deps/lib/hooks/pre-commit New a link to /bin/sh",
            "GitConfig config Changed core.fsmonitor = ./x",
            "GitAttributes info/attributes New ",
        ]
        .map(|line| line.replace("attributes New ", "attributes Unseen "))
    );
    assert!(
        was.review(&store, &look())
            .unwrap()
            .iter()
            .any(|one| one.sink == Sink::GitAttributes && one.how == How::Unseen)
    );
}

#[test]
fn a_repository_in_the_workspace_is_not_looked_at_twice() {
    let world = World::new();
    world.repository("ws");
    let store = Store::open(&world.at("store")).unwrap();
    let seen = Outside::look(&store, &world.find("ws").unwrap()).unwrap();
    assert_eq!(seen, Outside::default());
}
