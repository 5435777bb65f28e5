//! The files of a cluster: who is who, what Slurm is told, and what a machine does when it starts.

use std::fmt::Write as _;
use std::path::Path;

/// The files that are written when a cluster is made, by name.
pub(super) const FILES: [&str; 4] = ["munge.key", "hosts", "slurm.conf", "init"];

/// The addresses of all machines: `ctl` is 10, the nodes follow.
pub(super) fn address(machine: u8) -> String {
    format!("10.77.0.{}", 10 + machine)
}

/// The same `/etc/hosts` on every machine.
pub(super) fn hosts(nodes: u8) -> String {
    let mut hosts = format!("127.0.0.1 localhost\n{} ctl\n", address(0));
    for node in 1..=nodes {
        let _ = writeln!(hosts, "{} n{node}", address(node));
    }
    hosts
}

/// What Slurm is told. A test cannot wait minutes for what a cluster waits minutes for, so the limits are seconds:
/// when a silent node is taken for dead (`SlurmdTimeout`, 300 s otherwise), how long a job waits that is queued again (`cred_expire`, 120 s), and then until
/// somebody looks at it (`bf_interval`, 30 s), how long one waits that was just submitted (`batch_sched_delay`, 3 s), and how long a task has to end (`KillWait`, 30 s).
pub(super) fn slurm_conf(folder: &Path, nodes: u8, cpus: u8) -> String {
    let (folder, ctl, first, last) = (folder.display(), address(0), address(1), 10 + nodes);
    let first = first.rsplit('.').next().unwrap_or_default();
    format!(
        "ClusterName=test
SlurmctldHost=ctl({ctl})
SlurmUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/var/spool/slurmd/slurmctld.pid
SlurmdPidFile=/var/spool/slurmd/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=5
MessageTimeout=5
TCPTimeout=2
KillWait=2
JobRequeue=1
NodeName=n[1-{nodes}] NodeAddr=10.77.0.[{first}-{last}] CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}

/// What a machine does: it gets a name and its own places for `munged` and Slurm, and runs `slurmctld` or `slurmd`.
pub(super) fn init(folder: &Path) -> String {
    let folder = folder.display();
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
ctl) slurmctld -D -L '{folder}/ctl.log' & ;;
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

    #[test]
    fn nodes_have_the_addresses_that_slurm_is_told() {
        let (hosts, conf) = (hosts(3), slurm_conf(Path::new("/c"), 3, 2));
        assert!(hosts.ends_with("10.77.0.11 n1\n10.77.0.12 n2\n10.77.0.13 n3\n"), "{hosts}");
        assert!(conf.contains("NodeName=n[1-3] NodeAddr=10.77.0.[11-13] CPUs=2 "), "{conf}");
    }
}
