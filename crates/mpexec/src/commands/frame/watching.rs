//! What is told of the work on a frame while it goes on: it is done in steps, and each has a measure.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use mpexec_frame::{Event, FrameFile};

use crate::args::{By, FrameTask};
use crate::console::Console;
use crate::interrupt::Running;
use crate::plan::{FramePlan, Place};
use crate::progress::{Progress, Unit};

/// Hears how far the work is, and shows it.
pub(super) struct Watching<'a> {
    running: &'a Running,
    progress: RefCell<Progress>,
    /// The first walk through the chunks, the later ones, and the work on columns: what each does.
    verbs: [&'static str; 3],
    /// Whether the rows of a walk are those that are worked on.
    by_chunks: bool,
    /// Whether a walk is counted in rows and not in bytes, and how many there are, as far as that is known.
    walk: Cell<(Unit, Option<u64>)>,
    /// So many walks were begun.
    walks: Cell<u32>,
    /// What is counted in this step.
    unit: Cell<Unit>,
}

impl<'a> Watching<'a> {
    pub(super) fn start(plan: &FramePlan, running: &'a Running, console: &Arc<Console>) -> Watching<'a> {
        let printing = plan.place == Place::Stdout;
        let progress = RefCell::new(Progress::start(console, plan.progress, Unit::Rows, 0, printing));
        let (verbs, by_chunks) = match (plan.task, plan.by) {
            (FrameTask::Describe, _) => (["described", "searched for quartiles", ""], true),
            (FrameTask::Normalize, By::Columns) => (["copied", "copied", "normalized"], false),
            (FrameTask::Normalize, By::Rows | By::Chunks) => (["normalized", "normalized", ""], true),
        };
        let (walk, walks, unit) = (Cell::new((Unit::Rows, None)), Cell::new(0), Cell::new(Unit::Rows));
        Watching { running, progress, verbs, by_chunks, walk, walks, unit }
    }

    /// From now on this is the file.
    pub(super) fn of(&self, file: &FrameFile) {
        self.walks.set(0);
        self.walk.set(match (file.rows(), file.bytes()) {
            (None, Some(bytes)) => (Unit::Bytes, Some(bytes)),
            (rows, _) => (Unit::Rows, rows),
        });
    }

    pub(super) fn hear(&self, event: Event) {
        match event {
            Event::Looks { bytes } => self.begin("looked at", Unit::Bytes, Some(bytes)),
            Event::Looked { bytes } => self.pass(bytes),
            Event::Walks => {
                let (unit, all) = self.walk.get();
                self.begin(self.verbs[usize::from(self.walks.get() > 0)], unit, all);
                self.walks.set(self.walks.get() + 1);
            }
            Event::Walked { rows, bytes } => {
                self.pass(if self.unit.get() == Unit::Bytes { bytes } else { rows });
                if self.by_chunks && self.walks.get() == 1 {
                    self.running.advance(rows);
                }
            }
            Event::Columns { columns } => self.begin(self.verbs[2], Unit::Columns, Some(columns)),
            Event::Column { .. } => self.pass(1),
            // There is no other.
            _ => {}
        }
    }

    /// So many rows that were put together of columns are handed on.
    pub(super) fn handed_on(&self, rows: u64) {
        if !self.by_chunks {
            self.running.advance(rows);
        }
    }

    fn begin(&self, verb: &'static str, unit: Unit, all: Option<u64>) {
        self.unit.set(unit);
        self.running.steps(verb, unit.name(), all);
        self.progress.borrow_mut().begin(verb, unit, all.unwrap_or_default());
    }

    fn pass(&self, more: u64) {
        self.running.passes(more);
        self.progress.borrow_mut().advance(more);
    }
}
