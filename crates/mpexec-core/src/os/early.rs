//! Running before `main`: for test binaries, whose `main` belongs to the test harness.

/// Makes pools work inside a test binary, which has no `main` of yours: one line at the top of the test file.
///
/// It runs [`init`](crate::init) before the test harness starts. Functions that are to be called by name must be registered in a
/// program with a `main`.
///
/// ```standalone_crate
/// mpexec_core::init_in_tests!();
///
/// fn squares() {
///     let pool = mpexec_core::Pool::new().unwrap();
///     assert_eq!(pool.map(|n: u32| n * n, [1, 2, 3]).unwrap(), [1, 4, 9]);
/// }
/// # fn main() { squares() }
/// ```
#[macro_export]
macro_rules! init_in_tests {
    () => {
        const _: () = {
            extern "C" fn before_main() {
                $crate::init();
            }
            // SAFETY: the loader calls what stands in this section once, before `main`, with the C convention. By then
            // the standard library has its arguments and its threads can be started; `init` asks for nothing more.
            #[used]
            #[unsafe(link_section = ".init_array")]
            static BEFORE_MAIN: extern "C" fn() = before_main;
        };
    };
}
