//! The state of a machine before and after a test: the tables and Incus objects that it must not change.

use super::host::incus;

/// What of the machine concerns cci, as text to compare. What other tests make at the same time
/// for a while, networks of policies, pools and images, is left out.
pub fn dump() -> String {
    let tables = ["/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid"]
        .map(|table| format!("{table}\n{}", std::fs::read_to_string(table).unwrap()));
    let networks = incus(&["network", "list", "--project", "default", "-f", "csv", "-c", "ntm46ds"]);
    let networks = networks.lines().filter(|line| line.contains(",YES,") && !line.starts_with("cci-"));
    let pools = incus(&["storage", "list", "-f", "csv", "-c", "nDdSs"]);
    let pools = pools.lines().filter(|line| !line.starts_with("cci-test-"));
    let image = incus(&["image", "alias", "list", "--project", "default", "-f", "csv", "cci"]);
    let image = image.lines().filter(|line| line.starts_with("cci,"));
    let profile = incus(&["profile", "show", "default", "--project", "default"]);
    let profile = profile.lines().take_while(|line| !line.starts_with("used_by"));
    let lines = |lines: &mut dyn Iterator<Item = &str>| lines.collect::<Vec<_>>().join("\n");
    [
        tables.concat(),
        lines(&mut networks.into_iter()),
        lines(&mut pools.into_iter()),
        lines(&mut image.into_iter()),
        lines(&mut profile.into_iter()),
    ]
    .join("\n")
}
