//! Figures of several rounds, for people and for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What was measured, by contestant and name, each with the figure of every round.
#[derive(Default)]
pub struct Figures(Vec<(String, BTreeMap<String, Vec<f64>>)>);

impl Figures {
    /// Adds the numbers of one round.
    pub fn add(&mut self, contestant: &str, round: &Value) {
        let at = self.0.iter().position(|(name, _)| name == contestant).unwrap_or_else(|| {
            self.0.push((contestant.to_owned(), BTreeMap::new()));
            self.0.len() - 1
        });
        for (name, value) in round.as_object().into_iter().flatten() {
            self.0[at].1.entry(name.clone()).or_default().extend(value.as_f64());
        }
    }

    /// A table of some of the figures: medians, and in brackets the least and the greatest.
    pub fn print(&self, columns: &[(&str, &str)]) {
        let head = columns.iter().map(|(_, title)| format!("{title:>34}")).collect::<String>();
        println!("{:16}{head}", "");
        for (contestant, figures) in &self.0 {
            let cell = |(name, _): &(&str, &str)| {
                let spread = figures.get(*name).map_or_else(|| "–".to_owned(), |values| spread(values));
                format!("{spread:>34}")
            };
            println!("{contestant:16}{}", columns.iter().map(cell).collect::<String>());
        }
    }

    /// Everything, for a file.
    pub fn to_json(&self) -> Value {
        let each = |(name, figures): &(String, BTreeMap<String, Vec<f64>>)| {
            let figures = figures.iter().map(|(figure, values)| {
                (figure.clone(), json!({ "median": median(values), "rounds": values }))
            });
            (name.clone(), figures.collect::<serde_json::Map<_, _>>().into())
        };
        self.0.iter().map(each).collect::<serde_json::Map<_, _>>().into()
    }
}

fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} ({}–{})", short(median(values)), short(least), short(greatest))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Three digits, thousands and millions by their letters.
fn short(value: f64) -> String {
    let (value, letter) = match value.abs() {
        millions if millions >= 999_500.0 => (value / 1e6, " M"),
        thousands if thousands >= 10_000.0 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let digits = if value.abs() >= 99.95 {
        0
    } else if value.abs() >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.digits$}{letter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.5, 12.34, 6_243.0, 75_432.0, 776_100.0, 1_940_000.0].map(short);
        assert_eq!(shown, ["0.50", "12.3", "6243", "75.4 k", "776 k", "1.94 M"]);
    }

    #[test]
    fn a_median_is_in_the_middle_and_rounds_are_gathered_by_name() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])), (2.0, 2.5));
        let mut figures = Figures::default();
        figures.add("ours", &json!({ "p99Ms": 3 }));
        figures.add("ours", &json!({ "p99Ms": 5 }));
        assert_eq!(figures.to_json()["ours"]["p99Ms"], json!({ "median": 4.0, "rounds": [3.0, 5.0] }));
    }
}
