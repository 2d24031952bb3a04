//! What a format says and this server cannot keep, so that nothing is lost in silence.

use crate::limits::{LOSS_EXAMPLE_BYTES_MAX, LOSS_EXAMPLES_MAX};

/// A feature of a format that was not carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What it is, such as `brat: a border's color`.
    pub feature: String,
    /// How often it was met.
    pub count: u64,
    /// The first of them; at most 10.
    pub examples: Vec<String>,
}

/// All that was not carried over, in the order in which each feature was first met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// Remembers that `feature` was met, in `example`.
    pub fn add(&mut self, feature: &str, example: impl Into<String>) {
        let at = self.0.iter().position(|loss| loss.feature == feature);
        let loss = match at.and_then(|at| self.0.get_mut(at)) {
            Some(loss) => loss,
            None => self.0.push_mut(Loss { feature: feature.to_owned(), count: 0, examples: Vec::new() }),
        };
        loss.count += 1;
        if loss.examples.len() < LOSS_EXAMPLES_MAX {
            let mut example = example.into();
            example.truncate(example.floor_char_boundary(LOSS_EXAMPLE_BYTES_MAX));
            loss.examples.push(example);
        }
    }

    /// Adds what was lost elsewhere.
    pub fn merge(&mut self, other: Self) {
        for Loss { feature, count, examples } in other.0 {
            match self.0.iter_mut().find(|loss| loss.feature == feature) {
                Some(loss) => {
                    loss.count = loss.count.saturating_add(count);
                    let room = LOSS_EXAMPLES_MAX.saturating_sub(loss.examples.len());
                    loss.examples.extend(examples.into_iter().take(room));
                }
                None => self.0.push(Loss { feature, count, examples }),
            }
        }
    }

    /// What was lost.
    #[must_use]
    pub fn into_vec(self) -> Vec<Loss> {
        self.0
    }
}
