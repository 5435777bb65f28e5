//! What counts and computes by rows, over every form of file and stream.

mod columnar;
mod count_range;
mod csv;
mod formats;
mod gen_data;
mod golden;
mod input;
mod kinds;
mod output;
mod rows;
mod streams;
