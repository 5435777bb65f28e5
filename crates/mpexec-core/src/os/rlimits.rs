//! The limits that this process was given (`ulimit`).
//!
//! A system may refuse to tell them, as a filter of system calls does. Then none is known, and what they forbid fails when it is tried.

use nix::sys::resource::{RLIM_INFINITY, getrlimit, setrlimit};

pub(crate) use nix::sys::resource::Resource;

/// What holds now, and how far this process may raise it; `None` is no limit, or none that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

pub(crate) fn of(resource: Resource) -> Limits {
    let known = |limit| (limit != RLIM_INFINITY).then_some(limit);
    match getrlimit(resource) {
        Ok((soft, hard)) => Limits { soft: known(soft), hard: known(hard) },
        Err(_) => Limits { soft: None, hard: None },
    }
}

/// Whether the system has taken them.
pub(crate) fn set(resource: Resource, Limits { soft, hard }: Limits) -> bool {
    setrlimit(resource, soft.unwrap_or(RLIM_INFINITY), hard.unwrap_or(RLIM_INFINITY)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_what_holds() {
        let before = of(Resource::RLIMIT_CORE);
        // Other tests need none of it.
        let less = Limits { soft: Some(before.soft.unwrap_or(4096).min(4096)), ..before };
        assert!(set(Resource::RLIMIT_CORE, less));
        assert_eq!(of(Resource::RLIMIT_CORE), less);
        assert!(set(Resource::RLIMIT_CORE, before));
    }
}
