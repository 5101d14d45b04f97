//! What a measurement hands to the report.

/// One section of the report: what was measured, how, and the figures.
#[derive(Debug, Clone)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What was measured and how, and what bounds it: Markdown.
    pub text: String,
    /// The figures.
    pub tables: Vec<Table>,
    /// The plots, drawn to docs/benchmarks/NAME.svg.
    pub plots: Vec<Plot>,
}

/// A table; every row has as many cells as there are columns.
#[derive(Debug, Clone)]
pub struct Table {
    /// The head line.
    pub columns: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

/// A plot.
#[derive(Debug, Clone)]
pub struct Plot {
    /// The file's name, without `.svg`.
    pub name: String,
    /// The line above it.
    pub caption: String,
    /// What is drawn.
    pub data: Data,
}

/// What a plot draws.
#[derive(Debug, Clone)]
pub enum Data {
    /// A bar each, of a median with its lowest and highest.
    Bars {
        /// The unit of the values.
        unit: String,
        /// Name, lowest, median, highest.
        bars: Vec<(String, f64, f64, f64)>,
    },
    /// Lines over a logarithmic axis.
    Lines {
        /// What the horizontal axis counts.
        x: String,
        /// The unit of the values.
        unit: String,
        /// A name and its points for each line.
        lines: Vec<(String, Vec<(f64, f64)>)>,
    },
}
