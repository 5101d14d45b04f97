//! The report: Markdown, and a plot beside it for each that a section has.

mod machine;
mod plot;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::section::{Section, Table};

const HEAD: &str = "\
# Benchmarks

Written by a run of

```sh
cargo run --release -p toa-bench              # as root; everything, and this page
cargo run --release -p toa-bench -- accept    # one part, printed; --help names them
```

It needs Linux with cgroup v2, and `strace` and `valgrind` (Debian packages of these names); what is missing is named. It
works in network namespaces and cgroups of its own and leaves nothing behind.

Every figure that compares is a **ratio within one run**: the candidates take turns, round after round, on the same
machine, so that what else the machine does falls on all of them. A ratio is the median over the rounds of
candidate / reference of the same round; in brackets are the lowest and the highest round. Absolute figures are of this
machine, and tell nothing about another one.
";

/// Writes docs/benchmarks.md and its plots.
///
/// # Errors
/// When a file cannot be written.
pub fn write(sections: &[Section]) -> anyhow::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let plots = docs.join("benchmarks");
    if plots.exists() {
        std::fs::remove_dir_all(&plots).with_context(|| format!("{}", plots.display()))?;
    }
    std::fs::create_dir(&plots).with_context(|| format!("{}", plots.display()))?;
    for plot in sections.iter().flat_map(|section| &section.plots) {
        plot::draw(plot, &plots.join(file(&plot.name)))?;
    }
    let page = docs.join("benchmarks.md");
    let text = format!("{HEAD}\n{}\n{}", machine::describe()?, markdown(sections));
    std::fs::write(&page, text).with_context(|| format!("{}", page.display()))?;
    eprintln!("written: {}", page.canonicalize()?.display());
    Ok(())
}

/// The sections alone.
#[must_use]
pub fn markdown(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        let _ = writeln!(text, "## {}\n\n{}\n", section.title, section.text.trim());
        for table in &section.tables {
            text.push_str(&rows(table));
        }
        for plot in &section.plots {
            let file = Path::new("benchmarks").join(file(&plot.name));
            let _ = writeln!(text, "![{}]({})\n", plot.caption, file.display());
        }
    }
    format!("{}\n", text.trim_end())
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(format!("{name}.svg"))
}

/// The first column is text, the others are figures.
fn rows(table: &Table) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!(
        "|---|{}\n",
        "--:|".repeat(table.columns.len().saturating_sub(1))
    );
    let mut text = line(&table.columns) + &rule;
    for row in &table.rows {
        text.push_str(&line(row));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::{Data, Plot};

    #[test]
    fn a_section_becomes_a_heading_text_tables_and_plots() {
        let section = Section {
            title: "Accept path".to_owned(),
            text: "How it was asked.".to_owned(),
            tables: vec![Table {
                columns: vec!["server".to_owned(), "ratio".to_owned()],
                rows: vec![vec!["axum".to_owned(), "0.99".to_owned()]],
            }],
            plots: vec![Plot {
                name: "accept".to_owned(),
                caption: "New connections".to_owned(),
                data: Data::Bars {
                    unit: "ratio".to_owned(),
                    bars: Vec::new(),
                },
            }],
        };
        let expected = "## Accept path\n\nHow it was asked.\n\n| server | ratio |\n|---|--:|\n| axum | 0.99 |\n\n\
                        ![New connections](benchmarks/accept.svg)\n";
        assert_eq!(markdown(&[section]), expected);
    }
}
