//! Settings of git that a container has for itself: a common directory in the agent's home, whose links lead to the one of the
//! host, and in which only the settings are copies.

use std::fmt::Write as _;

use crate::layout::HOME;
use crate::shell::quoted;

/// Where the container has one of them.
#[must_use]
pub fn own_directory(number: usize) -> String {
    format!("{HOME}/.cci-git/{number}")
}

/// Shell lines that make one: `links` lead to what is at `real`, and `copies` are taken over from there whenever the host has
/// changed its `config` since.
#[must_use]
pub fn lines(number: usize, real: &str, links: &[&str], copies: &[&str]) -> String {
    lines_in(&own_directory(number), real, links, copies)
}

fn lines_in(dir: &str, real: &str, links: &[&str], copies: &[&str]) -> String {
    let there = |name: &str| quoted(&format!("{real}/{name}"));
    let all = |names: &mut dyn Iterator<Item = &&str>| {
        names.fold(String::new(), |mut words, name| {
            // writing to a string cannot fail
            let _ = write!(words, " {}", there(name));
            words
        })
    };
    let (top, info) = (
        all(&mut copies.iter().filter(|name| !name.contains('/'))),
        all(&mut copies.iter().filter(|name| name.starts_with("info/"))),
    );
    let (links, head, config) = (all(&mut links.iter()), there("HEAD"), there("config"));
    // a git that runs there meanwhile finds every link
    format!(
        "{{ [ -d {dir}/info ] || mkdir -p {dir}/info; [ {dir}/HEAD -ef {head} ] || ln -sfn -t {dir} --{links}; \
         [ {dir}/config -nt {config} ] || {{ cp -t {dir} --{top}; cp -t {dir}/info --{info}; }}; }} 2>/dev/null || :; "
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn own_settings_last_until_the_host_changes_its_own() {
        let world = tempfile::tempdir().unwrap();
        let (real, own) = (world.path().join("it's real"), world.path().join("own"));
        fs::create_dir_all(real.join("info")).unwrap();
        fs::create_dir(real.join("refs")).unwrap();
        for (name, content) in [("HEAD", "ref: x"), ("config", "a"), ("info/exclude", "b")] {
            fs::write(real.join(name), content).unwrap();
        }
        let names = (["HEAD", "refs", "packed-refs"], ["config", "info/exclude", "info/grafts"]);
        let script = lines_in(own.to_str().unwrap(), real.to_str().unwrap(), &names.0, &names.1);
        let made = || {
            let done = Command::new("sh").args(["-ec", &format!("{script}:")]).output().unwrap();
            assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
            ["config", "info/exclude"].map(|name| fs::read_to_string(own.join(name)).unwrap())
        };
        assert_eq!(made(), ["a", "b"]);
        assert!(own.join("refs").is_dir() && own.join("info").is_dir() && !own.join("packed-refs").exists());
        // what is not there yet appears as soon as it is
        fs::write(real.join("packed-refs"), "").unwrap();
        assert!(own.join("packed-refs").exists());
        fs::write(own.join("config"), "own").unwrap();
        assert_eq!(made(), ["own", "b"]);
        let later = fs::File::open(real.join("config")).unwrap();
        later.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(60)).unwrap();
        assert_eq!(made(), ["a", "b"]);
        // those of another repository, such as of the origin of a fork
        let other = world.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("HEAD"), "ref: y").unwrap();
        let moved = lines_in(own.to_str().unwrap(), other.to_str().unwrap(), &names.0, &names.1);
        assert!(Command::new("sh").args(["-c", &moved]).status().is_ok());
        assert_eq!(fs::read_to_string(own.join("HEAD")).unwrap(), "ref: y");
    }
}
