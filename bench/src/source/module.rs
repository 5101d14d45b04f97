//! The kernel module, in a virtual machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::Scale;
use crate::section::{Data, Plot, Section, Table};
use crate::spread::Spread;

const TITLE: &str = "The source: the kernel module";

const TEXT: &str = "\
`tests/vm/bench-module` boots Debian's Linux in QEMU with its instruction counter on, so a figure is a **number of instructions**, \
which hardly depends on what else the machine does; the ratio is what is to be compared. The same work is done without the \
module and with it, in turns: a connection over loopback without an option; hand-made peers, without and with one; and \
single system calls. 4097 without the module is an error of the kernel's.

What bounds it: the module hooks the kernel at the entry of two functions that each handshake passes (ftrace, else a kprobe), \
and `getpeername()` on its way back; that detour is most of the difference. It has no part in other `getsockopt` calls.";

const NAMES: [(&str, &str); 6] = [
    ("connection", "loopback, no option"),
    ("handmade", "hand-made IPv4, no option"),
    ("handmade_with_address", "hand-made IPv4, IPv4 option"),
    ("getpeername", "getpeername, no address"),
    ("so_type", "getsockopt SO_TYPE"),
    ("toa_info", "getsockopt 4097, no address"),
];

/// Always a section: without QEMU it says what is missing.
pub(super) fn measure(scale: Scale) -> Section {
    let figures = scale.module.context("not asked for").and_then(run);
    match figures {
        Ok(figures) => section(&figures),
        Err(error) => Section {
            title: TITLE.to_owned(),
            text: format!("Not measured: {error:#}."),
            tables: Vec::new(),
            plots: Vec::new(),
        },
    }
}

/// Instructions by kernel and name, without and with the module.
type Figures = BTreeMap<(String, String), [Vec<f64>; 2]>;

fn run((rounds, connections): (u32, u32)) -> anyhow::Result<Figures> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vm/bench-module");
    let out = Command::new(script)
        .args(["--rounds", &rounds.to_string()])
        .args(["--connections", &connections.to_string()])
        .output()
        .context("cannot start tests/vm/bench-module")?;
    if !out.status.success() {
        let text = String::from_utf8_lossy(&out.stderr);
        let last = text.lines().last().unwrap_or("it says nothing").to_owned();
        bail!(
            "tests/vm/bench-module failed ({last}); tests/vm/install-deps installs what it needs"
        );
    }
    parse(&String::from_utf8_lossy(&out.stdout))
}

fn parse(text: &str) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    for line in text.lines() {
        let &[kernel, name, side, value] = &line.split('\t').collect::<Vec<_>>()[..] else {
            bail!("tests/vm/bench-module printed {line:?}");
        };
        let both = figures
            .entry((kernel.to_owned(), name.to_owned()))
            .or_default();
        both[usize::from(side == "with")].push(value.parse().with_context(|| line.to_owned())?);
    }
    if figures
        .values()
        .any(|[without, with]| without.is_empty() || without.len() != with.len())
    {
        bail!("tests/vm/bench-module was cut short");
    }
    Ok(figures)
}

fn section(figures: &Figures) -> Section {
    let mut rows = Vec::new();
    let mut bars = Vec::new();
    for (key, name) in NAMES {
        for ((kernel, _), [without, with]) in figures.iter().filter(|((_, of), _)| of == key) {
            let median =
                |values: &[f64]| format!("{:.0}", Spread::of(values.iter().copied()).median);
            let ratio = Spread::of_ratios(with, without);
            rows.push(vec![
                name.to_owned(),
                kernel.clone(),
                median(without),
                median(with),
                ratio.to_string(),
            ]);
            bars.push(ratio.bar(format!("{name} ({kernel})")));
        }
    }
    let columns = [
        "",
        "Linux",
        "without, instructions",
        "with, instructions",
        "ratio",
    ];
    Section {
        title: TITLE.to_owned(),
        text: TEXT.to_owned(),
        tables: vec![Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows,
        }],
        plots: vec![Plot {
            name: "source-module".to_owned(),
            caption: "Instructions with the module, against without".to_owned(),
            data: Data::Bars {
                unit: "ratio".to_owned(),
                bars,
            },
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_virtual_machine_become_ratios() {
        let text = "6.1\tconnection\twithout\t100\n6.1\tconnection\twith\t110\n";
        let section = section(&parse(text).expect("good lines"));
        let row = [
            "loopback, no option",
            "6.1",
            "100",
            "110",
            "1.100 (1.100–1.100)",
        ];
        assert_eq!(section.tables[0].rows, [row]);
    }

    #[test]
    fn a_run_that_was_cut_short_gives_no_figures() {
        for text in [
            "6.1\tconnection\twithout\t100\n",
            "6.1 connection",
            "6.1\ta\twith\tx\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
