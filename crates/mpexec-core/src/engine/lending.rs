//! Memory that a pool lends to its workers: a large argument is encoded straight into it and read there in place, so it is copied on no way but that.
//!
//! A [`Loan`] is filled on the caller's thread, goes along with its task as a parcel does, and comes back when the batch is freed that named it: the
//! worker has told then that it is behind that task. From there on the next argument may be written over it. So may that of a call that is cancelled while no
//! worker has it. Whatever else becomes of a task, the memory is dropped, and the workers that have it are told to forget it.
//!
//! What is lent is memory that the workers have mapped already, so none is made before there were a few arguments of that size; there is only so
//! much of it; and a piece is given back to the system when nobody has needed it for a while. Who gets none goes the way of all others.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mpexec_ring::Lending;
use mpexec_wire::copy;

use crate::carry::Number;
use crate::os::{descriptors, left, memory};

/// Shorter arguments are copied sooner than they are lent.
pub(crate) const LEAST: usize = 64 << 10;

/// So much of it is there at most, in bytes, unless one piece alone is longer.
const MOST: usize = 128 << 20;

/// None of it is more than one in so many parts of the memory that this process may have, and a piece alone no more than that of what is left of it.
const SHARE: u64 = 16;

/// A new piece is made when so many times its length has been asked for in vain: it costs as much as some arguments on another way.
const WORTH: usize = 4;
/// Of what would go into fresh memory on that way, too; whether others have to go for it or not.
const WORTH_FRESH: usize = 2;
/// When others have to go for it.
const WORTH_ANOTHER: usize = 8;

/// A piece that nobody has needed for so long is given back; and when the system has refused one, none is asked of it for so long.
const IDLE: Duration = Duration::from_secs(1);

/// One piece, to be filled or on its way.
#[derive(Debug)]
pub(crate) struct Loan {
    number: Number,
    lending: Lending,
    counted: Counted,
}

/// As long as it lives, a piece counts.
#[derive(Debug)]
struct Counted(Arc<Tally>, usize);

#[derive(Debug, Default)]
struct Tally {
    pieces: AtomicUsize,
    bytes: AtomicUsize,
}

