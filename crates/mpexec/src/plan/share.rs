//! Whoever computes a share hands nothing on: whoever waits for all of them does.

use mpexec_data::{RowsFormat, TextFormat};

use super::{Counts, Place, Plan, RowsAs, RowsOutput};

impl Plan {
    /// The same without a file that would appear at the end. What decides about results stays.
    pub(super) fn without_output(mut self) -> Plan {
        match &mut self {
            Plan::Count(plan) if plan.counts != Counts::Nowhere => {
                plan.counts = Counts::Printed { format: TextFormat::Plain, ordered: true };
            }
            Plan::Normalize(plan) => printed(&mut plan.output, b','),
            Plan::CommonItems(plan) => printed(&mut plan.output, b','),
            Plan::Map(plan) => plan.place = Place::Stdout,
            Plan::Frame(plan) => plan.place = Place::Stdout,
            Plan::Run(plan) => plan.joblog = None,
            _ => {}
        }
        self
    }
}

fn printed(output: &mut RowsOutput, delimiter: u8) {
    *output = RowsOutput {
        place: Place::Stdout,
        format: RowsAs::Other(RowsFormat::Delimited(delimiter)),
        packing: None,
        // Files that are tables of their own stay so: they need not be alike.
        each: output.each,
    };
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use mpexec_runs::Share;

    use super::super::Surroundings;
    use super::*;
    use crate::args::Arguments;
    use crate::keeping::Who;

    fn plan(line: &str, who: Who) -> Plan {
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        Plan::new(arguments, Surroundings { who, ..Surroundings::default() }).unwrap()
    }

    #[test]
    fn a_share_makes_no_file_and_has_the_options_of_the_whole() {
        let share = || Who::Share(Share { number: 1, of: 3 });
        let kept = |plan: &Plan| match plan {
            Plan::Count(plan) => plan.keeping.clone().unwrap().options,
            Plan::Normalize(plan) => plan.keeping.clone().unwrap().options,
            other => panic!("{other:?}"),
        };
        let each = "normalize f g --per-file --output s";
        for line in ["count-range f --output c.npy", "count-range f", "normalize f --output s.parquet", each] {
            let line = format!("mpexec {line} --run-dir run");
            let (whole, share) = (plan(&line, Who::Here), plan(&line, share()));
            assert_eq!(kept(&whole), kept(&share), "{line}");
            match &share {
                Plan::Count(plan) => assert!(!plan.counts.makes_files(), "{line}"),
                Plan::Normalize(plan) => {
                    assert_eq!((&plan.output.place, plan.output.each.is_some()), (&Place::Stdout, line.contains(each)));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
