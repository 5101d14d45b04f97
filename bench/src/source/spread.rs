//! A median with its lowest and highest.

use std::fmt;

/// What a figure was over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

impl Spread {
    /// Of at least one value.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        Self {
            low: values[0],
            median: f64::midpoint(values[last / 2], values[last.div_ceil(2)]),
            high: values[last],
        }
    }

    /// Of the ratios that two candidates had in each round.
    pub(super) fn of_ratios(candidate: &[f64], reference: &[f64]) -> Self {
        Self::of(candidate.iter().zip(reference).map(|(c, r)| c / r))
    }

    pub(super) fn bar(&self, name: impl Into<String>) -> (String, f64, f64, f64) {
        (name.into(), self.low, self.median, self.high)
    }
}

/// As a ratio: three digits, and the range.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ({:.3}–{:.3})", self.median, self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        for (values, low, median, high) in [
            (&[3.0, 1.0, 2.0][..], 1.0, 2.0, 3.0),
            (&[4.0, 1.0, 2.0, 3.0], 1.0, 2.5, 4.0),
            (&[7.0], 7.0, 7.0, 7.0),
        ] {
            let spread = Spread::of(values.iter().copied());
            assert_eq!(spread, Spread { low, median, high });
        }
    }

    #[test]
    fn a_ratio_is_one_of_the_same_round() {
        let ratios = Spread::of_ratios(&[2.0, 30.0, 4.0], &[1.0, 10.0, 4.0]);
        assert_eq!(ratios.to_string(), "2.000 (1.000–3.000)");
    }
}
