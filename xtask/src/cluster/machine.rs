//! The machines of a cluster: namespaces, the wires between them, and what runs in them.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::texts::{self, Nodes, Settings};

/// In the folder of a cluster: what its namespaces begin with, and how many nodes it has, as machines and on `ctl`. It is there as long as the cluster is.
pub(super) const NAME: &str = "cluster";

/// How long the machines may take to be ready.
const START: Duration = Duration::from_secs(120);

/// How long processes may take to be gone that were killed.
const END: Duration = Duration::from_secs(20);

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A cluster, running or not.
pub(super) struct Cluster {
    pub(super) folder: PathBuf,
    prefix: String,
    nodes: Nodes,
}

/// One of its machines: `ctl` is the first, the nodes follow.
pub(super) struct Machine<'a> {
    cluster: &'a Cluster,
    number: u8,
}

impl Cluster {
    /// Takes a folder for a cluster; whoever is second in it is refused.
    pub(super) fn make(folder: &Path, nodes: Nodes) -> Result<Cluster> {
        fs::create_dir_all(folder.join("shared")).with_context(|| format!("cannot make {}", folder.display()))?;
        let prefix = format!("mpx{}", std::process::id());
        let name = folder.join(NAME);
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&name) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                bail!("{}: there is a cluster already; end it with cargo xtask cluster down", folder.display())
            }
            opened => opened.with_context(|| format!("cannot make {}", name.display()))?,
        };
        let kind = if matches!(nodes, Nodes::Machines(_)) { "machines" } else { "emulated" };
        writeln!(file, "{prefix} {} {kind}", nodes.count())?;
        Ok(Cluster { folder: folder.to_owned(), prefix, nodes })
    }

    pub(super) fn open(folder: &Path) -> Result<Cluster> {
        let text = fs::read_to_string(folder.join(NAME)).with_context(|| {
            format!("{}: there is no cluster; start one with cargo xtask cluster up", folder.display())
        })?;
        // Of one that was just being made when it was ended, there is no more than the file.
        let words: Vec<_> = text.split_whitespace().collect();
        let (prefix, nodes) = match words[..] {
            [prefix, count, "emulated"] => (prefix, Nodes::Emulated(count.parse()?)),
            [prefix, count, _] => (prefix, Nodes::Machines(count.parse()?)),
            _ => ("mpx-none", Nodes::Machines(0)),
        };
        Ok(Cluster { folder: folder.to_owned(), prefix: prefix.to_owned(), nodes })
    }

    pub(super) fn nodes(&self) -> Nodes {
        self.nodes
    }

    pub(super) fn machines(&self) -> impl Iterator<Item = Machine<'_>> {
        let last = if let Nodes::Machines(count) = self.nodes { count } else { 0 };
        (0..=last).map(|number| Machine { cluster: self, number })
    }

    pub(super) fn machine(&self, name: &str) -> Result<Machine<'_>> {
        let found = self.machines().find(|machine| machine.name() == name);
        found.with_context(|| match self.nodes {
            Nodes::Machines(count) => format!("there is no machine {name}: they are ctl and n1 to n{count}"),
            Nodes::Emulated(_) => format!("there is no machine {name}: all nodes are on ctl"),
        })
    }

    /// Writes the files that all machines read.
    pub(super) fn write_files(&self, settings: Settings) -> Result<()> {
        fs::create_dir_all(self.folder.join("state"))?;
        let mut key = [0; 128];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let path = self.folder.join("munge.key");
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o400).open(&path)?.write_all(&key)?;
        good(Command::new("chown").arg("munge:").arg(&path))?;
        fs::write(self.folder.join("hosts"), texts::hosts(self.nodes))?;
        fs::write(self.folder.join("slurm.conf"), texts::slurm_conf(&self.folder, self.nodes, settings))?;
        Ok(fs::write(self.folder.join("init"), texts::init(&self.folder, self.nodes))?)
    }

    /// Whether Slurm looks for work as when nobody says anything about that.
    pub(super) fn is_as_shipped(&self) -> Result<bool> {
        let told = fs::read_to_string(self.folder.join("slurm.conf")).context("cannot read what Slurm is told")?;
        Ok(texts::is_as_shipped(&told))
    }

    fn space(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// The bridge has a namespace of its own, so that no packet is seen by this machine's own network.
    pub(super) fn make_bridge(&self) -> Result<()> {
        let switch = self.space("sw");
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "br0", "up"])
    }

    /// Waits until every node says that it is idle.
    pub(super) fn wait_until_idle(&self) -> Result<()> {
        let begun = Instant::now();
        let mut told = String::new();
        while begun.elapsed() < START {
            let ctl = self.machine("ctl")?;
            if let Ok(mut sinfo) = ctl.command(&["sinfo", "--noheader", "--Node", "--format=%t"]) {
                let Output { stdout, stderr, .. } = sinfo.output()?;
                told = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
                if told.lines().filter(|line| *line == "idle").count() == usize::from(self.nodes.count()) {
                    return Ok(());
                }
            }
            thread::sleep(ASK_EVERY);
        }
        bail!("not all nodes are idle after {} s: {}", START.as_secs(), told.trim())
    }

    /// The last lines of what the machines have said.
    pub(super) fn logs(&self) -> String {
        let mut logs = String::new();
        for machine in self.machines() {
            for ending in ["out", "log"] {
                let path = self.folder.join(format!("{}.{ending}", machine.name()));
                let text = fs::read(path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                let lines: Vec<_> = text.lines().collect();
                for line in lines.iter().skip(lines.len().saturating_sub(4)) {
                    logs += &format!("{}.{ending}: {line}\n", machine.name());
                }
            }
        }
        logs
    }

    /// Ends all that runs in a namespace of this cluster, and removes the namespaces.
    pub(super) fn end(&self) -> Result<()> {
        let listed = Command::new("ip").args(["netns", "list"]).output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let spaces = listed.lines().filter_map(|line| line.split_whitespace().next());
        let spaces: Vec<_> = spaces.filter(|name| name.starts_with(&self.space(""))).collect();
        for space in &spaces {
            kill_all_in(space)?;
        }
        for space in spaces {
            ip(&["netns", "delete", space])?;
        }
        Ok(())
    }
}

