//! A base image in which every step of a build takes a moment, a project of its own for images, and a server that
//! offers it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::clean_root::CACHE;
use super::host::{Host, User, incus, run_within};

/// What a bootstrap from a slow mirror may take.
const LONG: Duration = Duration::from_secs(10 * 60);
/// What a base must have for the steps of a build, as `cci build` bootstraps it, and what the trial asks for.
const PACKAGES: &str = "systemd-sysv,systemd-resolved,libnss-myhostname,udev,dbus,ca-certificates,tzdata,sudo,tmux";

/// The tarball of the base, made once.
pub fn tarball() -> PathBuf {
    let tarball = Path::new(CACHE).join("quick-14.tar");
    if !tarball.exists() {
        std::fs::create_dir_all(CACHE).unwrap();
        let dir = tempfile::tempdir_in(CACHE).unwrap();
        let (hook, made) = (dir.path().join("quick.sh"), dir.path().join("quick-14.tar"));
        std::fs::write(&hook, include_str!("quick.sh")).unwrap();
        std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        // its own mounts: it makes / private, and then Incus can mount nothing into running containers
        let mut bootstrap = Command::new("unshare");
        bootstrap
            .args(["--mount", "mmdebstrap", "--variant=minbase", "--dpkgopt=force-unsafe-io"])
            .arg(format!("--include={PACKAGES}"));
        for excluded in ["doc", "man", "locale"] {
            bootstrap.arg(format!("--dpkgopt=path-exclude=/usr/share/{excluded}/*"));
        }
        bootstrap.arg(format!("--customize-hook={}", hook.display())).arg("trixie").arg(&made);
        run_within(LONG, bootstrap, b"").ok();
        std::fs::set_permissions(&made, PermissionsExt::from_mode(0o644)).unwrap();
        std::fs::rename(made, &tarball).unwrap();
    }
    tarball
}

/// Gives a project the base under an alias; the other half of the image is made in `dir`.
fn import(dir: &Path, project: &str, alias: &str) {
    let metadata = dir.join("metadata.tar");
    metadata_tarball(&metadata);
    let (metadata, rootfs) = (metadata.display().to_string(), tarball().display().to_string());
    incus(&["image", "import", "--quiet", &metadata, &rootfs, "--alias", alias, "--project", project]);
}

/// The alias of the base among the machine's images, imported once: for containers of an image that is not cci's.
pub fn foreign_image() -> &'static str {
    const ALIAS: &str = "cci-test-foreign";
    std::fs::create_dir_all(CACHE).unwrap();
    // each test is a process of its own
    let lock = std::fs::File::create(Path::new(CACHE).join("image.lock")).unwrap();
    lock.lock().unwrap();
    if !incus(&["image", "alias", "list", "--format", "csv"]).lines().any(|line| line.split(',').next() == Some(ALIAS))
    {
        let dir = tempfile::tempdir().unwrap();
        import(dir.path(), "default", ALIAS);
    }
    ALIAS
}

/// A project with images of its own, so that a build under test never moves the machine's alias `cci`.
pub struct Images {
    pub host: Host,
}

impl Images {
    pub fn of(user: User) -> Self {
        let mut host = Host::live(user);
        host.project = format!("{}images", host.prefix);
        incus(&[
            "project",
            "create",
            "--quiet",
            &host.project,
            "-c",
            "features.images=true",
            "-c",
            "features.profiles=false",
            "-c",
            "features.storage.volumes=false",
            "-c",
            "features.storage.buckets=false",
        ]);
        Self { host }
    }

    /// Gives it the base under the alias that a build moves, as if it were the image of an earlier build.
    pub fn import(&self) {
        import(&self.host.dir("base"), &self.host.project, "cci");
    }

