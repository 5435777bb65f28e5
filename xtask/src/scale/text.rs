//! The document: what was measured, what was fitted to it, and what follows, each marked as what it is.

use std::fmt::Write;

use super::figures::{Array, Figures, median};
use super::model::{Model, Scheduling, Work};

/// For how many nodes the model is asked.
const NODES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 100.0, 1000.0, 4000.0];

/// More nodes than this were nowhere.
const EMULATED: f64 = 100.0;

/// Writing to a text cannot fail.
macro_rules! put {
    ($text:expr, $($rest:tt)*) => { let _ = write!($text, $($rest)*); };
}

/// Puts it together.
pub(super) fn document(figures: &Figures, model: &Model) -> String {
    let mut text = "# What scaling is made of\n\nWritten by `cargo xtask scale`, from the lines of [scale.jsonl](scale.jsonl). How those are measured, and what follows, stands in \
                    [SCALE.md](../SCALE.md). Times are in seconds, each the middle of what was measured.\n\n"
        .to_owned();
    text += "## Measured: arrays of jobs\n\nEmulated nodes: a `slurmd` each, all on one machine of two processors. Elements sleep; so this is Slurm, and no work.\n\n\
             ![An array beside what its elements do](scaling-arrays.svg)\n\n";
    for (name, as_shipped) in [("quick scheduler", false), ("scheduler as shipped", true)] {
        for (who, by_us) in [("`sbatch` alone", false), ("`mpexec --on slurm run`", true)] {
            arrays(&mut text, &format!("{who}, {name}"), &figures.of(as_shipped, by_us).collect::<Vec<_>>(), by_us);
        }
    }
    publishing(&mut text, figures, model);
    counts(&mut text, figures);
    text += "## Fitted\n\nOf an array on so many nodes: until its first element begins (`start`), for each more element of the first wave (`each`), for each wave more (`follow`), and by how much \
             that misses what was measured (`off`, the middle). An element of `mpexec` beside its work (`element`), and until the last result is seen and printed (`notice`), from runs of one element.\n\n\
             | scheduler | start | each | follow | off | element | notice |\n|---|---:|---:|---:|---:|---:|---:|\n";
    for (name, scheduling) in [("quick", &model.quick), ("as shipped", &model.as_shipped)] {
        let Scheduling { start, each, follow, off, element, notice } = scheduling;
        put!(text, "| {name} | {start:.2} | {each:.4} | {follow:.2} | {off:.2} | {element:.2} | {notice:.2} |\n");
    }
    text += "\nThe time of a run on N nodes, one shard each, is then\n\n\
             > start + each (N - 1) + element + work / N (1 + spread sqrt(2 ln N)) + results / disk + results / merge + notice\n\n\
             where `work` is its time on one node, and `spread` the standard deviation of shards that are cut alike, as a part of their mean: of many, the slowest is about so far behind. No run \
             is faster than the shared disk reads its input: that is no part of the formula, because it is another on every cluster.\n\n";
    beyond(&mut text, model);
    text
}

fn arrays(text: &mut String, title: &str, arrays: &[&Array], by_us: bool) {
    if arrays.is_empty() {
        return;
    }
    let (nodes, seconds) = (arrays[0].nodes, arrays[0].seconds);
    let first = if by_us { "" } else { " accepted |" };
    let last = if by_us { " all printed |" } else { "" };
    put!(text, "{title}, {nodes} nodes, elements of {seconds} s:\n\n");
    put!(
        text,
        "| elements | waves |{first} first begins | all nodes have one | last ends |{last} beside the sleep | measured |\n"
    );
    put!(
        text,
        "|---:|---:|{}---:|---:|---:|{}---:|---:|\n",
        if by_us { "" } else { "---:|" },
        if by_us { "---:|" } else { "" }
    );
    let mut counts: Vec<f64> = arrays.iter().map(|array| array.elements).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    for count in counts {
        let same: Vec<_> = arrays.iter().filter(|array| array.elements == count).collect();
        let of =
            |part: &dyn Fn(&Array) -> f64| median(same.iter().map(|array| part(array)).collect()).unwrap_or_default();
        let accepted =
            if by_us { String::new() } else { format!(" {:.2} |", of(&|array| array.submit.unwrap_or_default())) };
        let printed =
            if by_us { format!(" {:.2} |", of(&|array| array.all.unwrap_or_default())) } else { String::new() };
        let end = |array: &Array| array.all.unwrap_or(array.end);
        put!(
            text,
            "| {count} | {} |{accepted} {:.2} | {:.2} | {:.2} |{printed} {:.2} | {} times |\n",
            same[0].waves(),
            of(&|array| array.first),
            of(&|array| array.filled),
            of(&|array| array.end),
            of(&|array| end(array) - array.waves() * array.seconds),
            same.len()
        );
    }
    text.push('\n');
}