impl Counted {
    fn new(tally: &Arc<Tally>, bytes: usize) -> Counted {
        tally.pieces.fetch_add(1, Ordering::Relaxed);
        tally.bytes.fetch_add(bytes, Ordering::Relaxed);
        Counted(tally.clone(), bytes)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.pieces.fetch_sub(1, Ordering::Relaxed);
        self.0.bytes.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Loan {
    fn create(counted: Counted) -> Option<Loan> {
        // Without descriptors or memory there is none; the way that is gone then says so, if it needs them too.
        let lending = Lending::create("mpexec-lent", counted.1).ok()?;
        descriptors::make_room(lending.fd());
        if !descriptors::many_are_left(lending.fd()) {
            return None;
        }
        Some(Loan { number: Number::new(), lending, counted })
    }

    pub(crate) fn number(&self) -> &Number {
        &self.number
    }

    pub(crate) fn lending(&self) -> &Lending {
        &self.lending
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.lending.bytes_mut()
    }

    fn len(&self) -> usize {
        self.counted.1
    }
}

/// All that one pool lends. Workers of one pool may read what was lent to another of them; those of another pool never get it.
#[derive(Debug)]
pub(crate) struct Lendings {
    here: Mutex<Here>,
    tally: Arc<Tally>,
    /// So many pieces at most; 0: nothing is lent.
    most: usize,
    /// So many bytes at most, together but for one alone. Asked of the system with the first piece.
    most_bytes: OnceLock<(usize, usize)>,
}

/// What is not on its way.
#[derive(Debug, Default)]
struct Here {
    /// Each with when it came back. The one that came last is the first: its bytes are in the cache yet.
    pieces: VecDeque<(Instant, Loan)>,
    /// Bytes that were asked for in vain since a piece was made.
    in_vain: usize,
    /// When the system refused one.
    refused: Option<Instant>,
}

impl Lendings {
    /// For so many workers, of which each has a few batches at a time.
    pub(super) fn of(workers: usize) -> Lendings {
        // Where a process may map only so much (`ulimit -v`), it is better left to others.
        let most = if memory::addresses_are_limited() { 0 } else { (4 * workers + 4).min(64) };
        Lendings { here: Mutex::default(), tally: Arc::default(), most, most_bytes: OnceLock::new() }
    }

    /// Held for moments. (Forks of the process, in which it may be held for ever, have none of it.)
    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes there may be, together and in one piece alone.
    fn most_bytes(&self) -> (usize, usize) {
        *self.most_bytes.get_or_init(|| {
            let share = usize::try_from(left::all() / SHARE).unwrap_or(usize::MAX);
            (MOST.min(share), share)
        })
    }

    /// A piece for an argument of so many bytes, or a little more. `fresh`: without one, these go into memory that is new.
    fn take(&self, bytes: usize, fresh: bool) -> Option<Loan> {
        if self.most == 0 {
            return None;
        }
        let mut here = self.here();
        let fits = |loan: &Loan| loan.len() >= bytes && loan.len() / 4 <= bytes.max(LEAST);
        let fitting = here.pieces.iter().map(|(_, loan)| loan).enumerate().filter(|(_, loan)| fits(loan));
        if let Some((place, _)) = fitting.min_by_key(|(_, loan)| loan.len()) {
            return here.pieces.remove(place).map(|(_, loan)| loan);
        }
        let length = with_leeway(bytes)?;
        here.in_vain = here.in_vain.saturating_add(bytes);
        let worth = if fresh { WORTH_FRESH } else { WORTH };
        if here.in_vain / worth < bytes || here.refused.is_some_and(|refused| refused.elapsed() < IDLE) {
            return None;
        }
        let most = Most { pieces: self.most, bytes: self.most_bytes() };
        let former = here.make_way(length, &most, &self.tally, |vain| fresh || vain / WORTH_ANOTHER >= bytes)?;
        here.in_vain = 0;
        let counted = Counted::new(&self.tally, length);
        drop(here);
        drop(former);
        let made = Loan::create(counted);
        if made.is_none() {
            self.here().refused = Some(Instant::now());
        }
        made
    }

    /// The argument is over, and who had it reads it no more.
    pub(crate) fn give_back(&self, loan: Loan) {
        self.here().pieces.push_front((Instant::now(), loan));
    }

    /// Those that nobody has needed for so long.
    pub(super) fn idle(&self) -> Vec<Loan> {
        self.here().idle(IDLE)
    }
}

/// How much there may be.
#[derive(Debug)]
struct Most {
    pieces: usize,
    /// Together, and in one piece alone.
    bytes: (usize, usize),
}

impl Here {
    /// Those that go for a new piece of so many bytes; `None`: it is not made, as it is not worth it or there is too much already.
    fn make_way(
        &mut self,
        length: usize,
        most: &Most,
        tally: &Tally,
        may_others_go: impl FnOnce(usize) -> bool,
    ) -> Option<Vec<Loan>> {
        let (pieces, bytes) = (tally.pieces.load(Ordering::Relaxed), tally.bytes.load(Ordering::Relaxed));
        let (together, alone) = most.bytes;
        let is_alone = length > together && length <= alone && left::is_there(length as u64 * SHARE);
        let has_room = |gone: usize, gone_bytes: usize| {
            let (pieces, bytes) = (pieces.saturating_sub(gone), bytes.saturating_sub(gone_bytes));
            pieces < most.pieces && (bytes + length <= together || pieces == 0 && is_alone)
        };
        let (mut gone, mut gone_bytes) = (0, 0);
        while !has_room(gone, gone_bytes) {
            gone_bytes += self.pieces.iter().rev().nth(gone)?.1.len();
            gone += 1;
        }
        if gone > 0 && !may_others_go(self.in_vain) {
            return None;
        }
        let stay = self.pieces.len() - gone;
        Some(self.pieces.split_off(stay).into_iter().map(|(_, loan)| loan).collect())
    }

    fn idle(&mut self, long: Duration) -> Vec<Loan> {
        let first_idle = self.pieces.iter().position(|(since, _)| since.elapsed() >= long);
        let idle = first_idle.map_or_else(VecDeque::new, |first| self.pieces.split_off(first));
        idle.into_iter().map(|(_, loan)| loan).collect()
    }
}

/// How long a piece is made for an argument of so many bytes: the next may be a little longer.
fn with_leeway(bytes: usize) -> Option<usize> {
    let more = if bytes < 1 << 20 { bytes / 8 } else { 4 << 10 };
    bytes.checked_add(more)?.checked_next_multiple_of(LEAST)
}

/// Where arguments may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    /// Longer ones become parcels.
    pub(crate) largest: usize,
    /// Where long slices go, if there is room.
    pub(crate) lendings: Option<&'a Lendings>,
}

impl Places<'_> {
    /// What was begun there is not sent.
    pub(crate) fn take_back(&self, filling: Filling) {
        if let Some(lendings) = self.lendings {
            lendings.give_back(filling.finish());
        }
    }
}

/// An argument in the making.
#[derive(Debug)]
pub(crate) struct Filling {
    loan: Loan,
    filled: usize,
}

impl Filling {
    /// An empty one for so many bytes, if there is memory to lend for them.
    pub(crate) fn begin(places: Places<'_>, bytes: usize) -> Option<Filling> {
        let loan = places.lendings?.take(bytes, bytes > places.largest)?;
        Some(Filling { loan, filled: 0 })
    }

