//! Whatever stands around a place, and whatever is in the argument: what arrives is the argument, in each shell that may be `sh`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Output};

use super::*;

const ARGUMENTS: [&[u8]; 18] = [
    b"a",
    b"a  b ",
    b"a\nb\n",
    b"'",
    b"\"",
    b"$(echo x)$HOME${x}",
    b"`echo x`",
    b"; echo x",
    b"a\\b\\",
    b"*",
    b"[a-z]?/*",
    b"-n",
    b"a'b\"c$d\\e`f",
    b"\n#x",
    b"",
    b"\xff\xfe \x80",
    b"X\nX",
    b"} ) )) ;; esac\tfi\n",
];

/// Commands that print the argument, and a bar behind it.
const PRINTING: [&str; 22] = [
    "printf '%s|' {}",
    "printf '%s|' \"{}\"",
    "printf '%s|' '{}'",
    "printf '%s' {}'|'",
    "printf \"%s\"\"|\" \"\"{}''",
    "x={}; printf '%s|' \"$x\"",
    "x=a{}b; x=${x#a}; printf '%s|' \"${x%b}\"",
    "printf '%s|' ${none:-{}}",
    "printf '%s|' ${none-\"{}\"}",
    "printf '%s|' \"${none:-{}}\"",
    "printf '%s|' \"${none:={}}\"",
    "x=z{}; x=\"${x%{}}\"; test \"$x\" = z && printf '%s|' {}",
    "x={}z; x=\"${x#{}}\"; test \"$x\" = z && printf '%s|' {}",
    "x={}z; x=${x#\"{}\"}; test \"$x\" = z && printf '%s|' {}",
    "case {} in {}) printf '%s|' {};; *) echo no;; esac",
    "for x in {}; do printf '%s|' \"$x\"; done",
    "x=$(printf '%s.' {}) && printf '%s|' \"${x%.}\"",
    "x=`printf '%s.' {}` && printf '%s|' \"${x%.}\"",
    "x=\"`printf '%s.' {}`\" && printf '%s|' \"${x%.}\"",
    "x=\"$(printf '%s.' \"{}\")\" && printf '%s|' \"${x%.}\"",
    "x=\"$(cat <<X\n{}.\nX\n)\" && printf '%s|' \"${x%.}\"",
    "x=\"$(cat <<-'Y' - <<X\nno\n\tY\n.$(printf %s. \"{}\")`printf %s. {}`${none:-{}}.\nX\n)\"; printf %s\\| {}",
];

/// What changes nothing, but stands around a command.
const AROUND: [&str; 22] = [
    "@",
    "( @ )",
    "{ @; }",
    "# don't do this twice: {}\n@",
    "@ # {} isn't \"done",
    "set -- x y; @",
    "f() { @; }; f v",
    "f() ( @\n)\nf v",
    "if true; then @; fi",
    "case a in (b|esac) ;; a) @;; esac",
    "case a in\na) case b in b) @ ;; esac esac",
    "x=\"$(@)\"; printf %s \"$x\"",
    "x=$(case a in a) @; esac); printf %s \"$x\"",
    "x=$(for y do case a in a) ;; esac; done; @); printf %s \"$x\"",
    "x=`@`; printf %s \"$x\"",
    "x=\"$(echo '\"' >/dev/null; @)\"; printf %s \"$x\"",
    "cat <<X >/dev/null; @\nsay \" it's {}\nX\n:",
    "x=$((1 + (2) << 3)); : \"$x\" ${x#`:`} \\{ \\\\ $'a' $$; @",
    "test \"$(echo \"a \\\" $(echo \\))\")\" = 'a \" )' || printf no; @",
    ": <<-'E'\n\t$( \" `\n\tE\n@",
    "x=$(cat <<X\n\" {}\nX\n); @",
    "@ 2>&1 \\\n>&1",
];

