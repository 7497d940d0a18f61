//! Reaching the daemon: who answers, who does not, and what is said then.

use std::os::unix::fs::PermissionsExt as _;

use cci_incus::{Auth, Client, Error};

use crate::support::{Project, Requests, shared};

#[tokio::test]
async fn the_server_says_what_it_is() {
    let project = Project::new(&[]);
    let server = project.client().server().await.unwrap();
    assert_eq!(server.auth, Auth::Trusted);
    assert!(!server.environment.server_version.is_empty());
    assert!(server.has("instances"), "{:?}", server.api_extensions);
    assert!(server.environment.storage_supported_drivers.iter().any(|driver| driver.name == "dir"));
    assert_eq!(server.environment.certificate_fingerprint.len(), 64);
}

#[tokio::test]
async fn a_missing_socket_is_unreachable_and_named() {
    let error = Client::unix("/no/such/socket").server().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot reach incus at /no/such/socket");
}

#[tokio::test]
async fn an_empty_path_is_unreachable_too() {
    let error = Client::unix("").server().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_socket_that_nobody_serves_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let error = Client::unix(&socket).server().await.unwrap_err();
    assert!(error.is_unreachable() && !error.is_forbidden(), "{error:?}");
}

/// A test as root passes every permission, so another user asks: this program itself, told to by its environment.
#[test]
fn a_socket_without_permission_is_forbidden() {
    const ASK: &str = "CCI_INCUS_TEST_ASK";
    if let Ok(socket) = std::env::var(ASK) {
        let error = crate::support::apart(async { Client::unix(socket).server().await.unwrap_err() });
        assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
        return;
    }
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let socket = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).unwrap();
    let program = directory.path().join("ask");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();

    let asked = std::process::Command::new("setpriv")
        .args(["--reuid", "1234", "--regid", "1234", "--clear-groups"])
        .arg(&program)
        .args(["--exact", "door::a_socket_without_permission_is_forbidden"])
        .env(ASK, &socket)
        .current_dir("/")
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&asked.stdout);
    assert!(asked.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn each_request_is_a_span_that_ends_with_its_status() {
    let bed = shared();
    let client = bed.client();
    let (requests, _guard) = Requests::listen();

    client.instance(&bed.container).await.unwrap();
    client.instance("nobody").await.unwrap_err();
    let expected = [format!("GET /1.0/instances/{} 200", bed.container), "GET /1.0/instances/nobody 404".to_owned()];
    assert_eq!(requests.so_far(), expected);

    let _events = client.events(&[cci_incus::EventKind::Lifecycle], false).await.unwrap();
    assert_eq!(requests.so_far().last().unwrap(), "GET /1.0/events 101");
}

#[tokio::test]
async fn calls_at_once_and_dropped_calls_leave_the_client_usable() {
    let bed = shared();
    let client = bed.client();
    let many = (0..50).map(|_| client.instances());
    let all = futures_util::future::try_join_all(many).await.unwrap();
    assert!(all.iter().all(|instances| !instances.is_empty()));

    for _ in 0..50 {
        tokio::select! {
            biased;
            _ = client.instances() => {}
            () = tokio::task::yield_now() => {}
        }
    }
    client.instance(&bed.container).await.unwrap();
}
