//! Slurm, through its own programs: `sbatch`, `squeue`, `scontrol`, `scancel` and `sinfo`. Nothing else of mpexec knows of them.
//!
//! Not `sbatch --wait`, which looks every some seconds, and not `sacct`, which needs a database that not every site has. Arrays are found by their name, so
//! one of which nobody has heard the number is found too.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use super::{Alive, Array, Ended, Engine, Kind, Shards, Silence, Submitted};

/// What is typed for it.
pub(super) const SLURM: Kind =
    Kind { name: "slurm", about: "Jobs of Slurm", begin: |words| Box::new(Slurm::new(words)) };

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

/// Slurm.
#[derive(Debug)]
struct Slurm {
    /// What the user says to `sbatch`.
    words: Vec<String>,
    /// Elements that were cancelled because they would have waited for an administrator.
    unheld: Mutex<BTreeSet<u64>>,
}

impl Slurm {
    fn new(words: &[String]) -> Slurm {
        Slurm { words: words.to_vec(), unheld: Mutex::default() }
    }

    /// A word of the user's that is ours to say.
    fn not_his(&self) -> Option<&str> {
        let is = |word: &str, ours: &str| match ours.strip_prefix("--") {
            Some(_) => word == ours || word.strip_prefix(ours).is_some_and(|rest| rest.starts_with('=')),
            None => word.starts_with(ours) && !word.starts_with("--"),
        };
        let mut words = self.words.iter().map(String::as_str);
        words.find(|word| OURS.iter().any(|ours| is(word, ours)))
    }

    /// The idle nodes, or else all, in the partition where the jobs go.
    fn nodes(&self) -> Nodes {
        let mut sinfo = program("sinfo");
        let partition = self.partition();
        sinfo.args(["--noheader", "--format=%t %D %c %P"]).args(&partition);
        let mut listed = ask(&mut sinfo).unwrap_or_default();
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

    fn sbatch(&self, array: &Array<'_>, numbers: &str, of: u64, without: &BTreeSet<String>) -> Result<String, String> {
        let mut sbatch = program("sbatch");
        sbatch.args(["--requeue", "--exclusive", "--chdir=/", "--output=/dev/null"]);
        if !without.is_empty() {
            sbatch.arg(format!("--exclude={}", without.iter().map(String::as_str).collect::<Vec<_>>().join(",")));
        }
        sbatch.args(&self.words);
        // The last word counts.
        sbatch.args(["--parsable".to_owned(), format!("--array={numbers}"), format!("--job-name={}", array.name)]);
        sbatch.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = sbatch.spawn().map_err(|error| format!("sbatch cannot be started: {error}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // If it does not read, it says why.
            let _ = stdin.write_all(&(array.script)(SHARD, of));
        }
        let told = told("sbatch", child.wait_with_output());
        let number = told.and_then(|told| {
            number(&told).ok_or_else(|| format!("sbatch has said no number of a job: {:?}", told.trim()))
        });
        // It may have been accepted all the same: a busy controller accepts a job and answers too late.
        number.or_else(|why| self.number_of(array.name).ok_or(why))
    }

    /// The number of an array of this name that is alive.
    fn number_of(&self, name: &str) -> Option<String> {
        let mut squeue = program("squeue");
        let listed = ask(squeue.args(["--noheader", "--me", "--format=%F", &format!("--name={name}")])).ok()?;
        number(&listed)
    }
}

/// Some nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Nodes {
    count: u64,
    /// Of the one that has the fewest; 0 if nobody knows.
    processors: u64,
}

impl Nodes {
    /// Those in one of these states, of what `sinfo` lists: state, nodes, processors of each.
    fn of(listed: &str, states: &[&str]) -> Nodes {
        let mut nodes = Nodes::default();
        for line in listed.lines() {
            let mut words = line.split_whitespace();
            if !words.next().is_some_and(|state| states.contains(&state)) {
                continue;
            }
            nodes.count += words.next().and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
            // `8+` if some of them have more.
            let processors = words.next().and_then(|word| word.trim_end_matches('+').parse::<u64>().ok());
            let fewest = [Some(nodes.processors).filter(|fewest| *fewest > 0), processors];
            nodes.processors = fewest.into_iter().flatten().min().unwrap_or_default();
        }
        nodes
    }
}

impl Engine for Slurm {
    fn submit(&self, array: &Array<'_>) -> Result<Submitted, String> {
        if let Some(word) = self.not_his() {
            return Err(format!("--engine-args: {word} cannot be said: by that the jobs are found and awaited"));
        }
        let (numbers, of) = match &array.shards {
            Shards::These { numbers, of } => (numbers.clone(), *of),
            Shards::Choose { wanted, worth } => {
                let of = wanted.unwrap_or_else(|| {
                    let nodes = self.nodes();
                    nodes.count.clamp(1, longest_array()).min(worth.on(nodes.processors))
                });
                ((0..of).collect(), of)
            }
        };
        let listed = listed(&numbers);
        let mut without = array.without.clone();
        let mut job = self.sbatch(array, &listed, of, &without);
        // Where there is no other node, one that has failed is better than none.
        if job.is_err() && !without.is_empty() {
            without.clear();
            job = self.sbatch(array, &listed, of, &without);
        }
        Ok(Submitted { job: job?, shards: numbers.len() as u64, of, without })
    }

