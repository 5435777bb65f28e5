//! What becomes of a command line, in sentences; the shell itself is asked what it makes of it.

use std::process::Command;

use super::*;

mod contexts;

fn of(typed: &[&str]) -> Template {
    Template::of(&typed.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>()).unwrap()
}

fn words(typed: &[&str], argument: &str) -> Vec<String> {
    let words = of(typed).words(argument.as_bytes(), 7);
    words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect()
}

#[test]
fn a_line_without_shell_characters_is_cut_into_words() {
    assert_eq!(words(&["gzip -k  {}"], "a b"), ["gzip", "-k", "a b"]);
    assert_eq!(words(&["gzip"], "a b"), ["gzip", "a b"]);
    assert_eq!(words(&["cp {} {.}-{#}.bak"], "x/a.txt"), ["cp", "x/a.txt", "x/a-7.bak"]);
}

#[test]
fn several_words_are_what_they_are() {
    assert_eq!(words(&["echo", "a | b", "{/}"], "x/y"), ["echo", "a | b", "y"]);
    assert_eq!(words(&["echo", "$HOME"], "x"), ["echo", "$HOME", "x"]);
}

#[test]
fn places_are_parts_of_a_path() {
    let each = |argument: &str| words(&["{}", "{.}", "{/}", "{//}", "{/.}"], argument)[1..].join(" ");
    assert_eq!(each("a/b.tar.gz"), "a/b.tar b.tar.gz a b.tar");
    assert_eq!(each("b"), "b b . b");
    assert_eq!(each("/b.c"), "/b b.c / b");
    assert_eq!(each("x.y/.bashrc"), "x.y/.bashrc .bashrc x.y .bashrc");
}

#[test]
fn a_folder_is_what_dirname_says() {
    for (path, folder) in [
        ("a//b.c", "a"),
        ("a/", "."),
        ("a/b/", "a"),
        ("a//b//", "a"),
        ("/", "/"),
        ("//", "/"),
        ("//a", "/"),
        ("/a/", "/"),
        ("", "."),
    ] {
        assert_eq!(words(&["x {//}"], path), ["x", folder], "{path:?}");
        let dirname = Command::new("dirname").args(["--", path]).output().unwrap();
        assert_eq!(String::from_utf8(dirname.stdout).unwrap().trim_end(), folder, "{path:?}");
    }
}

#[test]
fn what_only_a_shell_does_is_done_by_one() {
    for line in ["exit 3", "cd /", "A=1 env", "! true", "echo {} > {.}", "ls *.c", "{ true; }", "a && b"] {
        assert!(matches!(Template::line(line.as_bytes()), Template::Shell { .. }) || line.contains("{}"), "{line}");
        assert!(matches!(of(&[line]), Template::Shell { .. }), "{line}");
    }
    assert!(matches!(Template::line(b"gzip -k a.txt"), Template::Words(_)));
}

#[test]
fn a_command_is_shown_as_a_person_would_type_it() {
    let shown = |typed: &[&str], argument: &str| String::from_utf8(of(typed).shown(argument.as_bytes(), 2)).unwrap();
    assert_eq!(shown(&["gzip -k"], "it's"), "gzip -k 'it'\\''s'");
    assert_eq!(shown(&["echo {} | wc >{#}"], "a b"), "echo 'a b' | wc >2");
    assert_eq!(shown(&["echo {%}"], ""), "echo {%}");
    assert_eq!(shown(&["echo x-{%}", "{%}"], ""), "'echo x-{%}' {%}");
    assert_eq!(shown(&["echo x > \"{.}.x\""], "a $b.c"), "echo x > \"a \\$b.x\"");
    assert_eq!(shown(&["awk '{print \"{}\"}'"], "it's"), "awk '{print \"it'\\''s\"}'");
    let document = "cat <<X\n{} {.}\nX";
    assert_eq!(shown(&[document], "X"), "mpexec_1=X mpexec_2=X; cat <<X\n${mpexec_1} ${mpexec_2}\nX");
}
