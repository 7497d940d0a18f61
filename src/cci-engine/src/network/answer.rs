//! What `network why` answers.

/// The answer for one address, or for a name without one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Answer {
    /// The name or address that was asked about.
    pub host: String,
    /// Empty if the name does not resolve in the container, or if the name itself decides.
    pub address: String,
    pub(crate) allowed: bool,
    /// The rule that decides, in words.
    pub because: String,
}