    /// `false`: there is no room for these.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> bool {
        let end = self.filled.saturating_add(bytes.len());
        let Some(place) = self.loan.bytes_mut().get_mut(self.filled..end) else { return false };
        copy(place, bytes);
        self.filled = end;
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    pub(crate) fn is_mostly_idle(&self) -> bool {
        self.filled < self.loan.len() / 2
    }

    pub(crate) fn written(&mut self) -> &[u8] {
        &self.loan.bytes_mut()[..self.filled]
    }

    pub(crate) fn finish(self) -> Loan {
        self.loan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lendings(workers: usize) -> Lendings {
        let lendings = Lendings { most_bytes: (MOST, MOST * 4).into(), ..Lendings::of(workers) };
        assert!(lendings.most > 0, "no limit of addresses is in force where tests run");
        lendings
    }

    /// As a caller does whose arguments are of one size.
    fn one(lendings: &Lendings, bytes: usize) -> Loan {
        (0..20).find_map(|_| lendings.take(bytes, false)).expect("it was asked for often enough")
    }

    #[test]
    fn a_piece_is_made_when_it_was_asked_for_before_and_the_same_comes_again() {
        let lendings = lendings(1);
        assert!((1..WORTH).all(|_| lendings.take(LEAST, false).is_none()), "for so few it is not worth it");
        let first = lendings.take(LEAST, false).unwrap();
        let number = first.number().get();
        lendings.give_back(first);
        for bytes in [LEAST, 1, LEAST + LEAST / 8] {
            let again = lendings.take(bytes, false).unwrap();
            assert_eq!(again.number().get(), number, "{bytes}");
            lendings.give_back(again);
        }
        assert!(lendings.take(3 * LEAST, false).is_none(), "it is too short for that");
        assert!(lendings.take(3 * LEAST, true).is_some(), "and fresh memory costs as much");
    }

    #[test]
    fn what_is_much_too_large_is_not_taken() {
        let lendings = lendings(1);
        lendings.give_back(one(&lendings, LEAST * 16));
        assert!(lendings.take(LEAST * 4 - 1, false).is_none());
        assert!(lendings.take(LEAST * 5, false).is_some());
    }

    #[test]
    fn there_are_only_so_many_until_some_go() {
        let lendings = lendings(1);
        let out: Vec<Loan> = (0..lendings.most).map(|_| one(&lendings, LEAST)).collect();
        assert!((0..20).all(|_| lendings.take(LEAST, false).is_none()), "all are on their way");
        for loan in out {
            lendings.give_back(loan);
        }
        let larger = one(&lendings, LEAST * 40);
        assert_eq!(lendings.tally.pieces.load(Ordering::Relaxed), lendings.most, "one went for it");
        lendings.give_back(larger);
        drop(lendings.here().idle(Duration::ZERO));
        assert_eq!(
            (lendings.tally.pieces.load(Ordering::Relaxed), lendings.tally.bytes.load(Ordering::Relaxed)),
            (0, 0)
        );
    }

    #[test]
    fn there_is_only_so_much_but_for_a_single_one() {
        let lendings = lendings(16);
        let half = one(&lendings, MOST / 2);
        assert!((0..20).all(|_| lendings.take(MOST / 2 + 1, false).is_none()), "together they were too much");
        lendings.give_back(half);
        let whole = lendings.take(MOST + 1, true).expect("fresh memory would cost as much");
        assert_eq!(lendings.tally.pieces.load(Ordering::Relaxed), 1, "the other went for it");
        drop(whole);
        assert!((0..20).all(|_| lendings.take(usize::MAX / 2, false).is_none()), "nobody can afford that");
    }

    #[test]
    fn those_that_nobody_needs_are_given_back_after_a_while() {
        let lendings = lendings(1);
        for loan in [one(&lendings, LEAST), one(&lendings, LEAST)] {
            lendings.give_back(loan);
        }
        let mut here = lendings.here();
        assert!(here.idle(Duration::from_secs(3600)).is_empty());
        let newest = here.pieces[0].0;
        here.pieces[0].0 = newest + Duration::from_secs(3600);
        assert_eq!(
            (here.idle(Duration::from_nanos(1)).len(), here.pieces.len()),
            (1, 1),
            "what was needed since stays"
        );
    }

    #[test]
    fn an_argument_is_filled_piece_by_piece_as_far_as_there_is_room() {
        let lendings = lendings(1);
        lendings.give_back(one(&lendings, LEAST));
        let mut filling = Filling::begin(Places { largest: MOST, lendings: Some(&lendings) }, LEAST).unwrap();
        assert!(filling.write(b"head") && filling.is_mostly_idle());
        let room = filling.loan.len() - 4;
        assert!(filling.write(&vec![1; room - 1]) && !filling.write(b"no") && filling.write(b"!"));
        let (length, written) = (filling.len(), filling.written());
        assert!(written.len() == length && written.starts_with(b"head\x01") && written.ends_with(b"\x01!"));
        assert!(!filling.is_mostly_idle());
    }
}
