//! Exporting images to files.

use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use hyper::http::header;
use tokio::{
    fs::File,
    io::{AsyncWriteExt as _, BufWriter},
};

use super::{
    multipart::Boundary,
    splitter::{Piece, Splitter},
};
use crate::{
    client::Client,
    error::{Error, Result},
    request::Request,
    transport::ByteStream,
};

/// The files of an exported image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exported {
    /// One tarball with everything.
    Unified(PathBuf),
    /// Two files.
    Split {
        /// The tarball with `metadata.yaml`.
        metadata: PathBuf,
        /// The root file system.
        rootfs: PathBuf,
    },
}

impl Client {
    /// Writes an image's files into a directory, as `image` or as `metadata` and `rootfs`
    /// (`GET /1.0/images/FINGERPRINT/export`). Files of these names are replaced.
    pub async fn export_image(&self, fingerprint: &str, into: &Path) -> Result<Exported> {
        let request = Request::get(["images", fingerprint, "export"], format!("export image {fingerprint}"));
        let answer = self.download(&request).await?;
        let boundary = answer.header(header::CONTENT_TYPE.as_str()).and_then(Boundary::of);
        match boundary {
            Some(boundary) => split(&request.what, answer.body, &boundary, into).await,
            None => unified(&request.what, answer.body, into).await,
        }
    }
}

async fn unified(what: &str, mut body: ByteStream, into: &Path) -> Result<Exported> {
    let mut file = Output::create(into, "image").await?;
    while let Some(chunk) = body.next().await {
        file.write(&chunk.map_err(|source| Error::lost(what, source))?).await?;
    }
    Ok(Exported::Unified(file.finish().await?))
}

async fn split(what: &str, mut body: ByteStream, boundary: &Boundary, into: &Path) -> Result<Exported> {
    let mut splitter = Splitter::new(boundary);
    let mut files = Vec::new();
    while let Some(chunk) = body.next().await {
        splitter.feed(&chunk.map_err(|source| Error::lost(what, source))?);
        while let Some(piece) = splitter.piece().map_err(|source| Error::protocol(what, source))? {
            match (piece, files.last_mut()) {
                (Piece::Part(name), _) => {
                    files.push(Output::create(into, part(what, &name)?).await?);
                }
                (Piece::Data(bytes), Some(file)) => file.write(&bytes).await?,
                (Piece::Data(_), None) => {}
            }
        }
    }
    if !splitter.is_done() {
        return Err(Error::protocol(what, "the answer ends within a file"));
    }
    let mut paths = Vec::new();
    for file in files {
        paths.push(file.finish().await?);
    }
    let path = |name| paths.iter().find(|path| path.ends_with(name)).cloned();
    match (path("metadata"), path("rootfs")) {
        (Some(metadata), Some(rootfs)) => Ok(Exported::Split { metadata, rootfs }),
        _ => Err(Error::protocol(what, "a file of the image is missing")),
    }
}

/// The file for a part; the server's text is never used as a path.
fn part(what: &str, name: &str) -> Result<&'static str> {
    match name {
        "metadata" => Ok("metadata"),
        "rootfs" | "rootfs.img" => Ok("rootfs"),
        other => Err(Error::protocol(what, format!("unknown part '{other}'"))),
    }
}

/// A file that is being written.
struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    async fn create(directory: &Path, name: &str) -> Result<Self> {
        let path = directory.join(name);
        match File::create(&path).await {
            Ok(file) => Ok(Self { file: BufWriter::with_capacity(256 * 1024, file), path }),
            Err(source) => Err(Error::io(format!("create {}", path.display()), source)),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).await.map_err(|source| Error::io(format!("write {}", self.path.display()), source))
    }

    async fn finish(mut self) -> Result<PathBuf> {
        self.file.shutdown().await.map_err(|source| Error::io(format!("write {}", self.path.display()), source))?;
        Ok(self.path)
    }
}
