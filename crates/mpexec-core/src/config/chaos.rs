//! What may be done to workers by chance: how often, and from which seed that follows.

use std::str::FromStr;

use crate::error::PoolError;

/// What is done to a pool's workers by chance; see [`PoolBuilder::chaos`](crate::PoolBuilder::chaos).
///
/// As text it is `kill=0.01,stop=0.005,seed=7`, each part at most once and in any order.
///
/// ```
/// use mpexec_core::Chaos;
/// let chaos: Chaos = "kill=0.01,seed=7".parse()?;
/// assert_eq!(chaos, Chaos::new().kill(0.01).seed(7));
/// assert!("kill=2".parse::<Chaos>().is_err() && "maim=0.1".parse::<Chaos>().is_err());
/// # Ok::<(), mpexec_core::PoolError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chaos {
    pub(crate) kill: f64,
    pub(crate) stop: f64,
    /// `None`: another one each time.
    pub(crate) seed: Option<u64>,
}

impl Chaos {
    /// Nothing is done.
    #[must_use]
    pub fn new() -> Chaos {
        Chaos::default()
    }

    /// At each look, every 5 ms, a worker that has a task is killed with this chance (0 to 1).
    #[must_use]
    pub fn kill(self, chance: f64) -> Chaos {
        Chaos { kill: chance, ..self }
    }

    /// At each look, every 5 ms, a worker that is not killed is stopped for 50 ms with this chance (0 to 1).
    #[must_use]
    pub fn stop(self, chance: f64) -> Chaos {
        Chaos { stop: chance, ..self }
    }

    /// The same seed gives the same chances. What comes of them depends on when workers do what, which no seed decides. Without one it
    /// is another each time, which [`Pool::stats`](crate::Pool::stats) tells.
    #[must_use]
    pub fn seed(self, seed: u64) -> Chaos {
        Chaos { seed: Some(seed), ..self }
    }

    /// Refuses what is no chance.
    pub(crate) fn check(&self) -> Result<(), PoolError> {
        match [self.kill, self.stop].into_iter().find(|chance| !(0.0..=1.0).contains(chance)) {
            Some(chance) => Err(bad(&chance.to_string(), "a chance is a number from 0 to 1")),
            None => Ok(()),
        }
    }
}

fn bad(value: &str, remedy: &'static str) -> PoolError {
    PoolError::BadSetting { setting: "chaos", value: value.to_owned(), remedy }
}

impl FromStr for Chaos {
    type Err = PoolError;

    fn from_str(text: &str) -> Result<Chaos, PoolError> {
        let bad = |remedy| bad(&format!("{text:?}"), remedy);
        let mut chaos = Chaos::default();
        let mut seen = Vec::new();
        for part in text.split(',') {
            let (key, value) =
                part.split_once('=').ok_or_else(|| bad("give kill=0.01,stop=0.005,seed=7, or some of these"))?;
            if seen.contains(&key) {
                return Err(bad("give each of kill, stop and seed once"));
            }
            seen.push(key);
            let chance = || value.parse().map_err(|_| bad("a chance is a number from 0 to 1"));
            match key {
                "kill" => chaos.kill = chance()?,
                "stop" => chaos.stop = chance()?,
                "seed" => chaos.seed = Some(value.parse().map_err(|_| bad("a seed is a whole number of at least 0"))?),
                _ => return Err(bad("there are kill, stop and seed")),
            }
        }
        chaos.check()?;
        Ok(chaos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_and_a_seed_are_given_by_name() {
        assert_eq!("kill=0.5".parse::<Chaos>().unwrap(), Chaos::new().kill(0.5));
        let all = Chaos { kill: 0.0, stop: 1.0, seed: Some(7) };
        assert_eq!("seed=7,stop=1,kill=0".parse::<Chaos>().unwrap(), all);
    }

    #[test]
    fn what_is_no_chance_is_refused() {
        for text in
            ["", "kill", "kill=", "kill=2", "kill=-0.1", "kill=nan", "seed=x", "seed=-1", "maim=0.1", "kill=0,kill=1"]
        {
            assert!(text.parse::<Chaos>().is_err(), "{text}");
        }
        assert!(Chaos::new().stop(f64::NAN).check().is_err());
    }
}