    /// Its images and the names that they have.
    pub fn dump(&self) -> String {
        let project = self.host.project.as_str();
        incus(&["image", "list", "--project", project, "-f", "csv", "-c", "F"])
            + &incus(&["image", "alias", "list", "--project", project, "-f", "csv"])
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let project = self.host.project.as_str();
        for name in self.host.containers() {
            let _ = Command::new("incus").args(["delete", "-f", "--project", project, &name]).output();
        }
        let list = Command::new("incus").args(["image", "list", "--project", project, "-f", "csv", "-c", "F"]).output();
        let list = list.map(|list| String::from_utf8_lossy(&list.stdout).into_owned()).unwrap_or_default();
        for image in list.lines() {
            let _ = Command::new("incus").args(["image", "delete", "--project", project, image]).output();
        }
        let _ = Command::new("incus").args(["project", "delete", project]).output();
    }
}

/// The half of a split image that says what it is.
fn metadata_tarball(path: &Path) {
    let yaml = "architecture: x86_64\ncreation_date: 1700000000\nproperties:\n  os: debian\n  release: trixie\n";
    let dir = path.parent().unwrap();
    std::fs::write(dir.join("metadata.yaml"), yaml.replace("x86_64", std::env::consts::ARCH)).unwrap();
    let tar = Command::new("tar").arg("-C").arg(dir).arg("-cf").arg(path).arg("metadata.yaml").status().unwrap();
    assert!(tar.success());
}

/// An image server on the loopback that has the base as `debian/13`; its URL.
pub fn serve(host: &Host) -> String {
    let (metadata, rootfs) = (host.dir("server").join("metadata.tar"), tarball());
    metadata_tarball(&metadata);
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    let combined = sha256(&[&metadata, &rootfs]);
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let product = format!("debian:trixie:{arch}:default");
    let products = json!({"content_id": "images", "datatype": "image-downloads", "format": "products:1.0", "products": {
        product.clone(): {
            "aliases": "debian/13,debian/trixie", "arch": arch, "os": "Debian", "release": "trixie",
            "release_title": "trixie", "variant": "default", "versions": {"20261121_05:24": {"items": {
                "incus.tar.xz": {"ftype": "incus.tar.xz", "path": "images/metadata", "size": size(&metadata),
                    "sha256": sha256(&[&metadata]), "combined_rootxz_sha256": combined, "combined_sha256": combined},
                "root.tar.xz": {"ftype": "root.tar.xz", "path": "images/rootfs", "size": size(&rootfs),
                    "sha256": sha256(&[&rootfs])},
            }}}
        }
    }});
    let index = json!({"format": "index:1.0", "index": {"images": {"datatype": "image-downloads",
        "path": "streams/v1/images.json", "format": "products:1.0", "products": [product]}}});
    let written = |name: &str, value: serde_json::Value| {
        let path = metadata.with_file_name(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path
    };
    let files = Arc::new([
        ("/streams/v1/index.json", written("index.json", index)),
        ("/streams/v1/images.json", written("images.json", products)),
        ("/images/metadata", metadata.clone()),
        ("/images/rootfs", rootfs),
    ]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let files = Arc::clone(&files);
            // whoever asked may have gone
            std::thread::spawn(move || drop(answer(connection, files.as_slice())));
        }
    });
    url
}

/// One call a connection.
fn answer(connection: TcpStream, files: &[(&str, PathBuf)]) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let (mut first, mut line) = (String::new(), String::new());
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut connection = reader.into_inner();
    let asked = first.split(' ').nth(1).unwrap_or_default();
    let Some((_, path)) = files.iter().find(|(path, _)| *path == asked) else {
        return connection.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n")?;
    if !first.starts_with("HEAD") {
        std::io::copy(&mut file, &mut connection)?;
    }
    Ok(())
}

/// SHA-256 of these files, one behind the other.
fn sha256(paths: &[&Path]) -> String {
    let line = Command::new("sh").args(["-c", r#"cat -- "$@" | sha256sum"#, "sh"]).args(paths).output().unwrap();
    String::from_utf8(line.stdout).unwrap().split(' ').next().unwrap().to_owned()
}
