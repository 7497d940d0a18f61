//! The streams of a command, against a server of frames in memory.

use futures_util::{SinkExt as _, StreamExt as _};
use proptest::prelude::*;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::{Control, Stdin, Stdout, TermSize, input::Kind};
use crate::{
    transport::Upgraded,
    websocket::{self, Shared},
};

type Server = WebSocketStream<DuplexStream>;

async fn client(connection: DuplexStream) -> Shared {
    let connection: Upgraded = Box::pin(connection);
    Shared::new(WebSocketStream::from_raw_socket(connection, Role::Client, None).await)
}

async fn pair() -> (Shared, Server) {
    let (near, far) = duplex(64 * 1024);
    (client(near).await, WebSocketStream::from_raw_socket(far, Role::Server, None).await)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[tokio::test]
async fn pings_are_answered_where_nobody_reads() {
    let (socket, mut server) = pair().await;
    let _stdin = Stdin::new(socket, Kind::Pipe);
    server.send(Message::Ping("a".into())).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Pong("a".into()));

    let (socket, mut server) = pair().await;
    let _control = Control::new(socket);
    server.send(Message::Ping("b".into())).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Pong("b".into()));
}

#[tokio::test]
async fn an_empty_text_frame_ends_a_pipe() {
    let (socket, mut server) = pair().await;
    let mut output = Stdout::pipe(socket);
    for message in [Message::binary("a"), Message::Ping("".into()), Message::binary("bc"), Message::text("")] {
        server.send(message).await.unwrap();
    }
    let mut all = Vec::new();
    output.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"abc");
}

#[tokio::test]
async fn the_end_of_a_terminal_is_answered_with_a_close() {
    let (socket, mut server) = pair().await;
    let keys = Stdin::new(socket.clone(), Kind::Terminal);
    let mut output = Stdout::terminal(socket);
    server.send(Message::text("")).await.unwrap();

    output.read_to_end(&mut Vec::new()).await.unwrap();

    assert!(matches!(server.next().await.unwrap().unwrap(), Message::Close(_)));
    drop(keys);
}

#[tokio::test]
async fn what_was_sent_before_the_server_closed_is_read_although_a_ping_in_it_cannot_be_answered() {
    let (near, far) = duplex(64 * 1024);
    let mut output = Stdout::pipe(websocket::output(Box::pin(near), websocket::config(4096)).await);
    let mut server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    for message in [Message::binary("a"), Message::Ping("".into()), Message::binary("b"), Message::text("")] {
        server.send(message).await.unwrap();
    }
    drop(server);
    let mut all = Vec::new();
    output.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"ab");
}

#[tokio::test]
async fn a_stream_that_is_cut_is_an_error() {
    let (socket, mut server) = pair().await;
    server.send(Message::binary("a")).await.unwrap();
    drop(server);
    let mut all = Vec::new();
    let error = Stdout::pipe(socket).read_to_end(&mut all).await.unwrap_err();
    assert_eq!((all.as_slice(), error.kind()), (b"a".as_slice(), std::io::ErrorKind::UnexpectedEof));
}

#[tokio::test]
async fn input_arrives_whole_in_frames_of_a_bounded_size_and_then_ends() {
    let (socket, mut server) = pair().await;
    let content: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    let source = content.clone();
    let sending = tokio::spawn(async move { Stdin::new(socket, Kind::Pipe).pour(source.as_slice()).await });

    let mut arrived = Vec::new();
    loop {
        match server.next().await.unwrap().unwrap() {
            Message::Binary(frame) => {
                assert!(frame.len() <= 128 * 1024);
                arrived.extend_from_slice(&frame);
            }
            Message::Text(text) => break assert!(text.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    assert!(arrived == content);
    assert_eq!(sending.await.unwrap().unwrap(), 1_000_000);
}

#[tokio::test]
async fn a_reader_that_pauses_holds_the_writer_back() {
    let (socket, _server) = pair().await;
    let mut input = Stdin::new(socket, Kind::Pipe);
    let chunk = vec![0; 64 * 1024];
    let mut written = 0;
    while let Some(result) = futures_util::FutureExt::now_or_never(input.write(&chunk)) {
        written += result.unwrap();
        assert!(written < 1024 * 1024, "frames pile up in memory");
    }
}

#[tokio::test]
async fn control_messages_are_what_incus_reads() {
    let (socket, mut server) = pair().await;
    let control = Control::new(socket);
    control.resize(TermSize { cols: 80, rows: 24 }).await.unwrap();
    control.signal(15).await.unwrap();
    let mut next = async || {
        let text = server.next().await.unwrap().unwrap().into_text().unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let size = json!({"width": "80", "height": "24"});
    assert_eq!(next().await, json!({"command": "window-resize", "args": size}));
    assert_eq!(next().await, json!({"command": "signal", "signal": 15}));
}

proptest! {
    #[test]
    fn no_bytes_on_a_socket_make_a_reader_panic_or_hang(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        block_on(async {
            let (near, mut far) = duplex(1024);
            let mut output = Stdout::terminal(client(near).await);
            far.write_all(&bytes).await.unwrap();
            far.shutdown().await.unwrap();
            let _ = output.read_to_end(&mut Vec::new()).await;
        });
    }

    #[test]
    fn frames_of_any_size_come_out_as_they_went_in(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20),
        buffer in 1_usize..400,
    ) {
        let all = block_on(async {
            let (socket, mut server) = pair().await;
            for frame in &frames {
                server.send(Message::binary(frame.clone())).await.unwrap();
            }
            server.send(Message::text("")).await.unwrap();
            let (mut output, mut all) = (Stdout::pipe(socket), Vec::new());
            let mut part = vec![0; buffer];
            loop {
                let read = output.read(&mut part).await.unwrap();
                if read == 0 {
                    break all;
                }
                all.extend_from_slice(&part[..read]);
            }
        });
        prop_assert_eq!(all, frames.concat());
    }
}
