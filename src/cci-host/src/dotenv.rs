//! Reads a workspace's `.env`. An agent can have made it: a link in it leads nowhere out of the workspace, nothing is
//! waited for, and its size is bounded.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cci_core::dotenv::{self, Dotenv};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// The file's name.
pub const NAME: &str = ".env";
/// A larger one is not read.
const LARGEST: u64 = 64 * 1024;

/// What the file of this workspace sets; nothing if there is none, and an error in words if it is not read.
pub fn read(workspace: &Path) -> Result<Dotenv, String> {
    let file = match open(workspace) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(Dotenv::default()),
        Err(Errno::XDEV | Errno::LOOP) => return Err("a link leads out of the workspace".into()),
        Err(error) => return Err(io::Error::from(error).to_string()),
    };
    let mut bytes = Vec::new();
    let whole = |error: io::Error| error.to_string();
    if !file.metadata().map_err(whole)?.is_file() {
        return Err("it is not a file".into());
    }
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(whole)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {} KiB", LARGEST >> 10));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8")?;
    Ok(dotenv::parse(text))
}

fn open(workspace: &Path) -> rustix::io::Result<File> {
    let directory =
        rustix::fs::openat(CWD, workspace, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    Ok(rustix::fs::openat2(directory, NAME, flags, Mode::empty(), within)?.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::FileType;

    use super::*;

    #[test]
    fn what_an_agent_can_make_of_it_is_read_within_the_workspace_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (proj, env) = (dir.path().join("proj"), dir.path().join("proj/.env"));
        fs::create_dir(&proj).unwrap();
        fs::write(dir.path().join("secret"), "A=1").unwrap();
        assert_eq!(read(&proj), Ok(Dotenv::default()));
        let (link, large, bytes) = (
            |to: &str| symlink(to, &env).unwrap(),
            || fs::write(&env, "#".repeat(70_000)).unwrap(),
            || fs::write(&env, [b'A', b'=', 0xff]).unwrap(),
        );
        let cases: [(&dyn Fn(), &str); 7] = [
            (&|| link("../secret"), "leads out"),
            (&|| link("/etc/passwd"), "leads out"),
            (&|| link(".env"), "leads out"),
            (&large, "larger than 64 KiB"),
            (&bytes, "not UTF-8"),
            (&|| rustix::fs::mknodat(CWD, &env, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(), "not a file"),
            (&|| fs::create_dir(&env).unwrap(), "not a file"),
        ];
        for (plant, problem) in cases {
            plant();
            let said = read(&proj).unwrap_err();
            assert!(said.contains(problem), "{said}: {problem}");
            let _ = fs::remove_file(&env);
        }
        fs::remove_dir(&env).unwrap();
        fs::write(proj.join(".env.local"), "A=1\nPATH=x").unwrap();
        link(".env.local");
        let found = read(&proj).unwrap();
        assert_eq!(found.variables, [("A".to_owned(), "1".to_owned())].into());
        assert_eq!(found.refused, ["PATH".to_owned()].into());
    }
}
