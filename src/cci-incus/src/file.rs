//! Single files in an instance, running or stopped, without a session.

use hyper::body::Bytes;

use crate::{
    client::Client,
    error::{Error, Result},
    request::Request,
    transport::Answer,
};

/// The owner and mode of a file in the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOwner {
    /// The uid in the instance.
    pub uid: u32,
    /// The gid in the instance.
    pub gid: u32,
    /// Permission bits: `0o644`.
    pub mode: u32,
}

/// What kind of file something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file, or a device.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
}

/// What is known of a file besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMeta {
    /// What it is; the content of a link is its target, which Incus makes absolute.
    pub kind: FileKind,
    /// Its owner and mode.
    pub owner: FileOwner,
}

impl Client {
    /// Writes a file, replacing an existing one (`POST /1.0/instances/NAME/files`).
    pub async fn push_file(&self, name: &str, path: &str, content: impl Into<Bytes>, owner: &FileOwner) -> Result<()> {
        self.settle(&write(name, path, FileKind::File, owner).bytes(content)).await
    }

    /// Creates a directory whose parent exists; an existing one is not changed.
    pub async fn make_dir(&self, name: &str, path: &str, owner: &FileOwner) -> Result<()> {
        self.settle(&write(name, path, FileKind::Directory, owner)).await
    }

    /// Reads a whole file, or the target of a link (`GET /1.0/instances/NAME/files`); a directory is an error.
    pub async fn pull_file(&self, name: &str, path: &str) -> Result<(Vec<u8>, FileMeta)> {
        let request = read(name, path);
        let answer = self.download(&request).await?;
        let meta = meta(&answer);
        if meta.kind == FileKind::Directory {
            return Err(Error::io(request.what, std::io::ErrorKind::IsADirectory.into()));
        }
        let content = answer.bytes().await.map_err(|source| Error::lost(request.what, source))?;
        Ok((content, meta))
    }
}

fn read(name: &str, path: &str) -> Request {
    Request::get(["instances", name, "files"], format!("read {path} in instance {name}")).with("path", path)
}

fn write(name: &str, path: &str, kind: FileKind, owner: &FileOwner) -> Request {
    let kind = match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symlink",
    };
    Request::post(["instances", name, "files"], format!("write {path} in instance {name}"))
        .with("path", path)
        .header("x-incus-type", kind)
        .header("x-incus-uid", owner.uid.to_string())
        .header("x-incus-gid", owner.gid.to_string())
        .header("x-incus-mode", format!("{:04o}", owner.mode))
        .header("x-incus-write", "overwrite")
}

fn meta(answer: &Answer) -> FileMeta {
    let number = |name, radix| answer.header(name).and_then(|text| u32::from_str_radix(text, radix).ok());
    let kind = match answer.header("x-incus-type") {
        Some("directory") => FileKind::Directory,
        Some("symlink") => FileKind::Symlink,
        _ => FileKind::File,
    };
    let owner = FileOwner {
        uid: number("x-incus-uid", 10).unwrap_or_default(),
        gid: number("x-incus-gid", 10).unwrap_or_default(),
        mode: number("x-incus-mode", 8).unwrap_or_default(),
    };
    FileMeta { kind, owner }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_query_and_the_owner_is_in_headers() {
        let owner = FileOwner { uid: 1000, gid: 100, mode: 0o640 };
        let request = write("c1", "/home/a b", FileKind::File, &owner);
        assert_eq!(request.target("p"), "/1.0/instances/c1/files?path=%2Fhome%2Fa%20b&project=p");
        let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            headers,
            [
                "x-incus-type: file",
                "x-incus-uid: 1000",
                "x-incus-gid: 100",
                "x-incus-mode: 0640",
                "x-incus-write: overwrite"
            ]
        );
    }
}
