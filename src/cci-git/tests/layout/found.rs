//! Each layout that git makes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use cci_git::layout::{Link, Stub, WorksAt};

use crate::world::World;

#[test]
fn a_directory_without_git_needs_nothing() {
    let world = World::new();
    fs::create_dir_all(world.at("ws/.git")).unwrap();
    let (layout, shown) = world.shown("ws");
    assert_eq!((layout.repository.is_none(), shown.len(), layout.guarded.len()), (true, 0, 0));
    assert_eq!(layout.works_at, WorksAt::Anywhere);
}

#[test]
fn a_plain_repository_works_where_it_is_and_what_git_runs_is_guarded() {
    let world = World::new();
    world.repository("ws");
    fs::remove_dir_all(world.at("ws/.git/hooks")).unwrap();
    let (layout, shown) = world.shown("ws");
    assert_eq!((shown.len(), layout.works_at), (0, WorksAt::Anywhere));
    assert_eq!(layout.repository.as_ref().unwrap().link, Link::Plain);
    let guarded = ["=ws/.git/", "!ws/.git/commondir", "ws/.git/config", "!ws/.git/hooks/", "!ws/.git/info/attributes"];
    assert_eq!(world.guarded(&layout), guarded);
}

#[test]
fn hooks_and_files_elsewhere_in_the_workspace_are_guarded_as_configured() {
    let world = World::new();
    world.repository("ws");
    world.git("ws", &["config", "core.hooksPath", ".husky/_"]);
    world.git("ws", &["config", "include.path", "../.gitconfig"]);
    world.git("ws", &["config", "core.attributesFile", ".attributes"]);
    world.git("ws", &["config", "extensions.worktreeConfig", "true"]);
    // what an included file says counts, whatever its condition
    world.write("ws/.gitconfig", "[includeIf \"onbranch:x\"]\npath = sub/more\n");
    world.write("ws/sub/more", "[core]\nhooksPath = hooks\n");
    world.git("ws", &["config", "--add", "include.path", "~/mine"]);
    let layout = world.find("ws").unwrap();
    let guarded = world.guarded(&layout);
    for path in
        ["!ws/hooks/", "ws/.gitconfig", "ws/sub/more", "!ws/.attributes", "!ws/.git/config.worktree", "ws/.git/hooks/"]
    {
        assert!(guarded.contains(&path.to_owned()), "{path}: {guarded:?}");
    }
    assert_eq!(layout.repository.unwrap().needs_git(), Some((2, 20)));
}

#[test]
fn a_linked_worktree_shows_the_common_directory_and_itself_where_they_are() {
    let world = World::new();
    world.repository("main");
    world.git("main", &["worktree", "add", "-q", "../tree"]);
    let (layout, shown) = world.shown("tree");
    assert_eq!(shown, ["rw main/.git", "rw tree"]);
    assert_eq!((layout.works_at, layout.is_proven()), (WorksAt::HostPath, true));
    let link = Link::Worktree { name: "tree".to_owned(), relative: false };
    assert_eq!(layout.repository.as_ref().unwrap().link, link);
    let guarded = world.guarded(&layout);
    for path in [
        "main/.git/config",
        "!main/.git/commondir",
        "main/.git/worktrees/tree/gitdir",
        "main/.git/worktrees/tree/commondir",
        "tree/.git",
    ] {
        assert!(guarded.contains(&path.to_owned()), "{path}: {guarded:?}");
    }
}

#[test]
fn other_linked_worktrees_are_stubs_so_that_none_is_forgotten() {
    let world = World::new();
    world.repository("main");
    for path in ["../tree", "../other", "../gone", "in/here"] {
        world.git("main", &["worktree", "add", "-q", path]);
    }
    fs::remove_dir_all(world.at("gone")).unwrap();
    let (layout, shown) = world.shown("tree");
    assert_eq!(shown, ["rw main/.git", "rw tree", ".git main/in/here", ".git other"]);
    let other = layout.stubs.iter().find(|stub| stub.path == world.at("other")).unwrap();
    assert_eq!(Stub::git_file(&other.record), fs::read_to_string(world.at("other/.git")).unwrap());
    // the main worktree has them too; one within it is seen once it is at its place
    let (layout, shown) = world.shown("main");
    assert_eq!(shown, ["rw main", ".git other", ".git tree"]);
    assert_eq!(layout.works_at, WorksAt::HostPath);
}

#[test]
fn a_worktree_of_a_bare_repository_shows_that() {
    let world = World::new();
    world.repository("seed");
    fs::create_dir(world.at("proj")).unwrap();
    world.git("", &["clone", "-q", "--bare", "seed", "proj/.bare"]);
    world.write("proj/.git", "gitdir: ./.bare\n");
    world.git("proj", &["worktree", "add", "-q", "main-tree"]);
    let (layout, shown) = world.shown("proj/main-tree");
    assert_eq!(shown, ["rw proj/.bare", "rw proj/main-tree"]);
    assert!(layout.is_proven());
    let layout = world.find("proj/.bare").unwrap();
    assert_eq!(layout.repository.unwrap().link, Link::Bare);
}

