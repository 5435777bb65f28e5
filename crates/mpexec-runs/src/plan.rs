//! The plan of a run: what is to be computed, of what, by which program, and how it is cut. It is written once, before the first result.
//!
//! What decides about the bytes of a result is hashed, and each result carries that hash. What does not (how many workers, the folder it was typed in) is
//! there for people and for `resume`, and may be different the next time.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::input::InputId;

/// The format of plans that this version writes and reads.
pub(crate) const FORMAT: u64 = 2;

/// What a run computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The program whose code the tasks are.
    pub program: Program,
    /// The name of the task.
    pub task: String,
    /// What it takes and gives.
    pub signature: String,
    /// All that was said about what is to be computed, by name.
    pub options: BTreeMap<String, String>,
    /// What is read, in order.
    pub inputs: Vec<InputId>,
    /// How it is cut into ranges.
    pub cut: Cut,
    /// What was typed, where, to be typed again.
    pub command: Option<CommandLine>,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The hash of its file.
    pub hash: String,
}

/// How the work is cut into ranges, each of which has one result: by what is here alone, never by how many workers or processors there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The work is cut into tasks as for so many workers, however many there are.
    pub as_for_workers: u64,
    /// A range is as many consecutive tasks as have together this weight (of files, their bytes),
    pub range_weight: u64,
    /// or this number.
    pub range_tasks: u64,
}

/// A command line as it was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandLine {
    /// The words.
    pub words: Vec<Word>,
    /// The folder in which it was typed.
    #[serde(with = "path_as_word")]
    pub folder: PathBuf,
    /// Whether it read standard input, which cannot be read again.
    pub stdin: bool,
}

/// A word of a command line: a text, or bytes that are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word {
    /// Text.
    Text(String),
    /// What is no text.
    Bytes(Vec<u8>),
}

impl From<&OsString> for Word {
    fn from(word: &OsString) -> Word {
        match word.to_str() {
            Some(text) => Word::Text(text.to_owned()),
            None => Word::Bytes(word.as_bytes().to_vec()),
        }
    }
}

impl From<&Word> for OsString {
    fn from(word: &Word) -> OsString {
        match word {
            Word::Text(text) => text.into(),
            Word::Bytes(bytes) => OsString::from_vec(bytes.clone()),
        }
    }
}

/// A path as a [`Word`]: a name may be no text.
pub(crate) mod path_as_word {
    use super::{Deserialize, OsString, Path, PathBuf, Serialize, Word};

    pub(crate) fn serialize<S: serde::Serializer>(path: &Path, out: S) -> Result<S::Ok, S::Error> {
        Word::from(&path.as_os_str().to_owned()).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(read: D) -> Result<PathBuf, D::Error> {
        Ok(OsString::from(&Word::deserialize(read)?).into())
    }
}

/// The file: nothing of it can be changed unseen, by mistake; whoever means to can hash it as well.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u64,
    /// Of what decides about results,
    hash: String,
    /// and of all of the plan.
    all: String,
    plan: Plan,
}

/// Of a plan of any format.
#[derive(Deserialize)]
struct OfAnyFormat {
    format: u64,
}

/// What each plan has, whatever its format.
#[derive(Deserialize)]
#[expect(dead_code, reason = "that they are there is all that counts")]
struct Meant {
    format: u64,
    hash: String,
    plan: serde::de::IgnoredAny,
}

/// What decides about the bytes of the results.
#[derive(Serialize)]
struct Hashed<'a> {
    format: u64,
    program: &'a Program,
    task: &'a str,
    signature: &'a str,
    options: &'a BTreeMap<String, String>,
    inputs: Vec<(u64, i64, &'a str, Option<&'a str>)>,
    cut: Cut,
}

impl Plan {
    /// The hash of what decides about the bytes of the results, as text.
    pub fn hash(&self) -> String {
        let Plan { program, task, signature, options, inputs, cut, .. } = self;
        let inputs =
            inputs.iter().map(|input| (input.size, input.modified, &input.hash[..], input.whole.as_deref())).collect();
        let hashed = Hashed { format: FORMAT, program, task, signature, options, inputs, cut: *cut };
        hash_of(&hashed)
    }

