//! Commands in a container: streams, terminals, signals and ends.

use std::time::{Duration, Instant};

use cci_incus::{Error, Exec, TermSize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::support::{LIMIT, shared};

fn sh(script: &str) -> Exec {
    Exec::new(["sh", "-c", script])
}

#[tokio::test]
async fn streams_are_separate_and_exact() {
    let bed = shared();
    let exec = sh("cat; printf 'err\\0or' >&2");

    let captured = bed
        .client()
        .exec_captured(&bed.container, &exec, b"in\0put\n", LIMIT)
        .await
        .unwrap();

    assert_eq!(captured.stdout, b"in\0put\n");
    assert_eq!(captured.stderr, b"err\0or");
    assert_eq!(captured.status, 0);
}

#[tokio::test]
async fn a_non_zero_exit_is_a_result_and_not_an_error() {
    let bed = shared();
    let client = bed.client();
    let captured = client
        .exec_captured(&bed.container, &sh("exit 42"), b"", LIMIT)
        .await
        .unwrap();
    assert_eq!(captured.status, 42);
    assert_eq!(
        client
            .exec_detached(&bed.container, &sh("exit 43"), LIMIT)
            .await
            .unwrap(),
        43
    );
}

#[tokio::test]
async fn an_unknown_command_exits_127_and_one_that_cannot_run_126() {
    let bed = shared();
    let client = bed.client();
    for (command, status) in [
        ("/no/such/command", 127),
        ("no-such-command", 127),
        ("/etc/passwd", 126),
    ] {
        let exec = Exec::new([command]);
        let captured = client
            .exec_captured(&bed.container, &exec, b"", LIMIT)
            .await
            .unwrap();
        assert_eq!(captured.status, status, "{command}, connected");
        let detached = client
            .exec_detached(&bed.container, &exec, LIMIT)
            .await
            .unwrap();
        assert_eq!(detached, status, "{command}, detached");
    }
}

#[tokio::test]
async fn environment_directory_and_user_arrive_unchanged() {
    let bed = shared();
    let mut exec = sh(r#"printf '%s|%s|%s:%s' "$A" "$PWD" "$(id -u)" "$(id -g)""#);
    exec.environment
        .insert("A".into(), "$HOME `x`; 'ü'\n".into());
    (exec.cwd, exec.user, exec.group) = (Some("/usr/share".into()), Some(1000), Some(1234));

    let captured = bed
        .client()
        .exec_captured(&bed.container, &exec, b"", LIMIT)
        .await
        .unwrap();

    assert_eq!(
        String::from_utf8(captured.stdout).unwrap(),
        "$HOME `x`; 'ü'\n|/usr/share|1000:1234"
    );
}

#[tokio::test]
async fn a_missing_directory_is_not_reported() {
    let bed = shared();
    let mut exec = sh("pwd");
    exec.cwd = Some("/no/such/directory".into());

    let captured = bed
        .client()
        .exec_captured(&bed.container, &exec, b"", LIMIT)
        .await
        .unwrap();

    assert_eq!(captured.status, 0);
    assert_ne!(captured.stdout, b"/no/such/directory\n");
}

#[tokio::test]
async fn a_terminal_ends_because_its_end_frame_is_answered() {
    let bed = shared();
    let mut exec = sh("printf 'a\\nb'; test -t 0 && exit 7");
    exec.tty = Some(TermSize { cols: 80, rows: 24 });
    let mut process = bed.client().exec(&bed.container, &exec).await.unwrap();
    let mut screen = Vec::new();

    // the input is held open, as a person's keyboard is
    let keys = process.stdin.take().unwrap();
    let mut output = process.stdout.take().unwrap();
    timeout(LIMIT, output.read_to_end(&mut screen))
        .await
        .unwrap()
        .unwrap();
    let status = timeout(LIMIT, process.wait()).await.unwrap().unwrap();

    assert_eq!((screen.as_slice(), status), (b"a\r\nb".as_slice(), 7));
    drop(keys);
}

#[tokio::test]
async fn a_terminal_has_the_size_it_is_given_and_takes_another() {
    let bed = shared();
    let mut exec = sh("stty size; trap 'stty size; exit' WINCH; while :; do sleep 0.02; done");
    exec.tty = Some(TermSize { cols: 81, rows: 25 });
    let mut process = bed.client().exec(&bed.container, &exec).await.unwrap();
    let mut output = process.stdout.take().unwrap();
    let mut screen = [0; 7];

    timeout(LIMIT, output.read_exact(&mut screen))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&screen, b"25 81\r\n");
    // the trap may not stand yet: the size is sent until it is seen
    let control = process.control.as_ref().unwrap();
    let mut cols = 100;
    loop {
        control.resize(TermSize { cols, rows: 30 }).await.unwrap();
        cols += 1;
        if let Ok(read) = timeout(Duration::from_millis(200), output.read_exact(&mut screen)).await
        {
            read.unwrap();
            break;
        }
    }
    assert_eq!(&screen[..4], b"30 1");
}

#[tokio::test]
async fn keys_reach_a_terminal() {
    let bed = shared();
    let mut exec = Exec::new(["cat"]);
    exec.tty = Some(TermSize { cols: 80, rows: 24 });
    let mut process = bed.client().exec(&bed.container, &exec).await.unwrap();
    let (mut keys, mut output) = (
        process.stdin.take().unwrap(),
        process.stdout.take().unwrap(),
    );

    keys.write_all(b"hello\n").await.unwrap();
    keys.flush().await.unwrap();
    let mut screen = [0; 14];
    timeout(LIMIT, output.read_exact(&mut screen))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&screen, b"hello\r\nhello\r\n");

    keys.write_all(&[4]).await.unwrap();
    keys.flush().await.unwrap();
    let mut rest = Vec::new();
    timeout(LIMIT, output.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_signal_reaches_the_command() {
    let bed = shared();
    let exec = sh("trap 'exit 9' USR1; echo ready; while :; do sleep 0.02; done");
    let mut process = bed.client().exec(&bed.container, &exec).await.unwrap();
    let mut output = process.stdout.take().unwrap();
    let mut ready = [0; 6];
    timeout(LIMIT, output.read_exact(&mut ready))
        .await
        .unwrap()
        .unwrap();

    process.control.as_ref().unwrap().signal(10).await.unwrap();

    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 9);
}

#[tokio::test]
async fn a_command_killed_by_a_signal_exits_128_and_the_signal() {
    let bed = shared();
    let captured = bed
        .client()
        .exec_captured(&bed.container, &sh("kill -TERM $$"), b"", LIMIT)
        .await
        .unwrap();
    assert_eq!(captured.status, 143);
}

#[tokio::test]
async fn dropping_control_kills_the_command() {
    let bed = shared();
    let mut process = bed
        .client()
        .exec(&bed.container, &Exec::new(["sleep", "1000"]))
        .await
        .unwrap();
    drop(process.control.take());
    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 137);
}

