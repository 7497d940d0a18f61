//! An image server of a test's own: files over HTTP on the loopback.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::image::sha256;

/// A server of fixed files; ends when it is dropped.
pub(crate) struct Web {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    serving: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Web {
    /// Serves these files by path; anything else is missing. What is served as a stalled file begins and never ends.
    pub(crate) async fn serve(files: BTreeMap<String, Vec<u8>>, stalled: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files = Arc::new(files);
        let serving = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, Arc::clone(&files), stalled));
            }
        });
        Self { url, serving }
    }

    /// Serves one image as simplestreams, under the alias `test/1` for this architecture.
    pub(crate) async fn images(metadata: &Path, rootfs: &Path, stalled: Option<&'static str>) -> Self {
        let (metadata, rootfs) = (std::fs::read(metadata).unwrap(), std::fs::read(rootfs).unwrap());
        let combined = sha256(&[metadata.as_slice(), &rootfs].concat());
        let item = |ftype: &str, path: &str, content: &[u8]| json!({"ftype": ftype, "path": path, "size": content.len(), "sha256": sha256(content)});
        let mut meta_item = item("incus.tar.xz", "images/meta.tar.xz", &metadata);
        meta_item["combined_rootxz_sha256"] = json!(combined);
        meta_item["combined_sha256"] = json!(combined);
        let products = json!({"content_id": "images", "datatype": "image-downloads", "format": "products:1.0",
        "products": {"test:1:amd64:default": {
            "aliases": "test/1,test/one", "arch": "amd64", "os": "test", "release": "1", "release_title": "1",
            "variant": "default", "versions": {"20261121_01:00": {"items": {
                "incus.tar.xz": meta_item,
                "root.tar.xz": item("root.tar.xz", "images/root.tar.xz", &rootfs),
            }}},
        }}});
        let index = json!({"format": "index:1.0", "index": {"images": {
            "datatype": "image-downloads", "path": "streams/v1/images.json", "format": "products:1.0",
            "products": ["test:1:amd64:default"]}}});
        let files = [
            ("/streams/v1/index.json", index.to_string().into_bytes()),
            ("/streams/v1/images.json", products.to_string().into_bytes()),
            ("/images/meta.tar.xz", metadata),
            ("/images/root.tar.xz", rootfs),
        ];
        Self::serve(files.map(|(path, content)| (path.to_owned(), content)).into(), stalled).await
    }
}

/// One call a connection.
async fn answer(connection: TcpStream, files: Arc<BTreeMap<String, Vec<u8>>>, stalled: Option<&'static str>) {
    let mut connection = BufReader::new(connection);
    let mut first = String::new();
    let mut line = String::new();
    while connection.read_line(&mut line).await.is_ok_and(|read| read > 2) {
        if first.is_empty() {
            first.clone_from(&line);
        }
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, content) = match files.get(path) {
        Some(content) => ("200 OK", content.as_slice()),
        None => ("404 Not Found", b"".as_slice()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
    let _ = connection.write_all(head.as_bytes()).await;
    if stalled == Some(path) {
        return std::future::pending().await;
    }
    let body = if first.starts_with("HEAD") { b"" } else { content };
    let _ = connection.write_all(body).await;
    let _ = connection.shutdown().await;
}
