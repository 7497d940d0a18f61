//! An Incus daemon of a test's own, with its own directory: to be restarted, and to listen on HTTPS.

use std::{net::TcpListener, path::PathBuf, process::Stdio, time::Duration};

use cci_incus::Client;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::{LIMIT, until};

const PROGRAMS: [&str; 3] = ["/usr/libexec/incus/incusd", "/opt/incus/bin/incusd", "/usr/lib/incus/incusd"];

/// A second daemon; killed when it is dropped, with its directory.
pub(crate) struct Daemon {
    // ended before its directory goes
    child: Child,
    directory: TempDir,
}

impl Daemon {
    /// A running daemon that has nothing yet.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = run(directory.path().to_path_buf()).await;
        Self { child, directory }
    }

    /// A client of this daemon.
    pub(crate) fn client(&self) -> Client {
        Client::unix(self.directory.path().join("unix.socket"))
    }

    /// Kills the daemon, as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts the daemon again with everything that it had.
    pub(crate) async fn start_again(&mut self) {
        self.child = run(self.directory.path().to_path_buf()).await;
    }

    /// Makes it listen on the loopback, and returns the URL.
    pub(crate) async fn listen(&self) -> String {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = [("core.https_address".to_owned(), free.to_string())].into();
        self.client().patch_server_config(&config, None).await.unwrap();
        format!("https://{free}")
    }
}

async fn run(directory: PathBuf) -> Child {
    let program = PROGRAMS.into_iter().find(|program| std::path::Path::new(program).exists());
    let program = program.expect("these tests need the program incusd");
    // its own mounts, which go with it
    let child = Command::new("unshare")
        .args(["--mount", program, "--group", "root", "--logfile"])
        .arg(directory.join("daemon.log"))
        .env("INCUS_DIR", &directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = Client::unix(directory.join("unix.socket"));
    until("the second daemon", async || {
        timeout(Duration::from_secs(1), client.server()).await.is_ok_and(|answer| answer.is_ok())
    })
    .await;
    let mut ready = Command::new(program);
    ready.args(["waitready", "--timeout", "20"]).env("INCUS_DIR", &directory);
    assert!(timeout(LIMIT, ready.status()).await.unwrap().unwrap().success());
    child
}
