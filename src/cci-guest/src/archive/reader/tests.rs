use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::archive::{END, Piece, encode, file};

/// An archive of these entries.
fn archive(entries: &[(Header, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (header, content) in entries {
        bytes.extend(encode(header));
        bytes.extend(content);
        bytes.extend(padding(content.len() as u64));
    }
    bytes.extend(END);
    bytes
}

/// All entries with their content.
fn read(bytes: &[u8]) -> io::Result<Vec<(Header, Vec<u8>)>> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while let Some(header) = reader.next_entry()? {
        let mut content = Vec::new();
        reader.read_to_end(&mut content)?;
        entries.push((header, content));
    }
    Ok(entries)
}

fn problem(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string().split_once(": ").unwrap().1.to_owned()
}

fn tar(args: &[&str], stdin: &[u8]) -> Vec<u8> {
    let mut child = Command::new("tar").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{args:?}");
    done.stdout
}

fn entry() -> impl Strategy<Value = (Header, Vec<u8>)> {
    let name = || prop::collection::vec(1..=255_u8, 1..300);
    let kind = prop::sample::select(vec![Kind::File, Kind::Directory, Kind::Symlink, Kind::HardLink, Kind::Sparse]);
    let map = prop::collection::vec(any::<Piece>(), 0..60);
    let numbers = (0..0o10000_u32, 0..1_u64 << 40, 0..1_u64 << 40, 0..1_i64 << 40);
    (kind, name(), name(), numbers, map, prop::collection::vec(any::<u8>(), 0..2000)).prop_map(
        |(kind, path, link, (mode, uid, gid, mtime), map, content)| {
            let content = if matches!(kind, Kind::File | Kind::Sparse) { content } else { Vec::new() };
            let map = if kind == Kind::Sparse { map } else { Vec::new() };
            let real_size = map.len() as u64;
            let size = content.len() as u64;
            (Header { kind, path, link, mode, uid, gid, mtime, size, real_size, map }, content)
        },
    )
}

#[test]
fn what_gnu_tar_writes_is_read_in_both_formats() {
    let dir = tempfile::tempdir().unwrap();
    let name = ["n".repeat(200), "m".repeat(200)].join("/");
    fs::create_dir(dir.path().join("n".repeat(200))).unwrap();
    fs::write(dir.path().join(&name), "content").unwrap();
    let holes = fs::File::create(dir.path().join("holes")).unwrap();
    holes.set_len(1 << 20).unwrap();
    for format in ["gnu", "posix"] {
        let sparse = if format == "gnu" { "--sparse" } else { "--no-recursion" };
        let args = [&format!("--format={format}"), "-c", "-C", dir.path().to_str().unwrap(), sparse, &name, "holes"];
        let entries = read(&tar(&args, b"")).unwrap();
        assert_eq!((entries[0].0.path.as_slice(), entries[0].1.as_slice()), (name.as_bytes(), &b"content"[..]));
        let holes = &entries[1].0;
        assert_eq!(if holes.kind == Kind::Sparse { holes.real_size } else { holes.size }, 1 << 20, "{format}");
    }
}

#[test]
fn gnu_tar_reads_what_is_written_here() {
    let name = "n".repeat(150);
    assert_eq!(tar(&["-x", "-O"], &file(&name, b"content")), b"content");
    assert_eq!(tar(&["-t"], &file(&name, b"content")), format!("{name}\n").as_bytes());
}

#[test]
fn what_would_never_end_is_refused() {
    let extension = encode(&Header::new(Kind::Global, "g"));
    assert_eq!(problem(&extension.repeat(20)), "too many extension headers before one entry");
    for kind in [Kind::LongName, Kind::LongLink, Kind::Extended, Kind::Global] {
        let long = encode(&Header { size: LONGEST_NAME + 1, ..Header::new(kind, "n") });
        assert_eq!(problem(&long), "a name in it is too long", "{kind:?}");
    }
    // five pieces need a further block; one without pieces, after which another follows, can be repeated forever
    let mut holes = encode(&Header { map: vec![(0, 0); 5], ..Header::new(Kind::Sparse, "s") });
    holes.truncate(BLOCK);
    let mut empty = [0; BLOCK];
    empty[504] = 1;
    holes.extend(empty.repeat(MAX_MAP_BLOCKS + 1));
    assert_eq!(problem(&holes), "a file in it has too many holes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn entries_are_read_as_they_were_written(entries in prop::collection::vec(entry(), 0..4)) {
        prop_assert_eq!(read(&archive(&entries)).unwrap(), entries);
    }

    #[test]
    fn content_that_is_not_read_is_skipped(entries in prop::collection::vec(entry(), 0..4)) {
        let bytes = archive(&entries);
        let mut reader = Reader::new(bytes.as_slice());
        for (header, _) in entries {
            prop_assert_eq!(reader.next_entry().unwrap(), Some(header));
        }
        prop_assert_eq!(reader.next_entry().unwrap(), None);
    }

    #[test]
    fn an_archive_that_is_cut_off_is_never_taken_for_a_whole_one(
        entries in prop::collection::vec(entry(), 0..3), cut in any::<prop::sample::Index>(),
    ) {
        let bytes = archive(&entries);
        // the first block of zeros ends it
        let whole = bytes.len() - BLOCK;
        prop_assert!(read(&bytes[..cut.index(whole)]).is_err());
    }

    #[test]
    fn no_bytes_are_too_strange(
        entries in prop::collection::vec(entry(), 1..3),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let mut bytes = archive(&entries);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&bytes);
    }
}
