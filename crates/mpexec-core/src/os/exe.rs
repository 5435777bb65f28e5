//! This program's own executable, held open: workers run the very file that the coordinator runs, also when the path
//! has been overwritten or removed since.

#![expect(unsafe_code, reason = "asks the kernel what it has started")]

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use mpexec_wire::FileId;

/// A program file to start workers from.
#[derive(Debug)]
pub(crate) struct Program {
    /// Above the standard descriptors; `None` when it must be started by its path (a script).
    held: Option<File>,
    /// As the user knows it, for messages.
    pub path: PathBuf,
    /// Device and inode.
    pub id: FileId,
    /// It is the program that runs now.
    pub own: bool,
}

/// The path of the program that runs now. Without `/proc` it is the one by which it was started.
fn own_path() -> PathBuf {
    std::env::current_exe().ok().or_else(started_as).unwrap_or_else(|| PathBuf::from("/proc/self/exe"))
}

/// What the kernel was asked to start; if it is relative, then to the directory in which that was.
fn started_as() -> Option<PathBuf> {
    // SAFETY: only asks; the answer is 0 where there is none.
    let path = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    // SAFETY: it is not null, and then a text on the process's first stack page, which is there as long as the process.
    let path = (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })?;
    std::path::absolute(OsStr::from_bytes(path.to_bytes())).ok()
}

/// Device and inode of the program that runs now.
pub(crate) fn own_id() -> io::Result<FileId> {
    let meta = std::fs::metadata("/proc/self/exe").or_else(|_| std::fs::metadata(own_path()))?;
    Ok(FileId { device: meta.dev(), inode: meta.ino() })
}

impl Program {
    /// This program itself.
    pub(crate) fn own() -> io::Result<Program> {
        let path = own_path();
        let file = File::open("/proc/self/exe").or_else(|_| File::open(&path))?;
        Program::hold(file, path, true)
    }

    /// The program at `path`.
    pub(crate) fn at(path: &Path) -> io::Result<Program> {
        // Not readable but executable is fine for a program: then it is started by its path.
        let meta = std::fs::metadata(path)?;
        if meta.is_dir() {
            return Err(io::Error::other("it is a directory"));
        }
        if meta.mode() & 0o111 == 0 {
            return Err(io::Error::other("it is not executable (chmod +x)"));
        }
        let id = FileId { device: meta.dev(), inode: meta.ino() };
        let own = own_id().is_ok_and(|own| own == id);
        match std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
            Ok(file) => Program::hold(file, path.to_owned(), own),
            Err(_) => Ok(Program { held: None, path: path.to_owned(), id, own }),
        }
    }

    fn hold(file: File, path: PathBuf, own: bool) -> io::Result<Program> {
        let meta = file.metadata()?;
        let id = FileId { device: meta.dev(), inode: meta.ino() };
        // The kernel gives a script's interpreter the path it was started by, and that descriptor is closed by then.
        let mut magic = [0; 2];
        let script = file.read_at(&mut magic, 0).is_ok_and(|read| read == 2) && &magic == b"#!";
        let held = if script { None } else { Some(above_standard(file)?) };
        Ok(Program { held, path, id, own })
    }

    /// What to hand to `Command::new`.
    pub(crate) fn to_run(&self) -> PathBuf {
        match &self.held {
            Some(file) if Path::new("/proc/self/fd").exists() => {
                PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
            }
            // The child may have another working directory.
            _ => std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone()),
        }
    }
}

/// A host program that closed its standard streams may get 0, 1 or 2 for our file, which the child's own streams replace.
fn above_standard(file: File) -> io::Result<File> {
    if file.as_raw_fd() > 2 {
        return Ok(file);
    }
    let moved: OwnedFd = rustix::io::fcntl_dupfd_cloexec(&file, 3)?;
    Ok(File::from(moved))
}
