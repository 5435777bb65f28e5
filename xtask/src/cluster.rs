//! `cargo xtask cluster`: a Slurm cluster of several "machines" on this one, to try `--on slurm` and to test it.
//!
//! Each machine is a set of namespaces: its own network, host name, processes and mounts, with its own `munged` and `slurmd` (the one called `ctl`
//! has `slurmctld`). They are joined by a bridge in a namespace of its own, so that no packet leaves them. All of them see this machine's files, so
//! the folder `shared` of the cluster is its shared disk. What is running is known by the names of the network namespaces alone: nothing else has
//! to be right for `down` to end all of it, also what a failed `up` left behind.

mod arrays;
mod machine;
mod packages;
mod texts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::place::Place;
use arrays::Wanted;
use machine::{Cluster, Machine};
use texts::{Nodes, Settings};

/// More machines than this have no addresses.
const MOST_MACHINES: u16 = 99;

/// What `up` ends with where there can be no cluster: no mistake, but nothing to test with.
const CANNOT: u8 = 77;

/// A Slurm cluster of several machines on this one: started, broken and ended by one command
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of the cluster [default: target/cluster]
    #[arg(long, global = true, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Start a cluster; its machines are ctl, n1, n2, and so on. Installs Debian's packages where they are missing and this is root
    Up {
        /// How many nodes compute
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=2000))]
        nodes: u16,
        /// How many processors each says it has
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
        cpus: u8,
        /// No machine for each node: all are daemons on ctl, so there can be many, to see how jobs are given out. They compute with the processors of
        /// one machine
        #[arg(long)]
        emulated: bool,
        /// Let Slurm look for work as seldom as it does when nobody says anything about that
        #[arg(long)]
        as_shipped: bool,
    },
    /// Measure what arrays of jobs cost on the cluster that is up: a line of JSON for each
    Arrays(Wanted),
    /// Run a command on a machine, in the folder that all share: cargo xtask cluster on ctl sinfo
    On {
        /// The machine
        machine: String,
        /// The command
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
    /// End a machine at once, as if its power was cut
    Kill {
        /// The machine
        machine: String,
    },
    /// Start a machine again
    Start {
        /// The machine
        machine: String,
    },
    /// Cut the link of a machine: it works on, and nobody hears it
    Cut {
        /// The machine
        machine: String,
    },
    /// Mend the link of a machine
    Mend {
        /// The machine
        machine: String,
    },
    /// End the cluster, and whatever a failed start left of it; what is in its folder `shared` stays
    Down,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = arguments.folder.clone().unwrap_or_else(|| Place::find().target.join("cluster"));
    let folder = std::path::absolute(&folder)?;
    if let What::Up { nodes, cpus, emulated, as_shipped } = arguments.what {
        let nodes = match u8::try_from(nodes) {
            _ if emulated => Nodes::Emulated(nodes),
            Ok(machines) if nodes <= MOST_MACHINES => Nodes::Machines(machines),
            _ => bail!("{MOST_MACHINES} machines are as many as have addresses: more nodes can be had with --emulated"),
        };
        return up(&folder, nodes, Settings { cpus, as_shipped });
    }
    let cluster = Cluster::open(&folder)?;
    match &arguments.what {
        What::Up { .. } => {}
        What::On { machine, command } => {
            let status = cluster.machine(machine)?.command(command)?.status()?;
            return Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)));
        }
        What::Kill { machine } => cluster.machine(machine)?.kill()?,
        What::Start { machine } => cluster.machine(machine)?.start()?,
        What::Cut { machine } => cluster.machine(machine)?.link("down")?,
        What::Mend { machine } => cluster.machine(machine)?.link("up")?,
        What::Arrays(wanted) => arrays::measure(&cluster, wanted)?,
        What::Down => down(&cluster)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn up(folder: &Path, nodes: Nodes, settings: Settings) -> Result<ExitCode> {
    if let Err(why) = packages::there() {
        eprintln!("no cluster can be started here: {why}");
        return Ok(ExitCode::from(CANNOT));
    }
    let cluster = Cluster::make(folder, nodes)?;
    let started = start(&cluster, settings);
    if let Err(error) = started {
        let logs = cluster.logs();
        down(&cluster).context("after a failed start")?;
        bail!("the cluster did not start: {error:#}\n{logs}");
    }
    let (count, cpus) = (nodes.count(), settings.cpus);
    let emulated = if matches!(nodes, Nodes::Emulated(_)) { "emulated " } else { "" };
    println!("{}: ctl and {count} {emulated}nodes of {cpus} processors", folder.display());
    println!("cargo xtask cluster on ctl sinfo");
    Ok(ExitCode::SUCCESS)
}

fn start(cluster: &Cluster, settings: Settings) -> Result<()> {
    cluster.write_files(settings)?;
    cluster.make_bridge()?;
    let machines: Vec<Machine<'_>> = cluster.machines().collect();
    for machine in &machines {
        machine.connect()?;
        machine.start()?;
    }
    cluster.wait_until_idle()
}

/// Processes first, then the network, then the files: what was not ended can be ended by a second try.
fn down(cluster: &Cluster) -> Result<()> {
    cluster.end()?;
    for name in texts::FILES {
        remove(&cluster.folder.join(name))?;
    }
    for machine in cluster.machines() {
        remove(&cluster.folder.join(format!("{}.log", machine.name())))?;
        remove(&cluster.folder.join(format!("{}.out", machine.name())))?;
    }
    let state = cluster.folder.join("state");
    if state.exists() {
        fs::remove_dir_all(&state)?;
    }
    // What somebody has put there is theirs.
    let _ = fs::remove_dir(cluster.folder.join("shared"));
    remove(&cluster.folder.join(machine::NAME))?;
    let _ = fs::remove_dir(&cluster.folder);
    Ok(())
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}
