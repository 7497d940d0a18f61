//! Adds lines to the tables of subordinate ids, safely alongside other programs that change them.

use std::path::Path;
use std::time::Duration;

use cci_core::idmap::clash;
use cci_core::{Error, Result};
use cci_guest::GuestText;

use crate::blocking::blocking;
use cci_host::account_lock::lock;
use cci_host::system_file;

/// Appends the lines that are missing; every other byte stays. Nobody else changes the table meanwhile.
pub(super) async fn add_lines(table: &Path, lines: &[String], patience: Duration) -> Result<()> {
    let locked = lock(table, patience).await?;
    let (path, lines) = (table.to_owned(), lines.to_vec());
    let added = blocking(move || add(&path, &lines)).await;
    drop(locked);
    added
}

fn add(table: &Path, lines: &[String]) -> Result<()> {
    let before = system_file::read(table)?;
    let has = |line: &str| before.split(|byte| *byte == b'\n').any(|there| there == line.as_bytes());
    let missing: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !has(line)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if let Some(line) = missing.iter().find(|line| clash(&before, line)) {
        // they were free when setup examined it
        return Err(Error::StepFailed {
            step: format!("adding {line} to {}", GuestText::new(table)),
            problem: "these ids now belong to another user".into(),
            hint: Some("run `cci setup` again".into()),
        });
    }
    let gap: &[u8] = if before.is_empty() || before.ends_with(b"\n") { b"" } else { b"\n" };
    let text = missing.join("\n") + "\n";
    system_file::replace(table, &[&before, gap, text.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};

    use super::*;
    use cci_host::account_lock::PATIENCE;

    const SHORT: Duration = Duration::from_millis(200);

    /// A directory like `/etc`.
    struct Etc(tempfile::TempDir);

    impl Etc {
        fn with(table: &[u8]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("subuid"), table).unwrap();
            Self(dir)
        }

        fn table(&self) -> PathBuf {
            self.0.path().join("subuid")
        }

        fn lock(&self) -> PathBuf {
            self.0.path().join("subuid.lock")
        }

        async fn add(&self, lines: &[impl ToString], patience: Duration) -> Result<()> {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            add_lines(&self.table(), &lines, patience).await
        }

        /// Only the table and the lock that stays are left.
        #[track_caller]
        fn is_clean(&self) {
            let mut names: Vec<_> = fs::read_dir(self.0.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, [".pwd.lock", "subuid"]);
        }
    }

    /// Another process, which runs until it is told to exit.
    struct Other(Child);

    impl Other {
        fn run(program: &str, args: &[&str]) -> Self {
            let mut command = Command::new(program);
            Self(command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
        }

        fn has_begun(&mut self) {
            let mut line = String::new();
            BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
        }

        fn end(mut self) {
            drop(self.0.stdin.take());
            self.0.wait().unwrap();
        }
    }

    /// A process that holds the lock of `lckpwdf(3)`.
    fn holding(file: &Path) -> Other {
        let script = "use Fcntl; open(F, '>>', $ARGV[0]) or die; \
            my $lock = pack('s s x4 q q l x4', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $lock) or die; $| = 1; print \"ready\\n\"; <STDIN>";
        let mut other = Other::run("perl", &["-e", script, file.to_str().unwrap()]);
        other.has_begun();
        other
    }

    #[tokio::test]
    async fn lines_are_added_once_and_the_tables_mode_is_kept() {
        let etc = Etc::with(b"a:1:1");
        fs::set_permissions(etc.table(), PermissionsExt::from_mode(0o600)).unwrap();
        for _ in 0..2 {
            etc.add(&["root:5:1", "a:1:1"], PATIENCE).await.unwrap();
        }
        assert_eq!(fs::read(etc.table()).unwrap(), b"a:1:1\nroot:5:1\n");
        assert_eq!(fs::metadata(etc.table()).unwrap().mode() & 0o777, 0o600);
        etc.is_clean();
    }

    #[tokio::test]
    async fn many_at_once_lose_no_line() {
        let etc = Etc::with(b"a:1:1");
        let lines: Vec<String> = (0..20).map(|n| format!("u{n}:{}:65536", 100_000 + n * 65_536)).collect();
        let adds = lines.iter().map(|line| etc.add(std::slice::from_ref(line), PATIENCE));
        futures_util::future::join_all(adds).await.into_iter().collect::<Result<()>>().unwrap();
        let text = fs::read_to_string(etc.table()).unwrap();
        assert!(lines.iter().all(|line| text.lines().any(|there| there == line)), "{text}");
        assert_eq!(text.lines().count(), 21, "{text}");
        etc.is_clean();
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_stay_as_they_are() {
        let etc = Etc::with(b"# M\xfcller\r\nm\xfcller:100000:65536\n\n\0\xff");
        etc.add(&["root:5:1"], PATIENCE).await.unwrap();
        assert_eq!(fs::read(etc.table()).unwrap(), b"# M\xfcller\r\nm\xfcller:100000:65536\n\n\0\xff\nroot:5:1\n");
    }

    #[tokio::test]
    async fn a_table_that_cannot_be_read_is_named_and_nothing_changes() {
        let etc = Etc::with(b"");
        fs::remove_file(etc.table()).unwrap();
        fs::create_dir(etc.table()).unwrap();
        let error = etc.add(&["root:5:1"], PATIENCE).await.unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.contains("/subuid"), "{error}");
        assert!(etc.table().is_dir());
        etc.is_clean();
    }

    #[tokio::test]
    async fn ids_that_somebody_got_meanwhile_are_not_given_twice() {
        let etc = Etc::with(b"m\xfcller:100000:65536\n");
        let error = etc.add(&["ann:165535:65536"], PATIENCE).await.unwrap_err().to_string();
        assert!(error.contains("ann:165535:65536") && error.contains("another user"), "{error}");
        assert_eq!(fs::read(etc.table()).unwrap(), b"m\xfcller:100000:65536\n");
        etc.is_clean();
    }

    #[tokio::test]
    async fn the_lock_of_another_process_is_waited_for_and_then_named() {
        let etc = Etc::with(b"a:1:1\n");
        let other = Other::run("cat", &[]);
        fs::write(etc.lock(), format!("{}\0", other.0.id())).unwrap();
        let error = etc.add(&["root:5:1"], SHORT).await.unwrap_err().to_string();
        assert!(error.contains(&format!("process {} holds ", other.0.id())), "{error}");
        assert!(error.contains("/subuid.lock"), "{error}");
        assert_eq!(fs::read(etc.table()).unwrap(), b"a:1:1\n");
        // it exits without cleaning up: what it left is no lock
        other.end();
        etc.add(&["root:5:1"], PATIENCE).await.unwrap();
        assert_eq!(fs::read(etc.table()).unwrap(), b"a:1:1\nroot:5:1\n");
        etc.is_clean();
    }

    #[tokio::test]
    async fn a_lock_that_says_nothing_of_its_holder_counts_as_held() {
        let etc = Etc::with(b"a:1:1\n");
        fs::write(etc.lock(), "").unwrap();
        let error = etc.add(&["root:5:1"], SHORT).await.unwrap_err().to_string();
        assert!(error.contains("/subuid.lock"), "{error}");
        assert!(etc.lock().exists());
        assert_eq!(fs::read(etc.table()).unwrap(), b"a:1:1\n");
    }

    #[tokio::test]
    async fn the_lock_of_lckpwdf_is_waited_for_and_then_named() {
        let etc = Etc::with(b"a:1:1\n");
        let other = holding(&etc.0.path().join(".pwd.lock"));
        let error = etc.add(&["root:5:1"], SHORT).await.unwrap_err().to_string();
        assert!(error.contains("/.pwd.lock"), "{error}");
        assert_eq!(fs::read(etc.table()).unwrap(), b"a:1:1\n");
        let add = etc.add(&["root:5:1"], PATIENCE);
        let free = async {
            tokio::task::yield_now().await;
            other.end();
        };
        let (added, ()) = tokio::join!(add, free);
        added.unwrap();
        assert_eq!(fs::read(etc.table()).unwrap(), b"a:1:1\nroot:5:1\n");
        etc.is_clean();
    }
}
