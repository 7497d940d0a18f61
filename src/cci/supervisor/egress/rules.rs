//! What one session may reach now: what its launch listed, and what its person has allowed since.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cci_core::network::{
    Addresses, Allowance, BY_NAME, Entry, EntryError, HostName, HostNames, Names, Reach, Service, Services, Target,
};
use cci_core::session::SessionId;
use cci_engine::blocking::blocking;
use cci_host::store::run_dir::{EgressNote, RunDir, Watched};
use cci_proxy::egress::{Refusal, rule};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::sleep;

use super::requests::Requests;

/// So much may be allowed in one session at once.
const MOST: usize = 200;
/// How soon it is looked again what has ended: the clock may be set meanwhile.
const LOOKED: Duration = Duration::from_secs(60);

/// What a command asks to be allowed.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::supervisor) struct Asked {
    pub(in crate::supervisor) session: SessionId,
    pub(in crate::supervisor) allowance: Allowance,
}

/// What a launch listed.
pub(super) struct Listed {
    entries: Vec<Entry>,
    services: Vec<Service>,
    /// Whether every name may be asked for.
    learns: bool,
    /// Whether nothing is heard of what only this host and its network know.
    withholds: bool,
}

impl Listed {
    /// As it is noted.
    pub(super) fn of(note: &EgressNote) -> Result<Self, EntryError> {
        let entries = note.allowed.iter().map(|entry| entry.parse()).collect::<Result<Vec<Entry>, _>>()?;
        let service = |text: &String| text.parse::<Service>().map_err(|()| EntryError::Shape(text.clone()));
        let services = note.hosts.iter().map(service).collect::<Result<Vec<Service>, _>>()?;
        Ok(Self { entries, services, learns: note.learns, withholds: note.withholds_local })
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.entries.iter().cloned().chain(self.services.iter().map(Service::entry))
    }
}

/// The rules of one session. Connections look at them for each request.
pub(in crate::supervisor) struct Rules {
    run: RunDir,
    watched: Watched,
    listed: Listed,
    allowed: RefCell<Vec<Allowance>>,
    /// Held while it is noted, so that what is noted last is what is so.
    noting: Mutex<()>,
    /// What its agent has asked for.
    pub(super) requests: Requests,
    reach: watch::Sender<Arc<Reach>>,
    /// Notified when something else ends next.
    changed: Notify,
}

impl Rules {
    /// Those of a session, with what was allowed before.
    pub(super) fn of(run: &RunDir, watched: &Watched, listed: Listed) -> Self {
        let services: Services = listed.services.iter().cloned().collect();
        let withheld = listed.withholds.then(Arc::default);
        let reach = watch::Sender::new(Arc::new(Reach { services, withheld, ..Reach::default() }));
        let rules = Self {
            run: run.clone(),
            watched: watched.clone(),
            listed,
            allowed: RefCell::new(run.allowances(watched)),
            noting: Mutex::new(()),
            requests: Requests::of(run, watched),
            reach,
            changed: Notify::new(),
        };
        rules.put_in_force();
        rules
    }

    /// What they are, from now on.
    pub(super) fn reach(&self) -> watch::Receiver<Arc<Reach>> {
        self.reach.subscribe()
    }

    /// The rule that lets a name and a port through now, or why none does.
    pub(super) fn judge(&self, name: &HostName, port: u16) -> Result<String, Refusal> {
        rule(&self.reach.borrow(), name, port)
    }

    /// Changes where names may lead to, and what this host alone knows.
    pub(super) fn lead_to(&self, addresses: Addresses, host: HostNames) {
        let withheld = self.listed.withholds.then(|| Arc::new(host));
        self.reach.send_if_modified(|reach| {
            let is_new = reach.addresses != addresses || reach.withheld != withheld;
            if is_new {
                let reach = Arc::make_mut(reach);
                (reach.addresses, reach.withheld) = (addresses, withheld);
            }
            is_new
        });
    }

    /// A refusal as the container may know it.
    pub(super) fn told(&self, refusal: &Refusal) -> Refusal {
        if self.listed.withholds { refusal.without_local() } else { refusal.clone() }
    }

    /// Allows something. It is in force at once, and then noted.
    pub(in crate::supervisor) async fn allow(&self, allowance: Allowance) -> io::Result<()> {
        {
            let mut allowed = self.allowed.borrow_mut();
            allowed.retain(|other| other.entry != allowance.entry && !other.is_over(Timestamp::now()));
            if allowed.len() >= MOST {
                return Err(io::Error::other(format!(
                    "{MOST} hosts are allowed already: list them in network.allowed_domains"
                )));
            }
            allowed.push(allowance);
        }
        self.put_in_force();
        self.changed.notify_one();
        self.note().await?;
        self.requests.forget(|asked| asked.parse().is_ok_and(|asked| self.allows(&asked))).await
    }

    async fn note(&self) -> io::Result<()> {
        let _noting = self.noting.lock().await;
        let (run, watched, all) = (self.run.clone(), self.watched.clone(), self.allowed.borrow().clone());
        blocking(move || Ok(run.note_allowances(&watched, &all))).await.map_err(io::Error::other)?
    }

    /// Whether all that an entry about a name stands for is let through now.
    pub(super) fn allows(&self, entry: &Entry) -> bool {
        let Target::Name(name) = &entry.target else { return false };
        let mut ports = BY_NAME.into_iter().filter(|port| entry.ports.contains(*port));
        ports.all(|port| self.judge(name, port).is_ok())
    }

    /// Ends what is over, when it is.
    pub(super) async fn end_in_time(&self) -> Infallible {
        loop {
            let next = self.allowed.borrow().iter().filter_map(|allowance| allowance.until).min();
            let over = async {
                let Some(next) = next else { return pending().await };
                let left = Timestamp::now().duration_until(next);
                sleep(Duration::try_from(left).unwrap_or_default().min(LOOKED)).await;
            };
            tokio::select! {
                () = over => {
                    let now = Timestamp::now();
                    self.allowed.borrow_mut().retain(|allowance| !allowance.is_over(now));
                    self.put_in_force();
                }
                () = self.changed.notified() => {}
            }
        }
    }

    fn put_in_force(&self) {
        let now = Timestamp::now();
        let allowed = self.allowed.borrow();
        let beside = allowed.iter().filter(|allowance| !allowance.is_over(now)).map(|allowance| &allowance.entry);
        let listed = || Names::listed(self.listed.entries().chain(beside.cloned()));
        let names = if self.listed.learns { Names::Every } else { listed() };
        self.reach.send_modify(|reach| {
            if reach.names != names {
                Arc::make_mut(reach).names = names;
            }
        });
    }
}
