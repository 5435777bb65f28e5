//! The document says what the table says, and so what is tested.

use std::path::Path;

use mpexec_testkit::table::document;

/// Set to write it anew.
const RENEW: &str = "MPEXEC_RENEW_CRASH_TABLE";

#[test]
fn the_document_says_what_is_tested() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CRASH_TABLE.md");
    let now = document();
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(&path, now).unwrap();
        return;
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = stands.lines().zip(now.lines()).find(|(stands, now)| stands != now);
    assert!(stands == now, "{} is not what is tested ({differs:?}): {RENEW}=1 writes it anew", path.display());
}
