//! The logins that sessions use: one account for each directory, however many sessions there are.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cci_agent::{Agent, Login};
use cci_host::login::{Accounts, LoginFile};
use cci_host::store::run_dir::LoginNote;
use reqwest::Client;
use tokio_util::task::TaskTracker;

use super::account::{Account, Parts};
use super::apart::Renews;
use super::client::client;
use crate::supervisor::log::Log;

/// All of them.
pub(in crate::supervisor) struct Logins {
    cci_dir: PathBuf,
    renews: Rc<dyn Renews>,
    log: Rc<Log>,
    pub(super) work: TaskTracker,
    http: OnceCell<Client>,
    accounts: RefCell<BTreeMap<(PathBuf, String), Rc<Account>>>,
}

impl Logins {
    pub(in crate::supervisor) fn new(cci_dir: &Path, renews: Rc<dyn Renews>, log: Rc<Log>, work: TaskTracker) -> Self {
        let (http, accounts) = (OnceCell::new(), RefCell::default());
        Self { cci_dir: cci_dir.to_owned(), renews, log, work, http, accounts }
    }

    /// The connections to APIs; made when the first session needs them.
    pub(super) fn http(&self) -> io::Result<Client> {
        match self.http.get() {
            Some(http) => Ok(http.clone()),
            None => client().map(|made| self.http.get_or_init(|| made).clone()),
        }
    }

    /// The account that a session uses.
    pub(super) fn account(
        &self,
        agent: &'static dyn Agent,
        login: &'static dyn Login,
        note: &LoginNote,
    ) -> Rc<Account> {
        let key = (note.directory.clone(), note.renewed_at.clone());
        let make = || {
            // an account of cci's is reached through no link
            let file = Accounts::of(&self.cci_dir, agent)
                .map(|accounts| accounts.of_a_session(note.account.as_ref(), &note.directory));
            Account::new(Parts {
                file: file.unwrap_or_else(|| LoginFile::at(note.directory.clone(), login)),
                agent,
                name: note.account.clone(),
                renewed_at: note.renewed_at.clone(),
                cci_dir: self.cci_dir.clone(),
                renews: Rc::clone(&self.renews),
                log: Rc::clone(&self.log),
            })
        };
        Rc::clone(self.accounts.borrow_mut().entry(key).or_insert_with(make))
    }
}
