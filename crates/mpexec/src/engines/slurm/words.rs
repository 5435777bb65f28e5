//! What the user says to `sbatch`: what of it is ours to say, and where it sends the jobs.

/// What is said to `sbatch` with these would make jobs that are found by nobody, or by something else.
const OURS: [&str; 6] = ["array", "job-name", "clusters", "wait", "wrap", "test-only"];

/// The same by a letter: of `array`, `job-name`, `clusters` and `wait`.
const OUR_LETTERS: &str = "aJMW";

/// Letters that stand by themselves, so that others may stand behind them in one word.
const ALONE: &str = "bHhIkOQsuUvV";

/// Options whose value, if they have one, is in the same word.
const FLAGS: [&str; 22] = [
    "contiguous",
    "exclusive",
    "get-user-env",
    "help",
    "hold",
    "ignore-pbs",
    "nice",
    "no-kill",
    "no-requeue",
    "overcommit",
    "oversubscribe",
    "parsable",
    "propagate",
    "quiet",
    "reboot",
    "requeue",
    "resv-ports",
    "share",
    "spread-job",
    "usage",
    "use-min-nodes",
    "verbose",
];

/// A word as `sbatch` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It says what is ours to say.
    Ours,
    /// An option whose value is the next word,
    Awaits,
    /// or that is whole.
    Whole,
    /// No option, so it would be the script, and what comes behind it would go to that.
    Script,
}

fn kind(word: &str) -> Kind {
    if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        // As far as no other begins so, the beginning of a name is enough.
        return match OURS.iter().any(|ours| ours.starts_with(name)) {
            true => Kind::Ours,
            false if value.is_some() || FLAGS.contains(&name) => Kind::Whole,
            false => Kind::Awaits,
        };
    }
    let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty() && !letters.starts_with('-'))
    else {
        return Kind::Script;
    };
    let mut rest = letters.chars();
    match rest.find(|letter| !ALONE.contains(*letter)) {
        Some(letter) if OUR_LETTERS.contains(letter) => Kind::Ours,
        Some(_) if rest.as_str().is_empty() => Kind::Awaits,
        _ => Kind::Whole,
    }
}

/// Why these words are not to be said: some are ours, or no options.
pub(super) fn refuses(words: &[String]) -> Option<String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match kind(word) {
            Kind::Ours => return Some(format!("{word} cannot be said: by that the jobs are found and awaited")),
            Kind::Script => {
                return Some(format!(
                    "{word} cannot be said: it is no option, and sbatch would run it in place of the work"
                ));
            }
            Kind::Awaits => {
                words.next();
            }
            Kind::Whole => {}
        }
    }
    None
}

/// The option by which these words name partitions, the last of several as `sbatch` has it, or else the variable of `sbatch`.
pub(super) fn partition(words: &[String]) -> Option<String> {
    let (mut words, mut last) = (words.iter(), None);
    while let Some(word) = words.next() {
        let named = match word.as_str() {
            "-p" | "--partition" => words.next().map(String::as_str),
            // What comes next is the value of another.
            word if kind(word) == Kind::Awaits => words.next().and(None),
            word => word.strip_prefix("--partition=").or_else(|| word.strip_prefix("-p")),
        };
        last = named.or(last);
    }
    if let Some(named) = last {
        return Some(format!("--partition={named}"));
    }
    let named = std::env::var("SBATCH_PARTITION").ok().filter(|named| !named.is_empty())?;
    Some(format!("--partition={named}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(words: &str) -> Vec<String> {
        words.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_partition_is_read_of_what_sbatch_is_told() {
        let partition = |words: &str| partition(&split(words));
        assert_eq!(partition("-A proj -p long").as_deref(), Some("--partition=long"));
        assert_eq!(partition("-plong").as_deref(), Some("--partition=long"));
        assert_eq!(partition("--partition=long -t 5").as_deref(), Some("--partition=long"));
        assert_eq!(partition("-p short -A proj --partition=long").as_deref(), Some("--partition=long"), "the last one");
        assert_eq!(partition("-A -pen -p long --comment -pa").as_deref(), Some("--partition=long"), "values of others");
        assert_eq!(partition("-A proj"), None);
    }

    #[test]
    fn words_by_which_jobs_are_found_are_not_the_users_however_they_are_spelled() {
        for word in [
            "-J",
            "-Jmine",
            "--job-name=mine",
            "-a",
            "-M",
            "--clusters=b",
            "--wait",
            "-W",
            "-HW",
            "-QHJmine",
            "--wrap",
            "--test-only",
            "--cluster=b",
            "--test",
            "--wai",
            "--arr=0-9",
            "--jo",
        ] {
            let told = refuses(&split(&format!("-A proj {word}")));
            assert!(told.is_some_and(|told| told.starts_with(&format!("{word} cannot be said: by that"))), "{word}");
        }
        for words in [
            "-A proj -p long",
            "--wait-all-nodes=1",
            "--mem=4G -t 5",
            "--account=J",
            "-A W",
            "-HpW",
            "-vv",
            "--hold --qos high",
            "--exclusive",
            "--partition long -C a&b",
            "--cluster-constraint=a",
        ] {
            assert_eq!(refuses(&split(words)), None, "{words}");
        }
    }

    #[test]
    fn a_word_that_is_no_option_would_be_the_script_and_is_refused() {
        for (words, script) in [
            ("job.sh", "job.sh"),
            ("--hold long", "long"),
            ("-H long", "long"),
            ("-p long other", "other"),
            ("--", "--"),
            ("-", "-"),
        ] {
            let told = refuses(&split(words));
            assert!(
                told.is_some_and(|told| told.starts_with(&format!("{script} cannot be said: it is no option"))),
                "{words}"
            );
        }
    }
}
