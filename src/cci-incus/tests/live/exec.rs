//! Commands in a container: their streams, environment and results.

use std::time::Duration;

use cci_incus::Exec;
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::support::{LIMIT, sh, shared};

#[tokio::test]
async fn streams_are_separate_and_exact() {
    let bed = shared();
    let exec = sh("cat; printf 'err\\0or' >&2");

    let captured = bed.client().exec_captured(&bed.container, &exec, b"in\0put\n", LIMIT).await.unwrap();

    assert_eq!(captured.stdout, b"in\0put\n");
    assert_eq!(captured.stderr, b"err\0or");
    assert_eq!(captured.status, 0);
}

#[tokio::test]
async fn a_non_zero_exit_is_a_result_and_not_an_error() {
    let bed = shared();
    let client = bed.client();
    let captured = client.exec_captured(&bed.container, &sh("exit 42"), b"", LIMIT).await.unwrap();
    assert_eq!(captured.status, 42);
    assert_eq!(client.exec_detached(&bed.container, &sh("exit 43"), LIMIT).await.unwrap(), 43);
}

#[tokio::test]
async fn an_unknown_command_exits_127_and_one_that_cannot_run_126() {
    let bed = shared();
    let client = bed.client();
    for (command, status) in [("/no/such/command", 127), ("no-such-command", 127), ("/etc/passwd", 126)] {
        let exec = Exec::new([command]);
        let captured = client.exec_captured(&bed.container, &exec, b"", LIMIT).await.unwrap();
        assert_eq!(captured.status, status, "{command}, connected");
        let detached = client.exec_detached(&bed.container, &exec, LIMIT).await.unwrap();
        assert_eq!(detached, status, "{command}, detached");
    }
}

#[tokio::test]
async fn environment_directory_and_user_arrive_unchanged() {
    let bed = shared();
    let mut exec = sh(r#"printf '%s|%s|%s:%s' "$A" "$PWD" "$(id -u)" "$(id -g)""#);
    exec.environment.insert("A".into(), "$HOME `x`; 'ü'\n".into());
    (exec.cwd, exec.user, exec.group) = (Some("/usr/share".into()), Some(1000), Some(1234));

    let captured = bed.client().exec_captured(&bed.container, &exec, b"", LIMIT).await.unwrap();

    assert_eq!(String::from_utf8(captured.stdout).unwrap(), "$HOME `x`; 'ü'\n|/usr/share|1000:1234");
}

#[tokio::test]
async fn a_missing_directory_is_not_reported() {
    let bed = shared();
    let mut exec = sh("pwd");
    exec.cwd = Some("/no/such/directory".into());

    let captured = bed.client().exec_captured(&bed.container, &exec, b"", LIMIT).await.unwrap();

    assert_eq!(captured.status, 0);
    assert_ne!(captured.stdout, b"/no/such/directory\n");
}

#[tokio::test]
async fn large_data_comes_back_as_it_was_sent() {
    let bed = shared();
    let input: Vec<u8> = (0..32_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let captured = bed.client().exec_captured(&bed.container, &Exec::new(["cat"]), &input, LIMIT).await.unwrap();
    assert!(captured.stdout == input, "{} of {} bytes", captured.stdout.len(), input.len());
}

#[tokio::test]
async fn a_reader_that_pauses_longer_than_the_pings_loses_nothing() {
    let bed = shared();
    let mut process = bed.client().exec(&bed.container, &sh("head -c 8000000 /dev/zero")).await.unwrap();
    let mut output = process.stdout.take().unwrap();
    let pings_are_sent_every = Duration::from_secs(10);

    tokio::time::sleep(pings_are_sent_every + Duration::from_secs(2)).await;

    let mut all = Vec::new();
    timeout(LIMIT, output.read_to_end(&mut all)).await.unwrap().unwrap();
    assert_eq!(all.len(), 8_000_000);
    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_stopped_or_missing_instance_refuses_with_its_name() {
    let bed = shared();
    let error = bed.client().exec("nobody", &sh("true")).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains("instance nobody"), "{error}");
}