impl Machine<'_> {
    pub(super) fn name(&self) -> String {
        if self.number == 0 { "ctl".to_owned() } else { format!("n{}", self.number) }
    }

    fn space(&self) -> String {
        self.cluster.space(&self.name())
    }

    fn wire(&self) -> String {
        format!("v-{}", self.name())
    }

    /// Gives it a network, and a wire to the bridge.
    pub(super) fn connect(&self) -> Result<()> {
        let (space, wire, switch) = (self.space(), self.wire(), self.cluster.space("sw"));
        let address = format!("{}/24", texts::address(self.number));
        ip(&["netns", "add", &space])?;
        ip(&["-n", &space, "link", "add", "eth0", "type", "veth", "peer", "name", &wire, "netns", &switch])?;
        ip(&["-n", &switch, "link", "set", &wire, "master", "br0", "up"])?;
        ip(&["-n", &space, "addr", "add", &address, "dev", "eth0"])?;
        ip(&["-n", &space, "link", "set", "eth0", "up"])?;
        ip(&["-n", &space, "link", "set", "lo", "up"])
    }

    /// Starts it. `nsenter` and not `ip netns exec`, which mounts another `/sys` and so hides the tree of cgroups.
    pub(super) fn start(&self) -> Result<()> {
        ensure!(self.processes()?.is_empty(), "{} is running", self.name());
        let log = File::create(self.cluster.folder.join(format!("{}.out", self.name())))?;
        let net = format!("--net=/run/netns/{}", self.space());
        let mut command = Command::new("setsid");
        command.args(["nsenter", &net, "unshare", "--uts", "--ipc", "--mount", "--pid", "--fork", "--kill-child"]);
        command.args(["--mount-proc", "--propagation", "private", "sh"]).arg(self.cluster.folder.join("init"));
        command.arg(self.name()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().context("cannot start setsid").map(drop)
    }

    /// As a power cut: every process of it goes at once, with the first.
    pub(super) fn kill(&self) -> Result<()> {
        kill_all_in(&self.space())
    }

    /// Sets its wire `up` or `down`.
    pub(super) fn link(&self, state: &str) -> Result<()> {
        ip(&["-n", &self.cluster.space("sw"), "link", "set", &self.wire(), state])
    }

    /// A command on it, in the shared folder.
    pub(super) fn command<S: AsRef<std::ffi::OsStr>>(&self, words: &[S]) -> Result<Command> {
        let first = self.processes()?.into_iter().find(|pid| is_first(*pid));
        let first = first.with_context(|| format!("{} is not running", self.name()))?;
        let mut command = Command::new("nsenter");
        command.args(["--target", &first.to_string(), "--net", "--uts", "--ipc", "--mount", "--pid"]);
        command.args(["sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(self.cluster.folder.join("shared")).args(words);
        command.env("SLURM_CONF", self.cluster.folder.join("slurm.conf"));
        Ok(command)
    }

    fn processes(&self) -> Result<Vec<u32>> {
        processes_in(&self.space())
    }
}

/// Whether it is the first process of its namespace.
fn is_first(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let mut numbers = numbers.split_whitespace().rev();
    numbers.next() == Some("1") && numbers.next().is_some()
}

fn processes_in(space: &str) -> Result<Vec<u32>> {
    let listed = good(Command::new("ip").args(["netns", "pids", space]))?;
    Ok(listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

fn kill_all_in(space: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let pids = processes_in(space)?;
        if pids.is_empty() {
            return Ok(());
        }
        ensure!(begun.elapsed() < END, "{space}: some processes do not end: {pids:?}");
        // One that is gone already is no error.
        let mut kill = Command::new("kill");
        let _ = kill.arg("-KILL").args(pids.iter().map(u32::to_string)).stderr(Stdio::null()).status()?;
        thread::sleep(ASK_EVERY);
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    good(Command::new("ip").args(arguments)).map(drop)
}

/// Runs a command that must succeed. Returns what it printed.
fn good(command: &mut Command) -> Result<String> {
    let done = command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let said = String::from_utf8_lossy(&done.stderr);
    let program = command.get_program().display();
    ensure!(done.status.success(), "{program} {}: {}: {}", words.join(" "), done.status, said.trim());
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
