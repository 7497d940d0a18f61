//! A link of a workspace, judged by its text: whether it leads out, and where a process in the container that follows it
//! arrives. What is there, and whether it may be mounted, is another question.

use std::path::{Component, Path, PathBuf};

use cci_guest::layout::WORKSPACE;

/// Where a link leads that leads out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// The link, from the workspace.
    pub link: PathBuf,
    /// Where it leads on the host.
    pub host: PathBuf,
    /// Where it leads in the container.
    pub container: PathBuf,
}

/// What a link at `link`, a path from the workspace that has no links itself, leads to outside of it; `root` is the
/// workspace on the host, without links, and `at_home` is whether the container works in it at that path too.
///
/// One that leads on within the workspace is none, even if another link there leads out: that one is judged itself.
#[must_use]
pub fn leads_out(link: &Path, text: &Path, root: &Path, at_home: bool) -> Option<Outside> {
    let parent = link.parent()?;
    let host = normal(&root.join(parent).join(text));
    if host.starts_with(root) {
        return None;
    }
    let own = if at_home { root } else { Path::new(WORKSPACE) };
    let container = normal(&own.join(parent).join(text));
    if container.starts_with(own) || container.starts_with(WORKSPACE) {
        return None;
    }
    Some(Outside { link: link.to_owned(), host, container })
}

/// A path without `.` and `..`, as it is where no component is a link.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::Normal(name) => normal.push(name),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(link: &str, text: &str, at_home: bool) -> Option<(String, String)> {
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        let found = leads_out(Path::new(link), Path::new(text), Path::new("/home/u/proj"), at_home)?;
        assert_eq!(found.link, Path::new(link));
        Some((shown(&found.host), shown(&found.container)))
    }

    #[test]
    fn a_link_that_stays_or_that_only_the_container_knows_leads_nowhere() {
        for (link, text) in [
            ("a", "b"),
            ("a", "."),
            ("a/b/c", "../../d"),
            ("a", "/home/u/proj/x"),
            ("a", "/home/u/proj"),
            ("a", "../proj/x"),
            ("a", "/workspace/x"),
            ("a", "/workspace"),
            ("a", ""),
        ] {
            for at_home in [false, true] {
                assert_eq!(judged(link, text, at_home), None, "{link} -> {text}");
            }
        }
    }

    #[test]
    fn an_absolute_link_leads_to_the_same_place_and_another_to_where_the_container_follows_it() {
        for (link, text, host, inside, at_home) in [
            ("a", "/srv/data", "/srv/data", "/srv/data", "/srv/data"),
            ("a/b", "/srv/./x/../data/", "/srv/data", "/srv/data", "/srv/data"),
            ("a", "../shared", "/home/u/shared", "/shared", "/home/u/shared"),
            ("a/b", "../../shared", "/home/u/shared", "/shared", "/home/u/shared"),
            ("a", "../../../etc/passwd", "/etc/passwd", "/etc/passwd", "/etc/passwd"),
            ("a", "../../../../../../..", "/", "/", "/"),
            ("a", "../project", "/home/u/project", "/project", "/home/u/project"),
            ("a", "..", "/home/u", "/", "/home/u"),
        ] {
            assert_eq!(judged(link, text, false), Some((host.into(), inside.into())), "{link} -> {text}");
            assert_eq!(judged(link, text, true), Some((host.into(), at_home.into())), "{link} -> {text}");
        }
    }
}
