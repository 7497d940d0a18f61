//! The one table of keys: the name, the kind of values and the meaning of each. The parser, the starter file, the
//! documentation and the JSON Schema are all generated from it.

use cci_agent::Part;

use super::checkpoints::age;
use super::model::{AGENT_CONFIG, AGENT_UID};
use super::size::{Size, cores, number};
use super::worktree::is_place;
use crate::environment::is_variable_name;
use crate::forward::is_entry;
use crate::network::{INHERIT, Upstream, listed, name_server};

/// What the values of a key look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// Such a text that does not begin with `-`, so that no program takes it for a flag.
    Argument,
    /// Lowercase letters, digits, `-` and `_`.
    Name,
    /// `true` or `false`.
    Bool,
    /// A whole number up to this.
    Number(u32),
    /// A list of texts.
    Texts,
    /// A list of directories in a repository.
    Places,
    /// A list of names of variables, and of beginnings of names with a `*`.
    Forward,
    /// A list of what mode `allowlist` lets through.
    Domains,
    /// A path on the host, in which `~` and `$VAR` expand.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of some of these words.
    Choices(&'static [&'static str]),
    /// A number of cores or a set of them.
    Cores,
    /// A number of processes.
    Processes,
    /// An amount of memory or disk.
    Size,
    /// An amount in bytes, without a share.
    Bytes,
    /// A time span with one unit.
    Age,
    /// Names with values, or with commands that print them.
    Environment,
    /// A list of mounts.
    Mounts,
    /// A list of services.
    Hosts,
    /// The address of a name server, with or without a port.
    NameServer,
    /// `inherit`, or the URL of a proxy without a password.
    Proxy,
}

/// One key of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The path in the file, such as `limits.cpu`.
    pub path: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// A value to show, as it is written in a file; if empty, the default is shown.
    pub example: &'static str,
}

const fn row(path: &'static str, kind: Kind, example: &'static str, meaning: &'static str) -> Key {
    Key { path, kind, meaning, example }
}

