//! `mpexec completions` and `mpexec man-pages`: the command line, told to shells and to readers of the manual.

use std::io::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use mpexec::names::shown;
use mpexec_data::Output;

use crate::args::Arguments;
use crate::failure::Failure;
use crate::print;

/// Prints the completions.
///
/// # Errors
/// A [`Failure`] if standard output cannot be written.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "mpexec", &mut text);
    print::plain(&String::from_utf8_lossy(&text))
}

/// Writes a page for the program, and one for each command and each command of a command.
///
/// # Errors
/// A [`Failure`] if a page cannot be written.
pub(crate) fn man_pages(folder: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::files(format!("{}: cannot be written: {error}", shown(folder)));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut command = Arguments::command();
    // So that each command has the options of all.
    command.build();
    fn below(command: &Command) -> impl Iterator<Item = &Command> {
        command.get_subcommands().filter(|command| command.get_name() != "help" && !command.is_hide_set())
    }
    let commands = below(&command).flat_map(|command| std::iter::once(command).chain(below(command)));
    for command in std::iter::once(&command).chain(commands) {
        let page = clap_mangen::Man::new(command.clone());
        let path = folder.join(page.get_filename());
        let mut text = Vec::new();
        page.render(&mut text).map_err(failed)?;
        let mut output = Output::create(&path)?;
        output.write_all(&text).map_err(|error| Failure::files(error.to_string()))?;
        output.commit()?;
    }
    Ok(())
}
