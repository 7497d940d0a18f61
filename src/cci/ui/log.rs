//! The log for developers: stderr, one event a line, whatever is in it.

#![expect(clippy::disallowed_methods, reason = "what is written has passed GuestText")]

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Receives each event whole, as `tracing` writes it.
pub(crate) struct Log;

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = cci_guest::GuestText::of_bytes(event.strip_suffix(b"\n").unwrap_or(event));
        writeln!(io::stderr(), "{line}")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