fn publishing(text: &mut String, figures: &Figures, model: &Model) {
    let of = |part: &dyn Fn(&super::figures::Publishing) -> f64| {
        median(figures.publishing.iter().map(part).collect()).unwrap_or_default()
    };
    let (bytes, ranges) = (of(&|one| one.bytes), of(&|one| one.ranges));
    let megabytes = bytes / 1e6;
    put!(
        text,
        "## Measured: publishing and merging\n\n`bench/publish.sh`, {} times, {megabytes:.0} MB on the disk of this machine:\n\n",
        figures.publishing.len()
    );
    text.push_str("| what | without a run folder | with one | once more, when all is there |\n|---|---:|---:|---:|\n");
    put!(
        text,
        "| `normalize`, {megabytes:.0} MB of results | {:.2} | {:.2} | {:.2} |\n",
        of(&|one| one.plain),
        of(&|one| one.kept),
        of(&|one| one.merge)
    );
    put!(
        text,
        "| `count-range`, {ranges:.0} small results | {:.2} | {:.2} | |\n",
        of(&|one| one.counted_plain),
        of(&|one| one.counted)
    );
    put!(
        text,
        "| `run`, 500 commands that do nothing | {:.2} | {:.2} | |\n",
        of(&|one| one.commands_plain),
        of(&|one| one.commands)
    );
    put!(
        text,
        "\nThe disk by itself takes the same bytes from `dd`, synced, in {:.2} s ({:.0} MB/s), and a hundred files of 4 KiB, each synced by itself, in {:.2} s. Merging gives {:.0} MB/s, and a small \
         result costs {:.2} ms beside its computing.\n\n",
        of(&|one| one.disk),
        model.disk / 1e6,
        of(&|one| one.syncs),
        model.merge / 1e6,
        model.range * 1e3
    );
}

fn counts(text: &mut String, figures: &Figures) {
    if figures.counts.is_empty() {
        return;
    }
    text.push_str("## Measured: a count on several nodes\n\n`bench/cluster.sh`; nodes of `cargo xtask cluster up` share one machine, so more of them are no faster: what is seen is that nothing gets in the way.\n\n");
    text.push_str("| nodes | MB | all | first begins | last result | slowest beside the mean |\n|---:|---:|---:|---:|---:|---:|\n");
    for count in &figures.counts {
        let (megabytes, all, first, end) = (count.bytes / 1e6, count.all, count.first, count.end);
        put!(text, "| {} | {megabytes:.0} | {all:.2} | {first:.2} | {end:.2} | {:.2} |\n", count.nodes, count.slowest);
    }
    text.push('\n');
}

fn beyond(text: &mut String, model: &Model) {
    let scheduling = &model.as_shipped;
    text.push_str(
        "## Model: more nodes\n\n**Nothing in this part was measured as a whole.** Slurm's part of it was, up to 100 emulated nodes; beyond that it is the fitted line, drawn on. Slurm as shipped, \
         1 GB of results, a spread of 10 %. In brackets: how much of N times the speed of one node that is.\n\n![Work on more and more nodes](scaling-nodes.svg)\n\n\
         | nodes | 10 minutes of work | 1 hour | 10 hours | from so much work on sooner than one machine |\n|---:|---:|---:|---:|---:|\n",
    );
    for nodes in NODES {
        put!(text, "| {nodes}{} |", if nodes > EMULATED { " (model alone)" } else { "" });
        for seconds in [600.0, 3600.0, 36_000.0] {
            let work = |seconds| Work { seconds, bytes: 1e9, spread: 0.1 };
            let took = model.seconds(scheduling, nodes, &work(seconds));
            put!(text, " {} ({:.0} %) |", told(took), 100.0 * seconds / took / nodes);
        }
        if nodes > 1.0 {
            put!(text, " {} |\n", told(model.worth_it(scheduling, nodes, 0.1)));
        } else {
            text.push_str(" |\n");
        }
    }
}

fn told(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.1} s"),
        ..7200.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        assert_eq!([5.0, 119.0, 600.0, 7300.0].map(told), ["5.0 s", "119.0 s", "10.0 min", "2.0 h"]);
    }
}
