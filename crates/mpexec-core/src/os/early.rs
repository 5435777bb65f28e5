//! Running before `main`: for test binaries, whose `main` belongs to the test harness, and for collecting `#[task]`s.
//!
//! The order matters. In a test binary [`init`](crate::init) itself runs before `main`, and in a worker it never returns: tasks
//! that were not collected by then would be unknown. ELF runs the numbered constructors before those without a number, so the
//! tasks have a number and `init_in_tests!` has none. (The crates that collect across a program do not promise any order, and
//! one of them finds nothing on Windows with the GNU linker.) On Apple systems the order is that of linking.

/// Makes pools work inside a test binary, which has no `main` of yours: one line at the top of each file in `tests/`, and for unit tests
/// one line under `#[cfg(test)]` anywhere in the crate.
///
/// It runs [`init`](crate::init) before the test harness starts. A `#[task]` can be called by its name in there too; what calls
/// [`register`](crate::register) needs a program with a `main`.
///
/// ```
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

/// What `#[task]` writes beside a function: has it collected before `init` runs. What is collected, and by whom, are given to
/// it: this room knows neither.
#[doc(hidden)]
#[macro_export]
macro_rules! __collect_task {
    ($Registration:path, $collect:path, $registration:expr) => {
        const _: () = {
            static REGISTRATION: $Registration = $registration;
            extern "C" fn before_init() {
                $collect(&REGISTRATION);
            }
            // SAFETY: the loader calls what stands in this section once, before `main`, on the only thread, with the C
            // convention. Collecting appends to a list behind a lock and asks nothing of the standard library's start.
            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array.00200"))]
            static BEFORE_INIT: extern "C" fn() = before_init;
        };
    };
}