    pub(crate) fn to_text(&self) -> Vec<u8> {
        let written = Written { format: FORMAT, hash: self.hash(), all: hash_of(self), plan: self.clone() };
        // It consists of numbers, texts and bytes, as what is hashed does.
        let mut text = serde_json::to_vec_pretty(&written).expect("a plan can be written");
        text.push(b'\n');
        text
    }

    /// Whether this is the text of a plan, of this version or another, and not of something that has its name by chance.
    pub(crate) fn is_meant_by(text: &[u8]) -> bool {
        serde_json::from_slice::<Meant>(text).is_ok()
    }

    pub(crate) fn of_text(text: &[u8], path: &Path) -> Result<Plan, RunError> {
        let bad = |why: String| RunError::BadPlan { path: path.to_path_buf(), why };
        let OfAnyFormat { format } = serde_json::from_slice(text).map_err(|error| bad(error.to_string()))?;
        if format != FORMAT {
            return Err(RunError::OtherFormat { path: path.to_path_buf(), found: format, known: FORMAT });
        }
        let written: Written = serde_json::from_slice(text).map_err(|error| bad(error.to_string()))?;
        if written.hash != written.plan.hash() || written.all != hash_of(&written.plan) {
            return Err(bad("its hash is not that of what it says".to_owned()));
        }
        Ok(written.plan)
    }

    /// What differs between it and a later one, in words; nothing if the results of one are those of the other.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use mpexec_runs::{Cut, Plan, Program};
    /// # let plan = |minimum: &str| Plan {
    /// #     program: Program { name: "mpexec".into(), version: "0.1.0".into(), hash: "1".into() },
    /// #     task: "count-range".into(), signature: String::new(), inputs: Vec::new(), command: None,
    /// #     options: BTreeMap::from([("minimum".to_owned(), minimum.to_owned())]),
    /// #     cut: Cut { as_for_workers: 8, range_weight: 1 << 25, range_tasks: 4096 },
    /// # };
    /// let (four, five) = (plan("4"), plan("5"));
    /// assert_eq!(four.changes(&five), ["minimum was 4 and is 5"]);
    /// assert_ne!(four.hash(), five.hash());
    /// ```
    pub fn changes(&self, now: &Plan) -> Vec<String> {
        let mut changes = Vec::new();
        let mut differs = |what: &str, before: &str, after: &str| {
            if before != after {
                let (before, after) = (crate::shown::line(before), crate::shown::line(after));
                changes.push(format!("{what} was {before} and is {after}"));
            }
        };
        let (before, after) = (&self.program, &now.program);
        differs("the program", &before.name, &after.name);
        differs("the version of the program", &before.version, &after.version);
        differs("the task", &self.task, &now.task);
        differs("what the task takes and gives", &self.signature, &now.signature);
        let names = self.options.keys().chain(now.options.keys().filter(|name| !self.options.contains_key(*name)));
        for name in names {
            let value = |plan: &Plan| plan.options.get(name).cloned().unwrap_or_else(|| "not given".to_owned());
            differs(name, &value(self), &value(now));
        }
        if self.inputs.len() != now.inputs.len() {
            changes.push(format!("the inputs were {} and are {}", self.inputs.len(), now.inputs.len()));
        } else {
            changes.extend(self.inputs.iter().zip(&now.inputs).filter_map(|(before, after)| before.difference(after)));
        }
        if changes.is_empty() && before.hash != after.hash {
            changes.push(format!("the program {} was built anew", crate::shown::line(&before.name)));
        }
        if changes.is_empty() && self.cut != now.cut {
            changes.push("the work is cut into other ranges".to_owned());
        }
        changes
    }

    /// If nothing differs: what nobody can know of inputs that were touched.
    pub(crate) fn doubts(&self, now: &Plan) -> Vec<String> {
        self.inputs.iter().zip(&now.inputs).filter_map(|(before, after)| before.doubt(after)).collect()
    }
}

