//! Limit and figure, one after the other, several times over.

/// One figure beside what it is held against.
pub(crate) struct Figure {
    /// What is measured.
    pub(crate) what: String,
    /// What both numbers count.
    pub(crate) unit: &'static str,
    /// What each round of the limit gave, and what it is.
    pub(crate) limit: (&'static str, Vec<f64>),
    /// What each round of the figure gave.
    pub(crate) measured: Vec<f64>,
    /// What the ratio of the two must be.
    pub(crate) rule: Rule,
    /// Measured beside, for whoever wonders.
    pub(crate) beside: Vec<(&'static str, Vec<f64>)>,
}

/// What is asked of measured ÷ limit.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// A cost.
    AtMost(f64),
    /// A rate.
    AtLeast(f64),
    /// Only told.
    Told,
}

impl Figure {
    /// The ratio of each pair.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        self.measured.iter().zip(&self.limit.1).map(|(measured, limit)| measured / limit).collect()
    }

    /// The median ratio is as asked.
    pub(crate) fn holds(&self) -> bool {
        let ratio = median(&self.ratios());
        match self.rule {
            Rule::AtMost(most) => ratio <= most,
            Rule::AtLeast(least) => ratio >= least,
            Rule::Told => true,
        }
    }
}

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Median, and the smallest and the largest.
pub(crate) fn spread(values: &[f64], decimals: usize) -> String {
    let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(least, most), v| (least.min(*v), most.max(*v)));
    format!("{:.decimals$} ({least:.decimals$} to {most:.decimals$})", median(values))
}
