//! Shell lines that replace the shell by a command, and name the missing file if it does not start.
//!
//! A shell says "not found" about an existing file if its interpreter is missing, for instance about a program of a virtual
//! environment that was created on the host.

/// Replaces the shell by the command `"$@"`.
pub(crate) const BECOME: &str = r##"trap '[ $? -ne 127 ] || case $1 in */*)
    if [ -h "$1" ] && [ ! -e "$1" ]; then
        echo "cci: $1 is a link to $(readlink -- "$1"), which is not in the container"
    elif [ -f "$1" ]; then
        _cci_v=$(head -c 256 -- "$1" | tr -d "\000" | head -n 1)
        case $_cci_v in
            "#!"*) _cci_v=${_cci_v#"#!"}; _cci_v=${_cci_v# }; _cci_v="interpreter ${_cci_v%% *}" ;;
            *) _cci_v="dynamic loader" ;;
        esac
        echo "cci: $1 exists, but its $_cci_v is not in the container"
    fi >&2 ;;
esac' 0
exec "$@""##;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::shell;

    /// The status and stderr of a command that the lines become.
    fn becomes(command: &[&str], dir: &Path) -> (i32, String) {
        let argv = shell::command(BECOME, command);
        let done = Command::new(&argv[0]).args(&argv[1..]).current_dir(dir).output().unwrap();
        (done.status.code().unwrap(), String::from_utf8(done.stderr).unwrap())
    }

    #[test]
    fn the_interpreter_that_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join(".venv/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("pip"), "#!/home/ann/proj/.venv/bin/python3 -I\nimport pip\n").unwrap();
        fs::write(bin.join("tool"), b"\x7fELF\0\0 no loader").unwrap();
        for name in ["pip", "tool"] {
            fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        symlink("/usr/local/bin/python3.11-of-the-host", bin.join("python")).unwrap();
        for (command, said) in [
            (
                ".venv/bin/pip",
                "cci: .venv/bin/pip exists, but its interpreter /home/ann/proj/.venv/bin/python3 is not in the container\n",
            ),
            (
                ".venv/bin/python",
                "cci: .venv/bin/python is a link to /usr/local/bin/python3.11-of-the-host, which is not in the container\n",
            ),
        ] {
            let (status, stderr) = becomes(&[command], dir.path());
            assert_eq!(status, 127, "{stderr}");
            assert!(stderr.ends_with(said) && stderr.contains("not found"), "{stderr}");
        }
    }

    #[test]
    fn nothing_is_added_to_what_a_command_or_the_shell_says() {
        let dir = Path::new("/");
        assert_eq!(becomes(&["sh", "-c", "echo mine >&2; exit 127"], dir), (127, "mine\n".to_owned()));
        for missing in ["no-such-program", "./no/such/program"] {
            let (status, stderr) = becomes(&[missing], dir);
            assert_eq!((status, stderr.lines().count()), (127, 1), "{stderr}");
        }
    }
}
