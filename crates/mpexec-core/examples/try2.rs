//! scratch
use mpexec_core::*;
fn main() -> Result<(), Box<dyn std::error::Error>> {
    init();
    for i in 0..200 {
        let mut p = Process::spawn(|a: u32| a + 1, (1,))?;
        println!("{i} {:?} {:?} {}", p.join(), p.exit_status(), p.is_alive());
    }
    Ok(())
}
