//! Records without any session, and what is not allowed to be asked.

use super::host;

#[test]
fn without_a_session_there_is_nothing_and_that_holds() {
    let host = host();
    assert_eq!(host.cci(&["audit", "show", "--format", "json"]).ok().stdout.trim(), "[]");
    assert_eq!(host.cci(&["network", "log"]).ok().stdout, "");
    assert!(host.cci(&["audit", "verify"]).ok().stdout.contains("0 records, 0 lines: as they were written"));
    let unknown = host.cci(&["audit", "show", "cci-none-1"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("reading the record of cci-none-1"), "{unknown}");
}

#[test]
fn a_host_for_containers_to_come_is_written_to_a_file_and_nothing_else_in_it_changed() {
    let host = host();
    let file = host.proj.join(".cci.toml");
    std::fs::write(&file, "# ours\n[network]\nrefresh_interval_minutes = 5 # often\n").unwrap();
    let written = host.cci(&["network", "allow", "--write", "project", "b.example:443"]).ok();
    assert!(
        written.stdout.contains("allows b.example:443") && written.stdout.contains("cci config trust"),
        "{written}"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# ours\n[network]\nrefresh_interval_minutes = 5 # often\nallowed_domains = ["), "{text}");
    assert!(text.ends_with(", \"b.example:443\"]\n"), "{text}");
    // it is in force for nobody before it is approved
    let refused = host.cci(&["network", "why", "b.example:443"]);
    assert!(refused.code == 2 && refused.stderr.contains("cci config trust"), "{refused}");
    std::fs::remove_file(&file).unwrap();
    host.cci(&["network", "allow", "--write", "user", "c.example"]).ok();
    let again = host.cci(&["network", "allow", "--write", "user", "c.example"]).ok();
    assert!(again.stdout.contains("has it already"), "{again}");
    let own = std::fs::read_to_string(host.home.join(".config/cci/config.toml")).unwrap();
    assert!(own.contains("\"c.example:80,443\"]"), "{own}");
    for wrong in [&["b.example"][..], &["--write", "user", "*.com"], &["--for", "never", "c", "b.example"]] {
        let refused = host.cci(&[&["network", "allow"], wrong].concat());
        assert_eq!(refused.code, 2, "{refused}");
    }
}
