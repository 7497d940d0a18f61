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
        let Person { name, email } = self.found().author.user;
        format!("{}|{}", name.unwrap_or_default(), email.unwrap_or_default())
    }

    fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(args).env_clear().env("HOME", self.home()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        git.envs(self.environment.iter().map(|(name, value)| (*name, value))).current_dir(self.workspace());
        String::from_utf8(git.output().unwrap().stdout).unwrap().trim_end().to_owned()
    }

    /// Who git says that somebody is, by lines of a shell.
    fn shell(&self, lines: &str) -> Vec<String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", lines]).env_clear().env("HOME", self.home()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        shell.envs(self.environment.iter().map(|(name, value)| (*name, value))).current_dir(self.workspace());
        let said = String::from_utf8(shell.output().unwrap().stdout).unwrap();
        // a time follows
        said.lines().map(|line| line[..=line.rfind('>').unwrap()].to_owned()).collect()
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
    let by_variable = World::new(&[(".gitconfig", "[user]\nname = Ann\n")]).with("EMAIL", "mail@x");
    assert_eq!(by_variable.shown(), "Ann|mail@x");
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
    assert_eq!(found.author.user.name.as_deref(), Some("Ann"));
    assert_eq!(found.problems, [(world.home().join(".gitconfig"), "line 1 is not valid git configuration".to_owned())]);
    let includes_itself = World::new(&[(".gitconfig", "[include]\npath = .gitconfig\n[user]\nname = Ann\n")]);
    assert_eq!(includes_itself.shown(), "Ann|");
    let problems = |world: &World| world.found().problems.into_iter().map(|(_, problem)| problem).collect::<Vec<_>>();
    assert_eq!(problems(&includes_itself), ["not read: too many files include others"]);
    let many_times = World::new(&[(".gitconfig", &format!("[include]\n{}", "path = .gitconfig\n".repeat(1000)))]);
    assert_eq!(problems(&many_times), ["not read: too many files include others"]);
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

#[test]
fn author_and_committer_are_who_git_says_they_are() {
    let apart = "[author]\n\tname = Aut\n\temail = aut@x\n[committer]\n\tname = Com\n\temail = com@x\n";
    let environments: [&[(&str, &str)]; 5] = [
        &[],
        &[("GIT_AUTHOR_NAME", "Env"), ("GIT_AUTHOR_EMAIL", "env@x")],
        &[("GIT_COMMITTER_NAME", "EnvC"), ("GIT_COMMITTER_EMAIL", "envc@x"), ("EMAIL", "mail@x")],
        &[("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "Author.Name"), ("GIT_CONFIG_VALUE_0", "Counted")],
        &[("EMAIL", "mail@x")],
    ];
    for config in [ANN.to_owned(), format!("{ANN}{apart}"), apart.to_owned(), String::new()] {
        for environment in environments {
            let mut world = World::new(&[(".gitconfig", &config)]);
            world.environment.extend(environment.iter().map(|(name, value)| (*name, (*value).to_owned())));
            let idents = "git -c user.useConfigOnly=true var GIT_AUTHOR_IDENT; git -c user.useConfigOnly=true var GIT_COMMITTER_IDENT";
            let on_host = world.shell(idents);
            let lines = world.found().author.lines().replace("/home/code", world.home().to_str().unwrap());
            // what was found is all that git is told in the container
            world.write(".gitconfig", "");
            world.environment.truncate(1);
            assert_eq!(world.shell(&format!("{lines} {idents}")), on_host, "{config:?} {environment:?}");
        }
    }
}

#[test]
fn a_file_of_another_users_home_is_included_by_its_name() {
    let root = Account::of_uid(0).unwrap();
    let world = World::new(&[(".gitconfig", &format!("[include]\npath = ~{}/no-such-file\n", root.name))]);
    assert_eq!(world.found(), Found::default());
    let reader = |path: &str| {
        let caller = Caller::for_test(world.home(), &[]);
        let reader = Reader {
            caller: &caller,
            git_dir: PathBuf::new(),
            workspace: Path::new("/"),
            files: 0,
            found: Found::default(),
        };
        reader.expanded(path)
    };
    assert_eq!(reader("~root/a"), root.home.join("a"));
    assert_eq!(reader("~/a"), world.home().join("a"));
    assert_eq!(reader("~no-such-user/a"), PathBuf::from("~no-such-user/a"));
}

#[test]
fn what_is_no_file_or_no_text_is_named() {
    let world = World::new(&[]);
    fs::create_dir(world.home().join(".gitconfig")).unwrap();
    assert_eq!(world.found().problems, [(world.home().join(".gitconfig"), "it is no file".to_owned())]);
    fs::remove_dir(world.home().join(".gitconfig")).unwrap();
    std::os::unix::fs::symlink("/dev/null", world.home().join(".gitconfig")).unwrap();
    assert_eq!(world.found(), Found::default());
    fs::remove_file(world.home().join(".gitconfig")).unwrap();
    fs::write(world.home().join(".gitconfig"), b"[user]\n\tname = Andr\xe9\n\temail = a@x\n").unwrap();
    let found = world.found();
    assert_eq!(found.problems, [(world.home().join(".gitconfig"), "user.name is not UTF-8".to_owned())]);
    assert_eq!((found.author.user.name, found.author.user.email.as_deref()), (None, Some("a@x")));
}

#[test]
fn an_include_in_the_workspace_leads_nowhere_else() {
    let config = "[user]\nname = Ann\n[include]\npath = work/proj/shared\npath = work/proj/near/x\npath = own\n";
    let world = World::new(&[
        (".gitconfig", config),
        ("private", "[user]\nemail = private@example.com\n"),
        ("work/proj/in/x", "[user]\nemail = in@example.com\n"),
        ("own-target", "[author]\nname = Own\n"),
    ]);
    let at = |path: &str| world.home().join(path);
    std::os::unix::fs::symlink(at("private"), at("work/proj/shared")).unwrap();
    std::os::unix::fs::symlink("in", at("work/proj/near")).unwrap();
    std::os::unix::fs::symlink("own-target", at("own")).unwrap();
    let found = world.found();
    assert_eq!(found.problems, [(at("work/proj/shared"), "a link in the workspace leads out of it".to_owned())]);
    assert_eq!(world.shown(), "Ann|in@example.com");
    assert_eq!(found.author.author.name.as_deref(), Some("Own"), "the caller's own link is followed");
    fs::remove_dir_all(at("work/proj/in")).unwrap();
    fs::remove_file(at("work/proj/near")).unwrap();
    fs::create_dir(at("elsewhere")).unwrap();
    world.write("elsewhere/x", "[user]\nemail = private@example.com\n");
    std::os::unix::fs::symlink(at("elsewhere"), at("work/proj/near")).unwrap();
    assert_eq!(world.shown(), "Ann|", "no component may be such a link");
}
