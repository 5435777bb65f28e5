//! The tasks that workers have built in, one file each, and what tasks on files share.

mod command;
mod count;
mod held;
mod rows;
mod table;

pub use command::{CommandEnd, CommandExit, CommandJob, RUN_COMMAND, SLOT, UNTIL_KILLED, leave_no_part, run_command};
pub use count::{COUNT_RANGE, CountFault, CountJob, CountPart, Deliver, count_range};
pub use rows::{
    Item, ROWS_OF_TABLE, RowsAnswer, RowsJob, RowsPart, RowsWork, common_items, normalize_row, rows_of_table,
};
pub use table::{COUNT_TABLE, Piece, Rows, SURVEY, SurveyJob, TableAnswer, TableJob, count_table, survey};
