//! Why Incus refused, recognised from the code and the message of its answer. No other file parses a message of Incus.

/// Why Incus refused a call, as far as a caller can do something about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The instance is in the middle of another operation, or one of the same kind has just ended.
    Busy,
    /// Another NIC already has the fixed address.
    AddressTaken,
    /// This network, or its ACL, does not exist or is incomplete: it is being removed, or was never created.
    NetworkMissing(String),
    /// An interface of the host disappeared while Incus looked at all of them for a network.
    InterfaceGone,
    /// The daemon cannot reach this path of the host, which is the source of a disk.
    SourceUnreachable(String),
    /// Another instance has the name.
    NameTaken,
    /// The container was set up and then did not start; LXC's log says why.
    StartFailed,
    /// Incus had not yet cleaned up after an earlier start that failed, and may have taken this one's devices away.
    NotCleanedUp,
    /// A directory could not be handed to a container that runs.
    MountFailed,
    /// The storage pool, or the disk that the daemon works on, is full.
    NoSpace,
    /// Incus lost the command that it was about to run.
    CommandLost,
    /// Anything else.
    #[default]
    Other,
}

impl Refusal {
    /// Recognises a refusal by the code and the message of an answer, or of a failed operation.
    ///
    /// ```
    /// use cci_incus_types::Refusal;
    ///
    /// let sentence = r#"Failed start validation for device "eth0": IP address "10.0.0.9" already defined on another NIC"#;
    /// assert_eq!(Refusal::recognize(409, sentence), Refusal::AddressTaken);
    /// ```
    #[must_use]
    pub fn recognize(code: u16, sentence: &str) -> Self {
        let says = |words: &str| sentence.contains(words);
        if says("Instance is busy running") || says("A matching non-reusable operation") {
            Self::Busy
        } else if says("IP address ") && says("already defined on another NIC") {
            Self::AddressTaken
        } else if says("forkstart") {
            Self::StartFailed
        } else if says("already running") || sentence == "no such file or directory" {
            Self::NotCleanedUp
        } else if says("forkmount") {
            Self::MountFailed
        } else if says("UNIQUE constraint failed: instances.") || code == 409 && says("already exists") {
            Self::NameTaken
        } else if says("Failed to retrieve PID") {
            Self::CommandLost
        } else if says("No space left on device") || says("no space left on device") || says("isk quota exceeded") {
            Self::NoSpace
        } else if says("link show ") && says("does not exist") || says("no such network interface") {
            Self::InterfaceGone
        } else if let Some(name) = missing_network(sentence) {
            Self::NetworkMissing(name)
        } else if let Some(path) = unreachable_source(sentence) {
            Self::SourceUnreachable(path)
        } else {
            Self::Other
        }
    }
}

/// The network that a message names in one of the forms that Incus and its helper programs use.
fn missing_network(sentence: &str) -> Option<String> {
    let quoted = ["etwork ", "arent device ", "find device ", "bridge ", "ACL "];
    let named = quoted.iter().find_map(|before| after(sentence, before).find_map(quoted_text));
    named.or_else(|| {
        let path = after(sentence, "/networks/").next()?;
        Some(path.split('/').next()?.to_owned())
    })
}

/// The path that a message calls a source, or that the operating system refused.
fn unreachable_source(sentence: &str) -> Option<String> {
    let quoted = ["ource path ", "ounting "].iter().find_map(|before| after(sentence, before).find_map(quoted_text));
    let refused = || {
        let calls = ["lstat ", "stat ", "statx ", "open ", "openat ", "readlink ", "mount "];
        calls.iter().find_map(|call| after(sentence, call).next()?.split_once(": ").map(|(path, _)| path.to_owned()))
    };
    quoted.or_else(refused).filter(|path| path.starts_with('/'))
}

/// What follows each occurrence of these words.
fn after<'a>(sentence: &'a str, words: &'a str) -> impl Iterator<Item = &'a str> {
    sentence.match_indices(words).filter_map(|(at, words)| sentence.get(at + words.len()..))
}

