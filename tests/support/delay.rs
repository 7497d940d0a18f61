//! A socket before the real one that holds certain requests back for a while: a slow Incus, where the test wants it.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The daemon that the tests share.
const INCUS: &str = "/var/lib/incus/unix.socket";

/// Listens at `dir/name` and hands everything on; a request whose first begins with `held` waits for `delay` first.
pub fn delaying(dir: &Path, name: &str, held: &'static str, delay: Duration) -> PathBuf {
    holding(dir, name, held, move || hold(delay))
}

/// The same, where it waits for what `ready` returns from.
///
/// Each call of cci has a connection of its own, so the first bytes of a connection are its request.
pub fn holding(dir: &Path, name: &str, held: &'static str, ready: impl Fn() + Send + Sync + 'static) -> PathBuf {
    let path = dir.join(name);
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let ready = Arc::new(ready);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let ready = Arc::clone(&ready);
            std::thread::spawn(move || hand_on(client, held, &*ready));
        }
    });
    path
}

#[expect(clippy::disallowed_methods, reason = "the delay is what is planted, nothing waits for it")]
fn hold(delay: Duration) {
    std::thread::sleep(delay);
}

/// How a broken connection looks is seen by the client itself.
fn hand_on(mut client: UnixStream, held: &str, ready: &dyn Fn()) {
    let mut first = [0; 4096];
    let Ok(count) = client.read(&mut first) else { return };
    if first[..count].starts_with(held.as_bytes()) {
        ready();
    }
    let Ok(mut server) = UnixStream::connect(INCUS) else { return };
    if server.write_all(&first[..count]).is_err() {
        return;
    }
    let (Ok(mut requests), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else { return };
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut requests, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(std::net::Shutdown::Both);
}
