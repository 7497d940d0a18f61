//! Commands with a terminal: size, keys, end.

use std::time::Duration;

use cci_incus::{Exec, TermSize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::support::{LIMIT, sh, shared};

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
    timeout(LIMIT, output.read_to_end(&mut screen)).await.unwrap().unwrap();
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

    timeout(LIMIT, output.read_exact(&mut screen)).await.unwrap().unwrap();
    assert_eq!(&screen, b"25 81\r\n");
    // the trap may not stand yet: the size is sent until it is seen
    let control = process.control.as_ref().unwrap();
    let mut cols = 100;
    loop {
        control.resize(TermSize { cols, rows: 30 }).await.unwrap();
        cols += 1;
        if let Ok(read) = timeout(Duration::from_millis(200), output.read_exact(&mut screen)).await {
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
    let (mut keys, mut output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());

    keys.write_all(b"hello\n").await.unwrap();
    keys.flush().await.unwrap();
    let mut screen = [0; 14];
    timeout(LIMIT, output.read_exact(&mut screen)).await.unwrap().unwrap();
    assert_eq!(&screen, b"hello\r\nhello\r\n");

    keys.write_all(&[4]).await.unwrap();
    keys.flush().await.unwrap();
    let mut rest = Vec::new();
    timeout(LIMIT, output.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(timeout(LIMIT, process.wait()).await.unwrap().unwrap(), 0);
}
