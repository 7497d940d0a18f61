//! Which places in a workspace are somebody's to run, by their names alone.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::finding::Sink;

/// What is to be looked at in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Whatever it says.
    All,
    /// Whether it is a program: otherwise nobody runs it.
    Program,
    /// Keys of git's configuration.
    Config,
    /// Keys of `.gitmodules`, of which git believes less.
    Modules,
    /// Drivers of attributes.
    Attributes,
    /// Scripts of a package that run by themselves.
    Scripts,
    /// The tables of a Python project that name code.
    Pyproject,
    /// Whether an editor runs something by itself.
    Tasks,
    /// Settings of an editor that name programs.
    EditorSettings,
    /// A linked worktree's way to its repository, which is always the same.
    CommonDir,
    /// A repository's way to itself.
    Itself,
}

/// Who runs what is at a path, and what to look at there.
pub(super) fn of(path: &Path) -> Option<(Sink, Look)> {
    let names: Vec<&[u8]> = path.iter().map(OsStrExt::as_bytes).collect();
    if let Some(at) = names.iter().rposition(|name| *name == b".git") {
        return repository(&names[at + 1..]);
    }
    let (name, above) = names.split_last()?;
    let place = by_name(name).or_else(|| by_directory(above, name))?;
    // of packages that were installed nothing is built or run by itself: the package manager has done so
    let is_installed = above.contains(&b"node_modules".as_slice());
    (!is_installed || matches!(place.0, Sink::Shell | Sink::GitConfig | Sink::GitAttributes)).then_some(place)
}

/// A place in a repository.
pub(super) fn repository(names: &[&[u8]]) -> Option<(Sink, Look)> {
    match names {
        [] => Some((Sink::GitRepository, Look::All)),
        // the name of a submodule can have slashes, and say anything
        [b"modules", below @ ..] | [b"worktrees", _, b"modules", below @ ..] => end(below).map(|(place, _)| place),
        [b"worktrees", _, b"commondir"] => Some((Sink::GitRepository, Look::CommonDir)),
        [b"worktrees", _, b"config.worktree"] => Some((Sink::GitConfig, Look::Config)),
        _ => end(names).filter(|(_, depth)| *depth == names.len()).map(|(place, _)| place),
    }
}

/// What a path ends in, and how many names that are.
fn end(names: &[&[u8]]) -> Option<((Sink, Look), usize)> {
    Some(match names {
        [.., b"commondir"] => ((Sink::GitRepository, Look::Itself), 1),
        [.., b"objects", b"info", b"alternates"] => ((Sink::GitRepository, Look::All), 3),
        [.., b"info", b"attributes"] => ((Sink::GitAttributes, Look::Attributes), 2),
        [.., b"config" | b"config.worktree"] => ((Sink::GitConfig, Look::Config), 1),
        [.., b"hooks", name] if !name.ends_with(b".sample") => ((Sink::GitHook, Look::Program), 2),
        _ => return None,
    })
}

fn by_name(name: &[u8]) -> Option<(Sink, Look)> {
    Some(match name {
        b".gitmodules" => (Sink::GitConfig, Look::Modules),
        b".gitattributes" => (Sink::GitAttributes, Look::Attributes),
        b".envrc" | b".mise.toml" | b"mise.toml" | b".autoenv" | b".autoenv.zsh" | b".autoenv.sh" => {
            (Sink::Shell, Look::All)
        }
        b".exrc" | b".nvimrc" | b".nvim.lua" | b".vimrc" | b".lvimrc" | b".dir-locals.el" | b".dir-locals-2.el" => {
            (Sink::Editor, Look::All)
        }
        b".devcontainer.json" => (Sink::Devcontainer, Look::All),
        b".cci.toml" => (Sink::Agent, Look::All),
        b"package.json" | b"composer.json" => (Sink::Package, Look::Scripts),
        b"pyproject.toml" => (Sink::Package, Look::Pyproject),
        b".npmrc" | b".yarnrc" | b".yarnrc.yml" | b".pnpmfile.cjs" | b".pnpmfile.mjs" | b"setup.py"
        | b"sitecustomize.py" | b"usercustomize.py" => (Sink::Package, Look::All),
        b".pre-commit-config.yaml"
        | b".pre-commit-hooks.yaml"
        | b"lefthook.yml"
        | b".lefthook.yml"
        | b"lefthook.yaml"
        | b".lefthook.yaml"
        | b"lefthook.toml"
        | b".lefthook.toml"
        | b"lefthook-local.yml"
        | b".lefthook-local.yml"
        | b".overcommit.yml" => (Sink::Checks, Look::All),
        b".gitlab-ci.yml"
        | b".travis.yml"
        | b"Jenkinsfile"
        | b"azure-pipelines.yml"
        | b"bitbucket-pipelines.yml"
        | b".drone.yml"
        | b".woodpecker.yml"
        | b".woodpecker.yaml"
        | b".cirrus.yml" => (Sink::Workflow, Look::All),
        b"Makefile"
        | b"makefile"
        | b"GNUmakefile"
        | b"justfile"
        | b"Justfile"
        | b".justfile"
        | b"Taskfile.yml"
        | b"Taskfile.yaml"
        | b"Rakefile"
        | b"build.rs"
        | b"rust-toolchain.toml"
        | b"rust-toolchain"
        | b"build.gradle"
        | b"build.gradle.kts"
        | b"settings.gradle"
        | b"settings.gradle.kts"
        | b"gradle-wrapper.properties"
        | b"gradle-wrapper.jar" => (Sink::Build, Look::All),
        _ if name.ends_with(b".code-workspace") => (Sink::Editor, Look::Tasks),
        _ if name.ends_with(b".pth") => (Sink::Package, Look::All),
        _ => return None,
    })
}

