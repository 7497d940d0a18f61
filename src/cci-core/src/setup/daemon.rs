//! Whether the daemon answers, and how it is started.

use cci_guest::GuestText;

use super::finding::Finding;
use super::found::{Daemon, Found, Installation};
use super::step::Step;

pub(super) fn daemon(found: &Found) -> Finding {
    match &found.daemon {
        Daemon::Answers { version } => Finding::ok("daemon", format!("Incus {version} answers")),
        Daemon::NoPermission => {
            Finding::broken("daemon", "the Incus socket is there, and this user may not use it", Vec::new())
                .fixed_by(format!("join the group `{}` (see above), or run as root", found.group))
        }
        Daemon::Failing { reason } => Finding::broken("daemon", format!("cannot query Incus: {reason}"), Vec::new())
            .fixed_by("run this again; if it stays so, look into /var/log/incus/incusd.log"),
        Daemon::Silent => silent(found),
    }
}

fn silent(found: &Found) -> Finding {
    if let Some(socket) = &found.named_socket {
        let fix = "start the Incus that listens there, or unset `incus.socket` and INCUS_SOCKET to use the daemon of this machine";
        return Finding::broken("daemon", format!("nothing answers at {}", GuestText::new(socket)), Vec::new())
            .fixed_by(fix);
    }
    let start = if found.systemd { Step::StartService } else { Step::StartDaemon { group: found.group.clone() } };
    let startable = found.incus != Installation::Absent || found.distro.is_supported();
    Finding::broken("daemon", "Incus does not run", if startable { vec![start] } else { Vec::new() })
}