/// Every key, in the order of the documentation.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    row("defaults.image", Kind::Text, "\"cci\"", "Image alias or fingerprint"),
    row("defaults.persistent", Kind::Bool, "true", "Keep containers between sessions"),
    row("defaults.model", Kind::Argument, "\"opus\"", "The model that the agent is told to use"),
    row(AGENT_CONFIG, Kind::Bool, "false", "Copy the agent's configuration and credentials from the host into sessions"),
    row("defaults.settings_secrets", Kind::Choice(&["copy", "drop"]), "\"drop\"", "Tokens in the host's settings.json, and commands that print them: copied into sessions and named at the launch, or left out"),
    row("defaults.environment", Kind::Environment, "{ RUST_BACKTRACE = \"1\", TOKEN = { command = \"pass show token\" } }", "Environment of the agent and of commands; a command is run on the host at each start"),
    row("defaults.forward", Kind::Forward, "[\"ANTHROPIC_*\"]", "Variables of your environment that sessions get at each start: names, or beginnings of names with a *, which take nothing that lets the agent in and nothing that a secret stands for"),
    row("defaults.docker", Kind::Bool, "false", "Prepare containers for Docker (nesting and two intercepted system calls)"),
    row("defaults.boundary", Kind::Choice(&["container", "gvisor"]), "\"gvisor\"", "What stands between the agent and the host's kernel: the container, or also gVisor in it, which the image must have (profile gvisor)"),
    row("tool.name", Kind::Name, "", "The agent; it names the session store ~/.cci/sessions-NAME"),
    row("tool.binary", Kind::Argument, "\"my-agent\"", "The agent's program, if its name differs from the agent's"),
    row("tool.args", Kind::Texts, "[\"--verbose\"]", "Arguments always passed to the agent"),
    row("tool.import", Kind::Choices(&Part::NAMES), "[\"settings\", \"instructions\", \"skills\"]", "The parts of the agent's configuration on the host that sessions get"),
    row("terminal.clipboard", Kind::Bool, "true", "Let programs in a container write to the clipboard of an attached terminal (OSC 52); they can replace what you paste next"),
    row("terminal.passthrough", Kind::Bool, "true", "Let programs in a container send an attached terminal whatever they wrap for tmux, such as pictures: this is anything a terminal can be told, so only for containers you trust. Notifications (OSC 9, 99, 777) and the bell arrive without it"),
    row("paths.sessions_dir", Kind::Path, "\"~/.cci/sessions\"", "Where an earlier release kept sessions (legacy: they are found, new ones are not kept there)"),
    row("paths.storage_dir", Kind::Path, "\"~/.cci/storage\"", "Directory mounted at /storage, created if missing"),
    row("paths.logs_dir", Kind::Path, "\"~/.cci/logs\"", "Where build logs go"),
    row("incus.socket", Kind::Path, "\"/var/lib/incus/unix.socket\"", "The Incus socket; looked for in the usual places if not set"),
    row("incus.project", Kind::Text, "\"default\"", "The Incus project that containers are created in"),
    row("incus.group", Kind::Text, "\"incus-admin\"", "The group whose members may use the socket"),
    row(AGENT_UID, Kind::Number(65_533), "1000", "The uid and gid of `code` in the image"),
    row("incus.storage_pool", Kind::Text, "\"default\"", "The pool of the root disk; the default profile's if not set"),
    row("incus.idmap", Kind::Choice(&["raw", "shift", "none"]), "\"raw\"", "How the caller's uid is mapped to `code`; shift lets container root write as host root"),
    row("network.mode", Kind::Choice(&["restricted", "allowlist", "learn", "open", "none"]), "\"restricted\"", "What containers may reach"),
    row("network.allowed_domains", Kind::Domains, "", "Names, *.names, IPv4 addresses, CIDRs and presets (@npm) that mode allowlist lets through"),
    row("network.refresh_interval_minutes", Kind::Number(10_080), "30", "How often the names are looked up again; 0 never"),
    row("network.block_private_networks", Kind::Bool, "true", "Keep private address ranges out of reach"),
    row("network.block_metadata_endpoint", Kind::Bool, "true", "Keep cloud metadata services out of reach"),
    row("network.allow_local_network_access", Kind::Bool, "false", "Let containers reach the host's own local network, and know its names"),
    row("network.ask", Kind::Bool, "false", "Let the agent ask for a host in mode allowlist; `cci network allow` answers"),
    row("network.hosts", Kind::Hosts, "[{ name = \"db.lan\", address = \"192.168.7.5\", ports = [5432] }]", "Single services of the host (address \"host\") or its network that containers reach by these names"),
    row("network.proxy", Kind::Proxy, "\"inherit\"", "The proxy that connections judged by name go out through: that of the environment of each launch (inherit), or a URL with http, socks5 or socks5h"),
    row("network.resolver", Kind::NameServer, "\"192.168.7.1\"", "The name server (IP or IP:PORT) that is asked for public names instead of the host's"),
    row("limits.cpu", Kind::Cores, "4", "Cores, as a number or a set such as \"0-3\""),
    row("limits.memory", Kind::Size, "\"8GiB\"", "Memory"),
    row("limits.processes", Kind::Processes, "2000", "Number of processes"),
    row("limits.disk", Kind::Size, "\"20GiB\"", "Size of the root disk"),
    row("checkpoints.auto", Kind::Choice(&["turn", "off"]), "\"off\"", "When checkpoints are taken by themselves: at the start and the end of each turn of the agent, or never"),
    row("checkpoints.interval_minutes", Kind::Number(10_080), "15", "How often they are taken besides; 0 never"),
    row("checkpoints.ignore", Kind::Texts, "[\"node_modules/\"]", "What of the workspace they leave out and a rewind does not touch, as gitignore patterns"),
    row("checkpoints.max_file", Kind::Bytes, "\"1GiB\"", "The largest file that they hold; a rewind does not touch a larger one"),
    row("checkpoints.keep", Kind::Number(100_000), "50", "How many of a workspace are kept"),
    row("checkpoints.keep_for", Kind::Age, "\"30d\"", "How long they are kept"),
    row("checkpoints.agent_may_rewind", Kind::Bool, "true", "Let the agent in a container rewind its own session"),
    row("git.protect", Kind::Bool, "false", "Close what git runs on the host against the agent: hooks and attributes are read-only, and settings that are made inside stay there; also in submodules and in repositories within the workspace"),
    row("git.identity", Kind::Bool, "false", "Let commits in containers bear the caller's name and e-mail; nothing else of their git configuration is inside"),
    row("worktree.copy", Kind::Places, "[\".venv\"]", "Directories of the repository that `shell --worktree` copies into a new worktree; only those that git ignores"),
    row("worktree.link", Kind::Places, "[\"node_modules\"]", "Such directories that it shows instead, read-only; the container sees them as they are on the host"),
    row("login.mode", Kind::Choice(&["socket", "token", "copy"]), "\"token\"", "What of the host's login of the agent is in a container: nothing (requests go through a socket, and get it on the host), an access token that is replaced before it ends, or all of it"),
    row("login.account", Kind::Name, "\"work\"", "The account that lets the agent in: one of `cci login add`, or `host` for the agent's own login on the host; the one of `cci login use` if not set"),
    row("login.max_tokens", Kind::Number(u32::MAX), "2000000", "How many tokens a session may use through the socket; 0 is no limit"),
    row("login.max_requests_per_minute", Kind::Number(100_000), "60", "How many requests a session may make through the socket in a minute; 0 is no limit"),
    row("workspace.outside_links", Kind::Choice(&["readonly", "write", "off"]), "\"off\"", "What links of the workspace lead out to is in the container, to read or to write as well, or not at all; only for links that were there when cci first started a container for the workspace"),
    row("workspace.same_path", Kind::Bool, "true", "The workspace is where it is on the host too, and the agent works there"),
    row("workspace.dotenv", Kind::Bool, "true", "What the workspace's .env sets reaches the agent and commands, but for what changes how programs are loaded or how the agent is let in"),
    row("workspace.share_history", Kind::Bool, "true", "Conversations about the workspace of the agent on the host can be resumed in sessions, and those of sessions there; needs workspace.same_path"),
    row("ssh.agent", Kind::Bool, "true", "Let sessions have the caller's SSH agent sign; keys stay in it"),
    row("build.from", Kind::Text, "\"images:debian/13\"", "What the image is built from: auto, images:…, bootstrap:…, a local alias or a tarball"),
    row("build.host_ca", Kind::Bool, "false", "Put the host's own certificate authorities into the image"),
    row("build.packages", Kind::Texts, "[\"postgresql-client\"]", "Additional Debian packages"),
    row("build.tools", Kind::Texts, "", "The agents to install"),
    row("build.image_server", Kind::Text, "\"https://images.linuxcontainers.org\"", "The simplestreams server behind images:, over https"),
    row("build.dns", Kind::Texts, "[\"1.1.1.1\"]", "Name servers that replace those of the network when they do not work"),
    row("mounts.default", Kind::Mounts, "[{ host = \"~/data\", container = \"/data\", readonly = true }]", "Host directories that every container sees; a relative host path is below the workspace"),
];

