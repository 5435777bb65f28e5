//! scratch
mpexec_core::init_in_tests!();
#[test]
fn squares() {
    let pool = mpexec_core::Pool::new().unwrap();
    assert_eq!(pool.map(|n: u32| n * n, [1, 2, 3]).unwrap(), [1, 4, 9]);
}
