//! The steps of `cargo xtask test`, in their order: what fails fast and often comes first.

use std::env;
use std::time::Duration;

use crate::place::Place;
use crate::public_api;
use crate::python;
use crate::report::Outcome;
use crate::run::{show, show_within, with_processor_limit};
use crate::tools;

/// One thing that is checked.
pub(crate) struct Step {
    /// What one types after `--only`.
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) what: &'static str,
    /// When it is run, besides when it is named.
    pub(crate) when: When,
    /// The steps that must have run before.
    pub(crate) needs: &'static [&'static str],
    /// Steps beside the others whose end it waits for, if they are run.
    pub(crate) after: &'static [&'static str],
    /// Whether it can run beside all others: it builds in folders of its own.
    pub(crate) aside: bool,
    /// Checks it.
    pub(crate) run: fn(&Place) -> Outcome,
}

/// When a step is run that nobody has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Also while one is writing.
    Quick,
    /// Before a change is taken.
    Whole,
    /// Never: it takes too long for that.
    Named,
}

/// All steps.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "the sources have the form that rustfmt gives them",
        when: When::Quick,
        needs: &[],
        after: &[],
        aside: false,
        run: fmt,
    },
    Step {
        name: "clippy",
        what: "no lint has anything to say",
        when: When::Quick,
        needs: &[],
        after: &[],
        aside: false,
        run: clippy,
    },
    Step {
        name: "docs",
        what: "the documentation builds without a warning",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: false,
        run: docs,
    },
    Step {
        name: "bins",
        what: "the programs build",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: false,
        run: bins,
    },
    Step {
        name: "numpy",
        what: "a Python with NumPy is there for the tests that compare with it",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: true,
        run: numpy,
    },
    Step {
        name: "tests",
        what: "all tests and all examples in the documentation pass",
        when: When::Quick,
        needs: &["bins"],
        after: &["numpy"],
        aside: false,
        run: tests,
    },
    Step {
        name: "chaos",
        what: "random faults for some seconds: every task tells the truth, and nothing is left behind",
        when: When::Whole,
        needs: &["bins"],
        after: &[],
        aside: false,
        run: chaos,
    },
    Step {
        name: "loom",
        what: "the ring's orderings hold in every interleaving",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: true,
        run: loom,
    },
    Step {
        name: "bench",
        what: "the measurements and their peers build",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: false,
        run: bench,
    },
    Step {
        name: "deny",
        what: "crates, licences and sources are those of deny.toml",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: true,
        run: deny,
    },
    Step {
        name: "advisories",
        what: "no crate has a known weakness",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: true,
        run: advisories,
    },
    Step {
        name: "public-api",
        what: "the library's public face is that of crates/mpexec-core/public-api.txt",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: true,
        run: public_api::run,
    },
    Step {
        name: "miri",
        what: "the ring's memory model holds under Miri",
        when: When::Whole,
        needs: &[],
        after: &[],
        aside: true,
        run: miri,
    },
    Step {
        name: "killed",
        what: "runs over 800 MB that are killed ten times give what undisturbed ones give",
        when: When::Named,
        needs: &[],
        after: &[],
        aside: false,
        run: killed,
    },
];

/// All but the bench, which alone compiles the peers.
const MEMBERS: [&str; 3] = ["--workspace", "--exclude", "mpexec-bench"];

/// How long the list of advisories may take to come. Where there is no way to it, this is what is lost.
const ADVISORIES_LIMIT: Duration = Duration::from_secs(60);

/// How much processor time one run of Miri may take. It is some hundred times slower than the machine, so a test that is
/// fast everywhere else can take hours there; such a test says `cfg!(miri)` and does less.
const MIRI_LIMIT: Duration = Duration::from_secs(180);

/// So many tests of a program run at once, also where there are fewer processors.
const TESTS_AT_ONCE: usize = 4;

/// Tells tests which Python has NumPy. Those that compare with NumPy say that they skip when it is not set.
const PYTHON_VARIABLE: &str = "MPEXEC_TEST_PYTHON";

fn with_members<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<&'a str> {
    [before, &MEMBERS, after].concat()
}

fn fmt(place: &Place) -> Outcome {
    tools::component("fmt", "rustfmt", place).and(|| show(place, &mut place.cargo(&["fmt", "--all", "--", "--check"])))
}

fn clippy(place: &Place) -> Outcome {
    let arguments = with_members(&["clippy"], &["--all-targets", "--", "-D", "warnings"]);
    tools::component("clippy", "clippy", place).and(|| show(place, &mut place.cargo(&arguments)))
}

