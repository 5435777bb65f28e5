//! Slurm, through its own programs: `sbatch`, `squeue`, `scontrol`, `scancel` and `sinfo`. Nothing else of mpexec knows of them.
//!
//! Not `sbatch --wait`, which looks every some seconds, and not `sacct`, which needs a database that not every site has. Arrays are found by their name, so
//! one of which nobody has heard the number is found too. `squeue` is not told whose they are: it passes over a user whom a name server does not know at this moment, and then none is
//! there, and by plan and folder nobody else has that name.

mod nodes;
mod words;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::asked::{Unanswered, said};
use super::{Alive, Array, Ended, Engine, Kind, Shards, Silence, Submitted, Which};
use nodes::{Nodes, is_of_default};
use words::{partition, refuses};

/// What is typed for it.
pub(super) const SLURM: Kind =
    Kind { name: "slurm", about: "Jobs of Slurm", refuses, begin: |words| Box::new(Slurm::new(words)) };

/// The variable that holds the number of an element.
const SHARD: &str = "SLURM_ARRAY_TASK_ID";

/// Variables that bend what these programs answer begin so.
const BENT_BY: [&str; 3] = ["SQUEUE_", "SINFO_", "SCANCEL_"];

/// The same by themselves: what is said in these to `sbatch`, or to all of them, is refused where it is typed (see `words.rs`).
const OF_OTHERS: [&str; 7] = [
    "SBATCH_WAIT",
    "SBATCH_CLUSTERS",
    "SLURM_CLUSTERS",
    "SBATCH_ARRAY_INX",
    "SBATCH_JOB_NAME",
    "SBATCH_TEST_ONLY",
    "SBATCH_NO_REQUEUE",
];

/// Elements wait so for nodes that are down or drained, or that nobody may have now. Other nodes they are not to get.
const NO_NODE: [&str; 2] = ["ReqNodeNotAvail", "Nodes required for job are DOWN"];

/// An element waits for this as any other does.
const TURN: [&str; 4] = ["None", "Resources", "Priority", "BeginTime"];

/// If the site's limit is not to be learned: Slurm's own.
const LONGEST_ARRAY: u64 = 1001;

/// No site can have a higher one.
const LONGEST_OF_ALL: u64 = 4_000_001;

/// So long a program may take for its answer. Slurm's own give up by themselves, after the site's `MessageTimeout` for each question: with a controller that is stopped, or
/// whose machine is gone, `squeue` and `sbatch` of 22.05 end after 10 s and `scancel`, which asks twice, after 20 s, where that is 10 s, as shipped. Sites with busy
/// controllers say a minute. So this is no limit where Slurm works as it is meant to, but for what hangs for other reasons: a name server, a shared disk under the
/// programs, a wrapper around them.
const PATIENCE: Duration = Duration::from_secs(120);

/// `sbatch` alone has so often that: where the queue is full it asks again up to 15 times, and sleeps 1, 2, .. 15 s in between, two minutes of its own, which leaves each of
/// its 16 questions 15 s. Killed before, it might have submitted what nobody knows of; as it is, that is looked for by its name.
const OF_SBATCH: u32 = 3;

/// Slurm.
#[derive(Debug)]
struct Slurm {
    /// Where its programs are; empty: where all are looked for.
    programs: PathBuf,
    patience: Duration,
    /// What the user says to `sbatch`.
    words: Vec<String>,
    /// Elements that were cancelled because they would have waited for an administrator.
    unheld: Mutex<BTreeSet<u64>>,
}

impl Slurm {
    fn new(words: &[String]) -> Slurm {
        Slurm { programs: PathBuf::new(), patience: PATIENCE, words: words.to_vec(), unheld: Mutex::default() }
    }

