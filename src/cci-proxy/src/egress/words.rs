//! A refusal in words: what was refused, and for the agent the way out, which is often a command of its person's.

use std::fmt;

use super::refusal::Refusal;

/// What the body of a refusal says. `container` is the name that the person's command takes.
pub(super) fn words(refusal: &Refusal, container: &str) -> String {
    format!("cci refused this: {}.\n{}\n", refusal.told(), refusal.way_out(container))
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => out.write_str("the request names no host"),
            Self::Address => out.write_str("the request names an address, and what is reached here is listed by name"),
            Self::Hidden => out.write_str("the connection hides the name of its host (Encrypted Client Hello)"),
            Self::OtherName { opened, asked } => {
                write!(out, "the request is for {asked} on a connection for {opened}")
            }
            Self::NotListed { name, port } => write!(out, "no rule allows {name}:{port}"),
            Self::OtherPort { name, port, rule } => write!(out, "the rule {rule} does not allow {name}:{port}"),
            Self::Special { name, address, why } => write!(out, "{name} leads to {address}, which is {why}"),
            Self::NotFound { name } => write!(out, "{name} has no address"),
            Self::Unreachable { name, port } => write!(out, "{name}:{port} does not answer"),
            Self::Unaccepted { name } => {
                write!(out, "the client broke off TLS with {name}, which is ended by cci for a secret")
            }
            Self::NoProxy => out.write_str("the proxy that this host goes out through does not answer"),
            Self::ProxyRefused { name, port, status } => {
                write!(out, "the proxy that this host goes out through refuses {name}:{port} ({status})")
            }
            Self::Malformed(why) => write!(out, "the request is ambiguous: {why}"),
            Self::TooLarge => out.write_str("the request's head is too long"),
            Self::TooSlow => out.write_str("the request's head took too long"),
            Self::Busy => out.write_str("the container has too many connections"),
        }
    }
}

impl Refusal {
    /// What was refused, for whoever is in the container: not to which address a name leads, which may be nobody's business.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Special { name, why, .. } => format!("{name} leads to {why}"),
            _ => self.to_string(),
        }
    }

    /// The same refusal as it is told to a container that is to know nothing of the local network: there a name that leads
    /// near is as one that there is not.
    #[must_use]
    pub fn without_local(&self) -> Self {
        match self {
            Self::Special { name, .. } => Self::NotFound { name: name.clone() },
            _ => self.clone(),
        }
    }

    /// What helps: for the agent, or a command of the container's person.
    #[must_use]
    pub fn way_out(&self, container: &str) -> String {
        let way_out = match self {
            Self::NotListed { name, port } | Self::OtherPort { name, port, .. } => {
                return command(container, &format!("{name}:{port}"));
            }
            Self::NoName => "Name the host, in `Host` or by SNI.",
            Self::Address => "Use the host's name.",
            Self::Hidden => "Turn ECH off in this client.",
            Self::OtherName { .. } => "Open a connection of its own for it.",
            Self::Special { .. } => "No rule about a name can allow that.",
            Self::NotFound { .. } => "Check its spelling.",
            Self::Unreachable { .. } => "It is allowed: try again later.",
            Self::Unaccepted { .. } => "Have the client trust /etc/ssl/certs/ca-certificates.crt.",
            Self::NoProxy => {
                "The person who runs this container can look whether it is there; its variables count as they were at the launch."
            }
            Self::ProxyRefused { .. } => "A rule allows it here: who keeps the proxy decides.",
            Self::Malformed(_) => "Send it in a plain form.",
            Self::TooLarge => "Send a shorter one.",
            Self::TooSlow => "Send it at once.",
            Self::Busy => "Close some, then try again.",
        };
        way_out.to_owned()
    }
}

fn command(container: &str, host: &str) -> String {
    format!(
        "What decides:\n\n    cci network why {host} --from {container}\n\n\
         The person who runs this container can allow it, for example for half an hour:\n\n    \
         cci network allow {container} {host} --for 30m\n\nAsk them; nothing in the container can."
    )
}
