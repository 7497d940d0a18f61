//! The words for a workspace whose repository is not all in it.

use cci_guest::GuestText;
use cci_host::git::Elsewhere;

use super::telling::Telling;

pub(super) fn elsewhere(elsewhere: &Elsewhere) -> Telling {
    let shown = |path| GuestText::new(path);
    let (text, hint) = match elsewhere {
        Elsewhere::Worktree { main, common, inside } => (
            format!("this is a linked worktree of {}, which the container does not see", shown(main)),
            format!(
                "work in the main repository with `--workspace {}`, or mount it too with `--mount {}:{}`",
                shown(main),
                shown(common),
                shown(inside)
            ),
        ),
        Elsewhere::Submodule { of } => (
            format!("this is a submodule of {}, where its repository is", shown(of)),
            format!("work in that with `--workspace {}`", shown(of)),
        ),
        Elsewhere::Part { of } => (
            format!("this directory is a part of the repository {}", shown(of)),
            format!("work in the whole of it with `--workspace {}`", shown(of)),
        ),
        Elsewhere::Led { to } => (
            format!("`.git` leads out of the workspace, to {}", shown(to)),
            "work in the main repository, named with `--workspace`".to_owned(),
        ),
        Elsewhere::Borrows { from } => (
            format!("the repository borrows objects of {}, which the container does not see", shown(from)),
            "make a clone without `--shared` or `--reference`".to_owned(),
        ),
    };
    Telling::Warning { text: format!("git does not work inside: {text}"), hint: Some(hint) }
}
