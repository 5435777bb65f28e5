//! Command lines with quotes in them: what the argument becomes there, what is refused, and what is shown and logged.

use std::fs;

use super::run;
use crate::common::files::{folder, names_in};
use crate::common::program::program;

#[test]
fn only_what_an_argument_names_is_removed() {
    let folder = folder();
    for name in ["a *", "precious"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let line = "x=\"$(rm -v {})\"; for f in $(ls -d \"{}\" 2>/dev/null); do rm \"$f\"; done";
    assert_eq!(run(&[line, ":::", "a *"]).in_folder(&folder).run().good(), "");
    assert_eq!(names_in(&folder), ["precious"]);
}

#[test]
fn a_line_has_its_parameters_functions_and_documents_to_itself() {
    for (line, argument, expected) in [
        ("set -- x y; echo {}", "real arg", "real arg\n"),
        ("f() { echo {}; }; f -v", "a.log", "a.log\n"),
        ("# don't do this twice\necho {}", "my  file", "my  file\n"),
        ("cat <<X\nsay \"\nX\nprintf '<%s>' {}", "my  file", "say \"\n<my  file>"),
        ("echo $(({}+1))", "1", "2\n"),
    ] {
        assert_eq!(run(&[line, ":::", argument]).run().good(), expected, "{line}");
    }
    let text = run(&["echo $(({}+1))", ":::", "HOME"]).run();
    assert_eq!((text.code(), text.text()), (1, ""));
    let told = "mpexec: {} stands in arithmetic, and this is no whole number: HOME\nerror: 1 of 1 commands failed";
    assert!(text.stderr.starts_with(told), "{text:?}");
}

#[test]
fn a_line_with_no_right_way_is_refused_before_any_command_begins() {
    let folder = folder();
    for more in [&[][..], &["--dry-run"]] {
        let line = "touch begun; cat <<'X'\n{}\nX";
        let done = run(more).args([line, ":::", "a", "b"]).in_folder(&folder).run();
        let told = done.fault(2);
        assert!(told.contains("the command line has a place in a here-document"), "{told}");
        assert!(told.contains("mpexec run sh -c '.. \"$1\" ..' sh {}"), "{told}");
    }
    assert_eq!(names_in(&folder), [""; 0]);
    // Where nothing is put in, nothing can be wrong.
    let file = folder.path().join("lines");
    fs::write(&file, "echo \\{} \"\\{}\"; touch 'of a line'\n").unwrap();
    assert_eq!(run(&["-a", "lines"]).in_folder(&folder).run().good(), "{} \\{}\n");
}

#[test]
fn what_is_shown_and_what_is_logged_does_the_same_in_a_shell() {
    for (line, argument) in [
        ("echo x > \"{.}.x\"", "a $b.c"),
        ("echo {.} >'{} 1'", "it's"),
        ("cat <<X >{}\n{}\nX", "X"),
        ("echo `echo {}` >>\"`echo \"{}\"`\"", "a  b"),
        ("printf %s\\\\n {} >{}", "a\\n\n'b'\\\\"),
        ("echo \"$(({}+1))\" >z{}", "1"),
    ] {
        let folders = [folder(), folder(), folder()];
        let dry = run(&["--dry-run", line, ":::", argument]).run();
        let log = folders[0].path().join("log");
        assert_eq!(run(&["--joblog", "log", line, ":::", argument]).in_folder(&folders[0]).run().code(), 0, "{line}");
        let logged = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let rows: Vec<_> = logged.lines().collect();
        assert_eq!(rows.len(), 2, "{logged}");
        let command = rows[1].splitn(9, '\t').last().unwrap();
        for (again, folder) in [dry.good(), command].into_iter().zip(&folders[1..]) {
            program("sh").args(["-c", again]).in_folder(folder).run().good();
            let [first, second] = [&folders[0], folder].map(|folder| {
                names_in(folder)
                    .into_iter()
                    .map(|name| (fs::read(folder.path().join(&name)).unwrap(), name))
                    .collect::<Vec<_>>()
            });
            assert_eq!(first.len(), 1, "{line}");
            assert_eq!(first, second, "{line}: {again}");
        }
    }
}
