//! How the files of a run folder are opened: themselves, never through a symbolic link that stands in their place, and never something that makes whoever opens it wait.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file that is one.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // The other end of a pipe may never come.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is no file");
    match options.custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(no_file()),
        // What systems say of links, sockets and folders differs.
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) => Err(no_file()),
        Err(error) => Err(error),
    }
}

/// All of a file that is one.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, OpenOptions::new().read(true))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let _watchdog = mpexec_testkit::Watchdog::new();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        assert_eq!(read_text(&at("file")).unwrap(), "text");
        assert_eq!(read(&at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        fs::create_dir(at("folder")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for name in ["pipe", "folder", "link", "socket"] {
            for write in [false, true] {
                let error = open(&at(name), OpenOptions::new().read(!write).append(write)).unwrap_err();
                assert_eq!(error.to_string(), "it is no file", "{name}");
            }
        }
    }
}
