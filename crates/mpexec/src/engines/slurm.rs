//! Slurm, through its own programs: `sbatch`, `squeue`, `scontrol`, `scancel` and `sinfo`. Nothing else of mpexec knows of them.
//!
//! Not `sbatch --wait`, which looks every some seconds, and not `sacct`, which needs a database that not every site has. Arrays are found by their name, so
//! one of which nobody has heard the number is found too.

mod nodes;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::asked::{Unanswered, said};
use super::{Alive, Array, Ended, Engine, Kind, Shards, Silence, Submitted};
use nodes::{Nodes, is_of_default};

/// What is typed for it.
pub(super) const SLURM: Kind =
    Kind { name: "slurm", about: "Jobs of Slurm", refuses, begin: |words| Box::new(Slurm::new(words)) };

/// The variable that holds the number of an element.
const SHARD: &str = "SLURM_ARRAY_TASK_ID";

/// What is said to `sbatch` with these would make jobs that are found by nobody, or by something else.
const OURS: [&str; 10] =
    ["-a", "--array", "-J", "--job-name", "-M", "--clusters", "-W", "--wait", "--wrap", "--test-only"];

/// Variables that bend what these programs answer begin so.
const BENT_BY: [&str; 3] = ["SQUEUE_", "SINFO_", "SCANCEL_"];

/// An element waits for this as any other does.
const TURN: [&str; 4] = ["None", "Resources", "Priority", "BeginTime"];

/// If the site's limit is not to be learned: Slurm's own.
const LONGEST_ARRAY: u64 = 1001;

/// So long a program may take for its answer. Slurm's own wait for a busy controller, and ask again, for some ten seconds,
const PATIENCE: Duration = Duration::from_secs(120);

/// and `sbatch` for minutes: so often that.
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
        command
    }

    /// What a program prints, or why it cannot.
    fn ask(&self, command: &mut Command) -> Result<String, Unanswered> {
        said(command, &[], self.patience)
    }

    /// The site's limit of the length of an array.
    fn longest_array(&self) -> u64 {
        let known = self.ask(self.program("scontrol").args(["show", "config"])).unwrap_or_default();
        let line = known.lines().find_map(|line| line.strip_prefix("MaxArraySize"));
        let limit = line.and_then(|line| line.trim_start_matches([' ', '=']).trim().parse().ok());
        limit.filter(|limit| *limit > 0).unwrap_or(LONGEST_ARRAY)
    }

    /// The idle nodes, or else all, in the partition where the jobs go.
    fn nodes(&self) -> Nodes {
        let mut sinfo = self.program("sinfo");
        let partition = self.partition();
        sinfo.args(["--noheader", "--format=%t %D %c %P"]).args(&partition);
        let mut listed = self.ask(&mut sinfo).unwrap_or_default();
        if partition.is_none() && listed.lines().any(is_of_default) {
            // Those of others do not get the jobs.
            listed = listed.lines().filter(|line| is_of_default(line)).flat_map(|line| [line, "\n"]).collect();
        }
        let idle = Nodes::of(&listed, &["idle"]);
        if idle.count > 0 { idle } else { Nodes::of(&listed, &["alloc", "mix", "comp"]) }
    }

    fn partition(&self) -> Option<String> {
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            let named = match word.as_str() {
                "-p" | "--partition" => words.next().map(String::as_str),
                word => word.strip_prefix("--partition=").or_else(|| word.strip_prefix("-p")),
            };
            if let Some(named) = named {
                return Some(format!("--partition={named}"));
            }
        }
        let named = std::env::var("SBATCH_PARTITION").ok().filter(|named| !named.is_empty())?;
        Some(format!("--partition={named}"))
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
        let listed = self.ask(squeue.args(["--noheader", "--me", "--format=%F", &format!("--name={name}")])).ok()?;
        number(&listed)
    }
}