/// What may be `sh` on a machine, as far as this one has them.
fn shells() -> Vec<&'static [&'static str]> {
    let all: [&[&str]; 3] = [&["dash"], &["bash"], &["bash", "--posix"]];
    let there = |shell: &&[&str]| Command::new(shell[0]).args(["-c", ":"]).output().is_ok();
    all.into_iter().filter(there).collect()
}

fn text(line: &str) -> Template {
    Template::of(&[line.as_bytes().to_vec()]).unwrap_or_else(|refused| panic!("{line}\n{refused:?}"))
}

fn output(shell: &[&str], words: &[Vec<u8>]) -> Output {
    let words = words.iter().map(|word| OsStr::from_bytes(word));
    Command::new(shell[0]).args(&shell[1..]).args(words).env_remove("none").output().unwrap()
}

/// What a template prints, as it is run and as it is shown.
fn printed(shell: &[&str], template: &Template, argument: &[u8]) -> [OsString; 2] {
    let run = template.words(argument, 1);
    assert_eq!(run[0], b"sh", "{template:?}");
    let shown = [b"-c".to_vec(), template.shown(argument, 1)];
    [&run[1..], &shown].map(|words| OsString::from_vec(output(shell, words).stdout))
}

/// `inner` within `outer`, as it has to be written there.
fn within(outer: &str, inner: &str) -> String {
    let escaped = inner.replace('\\', "\\\\").replace('`', "\\`").replace('$', "\\$");
    outer.replace("`@`", &format!("`{escaped}`")).replace('@', inner)
}

/// Whether `inner` can stand there: a comment goes on to the end of its line, and a here-document begins there.
fn fits(outer: &str, inner: &str) -> bool {
    let ends_with_comment = inner.rfind('#') > inner.rfind('\n') && inner.contains("isn't");
    let in_line_of_here_document = outer.contains(">/dev/null; @\n");
    let stands_last = outer.ends_with('@') || outer.contains("@\n");
    !(ends_with_comment && !stands_last || in_line_of_here_document && inner.contains('\n'))
}

/// Bash 5.2 leaves commands out that come behind a here-document within a substitution, whatever they are: `$(cat <<X; echo lost⏎X⏎)`.
fn bash_leaves_out(outer: &str, inner: &str) -> bool {
    outer.contains("@)") && inner.contains("<<")
}

#[track_caller]
fn arrives(shells: &[&[&str]], line: &str, argument: &[u8]) {
    let template = text(line);
    let expected = OsString::from_vec([argument, b"|"].concat());
    for shell in shells {
        let [run, shown] = printed(shell, &template, argument);
        let argument = OsStr::from_bytes(argument);
        assert_eq!(run, expected, "{shell:?} runs {line}\nwith {argument:?}");
        let by = String::from_utf8_lossy(&template.shown(argument.as_bytes(), 1)).into_owned();
        assert_eq!(shown, expected, "{shell:?} is shown {by}\nfor {line}\nwith {argument:?}");
    }
}

#[test]
fn what_arrives_is_the_argument_whatever_is_in_it() {
    let shells = shells();
    for line in PRINTING {
        for argument in ARGUMENTS {
            arrives(&shells, line, argument);
        }
    }
}

#[test]
fn what_arrives_is_the_argument_wherever_its_place_stands() {
    let shells = shells();
    let mut nth = 0;
    for inner in PRINTING {
        for around in AROUND.into_iter().filter(|around| fits(around, inner)) {
            let once = within(around, inner);
            for outer in AROUND.into_iter().filter(|outer| fits(outer, &once)) {
                nth += 1;
                // Another argument and another shell each time.
                if nth % 8 == 0 {
                    let argument = ARGUMENTS[nth * 7 / 8 % ARGUMENTS.len()];
                    let shell = shells[nth / 8 % shells.len()];
                    if shell[0] == "bash" && (bash_leaves_out(outer, &once) || bash_leaves_out(around, inner)) {
                        continue;
                    }
                    arrives(&[shell], &within(outer, &once), argument);
                }
            }
        }
    }
}

