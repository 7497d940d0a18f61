//! The variables that a workspace's `.env` does not set: they say which programs and libraries are loaded, where
//! requests go and whom they trust, how git and the shell work, or how the agent is let in.

use cci_agent::{Agent, agents};

use crate::environment::is_plain;

/// Whole names.
const NAMES: [&str; 36] = [
    "ALL_PROXY",
    "AWS_CA_BUNDLE",
    "BROWSER",
    "CDPATH",
    "CLASSPATH",
    "CURL_CA_BUNDLE",
    "CURL_HOME",
    "DOCKER_HOST",
    "EDITOR",
    "ENV",
    "FTP_PROXY",
    "GCONV_PATH",
    "GLOBIGNORE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LESSCLOSE",
    "LESSOPEN",
    "LOCPATH",
    "NLSPATH",
    "NO_PROXY",
    "PAGER",
    "PROMPT_COMMAND",
    "PS4",
    "REQUESTS_CA_BUNDLE",
    "RUBYLIB",
    "RUBYOPT",
    "RUSTC",
    "RUSTFLAGS",
    "SHELLOPTS",
    "TMPDIR",
    "VISUAL",
    "WGETRC",
    "_JAVA_OPTIONS",
];

/// What such names begin with.
const PREFIXES: [&str; 22] = [
    "BASH",
    "BUN_",
    "CARGO_",
    "CCI_",
    "DENO_",
    "DYLD_",
    "GH_",
    "GIT_",
    "LD_",
    "MALLOC_",
    "NIX_",
    "NODE_",
    "NPM_CONFIG_",
    "PERL",
    "PIP_",
    "PYTHON",
    "RUSTC_",
    "SSH_",
    "SSL_",
    "TMUX",
    "UV_",
    "XDG_",
];

/// Variables that begin like those and choose nothing.
const ALL_THE_SAME: [&str; 3] = ["NODE_ENV", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"];

/// Whether a file that an agent can have written may not set a variable. Programs read some of these names in lower case,
/// too.
pub(super) fn is_refused(name: &str) -> bool {
    if ALL_THE_SAME.contains(&name) {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    let of_agent = |agent: &dyn Agent| agent.variables().iter().any(|prefix| upper.starts_with(prefix));
    is_plain(name)
        || NAMES.contains(&upper.as_str())
        || PREFIXES.iter().any(|prefix| upper.starts_with(prefix))
        || agents().any(of_agent)
}