/// The quoted text that begins here; Go escapes quotes and backslashes in it.
fn quoted_text(text: &str) -> Option<String> {
    let mut rest = text.chars();
    let quote = rest.next().filter(|first| ['"', '\''].contains(first))?;
    let mut inside = String::new();
    loop {
        match rest.next()? {
            '\\' => inside.push(rest.next()?),
            end if end == quote => return Some(inside),
            other => inside.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(name: &str) -> Refusal {
        Refusal::NetworkMissing(name.to_owned())
    }

    fn source(path: &str) -> Refusal {
        Refusal::SourceUnreachable(path.to_owned())
    }

    /// Seen on Incus 6.0.4.
    #[test]
    fn the_sentences_of_incus_are_recognized() {
        let seen = [
            (400, r#"Instance is busy running a "create" operation"#, Refusal::Busy),
            (
                500,
                "Failed to create instance delete operation: A matching non-reusable operation has now succeeded",
                Refusal::Busy,
            ),
            (
                409,
                r#"Failed start validation for device "eth0": IP address "10.231.77.9" already defined on another NIC"#,
                Refusal::AddressTaken,
            ),
            (
                404,
                r#"Failed creating instance record: Failed initializing instance: Invalid devices: Device validation failed for "eth0": Failed loading device "eth0": Failed to load network "cci-0badcafe" for project "default": Network not found"#,
                network("cci-0badcafe"),
            ),
            (
                500,
                r#"Failed to start device "eth0": Parent device "cci-0badcafe" doesn't exist"#,
                network("cci-0badcafe"),
            ),
            (500, r"Parent device 'cci-0badcafe' doesn't exist", network("cci-0badcafe")),
            (503, r#"Network "cci-0badcafe" unavailable on this server"#, network("cci-0badcafe")),
            (
                404,
                r#"Failed to start device "eth0": Failed creating DHCP static allocation: open /var/lib/incus/networks/cci-0badcafe/dnsmasq.hosts/c1.eth0: no such file or directory"#,
                network("cci-0badcafe"),
            ),
            (
                500,
                r#"Failed creating instance record: Failed initializing instance: Failed add validation for device "w": Missing source path "/home/u/.cci/s" for disk "w""#,
                source("/home/u/.cci/s"),
            ),
            (
                500,
                r#"Failed to start device "w": Failed accessing source path "/home/u/a \"b\"" for disk "w": permission denied"#,
                source(r#"/home/u/a "b""#),
            ),
            (500, r#"Failed to start device "w": lstat /home/u/.cci/s: permission denied"#, source("/home/u/.cci/s")),
            (
                500,
                "Failed creating instance record: Add instance info to the database: Failed to create \"instances\" entry: UNIQUE constraint failed: instances.project_id, instances.name",
                Refusal::NameTaken,
            ),
            (
                409,
                r#"Failed creating instance record: Add instance info to the database: This "instances" entry already exists"#,
                Refusal::NameTaken,
            ),
            (
                500,
                "Failed to run: /usr/libexec/incus/incusd forkstart c1 /var/lib/incus/containers /run/incus/c1/lxc.conf: exit status 1",
                Refusal::StartFailed,
            ),
            (
                500,
                r#"Failed to start device "d": Failed to setup device mount: Failed to run: /usr/libexec/incus/incusd forkmount lxc-mount c1 /var/lib/incus/containers /run/incus/c1/lxc.conf /var/lib/incus/devices/c1/disk.d.data /data none: exit status 1"#,
                Refusal::MountFailed,
            ),
            (
                500,
                "Failed creating instance from image: cannot copy extracted data: failed to write (No space left on device)",
                Refusal::NoSpace,
            ),
            (500, "write /var/lib/incus/backups/x: disk quota exceeded", Refusal::NoSpace),
            (500, "Failed to retrieve PID of executing child process", Refusal::CommandLost),
            (
                500,
                r#"Failed to delete bridge children interfaces: Failed to run: ip -d -j link show physEp4qZH: exit status 1 (Device "physEp4qZH" does not exist.)"#,
                Refusal::InterfaceGone,
            ),
            (500, "Failed to get interface addresses: route ip+net: no such network interface", Refusal::InterfaceGone),
            (400, "The instance is already running", Refusal::NotCleanedUp),
            (400, "no such file or directory", Refusal::NotCleanedUp),
            (404, "open /etc/hosts: no such file or directory", source("/etc/hosts")),
            (400, "The instance is already stopped", Refusal::Other),
            (400, "Instance is not running", Refusal::Other),
            (404, "Instance not found", Refusal::Other),
            (500, "Image not provided for instance creation", Refusal::Other),
            (500, "The network is currently in use", Refusal::Other),
        ];
        for (code, sentence, refusal) in seen {
            assert_eq!(Refusal::recognize(code, sentence), refusal, "{sentence}");
        }
    }

    proptest! {
        #[test]
        fn a_source_is_read_back_whatever_its_name(path in "/[^\u{0}]{1,40}") {
            let quoted = path.replace('\\', "\\\\").replace('"', "\\\"");
            let sentence = format!("Missing source path \"{quoted}\" for disk \"w\"");
            prop_assert_eq!(unreachable_source(&sentence), Some(path));
        }

        #[test]
        fn no_sentence_makes_it_panic(code: u16, sentence in "(network|stat |source path )?[\"'/\\\\]?\\PC*") {
            let _ = Refusal::recognize(code, &sentence);
        }
    }
}