fn docs(place: &Place) -> Outcome {
    let arguments = with_members(&["doc"], &["--no-deps"]);
    show(place, place.cargo(&arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Tests of the whole program need both programs, and Cargo builds a program for the tests of its own package only. All
/// members are named, because dependencies would be built twice if this step saw other features than the next.
fn bins(place: &Place) -> Outcome {
    show(place, &mut place.cargo(&with_members(&["build"], &["--bins"])))
}

fn numpy(place: &Place) -> Outcome {
    match python::with_numpy(place) {
        Ok(python) => {
            place.say(&format!("found {}", python.display()));
            if let Err(why) = python::tables(&python, place) {
                place.say(&format!("without pandas and pyarrow: {why}"));
            }
            Outcome::Ok
        }
        Err(why) => Outcome::Skipped(why),
    }
}

fn tests(place: &Place) -> Outcome {
    let mut cargo = place.cargo(&with_members(&["test"], &["--no-fail-fast"]));
    if env::var_os("RUST_TEST_THREADS").is_none() {
        // They wait for processes most of the time.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        cargo.env("RUST_TEST_THREADS", processors.max(TESTS_AT_ONCE).to_string());
    }
    if let Some(python) = python::known_with_numpy(place) {
        cargo.env(PYTHON_VARIABLE, python);
    }
    show(place, &mut cargo)
}

/// As the programs were built, because that is there already: Cargo would build the library once more for it alone, as that needs fewer features of other crates.
/// `cargo xtask chaos` takes the optimised form.
fn chaos(place: &Place) -> Outcome {
    let program = place.target.join("debug").join(format!("mpexec-chaos{}", env::consts::EXE_SUFFIX));
    show(place, place.command(program).arg("--minutes=0.4"))
}

/// Loom replaces the atomics of the crate by its own, so it builds everything anew: in a folder of its own, or the other
/// steps would build everything anew after it. Building is most of its time, so only what goes through the interleavings is optimised.
fn loom(place: &Place) -> Outcome {
    let flags = env::var("RUSTFLAGS").unwrap_or_default() + " --cfg loom";
    let mut cargo = place.cargo(&["test", "-p", "mpexec-ring", "--release", "--test", "loom"]);
    for name in ["generator", "loom", "mpexec-ring"] {
        cargo.arg("--config").arg(format!("profile.release.package.{name}.opt-level=1"));
    }
    for (key, value) in [("CODEGEN_UNITS", "16"), ("LTO", "off"), ("OPT_LEVEL", "0")] {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    show(place, cargo.env("RUSTFLAGS", flags.trim()).env("CARGO_TARGET_DIR", place.target.join("loom")))
}

/// With the two crates that name the features of all others, so that only the peers are left to check.
fn bench(place: &Place) -> Outcome {
    show(place, &mut place.cargo(&["check", "-p", "mpexec-bench", "-p", "mpexec-tests", "-p", "xtask"]))
}

fn deny(place: &Place) -> Outcome {
    match tools::cargo_deny(place) {
        Ok(deny) => show(place, place.command(deny).args(["check", "bans", "licenses", "sources"])),
        Err(why) => Outcome::Skipped(why),
    }
}

/// Fetching is apart from checking, so that a machine without a way to the list is told from a crate that stands in it.
fn advisories(place: &Place) -> Outcome {
    let deny = match tools::cargo_deny(place) {
        Ok(deny) => deny,
        Err(why) => return Outcome::Skipped(why),
    };
    let mut fetch = place.command(&deny);
    // Git gives up by itself where nothing comes through; killing cargo-deny would leave it behind.
    fetch.args(["fetch", "db"]).env("GIT_HTTP_LOW_SPEED_LIMIT", "1000").env("GIT_HTTP_LOW_SPEED_TIME", "20");
    let fetched = show_within(place, &mut fetch, ADVISORIES_LIMIT);
    if !fetched.succeeded() {
        return Outcome::Skipped(format!("the list of advisories cannot be fetched here ({})", fetched.reason()));
    }
    show(place, place.command(&deny).args(["check", "advisories"]))
}

fn miri(place: &Place) -> Outcome {
    if let Err(why) = tools::miri(place) {
        return Outcome::Skipped(why);
    }
    let mut rustup = with_processor_limit(place, "rustup", MIRI_LIMIT);
    let cargo = ["run", "nightly", "cargo", "miri", "test"];
    rustup.args(cargo).args(["-p", "mpexec-ring", "--lib"]);
    show(place, rustup.env("CARGO_TARGET_DIR", place.target.join("miri")))
}

/// The smaller one of the same is among the tests. This one takes a release build and minutes.
fn killed(place: &Place) -> Outcome {
    let test = ["test", "--release", "-p", "mpexec-tests", "--test", "programs", "--"];
    show(place, place.cargo(&test).args(["runs::killed", "--ignored", "--nocapture"]))
}
