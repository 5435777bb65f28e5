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
    *output =
        RowsOutput { place: Place::Stdout, format: RowsAs::Other(RowsFormat::Delimited(delimiter)), packing: None };
}
