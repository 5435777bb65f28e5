//! A file from a stranger: it is an array whose rows can be counted, or one fault is named.
#![no_main]

use std::fs::File;

use libfuzzer_sys::fuzz_target;
use mpexec_data::NpyFile;
use rustix::fs::{MemfdFlags, memfd_create};

fuzz_target!(|bytes: &[u8]| {
    let file = File::from(memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("memory"));
    std::os::unix::fs::FileExt::write_all_at(&file, bytes, 0).expect("memory");
    match NpyFile::from_file(file, "fuzz.npy") {
        Ok(npy) => {
            let rows = npy.layout().rows.min(3);
            if let Ok(window) = npy.rows_window(0, rows) {
                assert!(window.len() <= bytes.len());
            }
        }
        Err(fault) => assert!(!fault.to_string().contains('\n'), "{fault}"),
    }
});
