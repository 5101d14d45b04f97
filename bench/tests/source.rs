//! The measurement of the sources works: its figures are there, and those that no other
//! program on the machine can touch are right.

use toa_bench::options::Options;
use toa_bench::section::{Data, Section, Table};
use toa_lab::sandbox::Sandbox;

#[test]
fn the_sources_are_measured_and_nothing_stays_behind() {
    if Sandbox::enter_or_skip().is_none() {
        return;
    }
    let sections = toa_bench::source::sections(&Options { quick: true }).expect("measured");
    for section in &sections {
        for table in &section.tables {
            expect_whole(section, table);
        }
        for plot in &section.plots {
            expect_drawable(&plot.data);
        }
    }
    let find = |title: &str| {
        let title = format!("The source: {title}");
        let found = sections.iter().find(|section| section.title == title);
        found.unwrap_or_else(|| panic!("no section {title:?}"))
    };

    // No connection without the programs, and no state to be told of without an address.
    let runs = &find("a connection").tables[1];
    assert_eq!(
        cell(runs, "loopback, no option: `toa_peername4`", 1),
        "1.00"
    );
    let sockops = |kind: &str| number(runs, &format!("{kind}: `toa_sockops`"), 1);
    let (without, with) = ("hand-made IPv4, no option", "hand-made IPv4, IPv4 option");
    assert!(sockops(with) > sockops(without));

    let runs = &find("system calls").tables[1];
    assert_eq!(
        cell(runs, "getsockopt SO_TYPE: `toa_getsockopt`", 1),
        "1.00"
    );

    // Few connections, and other programs have sockets, too: no figure is sure.
    let memory = &find("memory").tables;
    assert!(memory.iter().all(|table| table.columns.len() == 4));

    for name in [
        "how many connections are open",
        "how many CIDRs are trusted",
    ] {
        for table in &find(name).tables {
            assert!(table.rows.len() > 2, "{table:?}");
        }
    }
    let sandbox = Sandbox::enter().expect("there was one before");
    let cgroups = sandbox.cgroup().path().parent().expect("a mount point");
    let ours = format!("toa-sandbox-{}-", std::process::id());
    let entries = std::fs::read_dir(cgroups).expect("cgroup v2").flatten();
    let left = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours));
    assert_eq!(left.count(), 1, "only the one that was just made");
}

fn expect_whole(section: &Section, table: &Table) {
    assert!(!table.rows.is_empty(), "{}", section.title);
    for row in &table.rows {
        assert_eq!(row.len(), table.columns.len(), "{row:?}");
    }
}

fn expect_drawable(data: &Data) {
    match data {
        Data::Bars { bars, .. } => {
            assert!(!bars.is_empty());
            let mut values = bars.iter().flat_map(|bar| [bar.1, bar.2, bar.3]);
            assert!(values.all(f64::is_finite), "{data:?}");
        }
        Data::Lines { lines, .. } => {
            let mut points = lines.iter().flat_map(|(_, points)| points);
            assert!(lines.iter().all(|(_, points)| points.len() > 2));
            assert!(points.all(|&(x, y)| x >= 1.0 && y > 0.0), "{data:?}");
        }
    }
}

fn cell<'t>(table: &'t Table, name: &str, column: usize) -> &'t str {
    let row = table.rows.iter().find(|row| row[0] == name);
    &row.unwrap_or_else(|| panic!("no {name:?} in {table:?}"))[column]
}

fn number(table: &Table, name: &str, column: usize) -> f64 {
    cell(table, name, column).parse().expect("a number")
}
