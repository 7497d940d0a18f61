//! The name of the caller's time zone, from every form that the C library, systemd and Debian use.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the zones are, unless `TZDIR` names another place.
const ZONES: &str = "/usr/share/zoneinfo";

/// Where this machine has what it knows of time zones.
pub(crate) struct Places<'a> {
    etc: &'a Path,
    zones: &'a Path,
}

impl<'a> Places<'a> {
    /// Those of this machine, with the value of `TZDIR`.
    pub(crate) fn of_host(tzdir: Option<&'a str>) -> Self {
        Self { etc: Path::new("/etc"), zones: Path::new(tzdir.unwrap_or(ZONES)) }
    }
}

/// The zone for a container's environment: by what `TZ` says, else by what the files of `etc` say. A machine that says
/// nothing runs on UTC.
pub(crate) fn name(tz: Option<&str>, places: &Places) -> String {
    let named = match tz.map(|tz| tz.strip_prefix(':').unwrap_or(tz)) {
        None => of_host(places.etc),
        Some("") => utc(),
        Some(path) if path.starts_with('/') => of_file(Path::new(path), places.etc),
        Some(name) => name.to_owned(),
    };
    todays(named, places)
}

/// The name that the container knows too: Debian 13 has none of the names of old (`US/Eastern`, `Asia/Calcutta`, `CET`),
/// with which the C library falls back to UTC.
fn todays(name: String, places: &Places) -> String {
    let name = ["posix/", "right/"].iter().find_map(|of| name.strip_prefix(of).map(str::to_owned)).unwrap_or(name);
    let name = if name == "localtime" { of_host(places.etc) } else { name };
    let file = places.zones.join(&name);
    // a name of old is a link on Debian
    let (Ok(target), Ok(zones)) = (file.canonicalize(), places.zones.canonicalize()) else { return name };
    let name = match target.strip_prefix(zones).ok().and_then(Path::to_str) {
        Some(target) if !is_everywhere(&name) => target.to_owned(),
        _ => name,
    };
    if is_everywhere(&name) || is_listed(&name, places.zones) { name } else { rule(&file).unwrap_or(name) }
}

/// The names that are no place's.
fn is_everywhere(name: &str) -> bool {
    ["UTC", "GMT"].contains(&name) || name.starts_with("Etc/")
}

/// Whether a name is one of today's; where there is no list each is.
fn is_listed(name: &str, zones: &Path) -> bool {
    let Ok(list) = fs::read_to_string(zones.join("zone.tab")) else { return true };
    list.lines().any(|line| line.split('\t').nth(2) == Some(name))
}

/// The container may lack a file of rules outside the zone directory; the last line of that file has the same meaning.
fn of_file(path: &Path, etc: &Path) -> String {
    if path == Path::new("/etc/localtime") {
        return of_host(etc);
    }
    let real = || below_zones(&path.canonicalize().ok()?);
    below_zones(path).or_else(|| linked(path)).or_else(real).or_else(|| rule(path)).unwrap_or_else(utc)
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
    let is_plain = !name.is_empty() && !name.split('/').any(|part| part == "..");
    is_plain.then(|| name.to_owned())
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
        name(tz, &Places { etc: etc.path(), zones: Path::new("/no/zones") })
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

    /// The name of today for a name of `TZ`, on a machine with these zones.
    fn today(tz: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let zones = dir.path().join("zoneinfo");
        for below in ["America", "Asia", "Etc", "Europe", "US", "posix/Europe"] {
            fs::create_dir_all(zones.join(below)).unwrap();
        }
        let new_york = b"TZif2\0rules\nEST5EDT,M3.2.0,M11.1.0\n";
        fs::write(zones.join("America/New_York"), new_york).unwrap();
        fs::write(zones.join("Etc/UTC"), b"TZif2\0rules\nUTC0\n").unwrap();
        for berlin in ["Europe/Berlin", "Europe/Stockholm", "CET"] {
            fs::write(zones.join(berlin), BERLIN).unwrap();
        }
        // as a machine has it that makes no links
        fs::write(zones.join("Asia/Calcutta"), b"TZif2\0rules\nIST-5:30\n").unwrap();
        symlink("../America/New_York", zones.join("US/Eastern")).unwrap();
        symlink("Etc/UTC", zones.join("UTC")).unwrap();
        symlink("/etc/localtime", zones.join("localtime")).unwrap();
        fs::write(
            zones.join("zone.tab"),
            "#\nUS\t+40-074\tAmerica/New_York\tEastern\nDE\t+52+013\tEurope/Berlin\nSE\t+59+018\tEurope/Stockholm\n",
        )
        .unwrap();
        symlink(zones.join("US/Eastern"), dir.path().join("localtime")).unwrap();
        name(Some(tz), &Places { etc: dir.path(), zones: &zones })
    }

    #[test]
    fn a_name_of_old_is_given_as_todays_or_as_its_rule() {
        for (tz, zone) in [
            ("US/Eastern", "America/New_York"),
            (":US/Eastern", "America/New_York"),
            ("Asia/Calcutta", "IST-5:30"),
            ("CET", "CET-1CEST,M3.5.0,M10.5.0/3"),
            ("Europe/Stockholm", "Europe/Stockholm"),
            ("posix/Europe/Berlin", "Europe/Berlin"),
            ("right/Europe/Berlin", "Europe/Berlin"),
            ("localtime", "America/New_York"),
            ("UTC", "UTC"),
            ("UTC0", "UTC0"),
            ("Nonsense/Zone", "Nonsense/Zone"),
            ("../localtime", "America/New_York"),
            ("../../no-such-file", "../../no-such-file"),
        ] {
            assert_eq!(today(tz), zone, "{tz}");
        }
    }
}
