//! The names of files in the making: none, until the end; or a hidden one where none is impossible.

use std::fs::{File, OpenOptions, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, linkat};
use rustix::io::Errno;

/// As many links as Linux itself follows.
const MOST_LINKS: usize = 40;

/// The descriptors of this process as paths: the only way to name a file that has no name, and to let others open it.
const DESCRIPTORS: &str = "/proc/self/fd";

/// The folder of a file that is named relative to any place.
pub(super) fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Where `path` leads when all links are followed, also the last one if nothing is there yet.
pub(super) fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        if let Ok(found) = std::fs::canonicalize(&target) {
            return Ok(found);
        }
        match std::fs::read_link(&target) {
            Ok(next) => target = folder(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(Errno::LOOP.into())
}

/// A new file in `folder`, without a name if the system can; otherwise with the hidden name that is returned.
pub(super) fn create(folder: &Path) -> io::Result<(File, Option<PathBuf>)> {
    // Where `/proc` is not mounted, a file without a name could never be given one.
    #[cfg(target_os = "linux")]
    if Path::new(DESCRIPTORS).exists() {
        match create_unnamed(folder) {
            Ok(file) => return Ok((file, None)),
            Err(error) if impossible(&error) => {}
            Err(error) => return Err(error),
        }
    }
    create_hidden(folder).map(|(file, hidden)| (file, Some(hidden)))
}

/// Makes a new file its owner's alone, to read and to write, and returns the permissions that the user wants new files to
/// have. Those may forbid writing, and other processes still have to open the file for that.
pub(super) fn withhold(file: &File) -> io::Result<Permissions> {
    let wanted = file.metadata()?.permissions();
    // What cannot be set need not be: such file systems know no permissions.
    let _ = file.set_permissions(Permissions::from_mode(0o600));
    Ok(wanted)
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

/// Reserves the space for the first `bytes` bytes and makes the file as long; `false` where that is unknown.
#[cfg(target_os = "linux")]
pub(super) fn allocate(file: &File, bytes: u64) -> io::Result<bool> {
    use rustix::fs::{FallocateFlags, fallocate};
    if bytes == 0 {
        return Ok(true);
    }
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn allocate(_: &File, _: u64) -> io::Result<bool> {
    Ok(false)
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

/// Sees to it that the name of a file is there after a power cut, as far as its file system can.
pub(super) fn sync_name(file: &File, target: &Path) -> io::Result<()> {
    match File::open(folder(target)) {
        Ok(folder) => match folder.sync_all() {
            // What file systems say that do not know this of folders.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        },
        // One that may be written and not read. What a file system keeps a journal of is written with what came before.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => file.sync_all(),
        Err(error) => Err(error),
    }
}

fn link_new(file: &File, name: &Path) -> io::Result<()> {
    let open = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    match linkat(CWD, &open, CWD, name, AtFlags::SYMLINK_FOLLOW) {
        Err(Errno::NOENT) if !Path::new(DESCRIPTORS).exists() => {
            Err(io::Error::other("/proc, by which it would get one, is no longer mounted"))
        }
        linked => Ok(linked?),
    }
}
