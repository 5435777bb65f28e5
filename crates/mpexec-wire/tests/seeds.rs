//! What the fuzz targets begin with (`fuzz/seeds`): one of each kind, as it is encoded today. A fuzzer that begins with bytes of an
//! older form finds the way past the first check only by chance.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{batch, frame, frames, from_worker, group, panic_report, to_worker, zoo};
use mpexec_wire::{PacketHeader, PacketKind, encode_to_vec};

/// With this variable set, the test writes what it would else compare.
const RENEW: &str = "MPEXEC_RENEW_FUZZ_SEEDS";

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target)
}

/// The seeds of one target are these and no others.
#[track_caller]
fn are(target: &str, seeds: Vec<Vec<u8>>) {
    let folder = folder(target);
    if std::env::var_os(RENEW).is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("{number:02}")), seed).unwrap();
        }
    }
    let again = format!("if the form has changed, {RENEW}=1 cargo test -p mpexec-wire --test seeds writes them anew");
    let there = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}; {again}", folder.display()));
    assert_eq!(there.count(), seeds.len(), "{}: {again}", folder.display());
    for (number, seed) in seeds.iter().enumerate() {
        let file = folder.join(format!("{number:02}"));
        assert!(
            fs::read(&file).is_ok_and(|found| found == *seed),
            "{} is not of today's form; {again}",
            file.display()
        );
    }
}

#[test]
fn the_fuzzer_begins_with_frames_of_every_kind() {
    // The first byte says in what pieces the stream comes.
    let stream: Vec<Vec<u8>> = frames().into_iter().map(|(kind, fds, payload)| frame(kind, fds, &payload)).collect();
    let whole = stream.concat();
    let mut seeds: Vec<Vec<u8>> = stream.into_iter().map(|bytes| [&[255], &bytes[..]].concat()).collect();
    seeds.extend([6, 255].map(|step| [&[step], &whole[..]].concat()));
    are("frames", seeds);
}

#[test]
fn the_fuzzer_begins_with_messages_of_every_kind() {
    let mut seeds: Vec<Vec<u8>> = from_worker().iter().map(|message| encode_to_vec(message).unwrap()).collect();
    seeds.extend(to_worker().iter().map(|message| encode_to_vec(message).unwrap()));
    seeds.push(encode_to_vec(&panic_report()).unwrap());
    seeds.push(encode_to_vec(&zoo()).unwrap());
    are("messages", seeds);
}

#[test]
fn the_fuzzer_begins_with_a_batch_and_groups() {
    are("records", vec![batch(), group(3), group(0)]);
}

#[test]
fn the_fuzzer_begins_with_what_a_coordinator_sends() {
    let framed = |bytes: &[u8]| [&(bytes.len() as u16).to_le_bytes(), bytes].concat();
    let messages: Vec<Vec<u8>> = to_worker().iter().map(|message| framed(&encode_to_vec(message).unwrap())).collect();
    are("tasks", vec![framed(&batch()), [framed(&batch()), framed(&batch())].concat(), messages.concat()]);
}

#[test]
fn the_fuzzer_begins_with_packets_of_both_kinds() {
    let value = encode_to_vec(&(7u64, "seven", vec![Some(7u32), None])).unwrap();
    let inline = PacketHeader { kind: PacketKind::Inline, attached: 1, len: value.len() as u64 }.write();
    let parcel = PacketHeader { kind: PacketKind::Parcel, attached: 2, len: 1 << 20 }.write();
    are("packets", vec![[&inline[..], &value].concat(), [&parcel[..], &[0; 40]].concat(), value]);
}