    /// One of Slurm's programs.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        for (variable, _) in std::env::vars_os() {
            if BENT_BY.iter().any(|start| variable.as_encoded_bytes().starts_with(start.as_bytes())) {
                command.env_remove(variable);
            }
        }
        for variable in OF_OTHERS {
            command.env_remove(variable);
        }
        command
    }

    /// What a program prints, or why it cannot.
    fn ask(&self, command: &mut Command) -> Result<String, Unanswered> {
        said(command, &[], self.patience)
    }

    /// The site's limit of the length of an array, if it is to be learned.
    fn longest_array(&self) -> Option<u64> {
        let known = self.ask(self.program("scontrol").args(["show", "config"])).unwrap_or_default();
        let line = known.lines().find_map(|line| line.strip_prefix("MaxArraySize"));
        let limit = line.and_then(|line| line.trim_start_matches([' ', '=']).trim().parse().ok());
        limit.filter(|limit| *limit > 0)
    }

    /// The idle nodes, or else all, in the partition where the jobs go.
    fn nodes(&self) -> Nodes {
        let mut sinfo = self.program("sinfo");
        let partition = partition(&self.words);
        sinfo.args(["--noheader", "--Node", "--format=%N %t %c %P"]).args(&partition);
        let mut listed = self.ask(&mut sinfo).unwrap_or_default();
        if partition.is_none() && listed.lines().any(is_of_default) {
            // Those of others do not get the jobs.
            listed = listed.lines().filter(|line| is_of_default(line)).flat_map(|line| [line, "\n"]).collect();
        }
        let idle = Nodes::of(&listed, &["idle"]);
        if idle.count > 0 { idle } else { Nodes::of(&listed, &["alloc", "mix", "comp"]) }
    }

    fn sbatch(
        &self,
        array: &Array<'_>,
        numbers: &str,
        of: u64,
        without: &BTreeSet<String>,
    ) -> Result<String, Unanswered> {
        let mut sbatch = self.program("sbatch");
        sbatch.args(["--requeue", "--exclusive", "--chdir=/", "--output=/dev/null"]);
        if !without.is_empty() {
            sbatch.arg(format!("--exclude={}", without.iter().map(String::as_str).collect::<Vec<_>>().join(",")));
        }
        sbatch.args(&self.words);
        // The last word counts.
        sbatch.args(["--parsable".to_owned(), format!("--array={numbers}"), format!("--job-name={}", array.name)]);
        let told = said(&mut sbatch, &(array.script)(SHARD, of), self.patience * OF_SBATCH);
        let number = told.and_then(|told| {
            let why = || format!("sbatch has said no number of a job: {:?}", told.trim());
            number(&told).ok_or_else(|| Unanswered { kind: ErrorKind::Other, why: why() })
        });
        // It may have been accepted all the same: a busy controller accepts a job and answers too late.
        number.or_else(|why| self.number_of(array.name).ok_or(why))
    }

    /// The number of an array of this name that is alive.
    fn number_of(&self, name: &str) -> Option<String> {
        let mut squeue = self.program("squeue");
        let listed = self.ask(squeue.args(["--noheader", "--format=%F", &format!("--name={name}")])).ok()?;
        number(&listed)
    }
}

impl Engine for Slurm {
    fn submit(&self, array: &Array<'_>) -> Result<Submitted, String> {
        let (numbers, of) = match &array.shards {
            Shards::These { numbers, of } => (numbers.clone(), *of),
            Shards::Choose { wanted: Some(wanted), .. } => {
                let longest = self.longest_array().unwrap_or(LONGEST_OF_ALL);
                if *wanted > longest {
                    return Err(format!(
                        "{wanted} shards are too many: an array has {longest} elements here at most (MaxArraySize)"
                    ));
                }
                ((0..*wanted).collect(), *wanted)
            }
            Shards::Choose { wanted: None, worth } => {
                let nodes = self.nodes();
                let longest = self.longest_array().unwrap_or(LONGEST_ARRAY);
                let of = nodes.count.clamp(1, longest).min(worth.on(nodes.processors));
                ((0..of).collect(), of)
            }
        };
        let listed = listed(&numbers);
        let mut without = array.without.clone();
        let mut job = self.sbatch(array, &listed, of, &without);
        // Where there is no other node, one that has failed is better than none.
        let refused = job.as_ref().is_err_and(|error| error.kind == ErrorKind::Other);
        if refused && !without.is_empty() {
            without.clear();
            job = self.sbatch(array, &listed, of, &without);
        }
        let job = job.map_err(|error| error.why)?;
        Ok(Submitted { job, shards: numbers.len() as u64, of, without })
    }

