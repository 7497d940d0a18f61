//! A name server that is asked instead of the host's.

use std::net::{IpAddr, SocketAddr};

/// Reads an address, with or without a port.
#[must_use]
pub fn name_server(raw: &str) -> Option<SocketAddr> {
    let usual = |address: IpAddr| SocketAddr::new(address, 53);
    raw.parse().ok().or_else(|| raw.parse().ok().map(usual)).filter(|server: &SocketAddr| {
        !server.ip().is_unspecified() && !server.ip().is_multicast() && server.port() != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_address_with_or_without_a_port() {
        for (raw, read) in
            [("192.0.2.1", "192.0.2.1:53"), ("127.0.0.1:5353", "127.0.0.1:5353"), ("2001:db8::1", "[2001:db8::1]:53")]
        {
            assert_eq!(name_server(raw), read.parse().ok(), "{raw}");
        }
        for raw in ["", "dns.example", "192.0.2.1:", "192.0.2.1:0", "0.0.0.0", "224.0.0.1", "192.0.2.1 x"] {
            assert_eq!(name_server(raw), None, "{raw}");
        }
    }
}