fn by_directory(above: &[&[u8]], name: &[u8]) -> Option<(Sink, Look)> {
    if above.contains(&b".devcontainer".as_slice()) {
        return Some((Sink::Devcontainer, Look::All));
    }
    if let Some(at) = above.iter().rposition(|above| *above == b".husky") {
        // what the tool itself puts there is a directory that git does not hold
        return (above.len() == at + 1 || name != b".gitignore").then_some((Sink::Checks, Look::All));
    }
    Some(match (above, name) {
        ([.., b".vscode"], b"tasks.json" | b"launch.json") => (Sink::Editor, Look::Tasks),
        ([.., b".vscode" | b".zed"], b"settings.json") => (Sink::Editor, Look::EditorSettings),
        ([.., b".zed"], b"tasks.json") | ([.., b".helix"], b"languages.toml" | b"config.toml") => {
            (Sink::Editor, Look::All)
        }
        ([.., b".config", b"mise"] | [.., b".mise"], b"config.toml") => (Sink::Shell, Look::All),
        ([.., b".cargo"], b"config" | b"config.toml")
        | ([.., b".mvn"], b"extensions.xml" | b"jvm.config" | b"maven.config") => (Sink::Build, Look::All),
        ([.., b".bundle"], b"config") | ([.., b".yarn", b"releases" | b"plugins"], _) => (Sink::Package, Look::All),
        ([b".github" | b".forgejo" | b".gitea", b"workflows", ..] | [b".github", b"actions", ..], _) => {
            (Sink::Workflow, Look::All)
        }
        ([b".circleci" | b".buildkite" | b".woodpecker", ..], _) => (Sink::Workflow, Look::All),
        ([b".github", b"hooks", ..], _) => (Sink::Agent, Look::All),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_known_by_their_names_at_any_depth() {
        for (path, sink) in [
            (".git/config", Some(Sink::GitConfig)),
            ("a/b/.git/hooks/pre-commit", Some(Sink::GitHook)),
            (".git/hooks/pre-commit.sample", None),
            (".git/modules/deps/lib/config", Some(Sink::GitConfig)),
            (".git/worktrees/x/modules/l/hooks/post-checkout", Some(Sink::GitHook)),
            (".git/commondir", Some(Sink::GitRepository)),
            ("vendor/.git", Some(Sink::GitRepository)),
            (".git/refs/heads/config", None),
            (".git/HEAD", None),
            (".git/index", None),
            ("x/.envrc", Some(Sink::Shell)),
            (".vscode/tasks.json", Some(Sink::Editor)),
            (".vscode/extensions.json", None),
            (".devcontainer/x/setup.sh", Some(Sink::Devcontainer)),
            (".github/workflows/ci.yml", Some(Sink::Workflow)),
            ("docs/.github/workflows/ci.yml", None),
            (".github/hooks/x.json", Some(Sink::Agent)),
            (".husky/pre-commit", Some(Sink::Checks)),
            ("web/package.json", Some(Sink::Package)),
            ("package-lock.json", None),
            (".idea/workspace.xml", None),
            ("src/main.rs", None),
            ("Makefile", Some(Sink::Build)),
            ("node_modules/x/package.json", None),
            ("node_modules/x/Makefile", None),
            ("node_modules/x/.envrc", Some(Sink::Shell)),
            ("node_modules/x/.git/config", Some(Sink::GitConfig)),
        ] {
            assert_eq!(of(Path::new(path)).map(|(sink, _)| sink), sink, "{path}");
        }
    }
}
