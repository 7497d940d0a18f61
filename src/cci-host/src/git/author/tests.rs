//! Hosts whose git is configured in every form, and git itself as the measure.

use std::fs;
use std::process::Command;

use super::*;

struct World {
    dir: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = Self { dir, environment: vec![("GIT_CONFIG_NOSYSTEM", "1".into())] };
        fs::create_dir_all(world.workspace()).unwrap();
        for (path, text) in files {
            world.write(path, text);
        }
        world
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.replace('~', self.home().to_str().unwrap())));
        self
    }

    fn home(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn workspace(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("work/proj")
    }

    fn found(&self) -> Found {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        author(&Caller::for_test(self.home(), &environment), &self.workspace())
    }

    fn shown(&self) -> String {
        let Author { name, email } = self.found().author;
        format!("{}|{}", name.unwrap_or_default(), email.unwrap_or_default())
    }

    fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(args).env_clear().env("HOME", self.home()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        git.envs(self.environment.iter().map(|(name, value)| (*name, value))).current_dir(self.workspace());
        String::from_utf8(git.output().unwrap().stdout).unwrap().trim_end().to_owned()
    }

    /// What git says in the workspace, made a repository.
    fn as_git_says(&self) -> String {
        format!("{}|{}", self.git(&["config", "user.name"]), self.git(&["config", "user.email"]))
    }
}

const ANN: &str = "[user]\n\tname = Ann\n\temail = ann@example.org\n";

#[test]
fn the_files_of_the_user_are_read_the_last_wins() {
    assert_eq!(World::new(&[(".gitconfig", ANN)]).shown(), "Ann|ann@example.org");
    assert_eq!(World::new(&[(".config/git/config", ANN)]).shown(), "Ann|ann@example.org");
    let both = World::new(&[(".config/git/config", ANN), (".gitconfig", "[user]\nemail = own@x\n")]);
    assert_eq!(both.shown(), "Ann|own@x");
    let xdg = World::new(&[("xdg/git/config", ANN), (".config/git/config", "[user]\nname = No\n")]);
    assert_eq!(xdg.with("XDG_CONFIG_HOME", "~/xdg").shown(), "Ann|ann@example.org");
    let global = World::new(&[("mine", ANN), (".gitconfig", "[user]\nname = No\n")]);
    assert_eq!(global.with("GIT_CONFIG_GLOBAL", "~/mine").shown(), "Ann|ann@example.org");
    assert_eq!(World::new(&[(".gitconfig", ANN)]).with("GIT_CONFIG_GLOBAL", "").shown(), "|");
    let counted = World::new(&[(".gitconfig", ANN)]).with("GIT_CONFIG_COUNT", "1");
    let counted = counted.with("GIT_CONFIG_KEY_0", "user.email").with("GIT_CONFIG_VALUE_0", "env@x");
    assert_eq!(counted.shown(), "Ann|env@x");
    assert_eq!(World::new(&[]).shown(), "|");
}

#[test]
fn the_variables_for_the_author_win_over_every_file() {
    let world = World::new(&[(".gitconfig", ANN)]).with("EMAIL", "last@x").with("GIT_COMMITTER_NAME", "C");
    assert_eq!(world.shown(), "C|ann@example.org");
    let world = world.with("GIT_AUTHOR_NAME", "Bob").with("GIT_AUTHOR_EMAIL", "bob@x");
    assert_eq!(world.shown(), "Bob|bob@x");
    assert!(world.git(&["var", "GIT_AUTHOR_IDENT"]).starts_with("Bob <bob@x>"));
    assert_eq!(World::new(&[]).with("EMAIL", "last@x").shown(), "|last@x");
}

#[test]
fn includes_are_followed_as_git_follows_them() {
    let conditions = [
        "gitdir:~/work/",
        "gitdir:~/other/",
        "gitdir:work/",
        "gitdir:/nowhere/",
        "gitdir:./work/",
        "gitdir/i:~/WORK/",
        "gitdir:~/WORK/",
        "gitdir:~/work/*/.git",
        "onbranch:topic/",
        "onbranch:main",
        "hasconfig:remote.*.url:https://example.org/**",
        "hasconfig:remote.*.url:https://other.example/**",
        "unknown:x",
    ];
    for condition in conditions {
        let config = format!("{ANN}[includeIf \"{condition}\"]\n\tpath = sub/../at-work\n");
        let world = World::new(&[
            (".gitconfig", &config),
            ("at-work", "[user]\n\temail = ann@work\n[include]\npath = ~/more\n"),
        ]);
        world.write("sub/x", "");
        world.write("more", "[user]\nname = \"Ann W.\" ; at work\n");
        world.git(&["init", "-q", "-b", "topic/one"]);
        world.git(&["remote", "add", "origin", "https://example.org/a/b.git"]);
        assert_eq!(world.shown(), world.as_git_says(), "{condition}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_count() {
    let world = World::new(&[(".config/git/config", ANN), (".gitconfig", "[user\n")]);
    let found = world.found();
    assert_eq!(found.author.name.as_deref(), Some("Ann"));
    assert_eq!(found.problems, [(world.home().join(".gitconfig"), "line 1 is no configuration of git".to_owned())]);
    let includes_itself = World::new(&[(".gitconfig", "[include]\npath = .gitconfig\n[user]\nname = Ann\n")]);
    assert_eq!(includes_itself.shown(), "Ann|");
}

#[test]
fn the_workspaces_own_configuration_is_not_the_callers() {
    let world = World::new(&[(".gitconfig", ANN)]);
    world.git(&["init", "-q"]);
    world.write(
        "work/proj/.git/config",
        "[user]\nname = Eve\n[include]\npath = /etc/passwd\n[core]\nfsmonitor = touch /tmp/x\n",
    );
    assert_eq!(world.shown(), "Ann|ann@example.org");
}