#[test]
fn what_only_bash_knows_is_read_as_bash_reads_it() {
    let shells: Vec<_> = shells().into_iter().filter(|shell| **shell == ["bash"]).collect();
    for line in [
        "x=\"$(a=(case {} in); printf '%s.' \"${a[1]}\")\"; printf '%s|' \"${x%.}\"",
        "x=\"$(a=(); a+=(if {} '#)' ); [[ ${#a[@]} = 3 ]] && printf '%s.' \"${a[1]}\")\"; printf '%s|' \"${x%.}\"",
        "x=\"$([[ {} = {} && ! ( case = \")\" ) ]] && printf '%s.' {})\"; printf '%s|' \"${x%.}\"",
        "x=\"$([[ ab =~ ^((a)|case)b$ ]] && case {} in {}) printf '%s.' {};; esac)\"; printf '%s|' \"${x%.}\"",
        "cat <(case a in a) printf '%s|' {};; esac)",
        "x=\"$(cat <(printf '%s.' {})# case)\" 2>/dev/null; printf '%s|' \"${x:-{}}\"",
        "time -p sleep 0 2>/dev/null; x=$(case a in(a) printf '%s.' {};; esac); printf '%s|' \"${x%.}\"",
    ] {
        for argument in [&b"a  b"[..], b"*", b"'", b"$(echo x)\"", b"-n"] {
            arrives(&shells, line, argument);
        }
    }
}

#[test]
fn a_line_in_which_no_way_is_right_is_refused_in_words() {
    for (line, why) in [
        ("echo \\{}", "has a place behind a backslash"),
        ("echo \"\\{}\"", "has a place behind a backslash"),
        ("echo `echo \\\\{}`", "has a place behind a backslash"),
        ("echo ${}", "has a place behind a $"),
        ("echo \"${}\"", "has a place behind a $"),
        ("echo ${{}}", "has a place for a name within ${..}"),
        ("echo ${#{}}", "has a place within ${#..}"),
        ("echo ${x/{}/y}", "has a place within a ${..} that only some shells know"),
        ("echo ${x:{}}", "has a place within a ${..} that only some shells know"),
        ("echo ${x:={}}", "has a place within ${..=..} outside of quotes"),
        ("echo \"${x:-'{}'}\"", "has a single quote within ${..} within quotes"),
        ("echo \"${x:-\"{}\"}\"", "has a double quote within ${..} within quotes"),
        ("echo $'{}'", "has a place within $'..'"),
        ("echo $'a\\' {}", "has \\' within $'..'"),
        ("echo $[{}]", "has $[, which only some shells know"),
        ("cat <<'X'\n{}\nX", "has a place in a here-document in which a shell puts in nothing"),
        ("cat <<\\X\n{}\nX", "has a place in a here-document in which a shell puts in nothing"),
        ("cat <<{}\n{}", "has a place for the word that ends a here-document"),
        ("cat <<\"{}\"\n{}", "has a place in the word that ends a here-document"),
        ("echo \"`echo \\\"{}\\\"`\"", "within backquotes within quotes"),
        ("((x = {}))", "has ((, which shells read in two ways"),
        ("echo $(({}) | cat)", "has $(( without ))"),
        ("echo $((\"{}\"))", "has quotes within $((..))"),
        ("a[{}]=1", "has a place for the number of an element"),
        ("a=([{}]=1)", "has a place for the number of an element"),
        ("echo \"$(function f { case x in x) echo {};; esac; }; f)\"", "has function, which only some shells know"),
        ("echo \"$(select x do case a in a) echo {};; esac; done)\"", "has select or coproc"),
        ("echo \"$(coproc case a in a) echo {};; esac)\"", "has select or coproc"),
        ("echo \"$(time case a in a) echo {};; esac)\"", "has time before a word of the language"),
        ("echo \"$(time -p { case a in a) echo {};; esac; })\"", "has time before a word of the language"),
        ("echo \"$([[ a && case = case ]]; echo {})\"", "has a word of the language within [[ ]]"),
        ("echo \"$([[ a || ! case a in a) echo {};; esac)\"", "has a word of the language within [[ ]]"),
        ("echo ${ echo {}; }", "has a ${ without a name, which only some shells know"),
        ("echo $(cat <<X)\n{}\nX", "has a here-document that begins behind the bracket"),
        ("echo 'it {}", "without an end"),
        ("echo $(case {} in a) echo;; ", "without an end"),
        ("echo {})", "has a ) that closes nothing"),
        ("echo hi # to all", "ends with a comment"),
        (&format!("{}{{}}{}", "$(".repeat(50), ")".repeat(50)), "is nested too deeply"),
    ] {
        let Err(Failure::Error { exit, line: told }) = Template::of(&[line.as_bytes().to_vec()]) else {
            panic!("{line} is taken");
        };
        assert_eq!(exit, crate::exit::Exit::Usage, "{line}");
        assert!(told.contains(why) && told.ends_with("mpexec run sh -c '.. \"$1\" ..' sh {}"), "{line}: {told}");
    }
}

