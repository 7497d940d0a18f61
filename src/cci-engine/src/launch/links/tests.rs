//! Which links of a workspace open something, and which stay closed.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use cci_host::store::noted;

use super::*;
use crate::testing::World;

struct Linked {
    world: World,
    top: PathBuf,
}

impl Linked {
    fn configured(settings: &str) -> Self {
        let world = World::configured(&format!("network.mode = \"open\"\n{settings}"));
        let top = real(world.proj().parent().unwrap());
        for place in ["data/deep", "other", "home/.ssh", "home/.aws", "home/.cci", "home/docs", "shared"] {
            fs::create_dir_all(top.join(place)).unwrap();
        }
        fs::write(top.join("file"), "x").unwrap();
        Self { world, top }
    }

    fn new() -> Self {
        Self::configured("")
    }

    /// Links a name of the workspace to a place beside it.
    fn link(&self, name: &str, place: &str) {
        self.link_to(name, self.top.join(place));
    }

    fn link_to(&self, name: &str, target: impl AsRef<Path>) {
        let link = self.world.proj().join(name);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, link).unwrap();
    }

    async fn found(&self) -> Links {
        self.found_beside(&[]).await
    }

    async fn found_beside(&self, others: &[Mount]) -> Links {
        let cx = self.world.cx();
        let workspace = judged(cx.workspace.path(), &[]).unwrap();
        found(&cx, Some(&workspace), others).await.unwrap()
    }

    /// What a launch mounts, and of which links it says what.
    async fn shown(&self) -> (Vec<String>, Vec<(String, WhyClosed)>) {
        let links = self.found().await;
        let mounts = links.mounts.iter().map(|mount| mount.container.replace(self.top.to_str().unwrap(), ""));
        let closed = links.closed.iter().map(|closed| (closed.link.display().to_string(), closed.why.clone()));
        (mounts.collect(), closed.collect())
    }
}

#[tokio::test]
async fn what_is_linked_at_first_is_shown_and_what_comes_later_opens_nothing() {
    let linked = Linked::new();
    linked.link("set", "data");
    linked.link("deep/file", "file");
    linked.link_to("beside", "../shared");
    let first = linked.found().await;
    let shown: Vec<_> = first.mounts.iter().map(|mount| (mount.source.path(), mount.readonly)).collect();
    let at = |place: &str| linked.top.join(place);
    assert_eq!(shown, [(&*at("shared"), true), (&*at("data"), true), (&*at("file"), true)]);
    assert_eq!(first.mounts[0].container, "/shared", "where a process in /workspace follows the link to");
    assert!(first.closed.is_empty() && !first.is_cut, "{first:?}");

    // an agent points one elsewhere, and adds one
    fs::remove_file(linked.world.proj().join("set")).unwrap();
    linked.link("set", "home/docs");
    linked.link("new", "data");
    let (mounts, closed) = linked.shown().await;
    assert_eq!(mounts, ["/shared", "/file"]);
    assert_eq!(closed, [("new".to_owned(), WhyClosed::New), ("set".to_owned(), WhyClosed::New)]);

    // back as it was, also where what was linked has become a link of its own meanwhile
    fs::remove_file(linked.world.proj().join("set")).unwrap();
    linked.link("set", "data");
    assert!(linked.shown().await.0.contains(&"/data".to_owned()));
    fs::rename(at("data"), at("moved")).unwrap();
    symlink(at("home/docs"), at("data")).unwrap();
    assert!(linked.shown().await.1.contains(&("set".to_owned(), WhyClosed::New)));
}