    fn alive(&self, name: &str) -> Result<Alive, Silence> {
        let mut squeue = self.program("squeue");
        squeue.args(["--noheader", "--array", "--format=%F_%K %t %r", &format!("--name={name}")]);
        let elements = self.ask(&mut squeue).map_err(|error| match error.kind {
            ErrorKind::NotFound => Silence::Nobody(error.why),
            _ => Silence::Busy(error.why),
        })?;
        let mut alive = Alive::None;
        for line in elements.lines() {
            let words = line.split_once(' ').and_then(|(element, rest)| Some((element, rest.split_once(' ')?)));
            // A site may greet whoever asks something.
            let Some((element, (state, reason))) = words.filter(|(element, _)| is_element(element)) else { continue };
            // It would wait until an administrator comes.
            if reason == "launch failed requeued held" {
                let shard = element.rsplit('_').next().and_then(|shard| shard.parse().ok());
                self.unheld.lock().unwrap_or_else(PoisonError::into_inner).extend::<Option<u64>>(shard);
                self.ask(self.program("scancel").arg(element)).map_err(|error| Silence::Busy(error.why))?;
            } else if state == "CG" {
                // It has ended, perhaps because somebody has cancelled it, and its node is cleaned up.
                alive = if alive == Alive::None { Alive::Ending } else { alive };
            } else if state != "PD" || TURN.contains(&reason) {
                alive = Alive::Some;
            } else if matches!(alive, Alive::None | Alive::Ending) {
                let no_node = NO_NODE.iter().any(|start| reason.starts_with(start));
                alive = Alive::Waits { reason: reason.to_owned(), no_node };
            }
        }
        Ok(alive)
    }

    fn why(&self, job: &str) -> Vec<Ended> {
        let known = self.ask(self.program("scontrol").args(["--oneliner", "show", "job", job])).unwrap_or_default();
        let unheld = self.unheld.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = |mut one: Ended| {
            one.cancelled &= !unheld.contains(&one.shard);
            one
        };
        known.lines().filter_map(ended).map(ours).collect()
    }

    fn cancel(&self, name: &str, which: Which) -> Result<(), String> {
        let mut scancel = self.program("scancel");
        // By the user's number, which all versions take; `--me` is younger than what many sites have.
        scancel.args([format!("--user={}", rustix::process::getuid().as_raw()), format!("--name={name}")]);
        if which == Which::Waiting {
            scancel.arg("--state=PENDING");
        }
        let asked = self.ask(&mut scancel);
        asked.map(drop).map_err(|error| error.why)
    }
}

/// The number of a job, on the last line of what a program says; the cluster may stand behind it, where there are several.
fn number(said: &str) -> Option<String> {
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let number = last.split(';').next()?.trim();
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| number.to_owned())
}

/// Whether this is the number of a job and of an element, as `squeue` lists them.
fn is_element(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    word.split_once('_')
        .map_or_else(|| is_number(word), |(job, shard)| is_number(job) && (is_number(shard) || shard == "N/A"))
}

/// Numbers as Slurm lists them: `0-2,5`.
fn listed(numbers: &BTreeSet<u64>) -> String {
    let mut text = String::new();
    let mut numbers = numbers.iter().copied().peekable();
    while let Some(first) = numbers.next() {
        let mut last = first;
        while numbers.peek() == Some(&(last + 1)) {
            last += 1;
            numbers.next();
        }
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a text cannot fail.
        let _ = if first == last { write!(text, "{comma}{first}") } else { write!(text, "{comma}{first}-{last}") };
    }
    text
}

