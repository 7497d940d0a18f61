//! The words for a workspace that does not contain its whole repository.

use std::path::PathBuf;

use cci_guest::GuestText;
use cci_host::git::Elsewhere;

use super::telling::Telling;

pub(super) fn elsewhere(elsewhere: &Elsewhere) -> Telling {
    let shown = |path| GuestText::new(path);
    let (text, hint) = match elsewhere {
        Elsewhere::Worktree { main, common, inside } => (
            format!("this is a linked worktree of {}, which the container does not see", shown(main)),
            {
                let mount = format!("`--mount {}:{}`", shown(common), shown(inside));
                // a bare repository has no files to work on
                if main == common {
                    format!("mount that repository too: {mount}")
                } else {
                    format!("use the main repository as the workspace, `--workspace {}`, or mount it too: {mount}", shown(main))
                }
            },
        ),
        Elsewhere::Submodule { of } => (
            format!("this is a submodule of {}, where its repository is", shown(of)),
            format!("use that repository as the workspace: `--workspace {}`", shown(of)),
        ),
        Elsewhere::Part { of } => (
            format!("this directory is part of the repository {}", shown(of)),
            format!("use the whole repository as the workspace: `--workspace {}`", shown(of)),
        ),
        Elsewhere::Led { to } => (
            format!("`.git` leads out of the workspace, to {}", shown(to)),
            "if that is your own repository, as of `git init --separate-git-dir`, mount it at that place with `--mount`"
                .to_owned(),
        ),
        Elsewhere::Borrows { from } => (
            format!("the repository borrows objects from {}, which the container does not see", shown(from)),
            "use a clone made without `--shared` or `--reference`".to_owned(),
        ),
        Elsewhere::Configured { worktree } => (
            format!("`core.worktree` of the repository is {}, which the container does not see", shown(worktree)),
            "remove that key if it names this directory: `git config --unset core.worktree`".to_owned(),
        ),
        Elsewhere::Hooks { at } => {
            let text = format!("git hooks do not run in the container: `core.hooksPath` is {}", shown(at));
            // an agent can have set it, so nothing here is to be copied
            let hint = "mount that directory there too, with `--mount`, if it was you who set it".to_owned();
            return Telling::Warning { text, hint: Some(hint) };
        }
    };
    Telling::Warning { text: format!("git will not work in the container: {text}"), hint: Some(hint) }
}

/// What a container sees besides the workspace, told at the first launch.
pub(super) fn shown(shown: &[PathBuf], is_proven: bool) -> Telling {
    let names: Vec<String> = shown.iter().map(|path| GuestText::new(path).to_string()).collect();
    let names = names.join(", ");
    if is_proven {
        return Telling::note(format!("The workspace's git is elsewhere: the container also sees {names}"));
    }
    Telling::Warning {
        text: format!("the workspace's git is elsewhere: the container also sees {names}, because `.git` says so"),
        hint: Some("if you did not make that repository for this directory, stop, and look at `.git`".to_owned()),
    }
}