#[tokio::test]
async fn what_containers_never_see_stays_closed_also_at_first() {
    let linked = Linked::new();
    let _socket = UnixListener::bind(linked.top.join("socket")).unwrap();
    for (name, place) in [("a", "home"), ("b", "home/.ssh"), ("c", "home/.cci"), ("d", "socket"), ("e", "home/.aws")] {
        linked.link(name, place);
    }
    linked.link("f", "");
    linked.link("g", "proj/../home/.config/cci");
    linked.link("h", "behind");
    symlink(linked.top.join("home/.ssh"), linked.top.join("behind")).unwrap();
    let (mounts, closed) = linked.shown().await;
    assert_eq!(mounts, Vec::<String>::new());
    let why: Vec<(&str, &str)> = closed
        .iter()
        .map(|(name, why)| match why {
            WhyClosed::Unusable(problem) if problem.contains("into a container: ") => (name.as_str(), "protected"),
            WhyClosed::Unusable(problem) if problem.contains("neither a directory nor a file") => {
                (name.as_str(), "socket")
            }
            WhyClosed::OfHome => (name.as_str(), "hidden"),
            other => panic!("{name}: {other:?}"),
        })
        .collect();
    let mut why = why;
    why.sort_unstable();
    let expected = ["protected", "protected", "protected", "socket", "hidden", "protected", "protected", "protected"];
    assert_eq!(why, ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter().zip(expected).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_the_container_has_itself_and_what_is_not_there_is_passed_over() {
    let linked = Linked::new();
    for target in
        ["/etc/passwd", "/usr/bin/python3", "/proc/self/root", "/run", "/dev/null", "/nonexistent", "/workspace/x"]
    {
        linked.link_to(&target.replace('/', "_"), target);
    }
    linked.link_to("up", "..");
    assert_eq!(linked.shown().await, (vec![], vec![]));
    // the person mounts something else there
    linked.link("set", "data");
    let source = judged(&linked.top.join("other"), &[]).unwrap();
    let container = linked.top.join("data").to_str().unwrap().to_owned();
    let own = Mount { device: "mount-0".into(), source, container, readonly: false };
    let links = linked.found_beside(&[own]).await;
    assert!(links.mounts.is_empty() && links.closed.is_empty(), "{links:?}");
}

#[tokio::test]
async fn what_the_workspace_is_in_stays_closed() {
    let linked = Linked::new();
    let deep = linked.world.proj().join("deep/down");
    fs::create_dir_all(&deep).unwrap();
    linked.link("deep/down/up", "proj/deep");
    let mut cx = linked.world.cx();
    cx.workspace = cci_core::workspace::Workspace::at(&deep);
    let workspace = judged(&deep, &[]).unwrap();
    let links = found(&cx, Some(&workspace), &[]).await.unwrap();
    assert!(links.mounts.is_empty() && links.closed[0].why == WhyClosed::Around, "{links:?}");
}

#[tokio::test]
async fn a_workspace_that_a_container_has_had_opens_nothing() {
    for place in ["proj", "", "proj/below"] {
        let linked = Linked::new();
        linked.link("set", "data");
        let written = linked.top.join(place);
        fs::create_dir_all(&written).unwrap();
        noted::PLACES.add(&linked.world.cx().cci_dir(), [written.to_str().unwrap()]).unwrap();
        let (mounts, closed) = linked.shown().await;
        assert!(mounts.is_empty() && closed.len() == 1, "{place}: {mounts:?} {closed:?}");
    }
}

#[tokio::test]
async fn files_of_a_repository_that_a_container_has_had_open_nothing() {
    let linked = Linked::new();
    linked.link("set", "data");
    let source = judged(&linked.top.join("shared"), &[]).unwrap();
    let container = source.as_str().to_owned();
    let of_git = Mount { device: "git-0".into(), source, container, readonly: true };
    let written = linked.top.join("shared");
    noted::PLACES.add(&linked.world.cx().cci_dir(), [written.to_str().unwrap()]).unwrap();
    let links = linked.found_beside(&[of_git]).await;
    assert!(links.mounts.is_empty() && links.closed[0].why == WhyClosed::New, "an agent can have committed it");
}

#[tokio::test]
async fn a_link_that_another_container_may_have_made_leads_nowhere() {
    let linked = Linked::new();
    symlink(linked.top.join("data"), linked.top.join("other/planted")).unwrap();
    linked.link("set", "other/planted");
    let other = linked.top.join("other");
    noted::PLACES.add(&linked.world.cx().cci_dir(), [other.to_str().unwrap()]).unwrap();
    assert_eq!(linked.shown().await, (vec![], vec![("set".to_owned(), WhyClosed::Led)]));
}

#[tokio::test]
async fn places_in_each_other_are_shown_once_and_not_more_than_so_many() {
    let linked = Linked::new();
    linked.link("one", "data");
    linked.link("same", "data");
    linked.link("in", "data/deep");
    assert_eq!(linked.shown().await, (vec!["/data".to_owned()], vec![]));
    let linked = Linked::new();
    for number in 0..=MOST {
        fs::create_dir(linked.top.join(format!("d{number:02}"))).unwrap();
        linked.link(&format!("l{number:02}"), &format!("d{number:02}"));
    }
    let (mounts, closed) = linked.shown().await;
    assert_eq!((mounts.len(), closed), (MOST, vec![(format!("l{MOST}"), WhyClosed::TooMany(MOST))]));
}

#[tokio::test]
async fn the_settings_say_whether_there_is_anything_and_whether_it_can_be_written() {
    let off = Linked::configured("workspace.outside_links = \"off\"\n");
    off.link("set", "data");
    assert_eq!(off.shown().await, (vec![], vec![]));
    assert!(!off.world.cx().cci_dir().join("links").exists());
    let write = Linked::configured("workspace.outside_links = \"write\"\n");
    write.link("set", "data");
    let links = write.found().await;
    assert!(links.mounts.len() == 1 && links.mounts.iter().all(|mount| !mount.readonly), "{links:?}");
}

#[tokio::test]
async fn where_the_workspace_is_at_its_host_path_links_lead_where_they_lead_there() {
    let linked = Linked::new();
    linked.link("set", "data");
    linked.link_to("beside", "../shared");
    linked.link("of-git", "other/repository");
    linked.link("around-git", "other");
    fs::create_dir(linked.top.join("other/repository")).unwrap();
    let shown = |device: &str, path: &Path| {
        let source = judged(path, &[]).unwrap();
        let container = source.as_str().to_owned();
        Mount { device: device.into(), source, container, readonly: false }
    };
    let place = shown(PLACE, &linked.world.proj());
    let links = linked.found_beside(&[place, shown("git-0", &linked.top.join("other/repository"))]).await;
    let shown: Vec<_> = links.mounts.iter().map(|mount| (Path::new(&mount.container), mount.source.path())).collect();
    let at = |place: &str| linked.top.join(place);
    assert_eq!(shown, [(&*at("data"), &*at("data")), (&*at("shared"), &*at("shared"))]);
    let [closed] = &links.closed[..] else { panic!("{links:?}") };
    assert!(closed.link == Path::new("around-git") && matches!(closed.why, WhyClosed::Unusable(_)), "{closed:?}");
}