#[tokio::test]
async fn dropping_the_process_kills_the_command() {
    let bed = shared();
    let client = bed.client();
    let mut process = client
        .exec(
            &bed.container,
            &sh("echo $$ >/run/dropped; echo; exec sleep 1000"),
        )
        .await
        .unwrap();
    let mut line = [0];
    timeout(
        LIMIT,
        process.stdout.as_mut().unwrap().read_exact(&mut line),
    )
    .await
    .unwrap()
    .unwrap();
    let runs = sh("kill -0 $(cat /run/dropped)");
    let running = async || {
        client
            .exec_detached(&bed.container, &runs, LIMIT)
            .await
            .unwrap()
            == 0
    };
    assert!(running().await);

    drop(process);

    let gone = async { while running().await {} };
    timeout(LIMIT, gone)
        .await
        .expect("the command outlives its process");
}

#[tokio::test]
async fn a_command_cannot_be_cancelled_by_its_operation() {
    let bed = shared();
    let client = bed.client();
    let process = client
        .exec(&bed.container, &Exec::new(["sleep", "1000"]))
        .await
        .unwrap();
    let operations = client.operations().await.unwrap();
    let command = operations
        .iter()
        .find(|operation| operation.description() == "Executing command")
        .unwrap();

    assert!(matches!(command.cancel().await, Err(Error::Refused { .. })));
    drop(process);
}

#[tokio::test]
async fn a_captured_command_that_takes_too_long_is_killed() {
    let bed = shared();
    let begun = Instant::now();
    let limit = Duration::from_millis(300);

    let error = bed
        .client()
        .exec_captured(&bed.container, &sh("sleep 1000"), b"", limit)
        .await
        .unwrap_err();

    assert!(
        matches!(
            error,
            Error::TimedOut {
                still_running: false,
                ..
            }
        ),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_detached_command_that_takes_too_long_runs_on() {
    let bed = shared();
    let client = bed.client();
    let limit = Duration::from_millis(300);

    let error = client
        .exec_detached(
            &bed.container,
            &sh("echo $$ >/run/late; exec sleep 1000"),
            limit,
        )
        .await
        .unwrap_err();

    assert!(
        matches!(
            error,
            Error::TimedOut {
                still_running: true,
                ..
            }
        ),
        "{error}"
    );
    let end = sh("kill $(cat /run/late)");
    assert_eq!(
        client
            .exec_detached(&bed.container, &end, LIMIT)
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn input_that_nobody_reads_does_not_hold_the_end_up() {
    let bed = shared();
    let input = vec![b'x'; 8 << 20];
    let captured = bed
        .client()
        .exec_captured(&bed.container, &sh("exit 3"), &input, LIMIT)
        .await
        .unwrap();
    assert_eq!(captured.status, 3);
}

#[tokio::test]
async fn output_that_nobody_takes_does_not_hold_the_end_up() {
    let bed = shared();
    let process = bed
        .client()
        .exec(&bed.container, &sh("head -c 8000000 /dev/zero; exit 3"))
        .await
        .unwrap();
    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn large_data_comes_back_as_it_was_sent() {
    let bed = shared();
    let input: Vec<u8> = (0..32_u32 << 20)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let captured = bed
        .client()
        .exec_captured(&bed.container, &Exec::new(["cat"]), &input, LIMIT)
        .await
        .unwrap();
    assert!(
        captured.stdout == input,
        "{} of {} bytes",
        captured.stdout.len(),
        input.len()
    );
}

#[tokio::test]
async fn a_reader_that_pauses_longer_than_the_pings_loses_nothing() {
    let bed = shared();
    let mut process = bed
        .client()
        .exec(&bed.container, &sh("head -c 8000000 /dev/zero"))
        .await
        .unwrap();
    let mut output = process.stdout.take().unwrap();
    let pings_are_sent_every = Duration::from_secs(10);

    tokio::time::sleep(pings_are_sent_every + Duration::from_secs(2)).await;

    let mut all = Vec::new();
    timeout(LIMIT, output.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all.len(), 8_000_000);
    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_stopped_or_missing_instance_refuses_with_its_name() {
    let bed = shared();
    let error = bed
        .client()
        .exec(&"nobody".to_owned(), &sh("true"))
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains("instance nobody"), "{error}");
}
