//! The cluster of the tests: `cargo xtask cluster`, driven as people drive it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::program::{Call, Done, built, mpexec, program, programs};

/// With this code `up` says that there can be no cluster here.
const CANNOT: i32 = 77;

/// Nothing on the cluster takes so long.
const PATIENCE: Duration = Duration::from_secs(180);

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// The worker program with the tasks of the tests.
pub(super) const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// A cluster of three nodes. Dropped, it is ended.
pub(super) struct Cluster {
    folder: TempDir,
    xtask: PathBuf,
}

impl Cluster {
    /// Starts it.
    ///
    /// # Errors
    /// Why there can be none here.
    pub(super) fn start() -> Result<Cluster, String> {
        let cluster = Cluster { folder: crate::common::files::folder(), xtask: built("xtask") };
        let up = cluster.xtask(&["up", "--nodes", "3"]).run();
        if up.code() == CANNOT {
            return Err(up.stderr.trim().to_owned());
        }
        assert_eq!(up.code(), 0, "{}", up.stderr);
        let second = cluster.xtask(&["up"]).run();
        assert!(second.code() == 1 && second.stderr.contains("there is a cluster already"), "{}", second.stderr);
        Ok(cluster)
    }

    fn xtask(&self, words: &[&str]) -> Call {
        let call = program(&self.xtask).args(["cluster", "--folder"]).arg(self.folder.path());
        call.args(words).env("RUST_BACKTRACE", "0").patient(3)
    }

    /// What happens to machines: `kill n1`, `cut n1`.
    pub(super) fn make(&self, what: &str, machine: &str) {
        let done = self.xtask(&[what, machine]).run();
        assert_eq!(done.code(), 0, "{what} {machine}: {}", done.stderr);
    }

    /// A command on a machine, in the folder that all share.
    pub(super) fn on(&self, machine: &str, words: &[&str]) -> Call {
        self.xtask(&["on", machine]).args(words)
    }

    /// A command line for a shell on a machine; it must succeed. Returns what it prints.
    pub(super) fn shell(&self, machine: &str, line: &str) -> String {
        let done = self.on(machine, &["sh", "-c", line]).run();
        assert_eq!(done.code(), 0, "{line}: {}", done.stderr);
        done.text().to_owned()
    }

    /// The program on a machine; the file `pid` has its number there.
    pub(super) fn mpexec(&self, machine: &str, words: &[&str]) -> Call {
        let program = programs().join("mpexec");
        let program = program.to_str().expect("a name");
        self.on(machine, &["sh", "-c", "echo $$ >pid; exec \"$0\" \"$@\"", program]).args(words)
    }

    /// The same on `ctl`, with the work done by three jobs.
    pub(super) fn slurm(&self, words: &[&str]) -> Call {
        self.mpexec("ctl", &["--on", "slurm", "--shards", "3"]).args(words)
    }

    /// The program on this machine, in the shared folder, with the work done here.
    pub(super) fn local(&self, words: &[&str]) -> Done {
        let done = mpexec(words).in_folder(self.shared()).run();
        assert_eq!(done.code(), 0, "{words:?}: {}", done.stderr);
        done
    }

    pub(super) fn shared(&self) -> PathBuf {
        self.folder.path().join("shared")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.shared().join(name)
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("a file in the shared folder");
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of the published results of a run.
    pub(super) fn results(&self, run: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(run).join("out")).into_iter().flatten();
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// The arrays that were submitted for a run.
    pub(super) fn jobs(&self, run: &str) -> usize {
        let known: serde_json::Value = serde_json::from_slice(&self.read(&format!("{run}/engine.json"))).expect("JSON");
        known["jobs"].as_array().expect("a list").len()
    }

    /// What the processes that worked in a run on this machine have done.
    pub(super) fn done_on(&self, run: &str, machine: &str) -> String {
        let logs = fs::read_dir(self.path(run).join("log")).expect("a run folder");
        let logs = logs.map(|log| log.expect("an entry").path());
        let ours = logs.filter(|log| named(log).starts_with(&format!("{machine}-")));
        ours.map(|log| fs::read_to_string(log).expect("a log")).collect()
    }

    /// Waits until this holds.
    pub(super) fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "{what}: that did not come: {}", self.logs());
            // Each question is processes, and what is waited for needs the processors.
            std::thread::park_timeout(ASK_EVERY);
        }
    }

    pub(super) fn wait_until_idle(&self) {
        self.wait_until("all nodes are idle", || {
            let states = self.shell("ctl", "scancel --me; sinfo --noheader --Node --format=%t || true");
            // So is a node to which a controller that had forgotten it gave a job a second time, and one whose link is mended: it would be asked again some time.
            if ["drain", "down"].iter().any(|state| states.contains(state)) {
                self.shell("ctl", "scontrol update nodename=n[1-3] state=resume || true");
            }
            states.lines().filter(|line| *line == "idle").count() == 3
        });
    }

    /// Waits until a job runs on each of so many nodes.
    pub(super) fn wait_until_running(&self, nodes: usize) {
        self.wait_until("all jobs run", || {
            self.shell("ctl", "squeue --noheader --array --states=R --format=%N").lines().count() == nodes
        });
    }

    /// Waits until the controller has written down that a job runs on this machine, which does not end by itself; it does so some seconds after something has changed.
    pub(super) fn wait_until_written_down(&self, machine: &str) {
        let state = self.folder.path().join("state/job_state");
        let written = || fs::metadata(&state).and_then(|state| state.modified()).ok();
        let before = written();
        let job = format!("$(squeue --noheader --array --states=R --nodelist={machine} --format=%A)");
        self.shell("ctl", &format!("scontrol update jobid={job} comment=seen"));
        self.wait_until("it is written down", || written() > before);
    }

    /// After a scene that has failed: no job, and all machines as they were.
    pub(super) fn tidy(&self) {
        for machine in ["ctl", "n1", "n2", "n3"] {
            let _ = self.xtask(&["mend", machine]).run();
            let _ = self.xtask(&["start", machine]).run();
        }
        let _ = self.on("ctl", &["scancel", "--me"]).run();
        let _ = self.on("n2", &["sh", "-c", "here=$(pwd); cd /; umount $here"]).run();
    }

    /// The end of what the machines have said.
    pub(super) fn logs(&self) -> String {
        let tail = |name: &str| {
            let text = fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            format!("\n{name}: {}", lines[lines.len().saturating_sub(12)..].join("\n"))
        };
        ["ctl.log", "n1.log", "n2.log", "n3.log"].map(tail).concat()
    }
}

fn named(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let down = self.xtask(&["down"]).run();
        if !std::thread::panicking() {
            assert!(down.code() == 0 || down.stderr.contains("there is no cluster"), "{}", down.stderr);
        }
    }
}
