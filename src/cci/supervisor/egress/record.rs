//! What of a session's connections is written into the log: what was refused, each thing once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use cci_core::session::SessionId;
use cci_proxy::egress::{Note, Notes};

use crate::supervisor::log::Log;

/// So many different refusals of one session are written: names can be made up without end.
const MOST: usize = 200;

/// What is written of one session.
pub(super) struct Record {
    session: SessionId,
    log: Rc<Log>,
    told: RefCell<BTreeSet<String>>,
}

impl Record {
    pub(super) fn new(session: SessionId, log: Rc<Log>) -> Self {
        Self { session, log, told: RefCell::default() }
    }

    /// Writes a line about the session.
    pub(super) fn say(&self, what: impl fmt::Display) {
        self.log.say(format_args!("{}: {what}", self.session));
    }
}

impl Notes for Record {
    fn note(&self, note: Note) {
        let Note::Refused(refusal) = note else { return };
        let refusal = refusal.to_string();
        let mut told = self.told.borrow_mut();
        if told.contains(&refusal) || told.len() > MOST {
            return;
        }
        if told.len() < MOST {
            self.say(format_args!("refused: {refusal}"));
        } else {
            self.say("refused: and more, which is not written any more");
        }
        told.insert(refusal);
    }
}

#[cfg(test)]
mod tests {
    use cci_core::network::HostName;
    use cci_proxy::egress::Refusal;

    use super::*;
    use crate::supervisor::log::tail;

    #[test]
    fn each_refusal_is_written_once_and_not_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("supervisor.log");
        let record = Record::new(SessionId::from_random([7; 16]), Rc::new(Log::at(path.clone())));
        for _ in 0..3 {
            for number in 0..2 * MOST {
                let name = HostName::typed(&format!("n{number}.example")).unwrap();
                record.note(Note::Refused(Refusal::NotListed { name, port: 443 }));
            }
        }
        let lines = tail(&path, 1000).unwrap();
        assert_eq!(lines.len(), MOST + 1);
        assert!(lines[0].ends_with(": refused: no rule allows n0.example:443"), "{}", lines[0]);
        assert!(lines[MOST].contains("and more"), "{}", lines[MOST]);
    }
}
