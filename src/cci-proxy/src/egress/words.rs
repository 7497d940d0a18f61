//! A refusal in words for the agent: the rule, and the command that its person can type.

use super::refusal::Refusal;

/// What the body of a refusal says. `container` is the name that the person's command takes.
pub(super) fn words(refusal: &Refusal, container: &str) -> String {
    let (what, way_out) = match refusal {
        Refusal::NoName => ("the request names no host".to_owned(), "Name the host, in `Host` or by SNI.".to_owned()),
        Refusal::Address => (
            "the request names an address, and what is reached here is listed by name".to_owned(),
            "Use the host's name.".to_owned(),
        ),
        Refusal::Hidden => (
            "the connection hides the name of its host (Encrypted Client Hello)".to_owned(),
            "Turn ECH off in this client.".to_owned(),
        ),
        Refusal::OtherName { opened, asked } => (
            format!("the request is for {asked} on a connection for {opened}"),
            "Open a connection of its own for it.".to_owned(),
        ),
        Refusal::NotListed { name, port } => {
            (format!("no rule allows {name}:{port}"), command(container, &format!("{name}:{port}")))
        }
        Refusal::OtherPort { name, port, rule } => {
            (format!("the rule {rule} does not allow {name}:{port}"), command(container, &format!("{name}:{port}")))
        }
        Refusal::Special { name, address, why } => {
            (format!("{name} leads to {address}, which is {why}"), "No rule about a name can allow that.".to_owned())
        }
        Refusal::NotFound { name } => (format!("{name} has no address"), "Check its spelling.".to_owned()),
        Refusal::Unreachable { name, port } => {
            (format!("{name}:{port} does not answer"), "It is allowed: try again later.".to_owned())
        }
        Refusal::Malformed(why) => (format!("the request is ambiguous: {why}"), "Send it in a plain form.".to_owned()),
        Refusal::TooLarge => ("the request's head is too long".to_owned(), "Send a shorter one.".to_owned()),
        Refusal::TooSlow => ("the request's head took too long".to_owned(), "Send it at once.".to_owned()),
        Refusal::Busy => {
            ("the container has too many connections".to_owned(), "Close some, then try again.".to_owned())
        }
    };
    format!("cci refused this: {what}.\n{way_out}\n")
}

fn command(container: &str, host: &str) -> String {
    format!(
        "The person who runs this container can allow it:\n\n    cci network allow {container} {host}\n\n\
         or for a while only, with `--for 30m`. Ask them; nothing in the container can."
    )
}
