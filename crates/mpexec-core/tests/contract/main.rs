//! What every link promises: one list of functions, run over shared memory, over the socket and in one process.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod aborting;
mod ahead;
mod budgets;
mod calls;
mod cancelling;
mod capture;
mod channel_ends;
mod channels;
mod chaos;
mod ending;
mod errors;
mod flow;
mod forms;
mod futures;
mod handles;
mod hooks;
mod inline;
mod lending;
mod letting_go;
mod limits;
mod many;
mod memory_limits;
mod once;
mod process;
mod recording;
mod resizing;
mod returned;
mod runtimes;
mod shared;
mod shelves;
mod statistics;
mod stopping;
mod streams;
mod surroundings;
mod together;
mod told;
mod user_code;
mod waiting;

use mpexec_testkit as common;

mpexec_core::init_in_tests!();

/// Runs each function as a test on each of the links named.
macro_rules! on_links {
    ([$($link:ident $transport:ident),*] $list:tt) => { $($crate::on_links!(@ $link $transport $list);)* };
    (@ $link:ident $transport:ident [$($name:ident),* $(,)?]) => {
        mod $link {
            $(
                #[test]
                fn $name() {
                    let _watchdog = $crate::common::Watchdog::new();
                    super::$name(mpexec_core::Transport::$transport);
                }
            )*
        }
    };
}

/// On all links.
macro_rules! contract {
    ($($name:ident),* $(,)?) => { $crate::on_links!([shm Shm, socket Socket, memory Memory] [$($name),*]); };
}

/// On the links whose workers are processes.
macro_rules! process_contract {
    ($($name:ident),* $(,)?) => { $crate::on_links!([shm Shm, socket Socket] [$($name),*]); };
}

pub(crate) use {contract, on_links, process_contract};
