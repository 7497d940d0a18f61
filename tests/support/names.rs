//! Name servers of a stand-in network: what a host's own resolver knows, the public and the private names.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The search domain of the host.
pub const SEARCH: &str = "corp.example";

/// The host's table: an address of its network, and one that is no private one.
pub const HOSTS: &str = "127.0.0.1 localhost bed\n10.99.0.77 table.example\n192.88.10.77 pinned.example\n";

/// What the network's name server knows.
const ZONE: &str = "
host-record=public.example,192.88.10.1
txt-record=public.example,text
mx-host=public.example,mail.public.example,5
cname=alias.public.example,public.example
host-record=listed.example,192.88.10.5
host-record=web.example,198.51.100.12
host-record=another.example,198.51.100.12
host-record=six.example,2606:4700::9
host-record=nas.lan,192.168.77.10
txt-record=nas.lan,private
srv-host=_smb._tcp.nas.lan,nas.lan,445
host-record=printer,192.88.10.9
txt-record=printer,private
host-record=secret.corp.example,192.88.10.3
txt-record=secret.corp.example,private
host-record=moved.office.example,192.88.10.4
host-record=private.example,10.99.0.10
host-record=both.example,192.88.10.2,fd99::10
host-record=both.example,192.168.77.11
host-record=carrier.example,100.64.9.9
host-record=mapped.example,::ffff:10.99.0.10
host-record=unique.example,fd99::10
cname=alias.example,nas.lan
host-record=metadata.google.internal,169.254.169.254
txt-record=id.server,name-of-the-resolver
";

/// A public name, and record types by which it is asked for.
pub const PUBLIC_NAMES: [(&str, u16); 6] = [
    ("public.example", 1),
    ("public.example", 16),
    ("public.example", 15),
    ("alias.public.example", 1),
    ("six.example", 28),
    ("1.10.88.192.in-addr.arpa", 12),
];

/// The public name that an allowlist has.
pub const LISTED: &str = "listed.example";

/// A public name with a server of the web that an allowlist has, and another one of the same server.
pub const WEB: [&str; 2] = ["web.example", "another.example"];

/// What the host or its network knows, by record types.
pub const NEAR_NAMES: [(&str, u16); 20] = [
    ("table.example", 1),
    ("77.0.99.10.in-addr.arpa", 12),
    ("pinned.example", 1),
    ("77.10.88.192.in-addr.arpa", 12),
    ("bed", 1),
    ("nas.lan", 1),
    ("nas.lan", 16),
    ("_smb._tcp.nas.lan", 33),
    ("printer", 1),
    ("printer", 16),
    ("secret.corp.example", 1),
    ("secret.corp.example", 16),
    ("private.example", 1),
    ("both.example", 1),
    ("carrier.example", 1),
    ("mapped.example", 28),
    ("unique.example", 28),
    ("alias.example", 1),
    ("10.77.168.192.in-addr.arpa", 12),
    ("9.9.64.100.in-addr.arpa", 12),
];

/// Serves them in the network namespace of a process.
pub fn serve(space: u32, dir: &Path) -> Child {
    let file = dir.join("zone");
    std::fs::write(&file, format!("no-resolv\nno-hosts\nno-daemon\npid-file=\n{ZONE}")).unwrap();
    let mut command = Command::new("nsenter");
    command.args(["-t", &space.to_string(), "-n", "--", "dnsmasq", "--user=root", "-C"]).arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
