//! The arguments of what the program says of itself: completions for shells, and pages of the manual.

use std::path::PathBuf;

use clap_complete::Shell;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  mpexec completions bash > ~/.local/share/bash-completion/completions/mpexec
  mpexec completions zsh > ~/.zfunc/_mpexec
  mpexec completions fish > ~/.config/fish/completions/mpexec.fish";

const MAN_PAGES_EXAMPLES: &str = "\
Examples:
  mpexec man-pages /usr/local/share/man/man1";

/// Print what lets a shell complete the commands and options
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// For which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Write the pages of the manual into a folder
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = MAN_PAGES_EXAMPLES)]
pub(crate) struct ManPagesArguments {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}
