//! What `install.sh` downloads, and the digests that it knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Result, cargo, metadata, output, root, run};

/// The release that is made: the version of every member of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const SUMS: &str = "SHA256SUMS";

/// Builds this machine's file into `dir`, and writes the digests of all that are there beside them.
pub(crate) fn build(dir: &Path) -> Result<()> {
    let file = dir.join(file_name(std::env::consts::ARCH)?);
    run(&mut cargo(&["build", "--release", "--locked", "--bin", "cci"]))?;
    let target =
        metadata()?["target_directory"].as_str().map(PathBuf::from).ok_or("cargo names no target directory")?;
    tried("create", dir, fs::create_dir_all(dir))?;
    tried("write", &file, fs::copy(target.join("release/cci"), &file))?;
    let sums = dir.join(SUMS);
    tried("write", &sums, fs::write(&sums, digests(dir)?))?;
    println!("made {} and {}", file.display(), sums.display());
    Ok(())
}

/// Writes the digests of the files in `dir` into the checkout's `install.sh`.
pub(crate) fn write_digests(dir: &Path) -> Result<()> {
    let path = root().join("install.sh");
    let script = tried("read", &path, fs::read_to_string(&path))?;
    let script = with_digests(&script, VERSION, &digests(dir)?)?;
    tried("write", &path, fs::write(&path, script))
}

/// What `install.sh` calls the file for this machine.
fn file_name(arch: &str) -> Result<&'static str> {
    match arch {
        "x86_64" => Ok("cci-linux-amd64"),
        "aarch64" => Ok("cci-linux-arm64"),
        _ => Err(format!("install.sh knows no release for {arch}")),
    }
}

/// The release files in a directory with their digests, as `sha256sum` prints them.
fn digests(dir: &Path) -> Result<String> {
    let entries = tried("read", dir, fs::read_dir(dir))?.flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.starts_with("cci-linux-"));
    names.sort_unstable();
    if names.is_empty() {
        return Err(format!("no file of a release is in {}", dir.display()));
    }
    let sums = output(Command::new("sha256sum").args(&names).current_dir(dir))?;
    String::from_utf8(sums).map_err(|error| format!("sha256sum: {error}"))
}

/// The script with this version and these digests in the place of its own.
fn with_digests(script: &str, version: &str, digests: &str) -> Result<String> {
    let (before, rest) = script.split_once("\nVERSION=").ok_or("install.sh has no VERSION")?;
    let (_, rest) = rest.split_once('\n').ok_or("install.sh ends with its VERSION")?;
    let (between, rest) = rest.split_once("DIGESTS='\n").ok_or("install.sh has no DIGESTS")?;
    let (_, after) = rest.split_once("'\n").ok_or("the DIGESTS of install.sh have no end")?;
    Ok(format!("{before}\nVERSION={version}\n{between}DIGESTS='\n{digests}'\n{after}"))
}

fn tried<T>(what: &str, path: &Path, done: std::io::Result<T>) -> Result<T> {
    done.map_err(|error| format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_sha256sum_and_of_the_release_alone() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("cci-linux-arm64", ""), ("cci-linux-amd64", "abc"), ("notes", "x")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  cci-linux-amd64\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  cci-linux-arm64\n";
        assert_eq!(digests(dir.path()).unwrap(), expected);
    }

    #[test]
    fn a_directory_without_a_release_is_refused() {
        assert!(digests(tempfile::tempdir().unwrap().path()).is_err());
    }

    #[test]
    fn the_script_takes_new_digests_again_and_again() {
        let script = fs::read_to_string(root().join("install.sh")).unwrap();
        let once = with_digests(&script, "9.8.7", "ab  cci-linux-amd64\n").unwrap();
        assert!(once.contains("\nVERSION=9.8.7\nDIGESTS='\nab  cci-linux-amd64\n'\n"), "{once}");
        let twice = with_digests(&once, "9.8.8", "cd  cci-linux-amd64\n").unwrap();
        assert_eq!(twice, once.replace("9.8.7", "9.8.8").replace("\nab  ", "\ncd  "));
    }

    #[test]
    fn the_script_names_this_version_and_every_file_that_is_made() {
        let script = fs::read_to_string(root().join("install.sh")).unwrap();
        assert!(script.contains(&format!("\nVERSION={VERSION}\n")));
        for arch in ["x86_64", "aarch64"] {
            let line = format!("{arch}) name={} ;;", file_name(arch).unwrap());
            assert!(script.contains(&line), "install.sh has no `{line}`");
        }
    }
}
