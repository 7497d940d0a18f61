//! A second name for a directory that is written under two, because it is about one place with two paths.

use crate::shell::quoted;

/// Shell lines that make `name` lead to `directory`, which is beside it, unless something is there; a failure is none.
#[must_use]
pub fn lines(parent: &str, directory: &str, name: &str) -> String {
    let (path, target, link) =
        (quoted(&format!("{parent}/{directory}")), quoted(directory), quoted(&format!("{parent}/{name}")));
    format!("mkdir -p -- {path} 2>/dev/null; [ -e {link} ] || ln -s -- {target} {link} 2>/dev/null || :\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_written_under_one_name_is_read_under_the_other_and_what_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let parent = dir.path().join("it's/deep");
        let run = |name: &str| {
            let status = Command::new("sh").args(["-ec", &lines(parent.to_str().unwrap(), "-one", name)]).status();
            assert!(status.unwrap().success());
        };
        run("-other");
        fs::write(parent.join("-other/x"), "said").unwrap();
        assert_eq!(fs::read_to_string(parent.join("-one/x")).unwrap(), "said");
        run("-other");
        fs::create_dir(parent.join("-kept")).unwrap();
        run("-kept");
        assert!(parent.join("-kept").symlink_metadata().unwrap().is_dir());
    }
}
