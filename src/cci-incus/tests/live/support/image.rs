//! The image of these tests: a small Debian, bootstrapped once and imported as a split image.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use cci_incus::{Client, Exported, NewImage};
use tokio::process::Command;

use super::bed::IMAGE;

const LIMIT: Duration = Duration::from_secs(120);

/// What a container needs to boot well: its own name, its own machine id, and addresses from the bridge.
const CUSTOMIZE: &str = r#"
rm -f "$1/etc/hostname" "$1/etc/resolv.conf"
: > "$1/etc/machine-id"
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n' > "$1/etc/systemd/network/eth0.network"
chroot "$1" systemctl enable systemd-networkd
"#;

const METADATA: &str = "architecture: x86_64\ncreation_date: 1700000000\n\
    properties:\n  description: base of the client tests\n";

/// Makes the image if it is not there.
pub(crate) async fn ensure(client: &Client) {
    // each test is a process of its own
    let lock = std::fs::File::create(concat!(env!("CARGO_TARGET_TMPDIR"), "/image.lock")).unwrap();
    let lock = tokio::task::spawn_blocking(|| lock.lock().map(|()| lock)).await.unwrap();
    let _one_at_a_time = lock.unwrap();
    if client.alias(IMAGE).await.unwrap().is_some() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let rootfs = work.path().join("rootfs.tar");
    bootstrap(&rootfs).await;
    let metadata = metadata(work.path()).await;
    let image = NewImage::default().alias(IMAGE);
    let import = client.import_split(std::fs::read(&metadata).unwrap(), &rootfs, &image, |_| {}).await.unwrap();
    import.wait("the import of the image", LIMIT).await.unwrap();
}

async fn bootstrap(rootfs: &Path) {
    // its own mounts: it makes / private, and then Incus can mount nothing into running containers
    let built = Command::new("unshare")
        .args([
            "--mount",
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--include=systemd-sysv,udev,dbus,tmux,sudo,iproute2,procps",
        ])
        .args(["doc", "man", "locale"].map(|part| format!("--dpkgopt=path-exclude=/usr/share/{part}/*")))
        .arg(format!("--customize-hook={CUSTOMIZE}"))
        .arg("bookworm")
        .arg(rootfs)
        .stdin(Stdio::null())
        .status()
        .await
        .expect("these tests need mmdebstrap to make their image");
    assert!(built.success(), "mmdebstrap failed: {built}");
}

/// The other half of a split image.
async fn metadata(directory: &Path) -> PathBuf {
    tokio::fs::write(directory.join("metadata.yaml"), METADATA).await.unwrap();
    pack(directory, "metadata.tar", "metadata.yaml").await
}

/// Two files that are an image in form, with a root file system of one file that holds `content`.
pub(crate) async fn tiny_image(directory: &Path, content: &str) -> (PathBuf, PathBuf) {
    tokio::fs::create_dir_all(directory.join("etc")).await.unwrap();
    tokio::fs::write(directory.join("etc/content"), content).await.unwrap();
    (metadata(directory).await, pack(directory, "rootfs.tar", "etc").await)
}

/// Makes a tarball in the directory of something that is in it.
async fn pack(directory: &Path, tarball: &str, what: &str) -> PathBuf {
    let tarball = directory.join(tarball);
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(directory).arg("-cf").arg(&tarball).args(what.split(' '));
    assert!(tar.status().await.unwrap().success());
    tarball
}

/// The two files of the image that containers of these tests run.
pub(crate) async fn base_image(directory: &Path) -> (PathBuf, PathBuf) {
    let client = Client::unix("/var/lib/incus/unix.socket");
    ensure(&client).await;
    let image = client.image_by(IMAGE).await.unwrap().unwrap();
    match client.export_image(&image.fingerprint, directory).await.unwrap() {
        Exported::Split { metadata, rootfs } => (metadata, rootfs),
        Exported::Unified(path) => panic!("{} is not a split image", path.display()),
    }
}

/// SHA-256 as hex.
pub(crate) fn sha256(content: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    use std::fmt::Write as _;
    Sha256::digest(content).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
