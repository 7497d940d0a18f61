//! What makes the programs of a container trust the authority of its user, by which TLS is ended for secrets.

use crate::agent_socket::{AUTHORITY, AUTHORITY_NAME};

/// The bundle that most programs read.
pub const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// By which OpenSSL finds the authority in the directory of the bundle: the hash of what each is called.
pub const HASH: &str = "28ecf973";
/// The variables by which other programs, which bring a list of their own, find a bundle.
pub const VARIABLES: [&str; 6] =
    ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "PIP_CERT", "AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO"];

/// The script that puts it where `update-ca-certificates` would, only sooner. It succeeds whatever happens.
///
/// The file is one that an earlier container of the conversation could write: it is a small plain one, or left alone.
#[must_use]
pub fn script() -> String {
    format!(
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin; from={AUTHORITY}; to=/usr/local/share/ca-certificates/{AUTHORITY_NAME}.crt; \
         if [ -f $from ] && [ -f {BUNDLE} ] && ! head -c 8192 $from | cmp -s - $to; then \
         mkdir -p ${{to%/*}}; rm -rf $to; head -c 8192 $from >$to; cat $to >>{BUNDLE}; \
         ln -sf $to /etc/ssl/certs/{AUTHORITY_NAME}.pem; ln -sf {AUTHORITY_NAME}.pem /etc/ssl/certs/{HASH}.0; fi; true"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// Runs the script with this directory as the root of everything.
    fn run(root: &Path) {
        let at = root.to_str().unwrap();
        let mut script = script();
        for path in ["/var/lib/cci", "/usr/local/share", "/etc/ssl"] {
            script = script.replace(path, &format!("{at}{path}"));
        }
        assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    }

    #[test]
    fn a_container_trusts_it_once_and_whatever_else_is_there_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let bundle = || std::fs::read_to_string(path("etc/ssl/certs/ca-certificates.crt")).unwrap();
        run(root.path());
        for directory in ["var/lib/cci", "etc/ssl/certs"] {
            std::fs::create_dir_all(path(directory)).unwrap();
        }
        std::fs::write(path("etc/ssl/certs/ca-certificates.crt"), "others\n").unwrap();
        run(root.path());
        assert_eq!(bundle(), "others\n", "there is none to trust");
        std::fs::write(path("var/lib/cci/cci.crt"), "mine\n").unwrap();
        for _ in 0..2 {
            run(root.path());
            assert_eq!(bundle(), "others\nmine\n");
        }
        let found = path(&format!("etc/ssl/certs/{HASH}.0"));
        assert_eq!(std::fs::read_to_string(&found).unwrap(), "mine\n");
        std::fs::write(path("var/lib/cci/cci.crt"), "another\n").unwrap();
        run(root.path());
        assert_eq!(bundle(), "others\nmine\nanother\n");
    }

    #[test]
    fn what_an_earlier_container_left_there_keeps_nothing_from_starting() {
        let root = tempfile::tempdir().unwrap();
        let (shared, certs) = (root.path().join("var/lib/cci"), root.path().join("etc/ssl/certs"));
        std::fs::create_dir_all(&shared).unwrap();
        std::fs::create_dir_all(&certs).unwrap();
        std::fs::write(certs.join("ca-certificates.crt"), "others\n").unwrap();
        let there = shared.join("cci.crt");
        assert!(Command::new("mkfifo").arg(&there).status().unwrap().success());
        run(root.path());
        std::fs::remove_file(&there).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &there).unwrap();
        run(root.path());
        std::fs::remove_file(&there).unwrap();
        std::fs::write(&there, "x".repeat(1_000_000)).unwrap();
        run(root.path());
        assert!(std::fs::metadata(certs.join("ca-certificates.crt")).unwrap().len() < 10_000);
    }
}