    fn alive(&self, name: &str) -> Result<Alive, Silence> {
        let mut squeue = program("squeue");
        squeue.args(["--noheader", "--array", "--me", "--format=%F_%K %t %r", &format!("--name={name}")]);
        let listed = squeue.stdin(Stdio::null()).output();
        let missing = listed.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        let elements =
            told("squeue", listed).map_err(|why| if missing { Silence::Nobody(why) } else { Silence::Busy(why) })?;
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
                ask(program("scancel").arg(element)).map_err(Silence::Busy)?;
            } else if state != "PD" || TURN.contains(&reason) {
                alive = Alive::Some;
            } else if alive == Alive::None {
                alive = Alive::Waits(reason.to_owned());
            }
        }
        Ok(alive)
    }

    fn why(&self, job: &str) -> Vec<Ended> {
        let known = ask(program("scontrol").args(["--oneliner", "show", "job", job])).unwrap_or_default();
        let unheld = self.unheld.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = |mut one: Ended| {
            one.cancelled &= !unheld.contains(&one.shard);
            one
        };
        known.lines().filter_map(ended).map(ours).collect()
    }

    fn cancel(&self, name: &str) -> Result<(), String> {
        ask(program("scancel").args(["--me", &format!("--name={name}")])).map(drop)
    }
}

/// The site's limit of the length of an array.
fn longest_array() -> u64 {
    let known = ask(program("scontrol").args(["show", "config"])).unwrap_or_default();
    let line = known.lines().find_map(|line| line.strip_prefix("MaxArraySize"));
    let limit = line.and_then(|line| line.trim_start_matches([' ', '=']).trim().parse().ok());
    limit.filter(|limit| *limit > 0).unwrap_or(LONGEST_ARRAY)
}

/// One of Slurm's programs, in a group of its own: what is typed to end this program does not end it half way.
fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.process_group(0);
    for (variable, _) in std::env::vars_os() {
        if BENT_BY.iter().any(|start| variable.as_encoded_bytes().starts_with(start.as_bytes())) {
            command.env_remove(variable);
        }
    }
    command
}

/// Whether a line of `sinfo` is of the partition that jobs go to of which nothing is said.
fn is_of_default(line: &str) -> bool {
    line.trim_end().ends_with('*')
}

/// The number of a job, on the last line of what a program says; the cluster may stand behind it, where there are several.
fn number(said: &str) -> Option<String> {
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let number = last.split(';').next()?.trim();
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| number.to_owned())
}

/// What a program prints, or why it cannot.
fn ask(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    told(&name, command.stdin(Stdio::null()).output())
}

fn told(name: &str, done: std::io::Result<Output>) -> Result<String, String> {
    let done = done.map_err(|error| format!("{name} cannot be started: {error}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ");
    Err(if said.is_empty() { format!("{name}: {}", done.status) } else { said })
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
    fn idle_nodes_are_counted_and_the_processors_of_the_smallest() {
        let listed = "idle 3 16\nidle 2 8+\nalloc 5 4\ndown 1 2\n";
        assert_eq!(Nodes::of(listed, &["idle"]), Nodes { count: 5, processors: 8 });
        assert_eq!(Nodes::of(listed, &["alloc", "mix"]), Nodes { count: 5, processors: 4 });
        assert_eq!(Nodes::of("idle 3\n", &["idle"]), Nodes { count: 3, processors: 0 });
        assert_eq!(Nodes::of(listed, &["comp"]), Nodes::default());
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
        let refused = |words: &str| {
            let slurm = Slurm::new(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
            slurm.not_his().map(str::to_owned)
        };
        for word in
            ["-J", "-Jmine", "--job-name=mine", "-a", "-M", "--clusters=b", "--wait", "-W", "--wrap", "--test-only"]
        {
            assert_eq!(refused(&format!("-A proj {word}")).as_deref(), Some(word));
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
}
