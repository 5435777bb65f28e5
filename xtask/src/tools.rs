//! What some steps need and Rust does not bring: found, or else installed where that is possible within a few minutes.
//!
//! Nothing is installed outside of `target/tools`, but for components of a toolchain that is there already. Where
//! something cannot be had, the answer is why, and the step is skipped with it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::place::Place;
use crate::report::Outcome;
use crate::run::{ask, show_within};

/// The version that `deny.toml` was written for.
const CARGO_DENY: &str = "0.20.2";

/// The version that the folder `fuzz` was laid out for.
const CARGO_FUZZ: &str = "0.13.1";

/// A question such as "which version are you?" is answered at once, but the first one to a toolchain may load it.
pub(crate) const ASK: Duration = Duration::from_secs(60);
/// For what is downloaded ready to use.
pub(crate) const DOWNLOAD: Duration = Duration::from_secs(120);
/// For what is compiled: two cores need some three minutes for cargo-deny,
const COMPILE: Duration = Duration::from_secs(480);
/// and many more where it stands back behind all other steps.
const COMPILE_ASIDE: Duration = Duration::from_secs(1500);

/// The program, if it stands in one of the folders.
pub(crate) fn in_folders(program: &str, folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    folders.into_iter().map(|folder| folder.join(&name)).find(|path| path.is_file())
}

pub(crate) fn folders_of_programs(place: &Place) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let home = |name: &str| env::var_os(name).map(PathBuf::from);
    let cargo_home = home("CARGO_HOME").or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.push(place.tools().join("bin"));
    folders.extend(cargo_home.map(|folder| folder.join("bin")));
    folders
}

/// Sees to it that the toolchain has the component that brings `cargo <command>`.
pub(crate) fn component(command: &str, component: &str, place: &Place) -> Outcome {
    let is_there = || ask(&mut place.cargo(&[command, "--version"]), ASK).succeeded();
    if is_there() {
        return Outcome::Ok;
    }
    show_within(place, place.command("rustup").args(["component", "add", component]), DOWNLOAD);
    if is_there() { Outcome::Ok } else { Outcome::Skipped(format!("this toolchain has no {component}")) }
}

/// Finds cargo-deny or installs it.
///
/// # Errors
/// Says why it cannot be had.
pub(crate) fn cargo_deny(place: &Place) -> Result<PathBuf, String> {
    found_or_installed("cargo-deny", CARGO_DENY, place)
}

/// Finds cargo-fuzz or installs it, and sees to it that there is the nightly toolchain that it needs.
///
/// # Errors
/// Says why it cannot be had.
pub(crate) fn cargo_fuzz(place: &Place) -> Result<PathBuf, String> {
    nightly(place)?;
    found_or_installed("cargo-fuzz", CARGO_FUZZ, place)
}

/// Asks for the nightly toolchain.
///
/// # Errors
/// Says that there is none.
pub(crate) fn nightly(place: &Place) -> Result<(), String> {
    if ask(place.command("rustup").args(["run", "nightly", "rustc", "--version"]), ASK).succeeded() {
        return Ok(());
    }
    Err("there is no nightly toolchain (rustup toolchain install nightly)".to_owned())
}

fn found_or_installed(program: &str, version: &str, place: &Place) -> Result<PathBuf, String> {
    if let Some(found) = in_folders(program, folders_of_programs(place)) {
        return Ok(found);
    }
    let tools = place.tools();
    let build = tools.join("build");
    // Without optimisation: it is run once or twice, and compiling it is most of the time.
    let mut cargo = place.cargo(&["install", program, "--locked", "--debug", "--version", version]);
    cargo.arg("--root").arg(&tools).arg("--target-dir").arg(&build).env("CARGO_PROFILE_DEV_DEBUG", "false");
    let ended = show_within(place, &mut cargo, if place.aside { COMPILE_ASIDE } else { COMPILE });
    let found = in_folders(program, [tools.join("bin")]);
    match found.filter(|_| ended.succeeded()) {
        Some(found) => {
            // What was compiled on the way is hundreds of megabytes. After a time-out it stays, and the next try goes on.
            let _ = fs::remove_dir_all(build);
            Ok(found)
        }
        None => Err(format!("{program} {version} is not there and cannot be installed ({})", ended.reason())),
    }
}

/// Sees to it that the nightly toolchain has Miri.
///
/// # Errors
/// Says why it cannot be had.
pub(crate) fn miri(place: &Place) -> Result<(), String> {
    let nightly = |arguments: &[&str]| {
        let mut rustup = place.command("rustup");
        rustup.args(["run", "nightly"]).args(arguments);
        rustup
    };
    if !ask(&mut nightly(&["rustc", "--version"]), ASK).succeeded() {
        return Err("there is no nightly toolchain".to_owned());
    }
    if ask(&mut nightly(&["cargo", "miri", "--version"]), ASK).succeeded() {
        return Ok(());
    }
    let mut add = place.command("rustup");
    let ended =
        show_within(place, add.args(["component", "add", "--toolchain", "nightly", "miri", "rust-src"]), DOWNLOAD);
    if ended.succeeded() {
        return Ok(());
    }
    Err(format!("the nightly toolchain has no Miri, and it cannot be added ({})", ended.reason()))
}

/// Sees to it that sanitizers can be used, and what the host is called; `rebuilt`: with the standard library built anew.
///
/// # Errors
/// Says why they cannot be had.
pub(crate) fn sanitizers(place: &Place, rebuilt: bool) -> Result<String, String> {
    nightly(place)?;
    let rustc = |arguments: &[&str]| {
        let output = place.command("rustup").args(["run", "nightly", "rustc"]).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).map_err(|error| error.to_string())
    };
    let about = rustc(&["-vV"])?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not name its host")?;
    let sources = Path::new(rustc(&["--print", "sysroot"])?.trim()).join("lib/rustlib/src/rust/library/Cargo.lock");
    if rebuilt && !sources.is_file() {
        let mut add = place.command("rustup");
        let ended = show_within(place, add.args(["component", "add", "--toolchain", "nightly", "rust-src"]), DOWNLOAD);
        if !sources.is_file() {
            let why = ended.reason();
            return Err(format!("the nightly toolchain has no sources of the standard library (rust-src: {why})"));
        }
    }
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_taken_from_the_first_folder_that_has_it() {
        let this = env::current_exe().unwrap();
        let name = this.file_stem().and_then(|stem| stem.to_str()).unwrap();
        let folder = this.parent().unwrap().to_owned();
        assert_eq!(
            in_folders(name, [folder.join("none"), folder.clone()]),
            Some(folder.join(this.file_name().unwrap()))
        );
        assert_eq!(in_folders("no-such-program-anywhere", [folder]), None);
    }
}