#[test]
fn arithmetic_takes_whole_numbers_and_computes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for shell in shells() {
        for (line, argument, expected) in [
            ("echo $(({}+1))", "1", "2\n"),
            ("echo \"$((5-{} * (2)))\"", "-3", "11\n"),
            ("echo $(( ${none:-{}} + {#} ))", "20", "21\n"),
            ("cat <<X\n$(({}+$(echo {})))\nX", "4", "8\n"),
        ] {
            let argument = argument.as_bytes();
            assert_eq!(printed(shell, &text(line), argument), [expected; 2], "{shell:?} {line}");
        }
        let element = format!("a[$(touch {}/x)]", folder.path().display());
        for argument in [&element[..], "x", "", "-", "--1", "1 2", "1.5", "1\n2"] {
            let words = text("echo $(({.}+{#}))").words(argument.as_bytes(), 1);
            let ended = output(shell, &words[1..]);
            if argument == "1.5" {
                // Without its ending it is one.
                assert_eq!(ended.stdout, b"2\n");
                continue;
            }
            assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(2), &b""[..]), "{shell:?} {argument}");
            let told = String::from_utf8(ended.stderr).unwrap();
            assert!(told.starts_with("mpexec: {.} stands in arithmetic, and this is no whole number: "), "{told}");
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing was run");
    }
}

#[test]
fn nothing_of_ours_is_seen_but_the_argument() {
    for shell in shells() {
        for (line, expected) in [
            ("echo $# \"$*\" {}", "0  v\n"),
            ("env | grep mpexec_ || echo none {}", "none v\n"),
            ("mpexec_1=a; mpexec__=b; echo $mpexec_1 $mpexec__ {}", "a b v\n"),
            ("echo x # {}, as it is typed", "x\n"),
            ("echo \"x${HOME#\"$HOME\"}$none{}\" $none{} ${none}{}", "xv v v\n"),
            ("{} 2>/dev/null || echo {}>&1", "v\n"),
        ] {
            assert_eq!(printed(shell, &text(line), b"v"), [expected; 2], "{shell:?} {line}");
        }
        // What could be a word of the language, a number of a file, or a variable.
        for (line, argument, expected) in [
            ("{} x 2>/dev/null; echo good", "if", "good\n"),
            ("echo {}>&1", "2", "2\n"),
            ("{}=3; echo $x", "x", "\n"),
            ("x=1; echo \"$x{}\"", "0", "10\n"),
            ("set -- a b; echo $1{}", "1", "a1\n"),
        ] {
            assert_eq!(printed(shell, &text(line), argument.as_bytes()), [expected; 2], "{shell:?} {line}");
        }
    }
}
