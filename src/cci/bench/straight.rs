//! A server on loopback and the way to it through what judges connections by name, each on a thread of its own, as they
//! are processes of their own elsewhere.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cci_core::network::{HostName, Names, Reach, Upstreams};
use cci_proxy::egress::{Answer, Dial, Egress, Limits, Nobody, Note, Notes, Resolve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// How much a stream has, in bytes.
pub(super) const STREAM: usize = 1_000_000_000;
/// How much is written at once.
const PIECE: usize = 256 * 1024;
/// The port of plain HTTP: what comes there is passed on request by request.
const HTTP: u16 = 80;
/// The port of TLS.
const TLS: u16 = 443;
/// Where the name leads, before it is dialled on loopback: an address for documentation.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// What a server does with a connection, once the client has said its first words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serves {
    /// Writes [`STREAM`] bytes, and ends it.
    Stream,
    /// Writes the same as the answer to a request of HTTP.
    Http,
    /// Writes a byte, and keeps it.
    Byte,
}

/// A thread that serves something at an address until it is dropped.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    /// Ends the thread when it goes.
    _until: oneshot::Sender<()>,
}

/// Starts a server.
pub(super) fn server(serves: Serves) -> io::Result<Served> {
    served(move |stream| serve(stream, serves))
}

/// Starts the way to a server for any name.
pub(super) fn through(to: SocketAddr, serves: Serves) -> io::Result<Served> {
    let reach = Reach { names: Names::Every, ..Reach::default() };
    let (sender, reach) = watch::channel(Arc::new(reach));
    let limits = Limits::default();
    let egress = Egress {
        container: String::new(),
        reach,
        upstreams: Upstreams::default(),
        resolver: Fixed,
        dial: At(to),
        notes: Unnoted,
        carrier: Nobody,
        limits,
    };
    let way = Arc::new((egress, sender));
    let port = if serves == Serves::Http { HTTP } else { TLS };
    served(move |stream| {
        let way = Arc::clone(&way);
        async move { way.0.serve(stream, port).await }
    })
}

fn served<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> io::Result<Served>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (until, over) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            let accepted = async {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream));
                }
            };
            tokio::select! {
                () = accepted => {}
                _ = over => {}
            }
        });
    });
    Ok(Served { address, _until: until })
}

/// Whoever leaves early is no concern of the others.
async fn serve(mut stream: TcpStream, serves: Serves) {
    let mut first = vec![0; 4096];
    let _ = stream.set_nodelay(true);
    if !matches!(stream.read(&mut first).await, Ok(1..)) {
        return;
    }
    drop(first);
    let _ = match serves {
        Serves::Byte => kept(stream).await,
        Serves::Stream => streamed(stream).await,
        Serves::Http => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {STREAM}\r\n\r\n");
            match stream.write_all(head.as_bytes()).await {
                Ok(()) => streamed(stream).await,
                Err(error) => Err(error),
            }
        }
    };
}

async fn kept(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"x").await?;
    while stream.read_u8().await.is_ok() {}
    Ok(())
}

async fn streamed(mut stream: TcpStream) -> io::Result<()> {
    let piece = vec![b'x'; PIECE];
    let mut left = STREAM;
    while left > 0 {
        let next = left.min(PIECE);
        stream.write_all(&piece[..next]).await?;
        left -= next;
    }
    stream.shutdown().await
}

/// A resolver that knows one address.
struct Fixed;

impl Resolve for Fixed {
    async fn resolve(&self, _: &HostName) -> io::Result<Answer> {
        Ok(Answer { addresses: vec![ELSEWHERE], lifetime: Duration::ZERO })
    }
}

/// Opens connections to a server of the bench, whatever the address.
struct At(SocketAddr);

impl Dial for At {
    type Stream = TcpStream;

    async fn dial(&self, _: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.0).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Notes nothing.
#[derive(Clone)]
struct Unnoted;

impl Notes for Unnoted {
    fn note(&self, _: Note) {}
}
