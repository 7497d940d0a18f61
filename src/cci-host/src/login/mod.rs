//! The login of an agent on the host: its file, the locks under which it is renewed, and who renewed it last.

mod accounts;
mod file;
mod lock;
mod renewal;
#[cfg(test)]
mod tests;
mod times;

pub use accounts::Accounts;
pub use file::{Found, Held, LoginFile, Replacement, understood};
pub use lock::{Lock, SHOWN};
pub use renewal::{Renewal, Renewed};
pub use times::{now, timestamp};
