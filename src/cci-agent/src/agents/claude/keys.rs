//! How what lets Claude Code in is named and shown.

/// What it sends where the far end of the socket is to add the token.
pub(super) const PLACEHOLDER: &str = "ssh-placeholder";
/// The setting that names a command that prints a key.
pub(super) const HELPER: &str = "apiKeyHelper";
/// The variables with a token, with a key, and with what gateways take.
pub(super) const TOKEN_VARIABLE: &str = "CLAUDE_CODE_OAUTH_TOKEN";
pub(super) const KEY_VARIABLE: &str = "ANTHROPIC_API_KEY";
pub(super) const GATEWAY_VARIABLE: &str = "ANTHROPIC_AUTH_TOKEN";

/// Whether a text can be in a header: what comes from a server is not put there otherwise.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= 16 * 1024 && text.bytes().all(|byte| byte.is_ascii_graphic())
}
