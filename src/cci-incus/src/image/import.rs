//! Importing images from files, streamed: never a whole root file system in memory.

use std::path::Path;

use futures_util::{StreamExt as _, stream};
use hyper::body::Bytes;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{NewImage, multipart::Boundary};
use crate::{
    client::Client,
    error::{Error, Result},
    operation::Operation,
    request::Request,
    transport::{ByteStream, Payload},
};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// How much of an upload has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploaded {
    /// Bytes sent so far.
    pub sent: u64,
    /// Bytes of all files.
    pub total: u64,
}

impl Client {
    /// Imports an image of two parts: the bytes of a tarball with `metadata.yaml`, and the root file system as tarball
    /// or squashfs (`POST /1.0/images`, multipart). Returns when all is sent; the operation unpacks it.
    pub async fn import_split(
        &self,
        metadata: Vec<u8>,
        rootfs: &Path,
        image: &NewImage,
        tell: impl FnMut(Uploaded) + Send + 'static,
    ) -> Result<Operation> {
        let (rootfs, size) = open(rootfs).await?;
        let total = metadata.len() as u64 + size;
        let boundary = Boundary::random();
        let parts = framing(boundary.begin("metadata"))
            .chain(framing(metadata))
            .chain(framing(boundary.next("rootfs")))
            .chain(rootfs)
            .chain(framing(boundary.end()));
        let payload =
            Payload::Stream { content_type: boundary.content_type(), stream: metered(Box::pin(parts), total, tell) };
        self.upload(&request(image), payload).await
    }
}

fn request(image: &NewImage) -> Request {
    let what = match image.aliases.first() {
        Some(alias) => format!("import image {alias}"),
        None => "import an image".to_owned(),
    };
    image.on(Request::post(["images"], what))
}

/// A file as a stream, and its size.
async fn open(path: &Path) -> Result<(ByteStream, u64)> {
    let unreadable = |source| Error::io(format!("read {}", path.display()), source);
    let file = File::open(path).await.map_err(unreadable)?;
    let size = file.metadata().await.map_err(unreadable)?.len();
    Ok((Box::pin(ReaderStream::with_capacity(file, CHUNK)), size))
}

fn framing(content: impl Into<Bytes>) -> ByteStream {
    Box::pin(stream::once(std::future::ready(Ok(content.into()))))
}

/// The same stream, reporting how much of it was read; the few bytes of framing do not count beyond the total.
fn metered(content: ByteStream, total: u64, mut tell: impl FnMut(Uploaded) + Send + 'static) -> ByteStream {
    let mut sent = 0;
    Box::pin(content.inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            sent = total.min(sent + chunk.len() as u64);
            tell(Uploaded { sent, total });
        }
    }))
}
