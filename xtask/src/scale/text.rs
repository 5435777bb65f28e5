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
                    [SCALE.md](../SCALE.md). Times are in seconds: where a line says of how many measurements, their middle, else a measurement each.\n\n"
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
    spread(&mut text, figures, model);
    text += "The time of a run of S shards on N nodes, so in W = ceil(S / N) waves, is then\n\n\
             > start + each (min(S, N) - 1) + follow (W - 1) + max(W (element + work / S) + spread sqrt(2 ln S) work / S, input / disk) + results / disk + results / merge + notice\n\n\
             where `work` is its time on one node, and `input` and `results` are bytes. Three of its parts are weaker than the others: `disk` and `merge` are those of one local disk, and a shared one may be \
             ten times as fast or as slow; `spread` is that of nodes which share one machine; and that the slowest of S shards is `spread sqrt(2 ln S)` behind is so of things that are spread like \
             measurements, which nobody has seen of nodes.\n\n";
    checked(&mut text, figures, model);
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
        "| `count-range`, 1,000 tables of two rows | {:.2} | {:.2} | |\n",
        of(&|one| one.tables_plain),
        of(&|one| one.tables)
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

/// Where the spread comes from.
fn spread(text: &mut String, figures: &Figures, model: &Model) {
    let spread = 100.0 * model.spread;
    match model.spread_of {
        0 => {
            put!(
                text,
                "\n`spread`, by how much shards that are cut alike differ, was measured nowhere: {spread:.0} % is an assumption.\n\n"
            );
        }
        several => {
            let most = figures.counts.iter().map(|count| count.nodes).fold(0.0, f64::max);
            put!(
                text,
                "\n`spread`, by how much shards that are cut alike differ (their standard deviation, as a part of their mean), is {spread:.0} %: the middle of what {several} counts on 2 to {most} nodes show, if the \
                 slowest of N is `spread sqrt(2 ln N)` behind.\n\n"
            );
        }
    }
}

/// What the formula says of runs that it was not fitted to.
fn checked(text: &mut String, figures: &Figures, model: &Model) {
    text.push_str(
        "How far that is off: `mpexec --on slurm run` of more than one element is no part of the fit. All of its elements sleep as long, and so are not spread. Where \
         a hundred of them begin at once the formula says little more than half of what it takes: it knows elements that do nothing but sleep, and these are programs that start, all on two processors. On a cluster each \
         starts on a machine of its own; how long that takes nobody has measured.\n\n\
         | scheduler | elements on nodes | measured | formula |\n|---|---:|---:|---:|\n",
    );
    let even = Model { spread: 0.0, ..*model };
    for (name, as_shipped, scheduling) in [("quick", false, &model.quick), ("as shipped", true, &model.as_shipped)] {
        let mut counts: Vec<f64> =
            figures.of(as_shipped, true).map(|run| run.elements).filter(|one| *one > 1.0).collect();
        counts.sort_by(f64::total_cmp);
        counts.dedup();
        for count in counts {
            let same: Vec<_> = figures.of(as_shipped, true).filter(|run| run.elements == count).collect();
            let nodes = same[0].nodes;
            let work = Work { seconds: count * same[0].seconds, shards: count, ..Work::default() };
            let measured = median(same.iter().filter_map(|run| run.all).collect()).unwrap_or_default();
            put!(
                text,
                "| {name} | {count} on {nodes} | {measured:.2} | {:.2} |\n",
                even.seconds(scheduling, nodes, &work)
            );
        }
    }
    text.push('\n');
}

fn beyond(text: &mut String, model: &Model) {
    let scheduling = &model.as_shipped;
    let spread = 100.0 * model.spread;
    put!(
        text,
        "## Model: more nodes\n\n**Nothing in this part was measured as a whole.** Slurm's part of it was, up to 100 emulated nodes; beyond that it is the fitted line, drawn on. Slurm as shipped, a shard for \
         each node, 1 GB of results, a spread of {spread:.0} %. In brackets: how much of N times the speed of one node that is.\n\n![Work on more and more nodes](scaling-nodes.svg)\n\n\
         | nodes | 10 minutes of work | 1 hour | 10 hours | from so much work on sooner than one machine, without results | with 1 GB |\n|---:|---:|---:|---:|---:|---:|\n"
    );
    for nodes in NODES {
        put!(text, "| {nodes}{} |", beyond_emulated(nodes));
        for seconds in [600.0, 3600.0, 36_000.0] {
            let work = Work { seconds, results: 1e9, shards: nodes, ..Work::default() };
            let took = model.seconds(scheduling, nodes, &work);
            put!(text, " {} ({:.0} %) |", told(took), 100.0 * seconds / took / nodes);
        }
        for results in [0.0, 1e9] {
            let seconds = model.worth_it(scheduling, nodes, results).filter(|_| nodes > 1.0);
            put!(text, " {} |", seconds.map_or_else(String::new, told));
        }
        text.push('\n');
    }
    text.push_str(
        "\nThe one machine of the last two columns has no run folder, and no Slurm; results it puts into its output too, but not through the shared disk before.\n\nAn hour of work with 10 GB of results, and what the weak parts of the formula do to it: a shared disk a tenth as fast, 100 GB of input on it, ten shards for each node, a spread of 50 %.\n\n\
         | nodes | as above | slow disk | and 100 GB of input | ten shards a node | spread of 50 % |\n|---:|---:|---:|---:|---:|---:|\n",
    );
    for nodes in [4.0, 16.0, 100.0, 1000.0] {
        let work = Work { seconds: 3600.0, results: 1e10, shards: nodes, ..Work::default() };
        let slow = model.with_disk(0.1);
        let times = [
            model.seconds(scheduling, nodes, &work),
            slow.seconds(scheduling, nodes, &work),
            slow.seconds(scheduling, nodes, &Work { input: 1e11, ..work }),
            model.seconds(scheduling, nodes, &Work { shards: 10.0 * nodes, ..work }),
            Model { spread: 0.5, ..*model }.seconds(scheduling, nodes, &work),
        ];
        let times = times.map(told).join(" | ");
        put!(text, "| {nodes}{} | {times} |\n", beyond_emulated(nodes));
    }
}

fn beyond_emulated(nodes: f64) -> &'static str {
    if nodes > EMULATED { " (model alone)" } else { "" }
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
