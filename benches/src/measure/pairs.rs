//! Limit and figure, one after the other, several times over.

/// One figure beside what it is held against.
pub struct Figure {
    /// What is measured.
    pub what: String,
    /// What both numbers count.
    pub unit: &'static str,
    /// What each round of the limit gave, and what it is.
    pub limit: (&'static str, Vec<f64>),
    /// What each round of the figure gave.
    pub measured: Vec<f64>,
    /// What the ratio of the two must be.
    pub rule: Rule,
    /// Measured beside, for whoever wonders.
    pub beside: Vec<(&'static str, Vec<f64>)>,
}

/// What is asked of measured ÷ limit.
#[derive(Clone, Copy)]
pub enum Rule {
    /// A cost.
    AtMost(f64),
    /// A rate.
    AtLeast(f64),
    /// Only told.
    Told,
}

impl Figure {
    /// The ratio of each pair.
    pub fn ratios(&self) -> Vec<f64> {
        self.measured.iter().zip(&self.limit.1).map(|(measured, limit)| measured / limit).collect()
    }

    /// The median ratio is as asked.
    pub fn holds(&self) -> bool {
        let ratio = median(&self.ratios());
        match self.rule {
            Rule::AtMost(most) => ratio <= most,
            Rule::AtLeast(least) => ratio >= least,
            Rule::Told => true,
        }
    }
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Median, and the smallest and the largest.
pub fn spread(values: &[f64], decimals: usize) -> String {
    let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(least, most), v| (least.min(*v), most.max(*v)));
    format!("{:.decimals$} ({least:.decimals$} to {most:.decimals$})", median(values))
}
