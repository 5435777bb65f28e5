//! `mpexec workers`: what `auto` means here, and why.

use mpexec_core::{Processors, Workers, count_processors};

use crate::failure::Failure;
use crate::print;
use crate::processors::{Quota, affinity, quota};

/// Prints what was counted. No worker is started.
///
/// # Errors
/// A [`Failure`] if standard output cannot be written.
pub(crate) fn run(asked: Workers) -> Result<(), Failure> {
    print::text(&explain(asked, &count_processors(), affinity().as_deref(), quota().as_ref()))
}

fn explain(asked: Workers, counted: &Processors, affinity: Option<&str>, quota: Option<&Quota>) -> String {
    let Processors { num_cpus, available_parallelism, online, chosen, .. } = *counted;
    let limits = match (affinity, quota) {
        _ if chosen < num_cpus => "fewer than num_cpus counts, because this process is itself a worker",
        (_, Some(quota)) if quota.processors.ceil() <= num_cpus as f64 => {
            "the quota of processor time is the tightest limit; a fraction counts as a whole"
        }
        _ if num_cpus < online => "this process may not use all processors of the machine",
        _ => "nothing limits this process",
    };
    let affinity = affinity.unwrap_or("unknown on this system");
    let quota = match quota {
        Some(quota) => format!("{} ({})", quota.processors, quota.file.display()),
        None => "none".to_owned(),
    };
    let available = available_parallelism.map_or("unknown".to_owned(), |number| number.to_string());
    let mut text = format!(
        "auto means {chosen} here: {limits}

processors online                  {online}
affinity, may run on               {affinity}
quota of the cgroup, processors    {quota}
num_cpus counts                    {num_cpus}  (auto takes this)
available_parallelism counts       {available}\n"
    );
    if let Workers::Exact(number) = asked {
        text += &format!("\n--workers {number} was given, so auto would not be used\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_limit_is_named() {
        let counted = |num_cpus, online| {
            let mut processors = count_processors();
            (processors.num_cpus, processors.online, processors.chosen) = (num_cpus, online, num_cpus);
            processors
        };
        let quota = Quota { processors: 1.5, file: "/sys/fs/cgroup/cpu.max".into() };
        let text = explain(Workers::Auto, &counted(2, 8), Some("0-7"), Some(&quota));
        assert!(text.starts_with("auto means 2 here: the quota"), "{text}");
        assert!(text.contains("1.5 (/sys/fs/cgroup/cpu.max)"), "{text}");
        let text = explain(Workers::Auto, &counted(1, 8), Some("3"), None);
        assert!(text.starts_with("auto means 1 here: this process may not use all"), "{text}");
        let text = explain(Workers::Exact(5), &counted(8, 8), Some("0-7"), None);
        assert!(text.starts_with("auto means 8 here: nothing limits"), "{text}");
        assert!(text.ends_with("--workers 5 was given, so auto would not be used\n"), "{text}");
    }
}
