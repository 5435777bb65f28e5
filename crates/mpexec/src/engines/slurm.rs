//! Slurm, through its own programs: `sbatch`, `squeue`, `scontrol`, `scancel` and `sinfo`. Nothing else of mpexec knows of them.
//!
//! Not `sbatch --wait`, which looks every some seconds, and not `sacct`, which needs a database that not every site has. Arrays are found by their name, so
//! one of which nobody has heard the number is found too.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::{Array, Ended, Engine, Kind, Shards, Silence, Submitted};

/// What is typed for it.
pub(super) const SLURM: Kind =
    Kind { name: "slurm", about: "Jobs of Slurm", begin: |words| Box::new(Slurm { words: words.to_vec() }) };

/// The variable that holds the number of an element.
const SHARD: &str = "SLURM_ARRAY_TASK_ID";

/// If the site's limit is not to be learned: Slurm's own.
const LONGEST_ARRAY: u64 = 1001;

/// Slurm.
#[derive(Debug)]
struct Slurm {
    /// What the user says to `sbatch`.
    words: Vec<String>,
}

impl Slurm {
    /// The idle nodes, or else all, in the partition where the jobs go.
    fn nodes(&self) -> Nodes {
        let mut sinfo = Command::new("sinfo");
        sinfo.args(["--noheader", "--format=%t %D %c"]).args(self.partition());
        let listed = ask(&mut sinfo).unwrap_or_default();
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
        None
    }

    fn sbatch(&self, array: &Array<'_>, numbers: &str, of: u64, without: &BTreeSet<String>) -> Result<String, String> {
        let mut sbatch = Command::new("sbatch");
        sbatch.args(["--parsable", "--requeue", "--exclusive", "--chdir=/", "--output=/dev/null"]);
        sbatch.args([format!("--array={numbers}"), format!("--job-name={}", array.name)]);
        if !without.is_empty() {
            sbatch.arg(format!("--exclude={}", without.iter().map(String::as_str).collect::<Vec<_>>().join(",")));
        }
        sbatch.args(&self.words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = sbatch.spawn().map_err(|error| format!("sbatch cannot be started: {error}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // If it does not read, it says why.
            let _ = stdin.write_all(&(array.script)(SHARD, of));
        }
        let told = told("sbatch", child.wait_with_output())?;
        // With the cluster behind it, where there are several.
        Ok(told.trim().split(';').next().unwrap_or_default().to_owned())
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

    fn alive(&self, name: &str) -> Result<bool, Silence> {
        let mut squeue = Command::new("squeue");
        squeue.args(["--noheader", "--array", "--me", "--format=%F_%K %r", &format!("--name={name}")]);
        let listed = squeue.stdin(Stdio::null()).output();
        let missing = listed.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        let elements =
            told("squeue", listed).map_err(|why| if missing { Silence::Nobody(why) } else { Silence::Busy(why) })?;
        let mut alive = false;
        for (element, reason) in elements.lines().filter_map(|line| line.split_once(' ')) {
            // It would wait until an administrator comes.
            if reason == "launch failed requeued held" {
                ask(Command::new("scancel").arg(element)).map_err(Silence::Busy)?;
            } else {
                alive = true;
            }
        }
        Ok(alive)
    }

    fn why(&self, job: &str) -> Vec<Ended> {
        let known = ask(Command::new("scontrol").args(["--oneliner", "show", "job", job])).unwrap_or_default();
        known.lines().filter_map(ended).collect()
    }

    fn cancel(&self, name: &str) -> Result<(), String> {
        ask(Command::new("scancel").args(["--me", &format!("--name={name}")])).map(drop)
    }
}

/// The site's limit of the length of an array.
fn longest_array() -> u64 {
    let known = ask(Command::new("scontrol").args(["show", "config"])).unwrap_or_default();
    let line = known.lines().find_map(|line| line.strip_prefix("MaxArraySize"));
    let limit = line.and_then(|line| line.trim_start_matches([' ', '=']).trim().parse().ok());
    limit.filter(|limit| *limit > 0).unwrap_or(LONGEST_ARRAY)
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
    Some(Ended { shard, node, failed: true, refused: false, how })
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
        let partition = |words: &str| Slurm { words: words.split(' ').map(str::to_owned).collect() }.partition();
        assert_eq!(partition("-A proj -p long").as_deref(), Some("--partition=long"));
        assert_eq!(partition("-plong").as_deref(), Some("--partition=long"));
        assert_eq!(partition("--partition=long -t 5").as_deref(), Some("--partition=long"));
        assert_eq!(partition("-A proj"), None);
    }
}
