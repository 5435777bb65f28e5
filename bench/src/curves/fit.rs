//! Least squares: what parts a cost is made of, from places where these have different weights, and how far off that is.

/// A measured cost, and how often each of `N` unknown parts is in it.
#[derive(Clone, Debug)]
pub(super) struct Point<const N: usize> {
    /// Of which curve it is.
    pub(super) of: &'static str,
    pub(super) parts: [f64; N],
    pub(super) cost: f64,
}

/// What each part costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit<const N: usize>(pub(super) [f64; N]);

impl<const N: usize> Fit<N> {
    /// The parts whose sum is nearest to all costs, each deviation taken relative to its cost. A part that would come out
    /// negative costs nothing.
    pub(super) fn of(points: &[Point<N>]) -> Fit<N> {
        let mut left_out = [false; N];
        loop {
            let parts = solved(points, left_out);
            match (0..N).filter(|&at| parts[at] < 0.0).min_by(|&one, &other| parts[one].total_cmp(&parts[other])) {
                Some(worst) => left_out[worst] = true,
                None => return Fit(parts),
            }
        }
    }

    /// What the parts say that a point costs.
    pub(super) fn says(&self, parts: [f64; N]) -> f64 {
        self.0.iter().zip(parts).map(|(each, times)| each * times).sum()
    }

    /// For the points of a curve: the middle of all deviations and the greatest, as shares of what was measured.
    pub(super) fn errors(&self, points: &[Point<N>], of: &str) -> Option<(f64, f64)> {
        let off = |point: &Point<N>| (self.says(point.parts) / point.cost - 1.0).abs();
        let mut all: Vec<f64> = points.iter().filter(|point| point.of == of).map(off).collect();
        all.sort_by(f64::total_cmp);
        Some((*all.get(all.len() / 2)?, *all.last()?))
    }
}

/// The normal equations, with parts that are left out held at zero, solved by elimination with pivots.
fn solved<const N: usize>(points: &[Point<N>], left_out: [bool; N]) -> [f64; N] {
    let (mut matrix, mut right) = ([[0.0; N]; N], [0.0; N]);
    for Point { parts, cost, .. } in points {
        let weight = 1.0 / (cost * cost);
        for row in 0..N {
            for column in 0..N {
                matrix[row][column] += weight * parts[row] * parts[column];
            }
            right[row] += weight * parts[row] * cost;
        }
    }
    for at in (0..N).filter(|&at| left_out[at]) {
        matrix[at] = [0.0; N];
        matrix[at][at] = 1.0;
        right[at] = 0.0;
    }
    for column in 0..N {
        let pivot =
            (column..N).max_by(|&one, &other| matrix[one][column].abs().total_cmp(&matrix[other][column].abs()));
        let pivot = pivot.unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (head, value) = (matrix[column], right[column]);
        if head[column] == 0.0 {
            continue;
        }
        for row in (0..N).filter(|row| *row != column) {
            let times = matrix[row][column] / head[column];
            for (place, taken) in matrix[row].iter_mut().zip(head) {
                *place -= times * taken;
            }
            right[row] -= times * value;
        }
    }
    std::array::from_fn(|at| if matrix[at][at] == 0.0 { 0.0 } else { right[at] / matrix[at][at] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(costs: [f64; 3]) -> Vec<Point<3>> {
        let places = [[1.0, 1.0, 0.0], [1.0, 0.1, 0.5], [1.0, 0.01, 2.0], [1.0, 0.5, 3.0], [1.0, 0.0, 8.0]];
        let cost = |parts: [f64; 3]| parts.iter().zip(costs).map(|(times, each)| times * each).sum();
        places.into_iter().map(|parts| Point { of: "x", parts, cost: cost(parts) }).collect()
    }

    #[test]
    fn the_fit_finds_the_parts_that_made_the_points() {
        let points = points([50.0, 2000.0, 7.0]);
        let fit = Fit::of(&points);
        for (found, made) in fit.0.into_iter().zip([50.0, 2000.0, 7.0]) {
            assert!((found - made).abs() < 1e-6 * made, "{fit:?}");
        }
        assert!(fit.errors(&points, "x").is_some_and(|(middle, most)| middle < 1e-9 && most < 1e-9));
        assert_eq!(fit.errors(&points, "another curve"), None);
    }

    #[test]
    fn a_part_that_would_be_negative_costs_nothing() {
        let fit = Fit::of(&points([50.0, 2000.0, -1.0]));
        assert_eq!(fit.0[2], 0.0);
        assert!(fit.0[0] > 0.0 && fit.0[1] > 0.0, "{fit:?}");
    }

    #[test]
    fn what_does_not_fit_is_told_as_an_error() {
        let mut points = points([50.0, 2000.0, 7.0]);
        points.push(Point { of: "y", parts: [1.0, 0.0, 0.0], cost: 100.0 });
        let (_, most) = Fit::of(&points).errors(&points, "y").unwrap();
        assert!(most > 0.2, "{most}");
    }
}
