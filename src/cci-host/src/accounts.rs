//! The tables of users and groups, as far as they matter here.

/// The first name of a user id.
pub fn name_of(uid: u32) -> Option<String> {
    let table = read("/etc/passwd")?;
    let uid = uid.to_string();
    let line = table.lines().find(|line| line.split(':').nth(2) == Some(&uid))?;
    line.split(':').next().map(str::to_owned)
}

/// The primary group id of a user id's first account.
pub(crate) fn primary_group(uid: u32) -> Option<u32> {
    ids_of(&name_of(uid)?).map(|(_, gid)| gid)
}

/// User id and primary group id of a name.
#[must_use]
pub fn ids_of(name: &str) -> Option<(u32, u32)> {
    let table = read("/etc/passwd")?;
    let line = table.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A group's id and its members by name.
pub fn group(name: &str) -> Option<(u32, Vec<String>)> {
    let table = read("/etc/group")?;
    let line = table.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let id = fields.next()?.parse().ok()?;
    let members = fields.next().unwrap_or_default().split(',').filter(|member| !member.is_empty());
    Some((id, members.map(str::to_owned).collect()))
}

/// A name that is not UTF-8 in one line hides no other line.
fn read(table: &str) -> Option<String> {
    std::fs::read(table).ok().map(|content| String::from_utf8_lossy(&content).into_owned())
}
