//! The name of the caller's time zone, from every form that the C library, systemd and Debian use.

use std::fs;
use std::path::{Path, PathBuf};

/// The zone for a container's environment: from `TZ`, else from the files in `etc`, else UTC.
pub(crate) fn name(tz: Option<&str>, etc: &Path) -> String {
    match tz.map(|tz| tz.strip_prefix(':').unwrap_or(tz)) {
        None => of_host(etc),
        Some("") => utc(),
        Some(path) if path.starts_with('/') => of_file(Path::new(path), etc),
        Some(name) => name.to_owned(),
    }
}

/// The container may lack a file of rules outside the zone directory; the last line of that file has the same meaning.
fn of_file(path: &Path, etc: &Path) -> String {
    if path == Path::new("/etc/localtime") {
        return of_host(etc);
    }
    below_zones(path).or_else(|| linked(path)).or_else(|| rule(path)).unwrap_or_else(utc)
}

fn of_host(etc: &Path) -> String {
    let localtime = etc.join("localtime");
    linked(&localtime)
        .or_else(|| if localtime.exists() { listed(&etc.join("timezone")).or_else(|| rule(&localtime)) } else { None })
        .unwrap_or_else(utc)
}

fn utc() -> String {
    "UTC".to_owned()
}

/// As systemd reads it from the link, which may lead through others.
fn linked(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    below_zones(&target).or_else(|| below_zones(&fs::canonicalize(path).ok()?))
}

fn below_zones(path: &Path) -> Option<String> {
    let mut parts = path.components();
    parts.by_ref().find(|part| part.as_os_str() == "zoneinfo")?;
    let name: PathBuf = parts.collect();
    let name = name.to_str()?;
    let name = name.strip_prefix("posix/").unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The name that Debian writes next to a copy of the rules.
fn listed(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let name = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    Some(name.to_owned())
}

/// The rule at the end of a file of zone rules, in the form of `TZ`: `CET-1CEST,M3.5.0,M10.5.0/3`.
fn rule(path: &Path) -> Option<String> {
    let content = fs::read(path).ok().filter(|content| content.starts_with(b"TZif"))?;
    let text = content.strip_suffix(b"\n")?;
    let line = text.rsplit(|byte| *byte == b'\n').next()?;
    let rule = std::str::from_utf8(line).ok()?;
    (!rule.is_empty() && rule.is_ascii()).then(|| rule.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const BERLIN: &[u8] = b"TZif2\0rules\nCET-1CEST,M3.5.0,M10.5.0/3\n";

    /// The name where `etc` has these files.
    fn named(tz: Option<&str>, furnish: impl FnOnce(&Path)) -> String {
        let etc = tempfile::tempdir().unwrap();
        furnish(etc.path());
        name(tz, etc.path())
    }

    #[test]
    fn every_form_of_tz_is_understood() {
        for (tz, zone) in [
            ("Europe/Berlin", "Europe/Berlin"),
            (":Europe/Berlin", "Europe/Berlin"),
            ("CET-1CEST", "CET-1CEST"),
            ("", "UTC"),
            (":", "UTC"),
            ("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
            (":/usr/share/zoneinfo/posix/Europe/Berlin", "Europe/Berlin"),
            ("/no/such/file", "UTC"),
            (":/etc/localtime", "Asia/Tokyo"),
        ] {
            let tokyo = |etc: &Path| symlink("/usr/share/zoneinfo/Asia/Tokyo", etc.join("localtime")).unwrap();
            assert_eq!(named(Some(tz), tokyo), zone, "{tz}");
        }
    }

    #[test]
    fn every_form_of_localtime_is_understood() {
        assert_eq!(named(None, |_| {}), "UTC");
        assert_eq!(
            named(None, |etc| symlink("../usr/share/zoneinfo/America/New_York", etc.join("localtime")).unwrap()),
            "America/New_York"
        );
        let through_another = |etc: &Path| {
            fs::create_dir_all(etc.join("zoneinfo/Asia")).unwrap();
            fs::write(etc.join("zoneinfo/Asia/Tokyo"), BERLIN).unwrap();
            symlink(etc.join("zoneinfo/Asia/Tokyo"), etc.join("current")).unwrap();
            symlink("current", etc.join("localtime")).unwrap();
        };
        assert_eq!(named(None, through_another), "Asia/Tokyo");
    }

    #[test]
    fn a_copy_of_the_rules_is_named_by_debians_file_or_by_its_own_last_line() {
        let copy = |etc: &Path| fs::write(etc.join("localtime"), BERLIN).unwrap();
        assert_eq!(named(None, copy), "CET-1CEST,M3.5.0,M10.5.0/3");
        let with_timezone = |etc: &Path| {
            copy(etc);
            fs::write(etc.join("timezone"), "# the zone\n\nEurope/Berlin\n").unwrap();
        };
        assert_eq!(named(None, with_timezone), "Europe/Berlin");
        assert_eq!(named(None, |etc| fs::write(etc.join("localtime"), "nonsense").unwrap()), "UTC");
    }
}
