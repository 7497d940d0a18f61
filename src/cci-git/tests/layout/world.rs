//! A directory with a home and repositories in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cci_git::layout::{Layout, Nested, Refusal};
use tempfile::TempDir;

pub(crate) struct World(TempDir);

impl World {
    pub(crate) fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(world.at("home/.ssh")).unwrap();
        world
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        let base = self.0.path().canonicalize().unwrap();
        if path.is_empty() { base } else { base.join(path) }
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.at(path).to_str().unwrap().to_owned()
    }

    /// Runs git, which must succeed.
    pub(crate) fn git(&self, dir: &str, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args([
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@x",
            "-c",
            "protocol.file.allow=always",
            "-c",
            "init.defaultBranch=main",
        ]);
        git.args(args).env_clear().env("HOME", self.at("home")).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        let done = git.env("GIT_CONFIG_NOSYSTEM", "1").current_dir(self.at(dir)).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn repository(&self, dir: &str) {
        fs::create_dir_all(self.at(dir)).unwrap();
        self.git(dir, &["init", "-q"]);
        self.write(&format!("{dir}/src/file"), "one\n");
        self.git(dir, &["add", "."]);
        self.git(dir, &["commit", "-q", "-m", "one"]);
    }

    /// A submodule of `app` at `deps/lib`.
    pub(crate) fn with_submodule(&self) {
        self.repository("lib");
        self.repository("app");
        self.git("app", &["submodule", "--quiet", "add", &self.text("lib"), "deps/lib"]);
        self.git("app", &["commit", "-q", "-m", "submodule"]);
    }

    pub(crate) fn find(&self, dir: &str) -> Result<Layout, Refusal> {
        let workspace = self.at(dir);
        Layout::find(&workspace, &self.at("home"), &Nested::find(&workspace))
    }

    /// The layout, with what is shown as lines: `rw` or `ro` and the path from the top of this world, and `.git` for a stub.
    pub(crate) fn shown(&self, dir: &str) -> (Layout, Vec<String>) {
        let layout = self.find(dir).unwrap();
        let shown = layout
            .shown
            .iter()
            .map(|one| format!("{} {}", if one.writable { "rw" } else { "ro" }, self.short(&one.path)));
        let stubs = layout.stubs.iter().map(|stub| format!(".git {}", self.short(&stub.path)));
        let lines = shown.chain(stubs).collect();
        (layout, lines)
    }

    /// What is guarded: `!` for what is not there yet, `=` for what is only pinned.
    pub(crate) fn guarded(&self, layout: &Layout) -> Vec<String> {
        let line = |one: &cci_git::layout::Guarded| {
            let mark = if one.writable {
                "="
            } else if one.exists {
                ""
            } else {
                "!"
            };
            format!("{mark}{}{}", self.short(&one.path), if one.is_directory { "/" } else { "" })
        };
        layout.guarded.iter().map(line).collect()
    }

    /// The message of a refusal, without the place of this world, and that there is a way out.
    pub(crate) fn refused(&self, dir: &str) -> String {
        let refusal = self.find(dir).unwrap_err();
        assert!(!refusal.way_out().is_empty());
        refusal.to_string().replace(&format!("{}/", self.text("")), "")
    }

    fn short(&self, path: &Path) -> String {
        path.strip_prefix(self.at("")).unwrap_or(path).to_str().unwrap().to_owned()
    }
}
