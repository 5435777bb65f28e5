//! `cargo xtask dist`: what is handed to others, in one archive.
//!
//! It holds both programs, the pages of the manual, the completions of three shells, and the licences, in the folders in which a system looks
//! for them: unpacked over a prefix such as `/usr/local` everything is in its place. Pages and completions are made by the program itself.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use clap::Args;

use crate::place::Place;
use crate::report::Outcome;
use crate::run::show;

const PROGRAMS: [&str; 2] = ["mpexec", "mpexec-worker"];
const PAPERS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Each shell, and where it looks for completions below a prefix.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/mpexec"),
    ("zsh", "share/zsh/site-functions/_mpexec"),
    ("fish", "share/fish/vendor_completions.d/mpexec.fish"),
];

/// Build an archive with the programs, completions and pages of the manual, in target/dist
#[derive(Args)]
pub(crate) struct Arguments {
    /// Take programs that are built without optimisation, to see that it can be done
    #[arg(long)]
    dev: bool,
}

/// Builds the archive, and prints where it is.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    // Those without optimisation are there already where somebody works, if they are asked for as he builds them.
    let build: &[&str] = if arguments.dev {
        &["build", "--workspace", "--exclude", "mpexec-bench", "--bins"]
    } else {
        &["build", "--package", "mpexec", "--bins", "--release"]
    };
    let mut build = place.cargo(build);
    ensure!(show(&place, &mut build) == Outcome::Ok, "the programs do not build");
    let built = place.target.join(if arguments.dev { "debug" } else { "release" });
    let name = format!("mpexec-{}-{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS);
    let dist = place.target.join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be cleared", folder.display()))?;
    }
    for program in PROGRAMS {
        put(&built.join(program), &folder.join("bin").join(program))?;
    }
    for paper in PAPERS {
        put(&place.root.join(paper), &folder.join("share/doc/mpexec").join(paper))?;
    }
    let mpexec = folder.join("bin/mpexec");
    let pages = folder.join("share/man/man1");
    ensure!(
        show(&place, place.command(&mpexec).arg("man-pages").arg(&pages)) == Outcome::Ok,
        "the manual cannot be written"
    );
    for (shell, path) in SHELLS {
        let printed = Command::new(&mpexec).args(["completions", shell]).output()?;
        ensure!(printed.status.success(), "the completions of {shell} cannot be made");
        let path = folder.join(path);
        make_folder(&path)?;
        fs::write(&path, printed.stdout).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let archive = dist.join(format!("{name}.tar.gz"));
    let mut tar = place.command("tar");
    tar.args(["--create", "--gzip", "--owner=0", "--group=0", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(&dist)
        .arg(&name);
    ensure!(show(&place, &mut tar) == Outcome::Ok, "the archive cannot be written");
    println!("{}", archive.display());
    Ok(ExitCode::SUCCESS)
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
}

fn put(from: &Path, to: &Path) -> anyhow::Result<()> {
    make_folder(to)?;
    fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display()))?;
    Ok(())
}
