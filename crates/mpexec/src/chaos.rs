//! What `--chaos` asks for: how likely workers are killed and stopped, and from which seed that follows.

use std::str::FromStr;

/// A chance of 1; a chance is so many of these.
const CERTAIN: f64 = (1u64 << 53) as f64;

/// How likely what is done to each worker at each look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chaos {
    pub(crate) kill: u64,
    pub(crate) stop: u64,
    /// `None`: another one each time.
    pub(crate) seed: Option<u64>,
}

impl FromStr for Chaos {
    type Err = String;

    /// `kill=0.01,stop=0.005,seed=7`, each at most once and in any order.
    fn from_str(text: &str) -> Result<Chaos, String> {
        let mut chaos = Chaos::default();
        let mut seen = Vec::new();
        for part in text.split(',') {
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!("{part:?} is no key=value; give kill=0.01,stop=0.005,seed=7 or some of them"));
            };
            if seen.contains(&key) {
                return Err(format!("{key} is given twice"));
            }
            seen.push(key);
            match key {
                "kill" => chaos.kill = chance(value)?,
                "stop" => chaos.stop = chance(value)?,
                "seed" => {
                    chaos.seed = Some(value.parse().map_err(|_| format!("the seed {value:?} is no whole number"))?)
                }
                _ => return Err(format!("there is no {key:?}; there are kill, stop and seed")),
            }
        }
        Ok(chaos)
    }
}

fn chance(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(chance) if (0.0..=1.0).contains(&chance) => Ok((chance * CERTAIN) as u64),
        _ => Err(format!("{text:?} is no chance: give a number from 0 to 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_and_a_seed_are_given_by_name() {
        let half = 1 << 52;
        assert_eq!("kill=0.5".parse(), Ok(Chaos { kill: half, ..Chaos::default() }));
        assert_eq!("seed=7,stop=1,kill=0".parse(), Ok(Chaos { kill: 0, stop: half * 2, seed: Some(7) }));
    }

    #[test]
    fn what_is_no_chance_is_refused() {
        for text in ["", "kill", "kill=", "kill=2", "kill=-0.1", "kill=nan", "seed=x", "maim=0.1", "kill=0,kill=1"] {
            assert!(text.parse::<Chaos>().is_err(), "{text}");
        }
    }
}
