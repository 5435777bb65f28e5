//! What was measured with: the compiler, the state of the project, and the versions of the peers.
//!
//! The Rust peers are told by the lock file that this program was built with, and the state of the project by `cargo xtask bench`, which builds
//! it; the rest is asked when it runs.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

const LOCK: &str = include_str!("../../Cargo.lock");
const RUST_PEERS: [&str; 4] = ["rayon", "crossbeam-channel", "procspawn", "ipc-channel"];

/// The state of the project that this program was built from, if who built it has said so.
const BUILT_FROM: Option<&str> = option_env!("MPEXEC_BENCH_COMMIT");

/// Prints a line for Python itself and one for each peer that it has.
const PYTHON: &str = "
import importlib.metadata as there, platform
print('Python', platform.python_version())
for name in ('numpy', 'joblib', 'mpire', 'pebble'):
    try:
        print(name, there.version(name))
    except there.PackageNotFoundError:
        pass
try:
    from joblib.externals import loky
    print('loky', loky.__version__)
except ImportError:
    pass
";

/// Names and versions, as they are told.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Versions {
    /// The compiler as it names itself.
    pub(crate) rustc: String,
    /// The state of the project that it was built from, with a mark if something was changed since.
    pub(crate) commit: String,
    /// Each as `name version`.
    pub(crate) peers: Vec<String>,
}

/// Asks for them; what cannot be had is named as unknown or left out.
pub(crate) fn ask(python: &Path) -> Versions {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let unknown = || "unknown".to_owned();
    let mut peers: Vec<String> =
        RUST_PEERS.iter().filter_map(|name| Some(format!("{name} {}", locked(LOCK, name)?))).collect();
    let told = said(Command::new(python).args(["-c", PYTHON])).unwrap_or_default();
    peers.extend(told.lines().map(str::to_owned));
    Versions {
        rustc: said(Command::new(rustc).arg("--version").current_dir(here)).unwrap_or_else(unknown),
        commit: BUILT_FROM.map_or_else(unknown, str::to_owned),
        peers,
    }
}

/// What a program prints, if it can be run.
fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The version of a package that this program depends on, in a lock file: where there are several, the dependency names its own.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let entry =
        |name: &str| lock.split("[[package]]").find(|entry| entry.starts_with(&format!("\nname = \"{name}\"\n")));
    let dependency = |line: &'a str| {
        let (name, version) = line.trim().trim_matches([',', '"']).split_once(' ')?;
        (name == package).then(|| version.trim_matches([',', '"']))
    };
    let version = |line: &'a str| line.strip_prefix("version = \"")?.strip_suffix('"');
    entry(env!("CARGO_PKG_NAME"))?.lines().find_map(dependency).or_else(|| entry(package)?.lines().find_map(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_knows_every_rust_peer() {
        for name in RUST_PEERS {
            assert!(locked(LOCK, name).is_some_and(|version| version.contains('.')), "{name}");
        }
        assert_eq!(locked(LOCK, "no-such-package"), None);
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0\"\n[[package]]\nname = \"a\"\nversion = \"2.0\"\n\
                    [[package]]\nname = \"mpexec-bench\"\nversion = \"0.0\"\ndependencies = [\n \"a 2.0\",\n]\n";
        assert_eq!(locked(lock, "a"), Some("2.0"));
    }

    #[test]
    fn the_compiler_names_itself_and_a_python_that_is_not_there_has_no_line() {
        let versions = ask(Path::new("/no/such/python"));
        assert!(versions.rustc.starts_with("rustc "), "{versions:?}");
        assert_eq!(versions.peers.len(), RUST_PEERS.len());
    }
}