/// The key of a path.
#[must_use]
pub fn key(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// What a profile may set: its own name for a key, and the key. Keys of `[defaults]` are at its top level.
pub fn keys_of_a_profile() -> impl Iterator<Item = (&'static str, &'static Key)> {
    const SECTIONS: [&str; 5] = ["network.", "limits.", "tool.", "terminal.", "mounts."];
    KEYS.iter().filter_map(|key| match key.path.strip_prefix("defaults.") {
        Some(own) => Some((own, key)),
        None => SECTIONS.iter().any(|section| key.path.starts_with(section)).then_some((key.path, key)),
    })
}

/// A single value from a file or a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
}

impl Kind {
    /// What a valid value is, for an error: "expected …".
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Argument => "a text that does not begin with `-`".into(),
            Self::Name => "a name of lowercase letters, digits, `-` and `_`".into(),
            Self::Bool => "true or false".into(),
            Self::Number(most) => format!("a whole number from 0 to {most}"),
            Self::Texts => "a list of texts".into(),
            Self::Places => {
                "a list of directories, as paths from the top of a repository without `..`, such as \"node_modules\""
                    .into()
            }
            Self::Forward => {
                "a list of names of variables, or of beginnings of such names with a `*` at the end".into()
            }
            Self::Domains => "a list of presets, and of names, IPv4 addresses and CIDRs with optional ports".into(),
            Self::Path => "a path".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Choices(words) => format!("a list of some of {}", words.join(", ")),
            Self::Cores => "a number of cores, or a set such as \"0-3\"".into(),
            Self::Processes => "a number of processes".into(),
            Self::Size => "an amount such as \"8GiB\"".into(),
            Self::Bytes => "an amount such as \"256MiB\"".into(),
            Self::Age => "a number with s, m, h, d or w, such as \"14d\"".into(),
            Self::Environment => "a table of names with texts or { command = \"…\" }".into(),
            Self::Mounts => "a list of tables with host, container and readonly".into(),
            Self::NameServer => "the IP address of a name server, with or without a port".into(),
            Self::Proxy => "`inherit`, or the URL of a proxy (http, socks5 or socks5h) without a password".into(),
            Self::Hosts => "a list of tables with name, address and ports".into(),
        }
    }

    /// Whether a single value is valid; a number of cores or processes may be written with or without quotes.
    #[must_use]
    pub fn takes(&self, value: &Scalar<'_>) -> bool {
        match (self, value) {
            (Self::Bool, Scalar::Bool(_)) => true,
            (Self::Number(most), Scalar::Integer(value)) => (0..=i64::from(*most)).contains(value),
            (Self::Cores | Self::Processes, Scalar::Integer(value)) => *value > 0,
            (kind, Scalar::Text(text)) => kind.takes_text(text),
            _ => false,
        }
    }

    fn takes_text(&self, text: &str) -> bool {
        match self {
            Self::Text | Self::Path => !text.is_empty() && !text.contains('\0'),
            Self::Argument => !text.starts_with('-') && Self::Text.takes_text(text),
            Self::Name => {
                !text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
            }
            Self::Texts => !text.contains('\0'),
            Self::Places => is_place(text),
            Self::Forward => is_entry(text),
            Self::Domains => listed(text).is_ok(),
            Self::NameServer => name_server(text).is_some(),
            Self::Proxy => text == INHERIT || text.parse::<Upstream>().is_ok_and(|proxy| proxy.login.is_none()),
            Self::Choice(words) | Self::Choices(words) => words.contains(&text),
            Self::Cores => cores(text).is_some(),
            Self::Processes => number(text).is_ok_and(|count| count > 0),
            Self::Size => Size::parse(text).is_some(),
            Self::Bytes => matches!(Size::parse(text), Some(Size::Bytes(_))),
            Self::Age => age(text).is_some(),
            Self::Environment => is_variable_name(text),
            Self::Bool | Self::Number(_) | Self::Mounts | Self::Hosts => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::settings::{Limits, MountEntry, Settings, Variable};

    /// Settings in which nothing is left out, so that each key appears when they are written.
    fn full() -> Settings {
        let mut settings = Settings::default();
        let (text, path) = (|| Some(String::from("1")), || Some(std::path::PathBuf::from("/x")));
        settings.defaults.model = text();
        settings.defaults.environment = [("A".to_owned(), Variable::Text("b".into()))].into();
        settings.tool.binary = text();
        settings.paths.sessions_dir = path();
        settings.paths.storage_dir = path();
        settings.paths.logs_dir = path();
        settings.incus.socket = path();
        settings.incus.storage_pool = text();
        settings.network.proxy = text();
        settings.network.resolver = text();
        settings.login.account = Some(crate::account::AccountName::host());
        settings.limits = Limits { cpu: text(), memory: text(), processes: text(), disk: text() };
        let mount = MountEntry { host: "/x".into(), readonly: true, optional: false };
        settings.mounts.default = [("/data".to_owned(), mount)].into();
        settings
    }

    #[test]
    fn the_table_has_each_key_of_the_model_and_no_other() {
        let written = serde_json::to_value(full()).unwrap();
        let in_model: BTreeSet<String> = written
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(section, keys)| keys.as_object().unwrap().keys().map(move |key| format!("{section}.{key}")))
            .collect();
        let in_table: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
        assert_eq!(in_model, in_table);
    }

    #[test]
    fn values_are_accepted_or_refused_by_their_kind() {
        assert!(Kind::Cores.takes(&Scalar::Integer(4)));
        assert!(Kind::Cores.takes(&Scalar::Text("0-3")));
        assert!(!Kind::Cores.takes(&Scalar::Integer(0)));
        assert!(!Kind::Bool.takes(&Scalar::Text("true")));
        assert!(!Kind::Number(10).takes(&Scalar::Integer(11)));
        assert!(!Kind::Name.takes(&Scalar::Text("../x")));
        assert!(!Kind::Choice(&["raw"]).takes(&Scalar::Text("rav")));
        assert!(!Kind::Text.takes(&Scalar::Text("")));
        assert!(Kind::Argument.takes(&Scalar::Text("opus-4")));
        assert!(!Kind::Argument.takes(&Scalar::Text("--mcp-config=/workspace/x")));
        assert!(!Kind::Argument.takes(&Scalar::Text("")));
    }
}
