//! A way out through a proxy of the host's: a connection to it becomes one to the host that is wanted.

use std::io;
use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cci_core::network::HostName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What a proxy is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// A name, which the proxy looks up.
    Name(&'a HostName, u16),
    /// An address.
    Address(SocketAddr),
}

/// Why a proxy does not open the way.
#[derive(Debug)]
pub(super) enum Unopened {
    /// It said no, with this number of its protocol.
    Refused(u16),
    /// It went away, or said what is no answer.
    Gone,
}

impl From<io::Error> for Unopened {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// The name and the password that a proxy wants.
pub(super) type Login<'a> = Option<&'a (String, String)>;

/// So long may the head of a proxy's answer be.
const HEAD: usize = 16 * 1024;

/// Asks a proxy of HTTP. Its answer is read byte by byte, as what follows is the host's.
pub(super) async fn connect<S>(stream: &mut S, wanted: Wanted<'_>, login: Login<'_>) -> Result<(), Unopened>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let to = match wanted {
        Wanted::Name(name, port) => format!("{name}:{port}"),
        Wanted::Address(address) => address.to_string(),
    };
    let login = login.map(|(name, password)| {
        let login = BASE64_STANDARD.encode(format!("{name}:{password}"));
        format!("Proxy-Authorization: Basic {login}\r\n")
    });
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{}\r\n", login.unwrap_or_default());
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD {
            return Err(Unopened::Gone);
        }
        head.push(stream.read_u8().await?);
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut headers);
    let whole = parsed.parse(&head).is_ok_and(|read| read == httparse::Status::Complete(head.len()));
    match parsed.code.filter(|_| whole) {
        Some(200..=299) => Ok(()),
        Some(status) => Err(Unopened::Refused(status)),
        None => Err(Unopened::Gone),
    }
}

/// Asks a proxy of SOCKS5 (RFC 1928), with a name and a password if it wants them (RFC 1929).
pub(super) async fn socks5<S>(stream: &mut S, wanted: Wanted<'_>, login: Login<'_>) -> Result<(), Unopened>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    const NONE: u8 = 0;
    const PASSWORD: u8 = 2;
    let methods: &[u8] = if login.is_some() { &[5, 2, NONE, PASSWORD] } else { &[5, 1, NONE] };
    stream.write_all(methods).await?;
    match (read::<2, _>(stream).await?, login) {
        ([5, NONE], _) => {}
        ([5, PASSWORD], Some((name, password))) => {
            let mut words = vec![1];
            for word in [name, password] {
                words.push(u8::try_from(word.len()).map_err(|_| Unopened::Gone)?);
                words.extend(word.as_bytes());
            }
            stream.write_all(&words).await?;
            let [_, status] = read(stream).await?;
            if status != 0 {
                return Err(Unopened::Refused(status.into()));
            }
        }
        ([5, method], _) => return Err(Unopened::Refused(method.into())),
        _ => return Err(Unopened::Gone),
    }
    let mut request = vec![5, 1, 0];
    let port = match wanted {
        Wanted::Name(name, port) => {
            request.extend([3, u8::try_from(name.as_str().len()).map_err(|_| Unopened::Gone)?]);
            request.extend(name.as_str().as_bytes());
            port
        }
        Wanted::Address(SocketAddr::V4(address)) => {
            request.push(1);
            request.extend(address.ip().octets());
            address.port()
        }
        Wanted::Address(SocketAddr::V6(address)) => {
            request.push(4);
            request.extend(address.ip().octets());
            address.port()
        }
    };
    request.extend(port.to_be_bytes());
    stream.write_all(&request).await?;
    let [version, reply, _, kind] = read(stream).await?;
    match (version, reply) {
        (5, 0) => {}
        (5, reply) => return Err(Unopened::Refused(reply.into())),
        _ => return Err(Unopened::Gone),
    }
    // the address that the proxy itself has there, which is nobody's business
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(Unopened::Gone),
    };
    let mut bound = [0; 257];
    stream.read_exact(&mut bound[..length + 2]).await?;
    Ok(())
}

async fn read<const COUNT: usize, S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
