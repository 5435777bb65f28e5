//! The names of files in the making: none, until the end; or a hidden one where none is impossible.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, linkat};

/// The folder of a file that is named relative to any place.
pub(super) fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A new file in `folder`, without a name if the system can; otherwise with the hidden name that is returned.
pub(super) fn create(folder: &Path) -> io::Result<(File, Option<PathBuf>)> {
    #[cfg(target_os = "linux")]
    match create_unnamed(folder) {
        Ok(file) => return Ok((file, None)),
        Err(error) if impossible(&error) => {}
        Err(error) => return Err(error),
    }
    create_hidden(folder).map(|(file, hidden)| (file, Some(hidden)))
}

#[cfg(target_os = "linux")]
fn create_unnamed(folder: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let unnamed = rustix::fs::OFlags::TMPFILE.bits() as i32;
    OpenOptions::new().read(true).write(true).custom_flags(unnamed).open(folder)
}

/// What kernels and file systems say that know no files without a name.
#[cfg(target_os = "linux")]
fn impossible(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::Unsupported | Kind::IsADirectory | Kind::InvalidInput)
}

pub(super) fn create_hidden(folder: &Path) -> io::Result<(File, PathBuf)> {
    let hidden = hidden_name(folder);
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&hidden)?;
    Ok((file, hidden))
}

/// A name that nobody else has: 64 random bits, from the only source of them in the standard library.
fn hidden_name(folder: &Path) -> PathBuf {
    folder.join(format!(".mpexec-{:016x}", RandomState::new().hash_one(std::process::id())))
}

/// Gives a file without a name the name `target`, in place of what has it.
pub(super) fn link(file: &File, target: &Path) -> io::Result<()> {
    match link_new(file, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A link never replaces and a rename does, but a rename needs a name to begin with.
            let hidden = hidden_name(folder(target));
            link_new(file, &hidden)?;
            std::fs::rename(&hidden, target).inspect_err(|_| {
                let _ = std::fs::remove_file(&hidden);
            })
        }
        linked => linked,
    }
}

fn link_new(file: &File, name: &Path) -> io::Result<()> {
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, open, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}
