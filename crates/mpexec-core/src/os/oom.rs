//! How often the kernel has killed a process because memory had run out: in the memory cgroup that this process is in, or, where
//! it is in none, on this machine.
//!
//! The kernel tells how many, not whom. So a worker that was killed by SIGKILL just when the count grew has probably died of it; more
//! cannot be said.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::cgroup::{Tree, folder_in};

/// The count is looked at so often at most. A process that the kernel kills may take a while to end, so that the look that counts
/// is the one before the last.
const LOOK: Duration = Duration::from_secs(1);
/// Nothing is made of a look that is so old. A pool that has nothing to do does not look every second.
const STALE: Duration = Duration::from_secs(3);
const MACHINE: &str = "/proc/vmstat";

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct OomKills {
    file: PathBuf,
    /// The look before the last, and the last.
    looks: Option<[(Instant, u64); 2]>,
}

/// What the kernel has done of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryRanOut {
    kills: u64,
    machine: bool,
}

impl fmt::Display for MemoryRanOut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let where_to = if self.machine { "machine" } else { "program's memory cgroup" };
        let (processes, this) =
            if self.kills == 1 { ("process", "probably this one") } else { ("processes", "probably this one too") };
        write!(out, "memory ran out: the kernel has just killed {} {processes} of this {where_to}, {this}", self.kills)
    }
}

impl OomKills {
    pub(crate) fn new() -> OomKills {
        let mut kills = OomKills { file: source(), looks: None };
        kills.look();
        kills
    }

    /// Takes note of the count, if it is time.
    pub(crate) fn look(&mut self) {
        let due = self.looks.is_none_or(|[_, (at, _)]| at.elapsed() >= LOOK);
        if let Some(count) = due.then(|| count(&self.file)).flatten() {
            let now = (Instant::now(), count);
            self.looks = Some([self.looks.map_or(now, |[_, last]| last), now]);
        }
    }

    /// Whether there were some since the look before the last, or, where that is long ago, since the last.
    pub(crate) fn of_late(&self) -> Option<MemoryRanOut> {
        // What was counted since a look that is old may be old too, and have nothing to do with a death of now.
        let (_, before) = self.looks?.into_iter().find(|(at, _)| at.elapsed() < STALE)?;
        let kills = count(&self.file)?.checked_sub(before).filter(|kills| *kills > 0)?;
        Some(MemoryRanOut { kills, machine: self.file == Path::new(MACHINE) })
    }
}

/// The file that tells, of the closest that there is.
fn source() -> PathBuf {
    // Of version 2 a cgroup may have no controller of memory of its own; then it is the business of one above it.
    let unified = folder_in(Tree::Unified).and_then(|folder| {
        let files = folder.ancestors().map(|above| above.join("memory.events")).collect::<Vec<_>>();
        files.into_iter().find(|file| count(file).is_some())
    });
    let memory = || folder_in(Tree::Memory).map(|folder| folder.join("memory.oom_control"));
    unified.or_else(|| memory().filter(|file| count(file).is_some())).unwrap_or_else(|| PathBuf::from(MACHINE))
}

fn count(file: &Path) -> Option<u64> {
    parse(&std::fs::read_to_string(file).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_each_kind_of_file() {
        assert_eq!(parse("low 0\nhigh 0\nmax 3\noom 2\noom_kill 7\noom_group_kill 1\n"), Some(7), "version 2");
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"), Some(4), "version 1");
        assert_eq!(parse("nr_free_pages 9\noom_kill 0\nhtlb_buddy_alloc_success 0\n"), Some(0), "the machine");
        assert_eq!(parse("oom 2\n"), None);
    }

    #[test]
    fn what_was_counted_before_is_told_of_no_more_and_what_came_since_is() {
        let folder = std::env::temp_dir().join(format!("mpexec-oom-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("events");
        std::fs::write(&file, "oom_kill 5\n").unwrap();
        let mut kills = OomKills { file: file.clone(), looks: None };
        assert_eq!(kills.of_late(), None, "nobody has looked");
        kills.look();
        assert_eq!(kills.of_late(), None);
        std::fs::write(&file, "oom_kill 7\n").unwrap();
        let late = kills.of_late().unwrap();
        assert_eq!(late, MemoryRanOut { kills: 2, machine: false });
        assert!(
            late.to_string().ends_with("killed 2 processes of this program's memory cgroup, probably this one too")
        );
        // A look that comes soon changes nothing, and the next but one forgets.
        kills.look();
        assert!(kills.of_late().is_some());
        let long_ago = |kills: &mut OomKills| kills.looks = kills.looks.map(|[a, (at, n)]| [a, (at - LOOK, n)]);
        long_ago(&mut kills);
        kills.look();
        assert!(kills.of_late().is_some(), "it may be just dying");
        long_ago(&mut kills);
        kills.look();
        assert_eq!(kills.of_late(), None);
        // Of a pool that has slept since: it may have been at any time.
        std::fs::write(&file, "oom_kill 8\n").unwrap();
        assert!(kills.of_late().is_some());
        kills.looks = kills.looks.map(|looks| looks.map(|(at, n)| (at - STALE, n)));
        assert_eq!(kills.of_late(), None, "it is not known to be news");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