impl Engine for Slurm {
    fn submit(&self, array: &Array<'_>) -> Result<Submitted, String> {
        let (numbers, of) = match &array.shards {
            Shards::These { numbers, of } => (numbers.clone(), *of),
            Shards::Choose { wanted, worth } => {
                let of = wanted.unwrap_or_else(|| {
                    let nodes = self.nodes();
                    nodes.count.clamp(1, self.longest_array()).min(worth.on(nodes.processors))
                });
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
        squeue.args(["--noheader", "--array", "--me", "--format=%F_%K %t %r", &format!("--name={name}")]);
        let elements = self.ask(&mut squeue).map_err(|error| match error.kind {
            ErrorKind::NotFound => Silence::Nobody(error.why),
            _ => Silence::Busy(error.why),
        })?;
        let mut alive = Alive::None;
        for line in elements.lines() {
            let Some((element, (state, reason))) =
                line.split_once(' ').and_then(|(element, rest)| Some((element, rest.split_once(' ')?)))
            else {
                continue;
            };
            // It would wait until an administrator comes.
            if reason == "launch failed requeued held" {
                let shard = element.rsplit('_').next().and_then(|shard| shard.parse().ok());
                self.unheld.lock().unwrap_or_else(PoisonError::into_inner).extend::<Option<u64>>(shard);
                self.ask(self.program("scancel").arg(element)).map_err(|error| Silence::Busy(error.why))?;
            } else if state != "PD" || TURN.contains(&reason) {
                alive = Alive::Some;
            } else if alive == Alive::None {
                alive = Alive::Waits(reason.to_owned());
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

    fn cancel(&self, name: &str) -> Result<(), String> {
        let asked = self.ask(self.program("scancel").args(["--me", &format!("--name={name}")]));
        asked.map(drop).map_err(|error| error.why)
    }
}

/// Why these words of the user's are not to be said: some are ours.
fn refuses(words: &[String]) -> Option<String> {
    let is = |word: &str, ours: &str| match ours.strip_prefix("--") {
        Some(_) => word == ours || word.strip_prefix(ours).is_some_and(|rest| rest.starts_with('=')),
        None => word.starts_with(ours) && !word.starts_with("--"),
    };
    let word = words.iter().find(|word| OURS.iter().any(|ours| is(word, ours)))?;
    Some(format!("{word} cannot be said: by that the jobs are found and awaited"))
}

/// The number of a job, on the last line of what a program says; the cluster may stand behind it, where there are several.
fn number(said: &str) -> Option<String> {
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let number = last.split(';').next()?.trim();
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| number.to_owned())
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
    fn the_partition_is_read_of_what_sbatch_is_told() {
        let slurm = |words: &str| Slurm::new(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let partition = |words: &str| slurm(words).partition();
        assert_eq!(partition("-A proj -p long").as_deref(), Some("--partition=long"));
        assert_eq!(partition("-plong").as_deref(), Some("--partition=long"));
        assert_eq!(partition("--partition=long -t 5").as_deref(), Some("--partition=long"));
        assert_eq!(partition("-A proj"), None);
    }

    #[test]
    fn words_by_which_jobs_are_found_are_not_the_users() {
        let refused = |words: &str| refuses(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for word in
            ["-J", "-Jmine", "--job-name=mine", "-a", "-M", "--clusters=b", "--wait", "-W", "--wrap", "--test-only"]
        {
            let told = refused(&format!("-A proj {word}"));
            assert!(told.is_some_and(|told| told.starts_with(&format!("{word} cannot be said"))));
        }
        for words in ["-A proj -p long", "--wait-all-nodes=1", "--mem=4G -t 5", "--account=J"] {
            assert_eq!(refused(words), None, "{words}");
        }
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
        assert_eq!(slurm.cancel("mine"), Err("scancel has not answered in 0.05 seconds".into()));
        assert!(slurm.why("17").is_empty());
        let worth = crate::engines::Worth { most: 9, tasks: None };
        let (without, script) = (["n1".to_owned()].into(), |_: &str, _| b"exit".to_vec());
        let shards = Shards::Choose { wanted: None, worth };
        let refused = slurm.submit(&Array { name: "mine", shards, without: &without, script: &script });
        assert_eq!(refused, Err("sbatch has not answered in 0.15 seconds".into()), "and it is not tried once more");
    }
}