#[test]
fn relative_links_work_from_where_the_worktree_is_with_a_git_that_knows_them() {
    let world = World::new();
    world.repository("main");
    world.git("main", &["worktree", "add", "-q", "../tree"]);
    // as git 2.48 writes it with --relative-paths
    world.write("tree/.git", "gitdir: ../main/.git/worktrees/tree\n");
    world.write("main/.git/worktrees/tree/gitdir", "../../../../tree/.git\n");
    world.git("main", &["config", "core.repositoryFormatVersion", "1"]);
    world.git("main", &["config", "extensions.relativeWorktrees", "true"]);
    let (layout, shown) = world.shown("tree");
    assert_eq!(shown, ["rw main/.git", "rw tree"]);
    let found = layout.repository.unwrap();
    assert_eq!(found.link, Link::Worktree { name: "tree".to_owned(), relative: true });
    assert_eq!((layout.works_at, found.needs_git()), (WorksAt::HostPath, Some((2, 48))));
    world.write("main/.git/config", "[extensions]\nsomethingNew\n");
    assert_eq!(world.find("tree").unwrap().repository.unwrap().needs_git(), None);
}

#[test]
fn a_separate_git_directory_is_shown_and_said_to_be_unproven() {
    let world = World::new();
    fs::create_dir_all(world.at("ws")).unwrap();
    world.git("ws", &["init", "-q", "--separate-git-dir", "../store"]);
    let (layout, shown) = world.shown("ws");
    assert_eq!(shown, ["rw store", "rw ws"]);
    assert!(!layout.is_proven(), "`.git` alone says so");
    world.git("ws", &["config", "core.worktree", &world.text("ws")]);
    let layout = world.find("ws").unwrap();
    assert_eq!((layout.is_proven(), layout.repository.unwrap().link), (true, Link::Separate { proven: true }));
    // a link instead of a file
    fs::remove_file(world.at("ws/.git")).unwrap();
    symlink("../store", world.at("ws/.git")).unwrap();
    assert_eq!(world.shown("ws").1, ["rw store", "rw ws"]);
}

#[test]
fn a_submodule_shows_its_own_repository_only() {
    let world = World::new();
    world.with_submodule();
    let (layout, shown) = world.shown("app/deps/lib");
    assert_eq!(shown, ["rw app/.git/modules/deps/lib", "rw app/deps/lib"]);
    assert_eq!(layout.repository.as_ref().unwrap().link, Link::Submodule { of: world.at("app") });
    assert_eq!((layout.works_at, layout.is_proven()), (WorksAt::HostPath, true));
}

#[test]
fn a_submodule_of_a_linked_worktree_has_its_repository_in_that_worktrees_record() {
    let world = World::new();
    world.with_submodule();
    world.git("app", &["worktree", "add", "-q", "../tree"]);
    world.git("tree", &["submodule", "--quiet", "update", "--init"]);
    let (layout, shown) = world.shown("tree/deps/lib");
    assert_eq!(shown, ["rw app/.git/worktrees/tree/modules/deps/lib", "rw tree/deps/lib"]);
    assert_eq!(layout.repository.unwrap().link, Link::Submodule { of: world.at("tree") });
    // and the worktree itself guards it
    let (layout, shown) = world.shown("tree");
    assert_eq!(shown, ["rw app/.git", "rw tree"]);
    let guarded = world.guarded(&layout);
    for path in ["app/.git/modules/deps/lib/config", "app/.git/worktrees/tree/modules/deps/lib/hooks/"] {
        assert!(guarded.contains(&path.to_owned()), "{path}: {guarded:?}");
    }
}

#[test]
fn a_superproject_guards_its_submodules_and_an_absolute_link_needs_its_place() {
    let world = World::new();
    world.with_submodule();
    let (layout, shown) = world.shown("app");
    assert_eq!((shown.len(), layout.works_at), (0, WorksAt::Anywhere));
    let guarded = world.guarded(&layout);
    for path in ["app/.git/modules/deps/lib/config", "app/.git/modules/deps/lib/hooks/"] {
        assert!(guarded.contains(&path.to_owned()), "{path}: {guarded:?}");
    }
    // as gits before 1.7.10 wrote it
    world.write("app/deps/lib/.git", format!("gitdir: {}\n", world.text("app/.git/modules/deps/lib")));
    let (layout, shown) = world.shown("app");
    assert_eq!((shown, layout.works_at), (vec!["rw app".to_owned()], WorksAt::HostPath));
}

#[test]
fn a_directory_within_a_repository_shows_all_of_it_read_only() {
    let world = World::new();
    world.repository("app");
    let (layout, shown) = world.shown("app/src");
    assert_eq!(shown, ["ro app", "rw app/.git", "rw app/src"]);
    assert!(layout.is_part() && layout.works_at == WorksAt::HostPath);
    world.git("app", &["worktree", "add", "-q", "../tree"]);
    assert_eq!(world.shown("tree/src").1, ["rw app/.git", "ro tree", "rw tree/src"]);
    // a home under git is no project
    world.repository("home");
    fs::create_dir_all(world.at("home/notes")).unwrap();
    assert!(world.find("home/notes").unwrap().repository.is_none());
}

