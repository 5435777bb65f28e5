//! The programs as people start them: with arguments, in a folder, under a watchdog.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;

use super::terminal;
use super::told::Told;
use mpexec_testkit::hangs;
use mpexec_testkit::processes::{Held, children_of};

/// No program of ours takes so long, on a slow machine either; one that does hangs.
pub(crate) fn watchdog() -> Duration {
    hangs() / 3
}

/// A program that is started in the background of a script ignores SIGINT, and so would all that it starts. What is caught
/// is set back when a program is started: so these signals are caught here, to end the tests as they would have.
fn hear_signals() {
    static HEARD: OnceLock<()> = OnceLock::new();
    HEARD.get_or_init(|| {
        for signal in [Signal::INT, Signal::HUP, Signal::TERM] {
            let number = signal.as_raw();
            signal_hook::flag::register_conditional_shutdown(number, 128 + number, Arc::new(AtomicBool::new(true)))
                .expect("the signal can be caught");
        }
    });
}

/// `mpexec` with these arguments and nothing of our surroundings that it would look at.
pub(crate) fn mpexec<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Call {
    let mut command = Command::new(programs().join("mpexec"));
    command.args(arguments);
    Call::new(command)
}

/// Any program, started and watched like ours.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Call {
    Call::new(Command::new(name))
}

/// The folder of the built programs, brought up to date if need be.
pub(crate) fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let own = std::env::current_exe().expect("a test program knows itself");
        let folder = own.ancestors().nth(2).expect("test programs lie in a folder below the programs").to_owned();
        let built = ["mpexec", "mpexec-worker"].map(|name| changed(&folder.join(name)));
        let oldest = built.into_iter().min().flatten();
        if oldest.is_none_or(|oldest| oldest < newest_source()) {
            build(&folder);
        }
        folder
    })
}

/// Another program of the project, brought up to date.
pub(crate) fn built(package: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test program knows itself");
    let folder = own.ancestors().nth(2).expect("test programs lie in a folder below the programs");
    build(folder);
    folder.join(package)
}

/// All of them, as `cargo xtask test` does: of one alone the dependencies would have other features, and be built anew.
fn build(folder: &Path) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.args(["build", "--quiet", "--workspace", "--exclude", "mpexec-bench", "--bins"]).current_dir(root());
    cargo.env("CARGO_TARGET_DIR", folder.parent().expect("a profile's folder lies in the target folder"));
    cargo.args(folder.ends_with("release").then_some("--release"));
    assert!(cargo.status().expect("cargo can be started").success(), "the programs cannot be built");
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(super) fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// When the sources of the programs were last changed.
fn newest_source() -> SystemTime {
    let mut folders = vec![root().join("crates")];
    let mut newest = SystemTime::UNIX_EPOCH;
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                // Tests and examples are no part of the programs.
                let apart = ["tests", "examples", "benches"].iter().any(|name| path.ends_with(name));
                folders.extend((!apart).then_some(path));
            } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "toml" || ending == "html") {
                newest = newest.max(changed(&path).unwrap_or(newest));
            }
        }
    }
    newest
}

/// A program about to be started.
pub(crate) struct Call {
    command: Command,
    patience: Duration,
    /// Where its standard error is seen, if that is a terminal.
    terminal: Option<File>,
}

