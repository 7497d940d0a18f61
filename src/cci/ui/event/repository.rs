//! The words for a workspace whose repository is not all in it.

use cci_guest::GuestText;
use cci_host::git::Elsewhere;

use super::telling::Telling;

pub(super) fn elsewhere(elsewhere: &Elsewhere) -> Telling {
    let shown = |path| GuestText::new(path);
    let (text, hint) = match elsewhere {
        Elsewhere::Hooks { at } => {
            return Telling::Warning {
                text: format!(
                    "git's hooks will not run in the container: core.hooksPath is {}, which the container does not see",
                    shown(at)
                ),
                hint: Some(
                    "mount that directory at the same path with `--mount`, or keep the hooks in the workspace".into(),
                ),
            };
        }
        Elsewhere::Worktree { main, common, inside } => (
            format!("this is a linked worktree of {}, which the container does not see", shown(main)),
            format!(
                "use the main repository as the workspace, `--workspace {}`, or mount it too: `--mount {}:{}`",
                shown(main),
                shown(common),
                shown(inside)
            ),
        ),
        Elsewhere::Submodule { of } => (
            format!("this is a submodule of {}, where its repository is", shown(of)),
            format!("use that as the workspace: `--workspace {}`", shown(of)),
        ),
        Elsewhere::Part { of } => (
            format!("this directory is a part of the repository {}", shown(of)),
            format!("use all of it as the workspace: `--workspace {}`", shown(of)),
        ),
        Elsewhere::Led { to } => (
            format!("`.git` leads out of the workspace, to {}", shown(to)),
            "use the main repository as the workspace, with `--workspace`".to_owned(),
        ),
        Elsewhere::Borrows { from } => (
            format!("the repository borrows objects of {}, which the container does not see", shown(from)),
            "use a clone made without `--shared` or `--reference`".to_owned(),
        ),
    };
    Telling::Warning { text: format!("git will not work in the container: {text}"), hint: Some(hint) }
}
