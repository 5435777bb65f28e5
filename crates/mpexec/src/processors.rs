//! What limits this process to fewer processors than the machine has: its affinity and its cgroups' quota.
//!
//! The two counters of `auto` only give a number. This file looks where they look, to tell a person why.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A quota of processor time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quota {
    /// How many processors' time may be used.
    pub(crate) processors: f64,
    /// The file that says so.
    pub(crate) file: PathBuf,
}

/// The processors this process may run on, as the kernel lists them: `0-1,4`.
pub(crate) fn affinity() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned())
}

/// The tightest quota on this process, among its cgroup and those above it.
pub(crate) fn quota() -> Option<Quota> {
    quota_by(|path| std::fs::read_to_string(path).ok())
}

fn quota_by(read: impl Fn(&Path) -> Option<String>) -> Option<Quota> {
    let groups = read(Path::new("/proc/self/cgroup"))?;
    let mounts = read(Path::new("/proc/self/mountinfo"))?;
    let found = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
        let unified = controllers.is_empty();
        if !unified && !controllers.split(',').any(|controller| controller == "cpu") {
            return None;
        }
        let (root, mount) = mounts.lines().find_map(|line| mount_of(line, unified))?;
        // In a container the mount shows only what lies below its root.
        let inside = Path::new(group).strip_prefix(&root).unwrap_or(Path::new(""));
        let tightest = inside.ancestors().filter_map(|group| quota_of(&mount.join(group), unified, &read));
        tightest.min_by(|a, b| a.processors.total_cmp(&b.processors))
    });
    found.min_by(|a, b| a.processors.total_cmp(&b.processors))
}

/// The root and the place of a mount, if the line of `mountinfo` is that of the wanted hierarchy.
fn mount_of(line: &str, unified: bool) -> Option<(PathBuf, PathBuf)> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (root, place) = (before.next()?, before.next()?);
    let mut after = after.split(' ');
    let (kind, options) = (after.next()?, after.nth(1)?);
    let wanted = match unified {
        true => kind == "cgroup2",
        false => kind == "cgroup" && options.split(',').any(|option| option == "cpu"),
    };
    wanted.then(|| (root.into(), place.into()))
}

fn quota_of(folder: &Path, unified: bool, read: impl Fn(&Path) -> Option<String>) -> Option<Quota> {
    let (file, quota, period) = if unified {
        let file = folder.join("cpu.max");
        let text = read(&file)?;
        let (quota, period) = text.trim().split_once(' ')?;
        (file, quota.to_owned(), period.to_owned())
    } else {
        let file = folder.join("cpu.cfs_quota_us");
        let quota = read(&file)?;
        (file, quota, read(&folder.join("cpu.cfs_period_us"))?)
    };
    // `max` and -1 mean that there is none.
    let (quota, period): (u64, u64) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    (period > 0).then(|| Quota { processors: quota as f64 / period as f64, file })
}

/// The processor time that these processes have used, with the children that they have waited for.
pub(crate) fn time_of(pids: &[u32]) -> Duration {
    let ticks = pids.iter().filter_map(|pid| ticks_in(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?));
    // On Linux this unit is the same on all machines.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

fn ticks_in(stat: &str) -> Option<u64> {
    // A name may have spaces and brackets in it; what follows the last one has neither.
    let fields = stat.rsplit_once(')')?.1.split_whitespace();
    // The times of the process, in its own code and in the kernel, and those of its children.
    Some(fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota_in(files: &[(&str, &str)]) -> Option<(f64, String)> {
        let read =
            |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned());
        quota_by(read).map(|quota| (quota.processors, quota.file.display().to_string()))
    }

    const MOUNT_2: (&str, &str) =
        ("/proc/self/mountinfo", "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");

    #[test]
    fn the_tightest_quota_above_us_counts() {
        let files = [
            ("/proc/self/cgroup", "0::/a/b\n"),
            MOUNT_2,
            ("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("/sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
        ];
        assert_eq!(quota_in(&files), Some((1.5, "/sys/fs/cgroup/a/cpu.max".into())));
    }

    #[test]
    fn no_quota_is_none() {
        let files = [("/proc/self/cgroup", "0::/a\n"), MOUNT_2, ("/sys/fs/cgroup/a/cpu.max", "max 100000\n")];
        assert_eq!(quota_in(&files), None);
        assert_eq!(quota_in(&[]), None);
    }

    #[test]
    fn the_older_hierarchy_is_read_too() {
        let files = [
            ("/proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/docker/1234\n"),
            ("/proc/self/mountinfo", "31 24 0:27 /docker/1234 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(quota_in(&files), Some((0.5, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us".into())));
        let unlimited = [files[0], files[1], ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"), files[3]];
        assert_eq!(quota_in(&unlimited), None);
    }

    #[test]
    fn the_processor_time_of_a_process_is_read_from_behind_its_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5\n";
        assert_eq!(ticks_in(stat), Some(100));
        assert_eq!(ticks_in("nonsense"), None);
    }
}
