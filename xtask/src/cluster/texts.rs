//! The files of a cluster: who is who, what Slurm is told, and what a machine does when it starts.

use std::fmt::Write as _;
use std::path::Path;

/// The files that are written when a cluster is made, by name.
pub(super) const FILES: [&str; 5] = ["munge.key", "hosts", "slurm.conf", "init", "nodes.log"];

/// Where the first emulated node listens; the others follow.
const FIRST_PORT: u16 = 7001;

/// The nodes of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nodes {
    /// Each is a machine of its own.
    Machines(u8),
    /// All are on `ctl`, a daemon each.
    Emulated(u16),
}

impl Nodes {
    pub(super) fn count(self) -> u16 {
        match self {
            Nodes::Machines(count) => count.into(),
            Nodes::Emulated(count) => count,
        }
    }
}

/// The addresses of all machines: `ctl` is 10, the nodes follow.
pub(super) fn address(machine: u8) -> String {
    format!("10.77.0.{}", 10 + machine)
}

/// The same `/etc/hosts` on every machine.
pub(super) fn hosts(nodes: Nodes) -> String {
    let mut hosts = format!("127.0.0.1 localhost\n{} ctl", address(0));
    match nodes {
        Nodes::Machines(count) => (1..=count).for_each(|node| {
            let _ = write!(hosts, "\n{} n{node}", address(node));
        }),
        Nodes::Emulated(count) => (1..=count).for_each(|node| {
            let _ = write!(hosts, " n{node}");
        }),
    }
    hosts + "\n"
}

/// How a cluster is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// How many processors each node says it has.
    pub(super) cpus: u8,
    /// When Slurm looks for work, as when nobody says anything about it.
    pub(super) as_shipped: bool,
}

/// When Slurm looks for work. A test cannot wait as long as a cluster does for a job that was just submitted (`batch_sched_delay`, 3 s otherwise), and until
/// somebody looks at what is queued again (`bf_interval`, 30 s).
const QUICK: &str = "SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1\n";

/// Whether it was left at that.
pub(super) fn is_as_shipped(slurm_conf: &str) -> bool {
    !slurm_conf.contains(QUICK)
}

/// When a silent node is taken for dead (`SlurmdTimeout`, 300 s otherwise): nodes that are daemons on one machine are slow, and not dead.
const IMPATIENT: &str = "SlurmdTimeout=5\nMessageTimeout=3\nTCPTimeout=1\n";

/// What Slurm is told. A test cannot wait minutes for what a cluster waits minutes for, so the limits are seconds:
/// how long a job waits that is queued again (`cred_expire`, 120 s otherwise), and how long a task has to end (`KillWait`, 30 s).
pub(super) fn slurm_conf(folder: &Path, nodes: Nodes, settings: Settings) -> String {
    let (folder, ctl, first, cpus) = (folder.display(), address(0), address(1), settings.cpus);
    let first = first.rsplit('.').next().unwrap_or_default();
    let scheduler = if settings.as_shipped { "" } else { QUICK };
    let (patience, place, named) = match nodes {
        Nodes::Machines(count) => {
            let named = format!("NodeName=n[1-{count}] NodeAddr=10.77.0.[{first}-{}]", 10 + count);
            (IMPATIENT, "", named)
        }
        Nodes::Emulated(count) => {
            let ports = format!("Port=[{}-{}]", FIRST_PORT, FIRST_PORT + count - 1);
            ("", "/%n", format!("NodeName=n[1-{count}] NodeHostName=n[1-{count}] NodeAddr={ctl} {ports}"))
        }
    };
    format!(
        "ClusterName=test
SlurmctldHost=ctl({ctl})
SlurmUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir=/var/spool/slurmd{place}
SlurmctldPidFile=/var/spool/slurmd/slurmctld.pid
SlurmdPidFile=/var/spool/slurmd{place}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
{scheduler}{patience}SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
JobRequeue=1
{named} CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}

/// What a machine does: it gets a name and its own places for `munged` and Slurm, and runs `slurmctld` or `slurmd`. Emulated nodes are daemons beside
/// `slurmctld`: as each has a name and a port of its own, it takes them for machines.
pub(super) fn init(folder: &Path, nodes: Nodes) -> String {
    let folder = folder.display();
    let beside = match nodes {
        Nodes::Machines(_) => String::new(),
        Nodes::Emulated(count) => format!(
            "
    for node in $(seq {count}); do
        mkdir /var/spool/slurmd/n$node
        slurmd -D -N n$node -L '{folder}/nodes.log' &
    done"
        ),
    };
    format!(
        "set -e
hostname $1
mount --bind '{folder}/hosts' /etc/hosts
for place in /run/munge /var/lib/munge /var/log/munge /var/spool/slurmd; do
    mkdir -p $place
    mount -t tmpfs -o mode=755 tmpfs $place
done
chown munge: /run/munge /var/lib/munge /var/log/munge
chmod 700 /var/lib/munge /var/log/munge
setpriv --reuid munge --regid munge --clear-groups munged --num-threads=1 --key-file='{folder}/munge.key'
# It has forked when its socket is there.
export SLURM_CONF='{folder}/slurm.conf'
case $1 in
ctl){beside}
    slurmctld -D -L '{folder}/ctl.log' & ;;
*) slurmd -D -L '{folder}'/$1.log & ;;
esac
# The first process of a machine is the one that buries what nobody else does.
wait $!
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { cpus: 2, as_shipped: false };

    #[test]
    fn nodes_have_the_addresses_that_slurm_is_told() {
        let nodes = Nodes::Machines(3);
        let (hosts, conf) = (hosts(nodes), slurm_conf(Path::new("/c"), nodes, SETTINGS));
        assert!(hosts.ends_with("10.77.0.11 n1\n10.77.0.12 n2\n10.77.0.13 n3\n"), "{hosts}");
        assert!(conf.contains("NodeName=n[1-3] NodeAddr=10.77.0.[11-13] CPUs=2 "), "{conf}");
        assert!(conf.contains("bf_interval=1\nSlurmdTimeout=5\n"), "{conf}");
        assert!(!init(Path::new("/c"), nodes).contains("nodes.log"));
    }

    #[test]
    fn emulated_nodes_have_ports_and_places_of_their_own_on_one_machine() {
        let nodes = Nodes::Emulated(100);
        let conf = slurm_conf(Path::new("/c"), nodes, Settings { as_shipped: true, ..SETTINGS });
        assert!(conf.contains("NodeHostName=n[1-100] NodeAddr=10.77.0.10 Port=[7001-7100] CPUs=2 "), "{conf}");
        assert!(conf.contains("SlurmdSpoolDir=/var/spool/slurmd/%n\n"), "{conf}");
        assert!(!conf.contains("SchedulerParameters") && !conf.contains("SlurmdTimeout"), "{conf}");
        assert!(hosts(nodes).starts_with("127.0.0.1 localhost\n10.77.0.10 ctl n1 n2 "));
        assert!(init(Path::new("/c"), nodes).contains("for node in $(seq 100); do"));
    }
}
