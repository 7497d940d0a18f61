//! `cci reclaim`: files that a container's root created become the user's, and nothing else changes its owner.

use std::os::unix::fs::{MetadataExt, lchown, symlink};

use crate::support::host::{Host, U1234};

#[test]
fn files_of_a_containers_root_become_the_users_and_links_lead_nowhere() {
    let host = Host::live(U1234);
    let name = host.made_by_root("mkdir made; touch made/file; cp /bin/true suid; chmod 4755 suid");
    let outside = host.dir("outside").join("file");
    std::fs::write(&outside, "host").unwrap();
    let id = std::fs::metadata(host.proj.join("made/file")).unwrap().uid();
    assert!(id >= 65_536, "container root is user {id} on the host");
    lchown(&outside, Some(id), Some(id)).unwrap();
    symlink(&outside, host.proj.join("link")).unwrap();
    lchown(host.proj.join("link"), Some(id), Some(id)).unwrap();
    std::fs::write(host.proj.join("of-root"), "").unwrap();

    let out = host.cci(&["reclaim"]).ok();

    assert_eq!(out.stdout, "Reclaimed 4 file(s)\n");
    let owner = |name: &str| {
        let meta = std::fs::symlink_metadata(host.proj.join(name)).unwrap();
        (meta.uid(), meta.gid())
    };
    for name in ["made", "made/file", "suid", "link"] {
        assert_eq!(owner(name), (1234, U1234.gid()), "{name}");
    }
    assert_eq!(owner("of-root"), (0, 0), "another user's file is not taken");
    assert_eq!(std::fs::metadata(&outside).unwrap().uid(), id, "a link was followed");
    assert_eq!(
        std::fs::metadata(host.proj.join("suid")).unwrap().mode() & 0o6000,
        0,
        "a set-user-id file was given to the user"
    );
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
}
