//! A program that runs until it is dropped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// It is killed then.
pub struct Running(pub Child);

impl Running {
    /// Starts a server, and waits until it says that it listens.
    pub fn listening(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().next();
        assert_eq!(said.unwrap().unwrap(), "listens");
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