#[test]
fn borrowed_objects_are_shown_read_only_also_those_that_the_lender_borrows() {
    let world = World::new();
    world.repository("first");
    world.git("", &["clone", "-q", "--shared", "first", "second"]);
    world.git("", &["clone", "-q", "--reference", "second", "--shared", "second", "third"]);
    let (layout, shown) = world.shown("third");
    assert_eq!(shown, ["ro first/.git/objects", "ro second/.git/objects", "rw third"]);
    assert!(world.guarded(&layout).contains(&"third/.git/objects/info/alternates".to_owned()));
}

#[test]
fn nested_repositories_are_guarded_and_pinned() {
    let world = World::new();
    world.repository("ws");
    world.repository("ws/vendor/tool");
    world.git("ws", &["clone", "-q", "--bare", "vendor/tool", "mirror.git"]);
    let guarded = world.guarded(&world.find("ws").unwrap());
    for path in ["=ws/vendor/tool/.git/", "ws/vendor/tool/.git/config", "=ws/mirror.git/", "ws/mirror.git/hooks/"] {
        assert!(guarded.contains(&path.to_owned()), "{path}: {guarded:?}");
    }
}

#[test]
fn hooks_that_are_a_link_of_the_persons_are_no_reason_to_refuse() {
    let world = World::new();
    world.repository("ws");
    fs::remove_dir_all(world.at("ws/.git/hooks")).unwrap();
    symlink(world.at("home"), world.at("ws/.git/hooks")).unwrap();
    let guarded = world.guarded(&world.find("ws").unwrap());
    assert!(!guarded.iter().any(|path| path.contains("hooks")), "{guarded:?}");
}

#[test]
fn what_is_guarded_and_not_there_is_made_and_changes_nothing_for_git() {
    let world = World::new();
    world.repository("ws");
    fs::remove_dir_all(world.at("ws/.git/hooks")).unwrap();
    fs::remove_dir_all(world.at("ws/.git/info")).unwrap();
    let layout = world.find("ws").unwrap();
    for guarded in &layout.guarded {
        guarded.make().unwrap();
        guarded.make().unwrap();
    }
    for private in &layout.privates {
        private.make().unwrap();
    }
    let layout = world.find("ws").unwrap();
    assert!(layout.guarded.iter().all(|guarded| guarded.exists));
    assert_eq!(world.git("ws", &["status", "--porcelain"]), "");
    world.git("ws", &["worktree", "add", "-q", "../tree"]);
    world.git("ws", &["commit", "-q", "--allow-empty", "-m", "two"]);
    assert_eq!(world.git("tree", &["log", "-1", "--format=%s"]), "one");
    assert_eq!(world.git("ws", &["fsck", "--no-progress"]), "");
    // never through a link
    fs::remove_dir(world.at("ws/.git/hooks")).unwrap();
    let guarded = layout.guarded.into_iter().find(|guarded| guarded.path.ends_with("hooks")).unwrap();
    fs::rename(world.at("ws/.git"), world.at("real")).unwrap();
    symlink(world.at("real"), world.at("ws/.git")).unwrap();
    let gone = cci_git::layout::Guarded { exists: false, ..guarded };
    assert!(gone.make().is_err() && !world.at("real/hooks").exists());
}

#[test]
fn mounts_are_at_every_place_where_something_could_be_written() {
    let world = World::new();
    world.repository("main");
    world.git("main", &["worktree", "add", "-q", "../tree"]);
    let layout = world.find("tree").unwrap();
    let redirects = [world.at("redirect")];
    let place = Path::new("/workspace");
    let binds = layout.binds(place, &redirects);
    let of = |at: &Path| binds.iter().find(|bind| bind.at == at).map(|bind| (bind.source.clone(), bind.writable));
    let record = world.at("main/.git/worktrees/tree");
    assert_eq!(of(&world.at("main/.git")), Some((world.at("main/.git"), true)));
    assert_eq!(of(&world.at("main/.git/config")), Some((world.at("main/.git/config"), false)));
    assert_eq!(of(&record.join("commondir")), Some((world.at("redirect"), false)));
    for at in [world.at("tree/.git"), place.join(".git")] {
        assert_eq!(of(&at), Some((world.at("tree/.git"), false)));
    }
    assert!(binds.is_sorted() && binds.windows(2).all(|two| two[0].at != two[1].at));
    assert_eq!(layout.binds(place, &[]).len(), binds.len());
    assert_eq!(layout.inside(place, &world.at("tree/x")), world.at("tree/x"));
    // within a directory that is only to be read, nothing has to be guarded again
    let part = world.find("tree/src").unwrap();
    assert!(part.binds(place, &[]).iter().all(|bind| !bind.at.ends_with("tree/.git")));
    world.git("main", &["worktree", "remove", "../tree"]);
    let plain = world.find("main").unwrap();
    assert_eq!(plain.inside(place, &world.at("main/x")), place.join("x"));
    assert!(plain.binds(place, &[]).iter().all(|bind| bind.at.starts_with(place)));
}