/// Of something that consists of texts, bytes and numbers, which can always be written. Were it not so, what has no hash must not have that of something else.
fn hash_of(what: &impl Serialize) -> String {
    let text = serde_json::to_vec(what).expect("what is hashed can be written");
    blake3::hash(&text).to_hex().to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn plan() -> Plan {
        let input = serde_json::json!({
            "path": "/data/a.npy", "size": 800, "modified": 5, "changed": 6, "hash": "ab", "whole": null
        });
        Plan {
            program: Program { name: "mpexec".into(), version: "0.1.0".into(), hash: "cd".into() },
            task: "count-range".into(),
            signature: "(CountJob) -> CountPart".into(),
            options: BTreeMap::from([("minimum".into(), "4".into())]),
            inputs: vec![serde_json::from_value(input).expect("an input")],
            cut: Cut { as_for_workers: 8, range_weight: 100, range_tasks: 10 },
            command: Some(CommandLine {
                words: vec![Word::Text("mpexec".into()), Word::Bytes(vec![0xff])],
                folder: "/home".into(),
                stdin: false,
            }),
        }
    }

    fn refused(text: &[u8]) -> String {
        Plan::of_text(text, Path::new("run/plan.json")).unwrap_err().to_string()
    }

    #[test]
    fn names_that_are_no_text_stand_in_a_plan_as_bytes_and_others_as_text() {
        use std::ffi::OsStr;
        let odd = PathBuf::from(OsStr::from_bytes(b"/data/a\xffb.npy"));
        let mut plan = plan();
        plan.inputs[0].path.clone_from(&odd);
        plan.command.as_mut().expect("a command").folder.clone_from(&odd);
        let text = plan.to_text();
        assert_eq!(Plan::of_text(&text, Path::new("plan.json")).unwrap(), plan);
        let plain = String::from_utf8(self::plan().to_text()).unwrap();
        assert!(plain.contains("\"path\": \"/data/a.npy\""), "{plain}");
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        assert_eq!(Plan::of_text(&plan().to_text(), Path::new("plan.json")).unwrap(), plan());
    }

    #[test]
    fn a_plan_that_is_cut_changed_or_of_a_later_version_is_refused_with_its_name() {
        let text = String::from_utf8(plan().to_text()).unwrap();
        for length in [0, 1, text.len() / 2, text.len() - 3] {
            let told = refused(&text.as_bytes()[..length]);
            assert!(told.starts_with("run/plan.json: is no whole plan") && told.contains("--force-plan"), "{told}");
        }
        assert!(refused(text.replace("\"4\"", "\"5\"").as_bytes()).contains("its hash is not that of what it says"));
        // What is typed again, and which file is looked at, is hashed as well.
        for (from, to) in [
            ("\"mpexec\",", "\"rm\","),
            ("/home", "/"),
            ("/data/a.npy", "/data/b.npy"),
            ("\"changed\": 6", "\"changed\": 7"),
        ] {
            assert_ne!(text.replacen(from, to, 1), text, "{from}");
            assert!(
                refused(text.replacen(from, to, 1).as_bytes()).contains("its hash is not that of what it says"),
                "{from}"
            );
        }
        for format in [1, 7] {
            let other = refused(text.replace("\"format\": 2", &format!("\"format\": {format}")).as_bytes());
            assert!(other.contains(&format!("is a plan of format {format}, and this program knows 2")), "{other}");
        }
    }

    #[test]
    fn each_change_is_said_and_changes_the_hash_and_what_was_typed_is_none() {
        let before = plan();
        let mut after = before.clone();
        after.command = None;
        after.inputs[0].path = "/elsewhere".into();
        assert_eq!((before.changes(&after), before.hash()), (vec![], after.hash()));
        type Change = fn(&mut Plan);
        let changes: [(Change, &str); 8] = [
            (|plan| plan.program.version = "0.2.0".into(), "the version of the program was 0.1.0 and is 0.2.0"),
            (|plan| plan.program.hash = "x".into(), "the program mpexec was built anew"),
            (|plan| plan.task = "normalize".into(), "the task was count-range and is normalize"),
            (
                |plan| plan.signature = "()".into(),
                "what the task takes and gives was (CountJob) -> CountPart and is ()",
            ),
            (|plan| drop(plan.options.insert("minimum".into(), "5".into())), "minimum was 4 and is 5"),
            (|plan| drop(plan.options.insert("columns".into(), "1".into())), "columns was not given and is 1"),
            (|plan| plan.inputs.clear(), "the inputs were 1 and are 0"),
            (|plan| plan.cut.range_weight = 7, "the work is cut into other ranges"),
        ];
        for (change, told) in changes {
            let mut after = plan();
            change(&mut after);
            assert_eq!(before.changes(&after), [told]);
            assert_ne!(before.hash(), after.hash(), "{told}");
        }
    }
}