impl Call {
    fn new(mut command: Command) -> Call {
        for variable in ["MPEXEC_WORKER_PROGRAM", "NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "RUST_BACKTRACE"] {
            command.env_remove(variable);
        }
        for name in ["WORKERS", "TRANSPORT", "GRACE", "COLOR", "PROGRESS", "ADVICE", "LOG_FORMAT"] {
            command.env_remove(format!("MPEXEC_{name}"));
        }
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Call { command, patience: watchdog(), terminal: None }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Call {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Call {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Call {
        self.command.env(name, value);
        self
    }

    pub(crate) fn in_folder(mut self, folder: impl AsRef<Path>) -> Call {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Call {
        self.command.stdin(stdin);
        self
    }

    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Call {
        self.command.stdout(stdout);
        self
    }

    pub(crate) fn stderr(mut self, stderr: impl Into<Stdio>) -> Call {
        self.command.stderr(stderr);
        self
    }

    /// It waits for others, so it may take so many times longer than a program that does not.
    pub(crate) fn patient(mut self, times: u32) -> Call {
        self.patience *= times;
        self
    }

    /// Its standard error is a terminal.
    pub(crate) fn stderr_terminal(mut self) -> Call {
        let (ours, theirs) = terminal::pair();
        self.command.stderr(theirs);
        self.terminal = Some(ours);
        self
    }

    /// It leads a process group, as what a shell starts; or it is in the group of another program that does.
    pub(crate) fn in_group_of(mut self, leader: Option<&Started>) -> Call {
        self.command.process_group(leader.map_or(0, |leader| leader.pid().cast_signed()));
        self
    }

    /// Starts it. Standard error is read all the time; standard output only as the test wants it.
    pub(crate) fn start(mut self) -> Started {
        hear_signals();
        let mut child = self.command.spawn().expect("the program can be started");
        let held = Held::new(child.id()).expect("a child that nobody has waited for can be held");
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = Arc::new(Told::default());
        let stream = child.stderr.take().map(|stream| File::from(OwnedFd::from(stream)));
        let reader = stream.or(self.terminal.take()).map(|stream| {
            let told = Arc::clone(&stderr);
            std::thread::spawn(move || told.listen(stream))
        });
        Started { child, held, patience: self.patience, stdout, stderr, reader }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Done {
        self.start().finish()
    }
}

/// A program that runs. Dropped, it is killed.
pub(crate) struct Started {
    child: Child,
    held: Held,
    patience: Duration,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Arc<Told>,
    reader: Option<JoinHandle<()>>,
}

impl Started {
    pub(crate) fn pid(&self) -> u32 {
        self.held.pid
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.held.signal(signal);
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// Its standard output, for another program to read.
    pub(crate) fn hand_on_stdout(&mut self) -> Stdio {
        self.stdout.take().expect("stdout is open").into_inner().into()
    }

    /// Its children, as soon as there are so many.
    pub(crate) fn workers(&self, number: usize) -> Vec<Held> {
        self.children_when(number, |_| true)
    }

    /// Its children, as soon as so many of them are at work on this file.
    pub(crate) fn workers_on(&self, path: &Path, number: usize) -> Vec<Held> {
        let path = path.canonicalize().expect("the file is there");
        self.children_when(number, |child| child.has_open(&path))
    }

    fn children_when(&self, number: usize, ready: impl Fn(&Held) -> bool) -> Vec<Held> {
        let begun = Instant::now();
        loop {
            let mut found = children_of(self.pid());
            found.retain(&ready);
            if found.len() >= number {
                return found;
            }
            assert!(
                !self.held.ends_within(Duration::from_millis(1)),
                "it ended before it had {number} workers: {}",
                self.told()
            );
            assert!(begun.elapsed() < watchdog(), "there are only {} workers", found.len());
        }
    }

    /// Waits until it has said this on standard error.
    pub(crate) fn wait_for(&self, words: &str) {
        self.stderr.wait_for(words, watchdog());
    }

    /// What it has said on standard error.
    pub(crate) fn told(&self) -> String {
        self.stderr.so_far()
    }

    /// The next line of its standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().expect("stdout is open").read_line(&mut line).expect("stdout can be read");
        line
    }

    /// The next bytes of its standard output, exactly so many.
    pub(crate) fn bytes(&mut self, number: usize) -> Vec<u8> {
        let mut bytes = vec![0; number];
        self.stdout.as_mut().expect("stdout is open").read_exact(&mut bytes).expect("there are so many");
        bytes
    }

    /// Leaves, as `head` does when it has read enough.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Whether it ends by itself within any reasonable time. Does not read its standard output meanwhile.
    pub(crate) fn ends(&self) -> bool {
        self.held.ends()
    }

    /// Whether it ends by itself within the time. Does not read its standard output meanwhile.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        self.held.ends_within(limit)
    }

    /// Reads what is left of its standard output and waits for its end.
    pub(crate) fn finish(mut self) -> Done {
        let mut stdout = Vec::new();
        let stream = self.stdout.take();
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| stream.map(|mut stream| stream.read_to_end(&mut stdout)));
            let ended = self.held.ends_within(self.patience);
            if !ended {
                // So that the reader comes to an end too.
                self.signal(Signal::KILL);
            }
            ended
        });
        let status = self.child.wait().expect("its own parent may wait for it");
        self.reader.take().map(JoinHandle::join);
        let stderr = self.told();
        assert!(ended, "it did not end; so far it said: {stderr}");
        Done { status, stdout, stderr }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    /// The exit code.
    #[track_caller]
    pub(crate) fn code(&self) -> i32 {
        match self.status.code() {
            Some(code) => code,
            None => panic!("killed by signal {:?}: {}", self.status.signal(), self.stderr),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("it prints text")
    }

    /// Its standard output, after an exit code of 0 and no complaint.
    #[track_caller]
    pub(crate) fn good(&self) -> &str {
        assert_eq!((self.code(), self.stderr.as_str()), (0, ""));
        self.text()
    }

    /// Its one line of error, after this exit code and nothing on standard output.
    #[track_caller]
    pub(crate) fn fault(&self, code: i32) -> &str {
        assert_eq!((self.code(), self.text()), (code, ""), "{}", self.stderr);
        let line = self.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("no error: {:?}", self.stderr));
        let line = line.strip_suffix('\n').expect("a whole line");
        assert!(!line.contains('\n'), "more than one line: {line}");
        line
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.good()).expect("one JSON object")
    }
}
