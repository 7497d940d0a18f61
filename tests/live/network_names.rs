//! Names of an allowlist: who answers them, what they lead to, and how they move.
