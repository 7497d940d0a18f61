//! What is said to a watch and by it, and that bash reads the script.

use std::process::Command;

use proptest::prelude::*;

use super::*;

#[test]
fn bash_reads_the_script() {
    let argv = watch(2);
    assert_eq!(&argv[..2], ["bash", "-c"]);
    let read = Command::new("bash").args(["-n", "-c", &argv[2]]).output().unwrap();
    assert!(read.status.success() && read.stderr.is_empty(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn what_no_watch_says_is_nothing() {
    assert_eq!(Word::parse("1795751725.697319"), Some(Word::Still { at_micros: 1_795_751_725_697_319 }));
    assert_eq!(Word::parse("1795751725,697319"), Some(Word::Still { at_micros: 1_795_751_725_697_319 }));
    let state = RootState::parse("6672.1795818047.483795870");
    assert_eq!(Word::parse("held 6672.1795818047.483795870"), Some(Word::Held { state: state.clone() }));
    assert_eq!(Word::parse("same 6672.1795818047.483795870"), Some(Word::Same { state: state.clone() }));
    let order = Order::Changed { since_micros: 1, state };
    assert_eq!(order.line(), "changed @0.000001 6672.1795818047.483795870\n");
    for line in [
        "",
        "held ",
        "held x",
        "late 1.2.3",
        "same 1 2",
        "1795751725",
        "1795751725.69",
        "-1.000000",
        "99999999999999999999.000000",
        "1.00000x",
    ] {
        assert_eq!(Word::parse(line), None, "{line}");
    }
}

proptest! {
    #[test]
    fn a_moment_is_written_as_it_is_read(micros in 0..i64::MAX / 2) {
        prop_assert_eq!(Word::parse(&seconds(micros)), Some(Word::Still { at_micros: micros }));
        prop_assert!(seconds(micros).len() <= LONGEST);
    }

    #[test]
    fn no_line_makes_it_panic(line in "\\PC*") {
        let _ = Word::parse(&line);
    }
}
