//! `toa list`.

use toa_bpf::{Connection, Connections, Scope};

use crate::connections::filter::Filter;
use crate::connections::process::Processes;
use crate::connections::row::{Printer, Row};
use crate::module_table::ModuleTable;
use crate::output::{Lines, Outcome, complain};
use crate::status::Source;

const FIELDS: &str = "\
With --json each line is an object with the fields outcome, client, virtual_addr (what the
client asked for at the balancer), peer, local, kind, length, format, age_seconds, state, processes
(id and name), source (ebpf or module) and cgroup; what does not apply is null.

The outcome is `toa`, or why the peer counts as the client: `untrusted`, `foreign`, `invalid`,
`implausible`. An option is named by format, kind and length, such as toa 254/8.
With --all `-` (null) stands for connections of which a source keeps nothing: no option was sent,
or they are older than the source, or not covered by one, or this host opened them itself.

Only the network namespace of this command is seen; for that of a container whose first process
is PID: nsenter --net --target PID toa list";

/// List the open connections with their clients
///
/// Asks the kernel; needs CAP_SYS_ADMIN. The kernel's order is kept, and a connection that opens
/// or closes meanwhile may be missing.
#[derive(Debug, clap::Args)]
#[command(after_help = FIELDS)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Also the connections of which no source keeps anything
    #[arg(long)]
    all: bool,
    /// Print JSON, one object a line, for programs
    #[arg(long)]
    json: bool,
}

impl List {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let module = ModuleTable::read()?;
        let mut connections = toa_bpf::connections()?;
        if connections.sources().len() == 0 && module.is_none() {
            complain("toa: no source is loaded, so nothing is kept: run `toa status`\n");
            return Ok(Outcome::NoSource);
        }
        let processes = self.filter.processes()?;
        let (mut lines, mut printer) = (Lines::default(), Printer::new(self.json));
        let mut is_process_missing = false;
        while let Some(connection) = connections.next().transpose()? {
            let row = row(&connection, &connections, module.as_ref(), &processes);
            if self.all || row.outcome.is_some() {
                is_process_missing |= connection.inode != 0 && row.processes.is_empty();
                if self.filter.admits(&row) {
                    printer.print(&row, &mut lines)?;
                }
            }
            if lines.is_closed() {
                return Ok(Outcome::Healthy);
            }
        }
        printer.finish(&mut lines)?;
        lines.flush()?;
        if is_process_missing && processes.are_hidden() {
            complain(
                "toa: some processes do not let this one look at their sockets, which are shown \
                 without a process: that takes CAP_SYS_PTRACE\n",
            );
        }
        if connections.is_interrupted() {
            complain(
                "toa: the kernel's table changed while it was read: connections may be missing, \
                 or be there twice\n",
            );
        }
        Ok(Outcome::Healthy)
    }
}

fn row(
    connection: &Connection,
    connections: &Connections,
    module: Option<&ModuleTable>,
    processes: &Processes,
) -> Row {
    let mut row = Row {
        outcome: None,
        client: None,
        virtual_addr: None,
        peer: connection.peer,
        local: connection.local,
        kind: None,
        length: None,
        format: None,
        age_seconds: None,
        state: connection.state.as_str(),
        processes: processes.of_socket(connection.inode),
        source: None,
        cgroup: None,
    };
    // The module answers before an eBPF source would.
    if let Some(entry) = module.and_then(|module| module.find(row.local, row.peer)) {
        row.outcome = Some(entry.outcome);
        row.client = entry.client;
        row.kind = entry.kind;
        row.length = entry.length;
        row.virtual_addr = entry.virtual_addr;
        row.format = entry.format;
        row.source = Some(Source::Module);
    } else if let Some(judgement) = connection.judgement {
        row.outcome = Some(judgement.outcome);
        row.client = judgement.client;
        row.kind = judgement.kind;
        row.length = judgement.option_len;
        row.virtual_addr = judgement.virtual_addr;
        let source = judgement
            .source
            .and_then(|source| connections.sources().nth(source));
        row.format = source.and_then(|source| {
            let (kind, len) = judgement.kind.zip(judgement.option_len)?;
            source.formats.format_of(kind, len.into())
        });
        row.age_seconds = Some(judgement.age.as_secs());
        row.source = Some(Source::Ebpf);
        row.cgroup = source
            .filter(|source| source.scope != Scope::Host)
            .and_then(|source| source.cgroup.clone());
    }
    row
}