/// How an element has ended, of a line of `scontrol`; `None` if it has not.
fn ended(line: &str) -> Option<Ended> {
    let value = |name: &str| {
        line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).filter(|value| *value != "(null)")
    };
    let state = value("JobState")?;
    if ["PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "REQUEUED"].contains(&state) {
        return None;
    }
    let (code, signal) = value("ExitCode")?.split_once(':')?;
    let shard = value("ArrayTaskId")?.parse().ok()?;
    let node = value("NodeList").filter(|node| !node.is_empty()).map(str::to_owned);
    let how = match (state, signal) {
        ("COMPLETED", _) => return Some(Ended::with_code(shard, node, 0)),
        ("FAILED", "0") => return Some(Ended::with_code(shard, node, code.parse().ok()?)),
        ("FAILED", signal) => format!("signal {signal}"),
        ("TIMEOUT", _) => "took longer than its time limit".to_owned(),
        ("OUT_OF_MEMORY", _) => "took more memory than it may".to_owned(),
        ("NODE_FAIL", _) => "the node was lost".to_owned(),
        (other, _) => other.to_lowercase(),
    };
    Some(Ended { shard, node, failed: true, refused: false, cancelled: state == "CANCELLED", how })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_listed_as_short_as_they_can_be() {
        assert_eq!(listed(&[0, 1, 2, 5, 7, 8].into()), "0-2,5,7-8");
        assert_eq!(listed(&[4].into()), "4");
    }

    #[test]
    fn how_an_element_has_ended_is_read_of_what_scontrol_says() {
        let line = |state: &str, code: &str| {
            format!(
                "JobId=4 ArrayJobId=1 ArrayTaskId=2 JobName=a JobState={state} Reason=None ExitCode={code} ReqNodeList=(null) NodeList=n3 BatchHost=n3"
            )
        };
        let told = |state: &str, code: &str| ended(&line(state, code)).map(|one| one.to_string());
        assert_eq!(told("FAILED", "1:0").as_deref(), Some("shard 2 on n3: exit code 1"));
        assert_eq!(told("FAILED", "66:0").as_deref(), Some("shard 2 on n3: does not see the run folder"));
        assert_eq!(told("FAILED", "65:0").as_deref(), Some("shard 2 on n3: has an input that cannot be taken"));
        assert!(
            ["65:0", "66:0", "1:0"].map(|code| ended(&line("FAILED", code)).unwrap().refused) == [true, false, false]
        );
        assert_eq!(told("FAILED", "0:9").as_deref(), Some("shard 2 on n3: signal 9"));
        assert!(ended(&line("COMPLETED", "0:0")).is_some_and(|one| !one.failed));
        assert_eq!(told("RUNNING", "0:0"), None);
        assert_eq!(ended(&line("PENDING", "0:0").replace("TaskId=2", "TaskId=0-2")), None);
    }

    #[test]
    fn an_element_is_one_and_a_greeting_is_none() {
        assert!(["17_0", "17_999", "17", "17_N/A"].into_iter().all(is_element));
        assert!(!["Welcome", "17th", "_1", "17_", "", "a_1", "2026-11-29"].into_iter().any(is_element));
    }

    #[test]
    fn the_number_of_a_job_is_the_last_line_and_nothing_else_is_taken_for_one() {
        for (said, told) in [
            ("17\n", Some("17")),
            ("17;cluster\n", Some("17")),
            ("Welcome to the cluster\n17\n", Some("17")),
            ("", None),
            ("Submitted batch job 17\n", None),
            ("17\nGood bye\n", None),
        ] {
            assert_eq!(number(said).as_deref(), told, "{said:?}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_waited_for_so_long_and_no_longer() {
        let _watchdog = mpexec_testkit::Watchdog::new();
        let folder = tempfile::tempdir().unwrap();
        for name in ["sbatch", "squeue", "scontrol", "scancel", "sinfo"] {
            let path = folder.path().join(name);
            std::fs::write(&path, "#!/bin/sh\nexec sleep 3600\n").unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let patience = Duration::from_millis(50);
        let slurm = Slurm { programs: folder.path().to_path_buf(), patience, ..Slurm::new(&[]) };
        assert_eq!(slurm.alive("mine"), Err(Silence::Busy("squeue has not answered in 0.05 seconds".into())));
        assert_eq!(slurm.cancel("mine", Which::All), Err("scancel has not answered in 0.05 seconds".into()));
        assert!(slurm.why("17").is_empty());
        let worth = crate::engines::Worth { most: 9, tasks: None };
        let (without, script) = (["n1".to_owned()].into(), |_: &str, _| b"exit".to_vec());
        let shards = Shards::Choose { wanted: None, worth };
        let refused = slurm.submit(&Array { name: "mine", shards, without: &without, script: &script });
        assert_eq!(refused, Err("sbatch has not answered in 0.15 seconds".into()), "and it is not tried once more");
    }
}
