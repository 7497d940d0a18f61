//! What makes the programs of a container trust the authority of its user, by which TLS is ended for secrets.

use crate::agent_socket::{AUTHORITY, AUTHORITY_NAME};

/// The bundle that most programs read.
pub const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The directory of the bundle.
const CERTIFICATES: &str = "/etc/ssl/certs";
/// Where `update-ca-certificates` finds what is added to those of the image.
const OWN: &str = "/usr/local/share/ca-certificates";
/// No certificate is as long, in bytes.
const MOST: usize = 8192;
/// What it is called in the store that Debian's Java runtimes share, as their packages name what is in the directory of the bundle.
const JAVA_NAME: &str = "debian:cci.pem";
/// By which OpenSSL finds the authority in the directory of the bundle: the hash of what each is called.
pub const HASH: &str = "28ecf973";
/// The variables by which other programs, which bring a list of their own, find a bundle.
pub const VARIABLES: [&str; 6] =
    ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "PIP_CERT", "AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO"];

/// The script that puts it where `update-ca-certificates` would, only sooner. It succeeds whatever happens.
///
/// The file is one that an earlier container of the conversation could write: it is a small plain one, or left alone.
/// Whatever is put somewhere is renamed to it whole, and what says that all is done comes last: one that is killed, or runs
/// beside another, leaves nothing that is half there. No link that somebody has put there leads the way.
#[must_use]
pub fn script() -> String {
    format!(
        r#"
PATH=/usr/sbin:/usr/bin:/sbin:/bin; umask 022
java() {{
    store=$certs/java/cacerts
    [ -f $store ] && [ "$(readlink -f $certs/java)" = $certs/java ] && command -v keytool >/dev/null || return
    jks=$(mktemp $certs/.{AUTHORITY_NAME}-XXXXXX) && cat $store >"$jks" || return
    keytool -delete -alias {JAVA_NAME} -keystore "$jks" -storepass changeit >/dev/null 2>&1
    keytool -importcert -noprompt -alias {JAVA_NAME} -file "$mine" -keystore "$jks" -storepass changeit >/dev/null 2>&1 &&
        chmod 644 "$jks" && mv -fT "$jks" $store
}}
trust() {{
    from={AUTHORITY} bundle={BUNDLE} certs={CERTIFICATES} own={OWN} to={OWN}/{AUTHORITY_NAME}.crt
    [ -f $from ] && [ ! -L $from ] && [ -f $bundle ] || return
    [ "$(readlink -f $own)" = $own ] && [ "$(readlink -f $certs)" = $certs ] && mkdir -p $own || return
    find $own $certs -maxdepth 1 -name '.{AUTHORITY_NAME}-??????' -mmin +9 -exec rm -f {{}} +
    trap 'rm -f "$mine" "$whole" "$jks"' EXIT
    mine=$(mktemp $own/.{AUTHORITY_NAME}-XXXXXX) && whole=$(mktemp $certs/.{AUTHORITY_NAME}-XXXXXX) || return
    head -c {MOST} $from >"$mine"; length=$(wc -c <"$mine")
    [ "$length" -gt 0 ] && [ "$length" -lt {MOST} ] && ! cmp -s "$mine" $to || return
    cat $bundle >"$whole" || return
    tail -c "$length" "$whole" | cmp -s - "$mine" || cat "$mine" >>"$whole" || return
    chmod 644 "$mine" "$whole"
    java
    mv -fT "$whole" $bundle &&
        ln -sfT $to $certs/{AUTHORITY_NAME}.pem && ln -sfT {AUTHORITY_NAME}.pem $certs/{HASH}.0 &&
        mv -fT "$mine" $to
}}
trust; true
"#
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use std::process::{Child, Command};

    use tempfile::TempDir;

    use super::*;

    /// The script with this directory as the root of everything.
    fn begun(root: &Path) -> Child {
        let at = root.to_str().unwrap();
        let mut script = script();
        for path in ["/var/lib/cci", "/usr/local/share", "/etc/ssl"] {
            script = script.replace(path, &format!("{at}{path}"));
        }
        script = script.replace("PATH=", &format!("PATH={at}/usr/bin:"));
        Command::new("/bin/sh").args(["-c", &script]).spawn().unwrap()
    }

    fn run(root: &Path) {
        assert!(begun(root).wait().unwrap().success());
    }

    /// A root with a bundle, and a certificate that is to be trusted.
    fn image() -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for directory in ["var/lib/cci", "etc/ssl/certs", "usr/local/share"] {
            std::fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        std::fs::write(root.path().join("etc/ssl/certs/ca-certificates.crt"), "others\n").unwrap();
        std::fs::write(root.path().join("var/lib/cci/cci.crt"), "mine\n").unwrap();
        root
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_bundle_is_whole_at_any_moment_and_beside_others() {
        let root = image();
        let certs = root.path().join("etc/ssl/certs");
        let bundle = certs.join("ca-certificates.crt");
        let mut before = std::fs::File::open(&bundle).unwrap();
        let begun: Vec<Child> = (0..6).map(|_| begun(root.path())).collect();
        for mut one in begun {
            assert!(one.wait().unwrap().success());
        }
        let mut seen = String::new();
        before.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "others\n", "whoever reads it meanwhile");
        assert_eq!(std::fs::read_to_string(&bundle).unwrap(), "others\nmine\n");
        assert_eq!(std::fs::metadata(&bundle).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(names(&certs), [&format!("{HASH}.0"), "ca-certificates.crt", "cci.pem"]);
        assert_eq!(names(&root.path().join("usr/local/share/ca-certificates")), ["cci.crt"]);
    }

    #[test]
    fn the_store_of_java_runtimes_gets_it_too_and_whole() {
        let root = image();
        let (store, programs) = (root.path().join("etc/ssl/certs/java"), root.path().join("usr/bin"));
        for directory in [&store, &programs] {
            std::fs::create_dir_all(directory).unwrap();
        }
        std::fs::write(store.join("cacerts"), "store\n").unwrap();
        let keytool = programs.join("keytool");
        std::fs::write(&keytool, "#!/bin/sh\nshift; while [ $1 != -keystore ]; do shift; done\necho changed >>$2\n")
            .unwrap();
        std::fs::set_permissions(&keytool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut before = std::fs::File::open(store.join("cacerts")).unwrap();
        run(root.path());
        let mut seen = String::new();
        before.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "store\n", "whoever reads it meanwhile");
        assert_eq!(std::fs::read_to_string(store.join("cacerts")).unwrap(), "store\nchanged\nchanged\n");
        assert_eq!(names(&store), ["cacerts"]);

        // what is there but a link is somebody else's
        std::fs::rename(&store, root.path().join("elsewhere")).unwrap();
        symlink(root.path().join("elsewhere"), &store).unwrap();
        std::fs::write(root.path().join("var/lib/cci/cci.crt"), "another\n").unwrap();
        run(root.path());
        assert_eq!(std::fs::read_to_string(store.join("cacerts")).unwrap(), "store\nchanged\nchanged\n");
    }

    #[test]
    fn one_that_was_killed_is_made_up_for() {
        let root = image();
        let bundle = root.path().join("etc/ssl/certs/ca-certificates.crt");
        let count = |directory: &str| std::fs::read_dir(root.path().join(directory)).map_or(0, Iterator::count);
        // as soon as it has begun, has made its directory, a file there, one beside the bundle
        for (directory, files) in [
            ("usr/local/share", 0),
            ("usr/local/share", 1),
            ("usr/local/share/ca-certificates", 1),
            ("etc/ssl/certs", 2),
        ] {
            let mut one = begun(root.path());
            while count(directory) < files && one.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            one.kill().unwrap();
            one.wait().unwrap();
            let there = std::fs::read_to_string(&bundle).unwrap();
            assert!(["others\n", "others\nmine\n"].contains(&there.as_str()), "{there}");
        }
        run(root.path());
        assert_eq!(std::fs::read_to_string(&bundle).unwrap(), "others\nmine\n");
        assert!(root.path().join("usr/local/share/ca-certificates/cci.crt").exists());
    }

    #[test]
    fn no_link_leads_the_way() {
        let elsewhere = tempfile::tempdir().unwrap();
        let victim = elsewhere.path().join("victim");
        let there = || std::fs::read_to_string(&victim).unwrap();
        std::fs::write(&victim, "theirs\n").unwrap();
        // what is written becomes a file of its own
        for name in ["etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/cci.pem"] {
            let root = image();
            let _ = std::fs::remove_file(root.path().join(name));
            symlink(&victim, root.path().join(name)).unwrap();
            run(root.path());
            assert_eq!((there().as_str(), names(elsewhere.path()).len()), ("theirs\n", 1), "{name}");
        }
        for (name, is_file) in [("cci.crt", true), ("", false)] {
            let root = image();
            let own = root.path().join("usr/local/share/ca-certificates");
            if is_file {
                std::fs::create_dir(&own).unwrap();
                symlink(&victim, own.join(name)).unwrap();
            } else {
                symlink(elsewhere.path(), &own).unwrap();
            }
            run(root.path());
            assert_eq!((there().as_str(), names(elsewhere.path()).len()), ("theirs\n", 1), "{name}");
        }
        // and what is read is none
        let root = image();
        std::fs::remove_file(root.path().join("var/lib/cci/cci.crt")).unwrap();
        symlink(&victim, root.path().join("var/lib/cci/cci.crt")).unwrap();
        run(root.path());
        let bundle = std::fs::read_to_string(root.path().join("etc/ssl/certs/ca-certificates.crt")).unwrap();
        assert_eq!(bundle, "others\n");
    }

    #[test]
    fn a_container_trusts_it_once_and_whatever_else_is_there_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let bundle = || std::fs::read_to_string(path("etc/ssl/certs/ca-certificates.crt")).unwrap();
        run(root.path());
        for directory in ["var/lib/cci", "etc/ssl/certs", "usr/local/share"] {
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
        symlink("/dev/zero", &there).unwrap();
        run(root.path());
        std::fs::remove_file(&there).unwrap();
        std::fs::write(&there, "x".repeat(1_000_000)).unwrap();
        run(root.path());
        assert!(std::fs::metadata(certs.join("ca-certificates.crt")).unwrap().len() < 10_000);
    }
}
