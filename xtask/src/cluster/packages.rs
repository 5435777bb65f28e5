//! What a cluster needs of this system: root, some programs, and Debian's packages of Slurm, which are installed where that is possible.

use std::path::Path;
use std::process::{Command, Stdio};

/// The programs, and the packages that bring them.
const PROGRAMS: [(&str, &str); 8] = [
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("slurmctld", "slurmctld"),
    ("slurmd", "slurmd"),
    ("sbatch", "slurm-client"),
    ("munged", "munge"),
];

/// Where programs are that only root starts; not everybody's path has these.
const FOLDERS: [&str; 5] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin"];

/// Sees to it that all is there.
///
/// # Errors
/// Says what is missing.
pub(super) fn there() -> Result<(), String> {
    if !is_root() {
        return Err("it takes root, for namespaces of networks and mounts".to_owned());
    }
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    println!("installing {packages}");
    if !(install(&missing) || (apt(&["update"]) && install(&missing))) {
        return Err(format!("apt-get cannot install {packages}"));
    }
    let still = self::missing();
    if still.is_empty() { Ok(()) } else { Err(format!("these packages brought no programs: {}", still.join(" "))) }
}

fn missing() -> Vec<&'static str> {
    let lacks = |program: &str| !FOLDERS.iter().any(|folder| Path::new(folder).join(program).is_file());
    let mut packages: Vec<_> =
        PROGRAMS.iter().filter(|(program, _)| lacks(program)).map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

fn install(packages: &[&str]) -> bool {
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn apt(arguments: &[&str]) -> bool {
    let mut apt = Command::new("apt-get");
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    apt.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
