//! Runs on a cluster: the same bytes from one machine and from three, whatever happens to machines, links and programs meanwhile.
//!
//! There is one cluster (`cargo xtask cluster`), which takes root and Debian's packages of Slurm, so it is one test: each scene finds all nodes idle, and
//! leaves them so. Where there can be no cluster it says so.

mod faults;
mod machines;
mod nodes;
mod same;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use machines::Cluster;

type Scene = (&'static str, fn(&Cluster));

const SCENES: [Scene; 14] = [
    ("arrays and tables are counted as on one machine", same::counts),
    ("rows are scaled and compared as on one machine", same::rows),
    ("frames are worked on as on one machine", same::frames),
    ("calls and commands give the same as on one machine", same::calls),
    ("a node's power is cut", nodes::power_cut),
    ("a link is cut and mended", nodes::link_cut),
    ("the controller is killed and started again", nodes::controller_killed),
    ("a node does not see the folder", nodes::blind_node),
    ("a node's disk is full", nodes::full_disk),
    ("the coordinator is killed and the run resumed", faults::coordinator_killed),
    ("Ctrl-C cancels the jobs", faults::interrupted),
    ("a shard fails twice, and another always", faults::failing_shards),
    ("nodes that failed are all that there is", faults::no_other_node),
    ("results are tampered with", faults::tampered),
];

#[test]
fn runs_on_a_cluster_give_the_bytes_of_one_machine_whatever_happens() {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => {
            mpexec_testkit::skipped(why);
            return;
        }
    };
    let mut failed = Vec::new();
    for (name, scene) in SCENES {
        let begun = Instant::now();
        let played = catch_unwind(AssertUnwindSafe(|| {
            cluster.wait_until_idle();
            scene(&cluster);
        }));
        eprintln!("{:5.1} s  {name}", begun.elapsed().as_secs_f64());
        if played.is_err() {
            failed.push(name);
            eprintln!("{}", cluster.logs());
            cluster.tidy();
        }
    }
    assert!(failed.is_empty(), "{failed:?}: {}", cluster.logs());
}
