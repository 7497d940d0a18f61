//! Looks names up at one name server, whatever the host's own resolver asks.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use cci_core::network::{DnsAnswer, DnsQuery, Family, HostName};
use uuid::Uuid;

/// How long an answer may take, and how often it is asked for.
const ANSWER: Duration = Duration::from_millis(1500);
const TRIES: usize = 2;

/// The addresses of a name as this server knows them, and how long they may be used; none if it has none.
pub fn look_up(server: SocketAddr, name: &HostName) -> io::Result<(Vec<IpAddr>, Duration)> {
    let mut known = ask(server, name, Family::Four)?;
    // what has no answer for one family is still reached by the other
    known.extend(ask(server, name, Family::Six).unwrap_or_default());
    let lifetime = known.iter().map(|(_, seconds)| *seconds).min().unwrap_or_default();
    Ok((known.into_iter().map(|(address, _)| address).collect(), Duration::from_secs(lifetime.into())))
}

fn ask(server: SocketAddr, name: &HostName, family: Family) -> io::Result<Vec<(IpAddr, u32)>> {
    let query = || {
        let random = Uuid::new_v4();
        DnsQuery::new([random.as_bytes()[0], random.as_bytes()[1]], name, family)
    };
    let mut asked = (0..TRIES).map(|_| by_datagram(server, &query()));
    let answer = match asked.find_map(Result::ok).ok_or(io::ErrorKind::TimedOut)? {
        DnsAnswer::Cut => by_stream(server, &query())?,
        answer => answer,
    };
    match answer {
        DnsAnswer::Addresses(addresses) => Ok(addresses),
        DnsAnswer::Cut | DnsAnswer::Failed => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn by_datagram(server: SocketAddr, query: &DnsQuery) -> io::Result<DnsAnswer> {
    let own: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((own, 0))?;
    // nobody else's datagrams come in
    socket.connect(server)?;
    socket.send(query.bytes())?;
    let (until, mut datagram) = (Instant::now() + ANSWER, [0; 4096]);
    loop {
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        socket.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        let length = socket.recv(&mut datagram)?;
        if let Some(answer) = query.read(&datagram[..length]) {
            return Ok(answer);
        }
    }
}

fn by_stream(server: SocketAddr, query: &DnsQuery) -> io::Result<DnsAnswer> {
    let mut stream = TcpStream::connect_timeout(&server, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    let length = u16::try_from(query.bytes().len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query.bytes()].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    query.read(&message).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A record for an address of the question's family.
    fn answered(question: &[u8], flags: u8) -> Vec<u8> {
        let is_four = question[question.len() - 3] == 1;
        let mut answer = question.to_vec();
        (answer[2], answer[3]) = (flags, 0x80);
        if is_four && flags & 2 == 0 {
            answer[7] = 1;
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 9]);
        }
        answer
    }

    /// A server that answers so many datagrams, after an answer to somebody else's question; by a stream it says more.
    fn server(flags: u8, datagrams: usize) -> SocketAddr {
        // a port that is free for datagrams can be somebody's for streams
        let both = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            Some((TcpListener::bind(socket.local_addr().unwrap()).ok()?, socket))
        };
        let (listener, socket) = (0..100).find_map(|_| both()).unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            for _ in 0..datagrams {
                let mut question = [0; 512];
                let (length, from) = socket.recv_from(&mut question).unwrap();
                let mut others = answered(&question[..length], 0x81);
                others[0] ^= 1;
                socket.send_to(&others, from).unwrap();
                socket.send_to(&answered(&question[..length], flags), from).unwrap();
            }
        });
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut question = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut question).unwrap();
                let answer = answered(&question, 0x81);
                stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
                stream.write_all(&answer).unwrap();
            }
        });
        address
    }

    #[test]
    fn a_name_has_the_addresses_that_this_server_says() {
        let name = HostName::typed("a.example").unwrap();
        let known = (vec!["198.51.100.9".parse().unwrap()], Duration::from_secs(60));
        assert_eq!(look_up(server(0x81, 2), &name).unwrap(), known);
        assert_eq!(look_up(server(0x83, 2), &name).unwrap(), known, "what is cut is asked for by a stream");
        assert!(look_up(server(0x81, 0), &name).is_err(), "nobody else is asked");
    }
}
