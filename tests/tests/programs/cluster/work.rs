//! What the scenes compute: by a plain run on this machine and by three jobs, whatever happens to these, and the two files are the same byte for byte.

use std::cell::{OnceCell, RefCell};
use std::fs;

use super::machines::{Cluster, WORKER};
use crate::common::files::write_script;
use crate::common::program::{Call, Done, Started, mpexec, programs};

/// A command that makes a file.
pub(super) struct Work<'a> {
    cluster: &'a Cluster,
    /// The run folder.
    pub(super) run: &'static str,
    words: Vec<String>,
    output: String,
    /// A plain run on this machine, which goes on meanwhile, and the file that comes of it.
    here: RefCell<Option<Started>>,
    wanted: OnceCell<Vec<u8>>,
}

/// The options of `map`, of calls that each are a range.
pub(super) fn calls(task: &str) -> [&str; 7] {
    ["map", task, "rows.jsonl", "--worker-program", WORKER, "--range-size", "1"]
}

impl<'a> Work<'a> {
    /// Begins to do the work here, by a plain run.
    pub(super) fn new(cluster: &'a Cluster, run: &'static str, words: &[&str]) -> Work<'a> {
        let (output, made, mut plain) = (format!("{run}.out"), format!("{run}.here"), Vec::new());
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match *word {
                "--range-size" => drop(rest.next()),
                // A plain run needs no program that waits for a machine.
                "--worker-program" if words[0] != "map" => drop(rest.next()),
                word => plain.push(word),
            }
        }
        let here = mpexec(plain).args(["--workers", "8", "--output", &made]).in_folder(cluster.shared()).start();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Work { cluster, run, words, output, here: RefCell::new(Some(here)), wanted: OnceCell::new() }
    }

    /// What comes of the plain run.
    pub(super) fn wanted(&self) -> &[u8] {
        self.wanted.get_or_init(|| {
            let done = self.here.borrow_mut().take().expect("a plain run").finish();
            assert_eq!(done.code(), 0, "{}", done.stderr);
            let wanted = self.cluster.read(&format!("{}.here", self.run));
            assert!(wanted.len() > 100, "{}", self.run);
            wanted
        })
    }

    /// Slow calls, so many of so many milliseconds.
    pub(super) fn rests(cluster: &'a Cluster, run: &'static str, count: usize, milliseconds: u64) -> Work<'a> {
        cluster.write("rows.jsonl", format!("[{milliseconds}]\n").repeat(count));
        Work::new(cluster, run, &calls("rest"))
    }

    /// The same by three jobs, for which a coordinator on a machine waits.
    pub(super) fn call(&self, machine: &str) -> Call {
        let words = self.words.iter().map(String::as_str).collect::<Vec<_>>();
        let there = ["--on", "slurm", "--shards", "3", "--workers", "2"];
        let more = ["--output", &self.output, "--run-dir", self.run];
        self.cluster.mpexec(machine, &[&there, &words[..], &more].concat())
    }

    pub(super) fn start(&self, machine: &str) -> Started {
        self.call(machine).start()
    }

    /// What `runs resume` makes of it.
    pub(super) fn resume(&self, more: &[&str]) -> Call {
        self.cluster.mpexec("ctl", &["runs", "resume", self.run]).args(more)
    }

    /// It ended well, with the file of a plain run.
    pub(super) fn same(&self, done: &Done) {
        assert_eq!(done.code(), 0, "{}", done.stderr);
        let (made, wanted) = (self.cluster.read(&self.output), self.wanted());
        assert!(made == wanted, "{}: {} bytes, and by a plain run {}", self.run, made.len(), wanted.len());
        fs::remove_file(self.cluster.path(&self.output)).expect("the output");
    }

    /// There is no file.
    pub(super) fn none(&self) {
        assert!(!self.cluster.path(&self.output).exists(), "{}: a part of the results", self.run);
    }

    /// What became of each result on a machine: its name, and whether it is the copy that counts.
    pub(super) fn done_on(&self, machine: &str) -> Vec<(String, bool)> {
        let log = if self.cluster.path(self.run).join("log").exists() {
            self.cluster.done_on(self.run, machine)
        } else {
            String::new()
        };
        let words = log.lines().map(|line| line.split(' ').skip(1).collect::<Vec<_>>());
        let done = words.filter_map(|words| match words[..] {
            ["published", key] => Some((key.to_owned(), true)),
            ["dropped", key] => Some((key.to_owned(), false)),
            _ => None,
        });
        done.collect()
    }

    /// Waits until a machine has published something.
    pub(super) fn wait_for_work(&self, machine: &str) {
        self.cluster.wait_until("it has done something", || self.done_on(machine).iter().any(|(_, counts)| *counts));
    }

    /// Each result counts once.
    pub(super) fn each_counts_once(&self) {
        assert_eq!(self.counted(), self.cluster.results(self.run), "{}", self.run);
    }

    /// The same where a machine has died, which may not have said what it had published last.
    pub(super) fn none_counts_twice(&self) {
        let counted = self.counted();
        assert!(counted.windows(2).all(|two| two[0] != two[1]), "{}: {counted:?}", self.run);
    }

    fn counted(&self) -> Vec<String> {
        let done = ["n1", "n2", "n3"].map(|node| self.done_on(node)).concat();
        let mut keys: Vec<_> = done.into_iter().filter(|(_, counts)| *counts).map(|(key, _)| key).collect();
        keys.sort();
        keys
    }
}

/// A job on one machine that stands still from the moment on in which it knows what is to be done: its first worker stops it.
pub(super) struct Held<'a> {
    cluster: &'a Cluster,
    machine: &'static str,
    folder: String,
}

impl<'a> Held<'a> {
    /// A worker program that does that; its name.
    pub(super) fn program(cluster: &'a Cluster, machine: &'static str) -> (Held<'a>, String) {
        let (folder, name) = (format!("held-{machine}"), format!("holding-{machine}"));
        let path = cluster.path(&name);
        let program = programs().join("mpexec");
        let (program, place) = (program.display(), cluster.path(&folder).display().to_string());
        // Nobody begins before all stand still: what another worker computes meanwhile would be published.
        let script = format!(
            "if test $(uname -n) = {machine}; then\n    if mkdir '{place}' 2>/dev/null; then\n        \
             kill -STOP $PPID\n        echo $PPID >'{place}/new' && mv '{place}/new' '{place}/pid'\n    else\n        \
             until test -e '{place}/pid'; do sleep 0.02; done\n    fi\nfi\nexec '{program}' \"$@\""
        );
        write_script(&path, &script);
        (Held { cluster, machine, folder }, path.display().to_string())
    }

    /// Waits until it stands still.
    pub(super) fn wait(&self) {
        let pid = self.cluster.path(&self.folder).join("pid");
        self.cluster.wait_until("the job is held", || pid.exists());
    }

    /// Lets it go on.
    pub(super) fn let_go(&self) {
        self.cluster.shell(self.machine, &format!("kill -CONT $(cat {}/pid)", self.folder));
    }

    /// Whether it runs.
    pub(super) fn runs(&self) -> bool {
        let line = format!("kill -0 $(cat {}/pid) 2>/dev/null && echo yes || true", self.folder);
        self.cluster.shell(self.machine, &line) == "yes\n"
    }
}
