//! `toa watch`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use toa_bpf::{Event, Scope, Status, What};
use toa_core::OptionFormat;

use crate::connections::filter::Addresses;
use crate::connections::row;
use crate::module_table::ModuleTable;
use crate::output::{Lines, Outcome, complain};
use crate::status::{Source, scope};

/// How often it is looked for other sources and for lost events.
const TICK: Duration = Duration::from_secs(2);

const FIELDS: &str = "\
With --json each line is an object with the fields time, event, outcome, client, peer, local,
virtual_addr (what the client asked for at the balancer), kind, length, format, source and cgroup;
what does not apply is null. The event is `opened`, or `option_in_syn` or
`option_later`: an option that is no standard one, where no source reads it. Of a connection that
opened without an option the first later one is told.

Connections that are open already are not told: see `toa list`. All network namespaces are seen.";

/// Tell of each new connection as it opens
///
/// Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. While it runs, an observer stands beside each eBPF source,
/// which lets everything pass and goes with this command; nothing is slower without it.
#[derive(Debug, clap::Args)]
#[command(after_help = FIELDS)]
pub(crate) struct Watch {
    #[command(flatten)]
    addresses: Addresses,
    /// Print JSON, one object a line, for programs
    #[arg(long)]
    json: bool,
}

impl Watch {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let mut watch = toa_bpf::watch()?;
        if watch.sources().len() == 0 {
            if ModuleTable::read()?.is_some() {
                anyhow::bail!(
                    "the kernel module tells nobody of new connections: `toa list` shows those that \
                     are open"
                );
            }
            complain("toa: no source is loaded, so there is nothing to watch: run `toa status`\n");
            return Ok(Outcome::NoSource);
        }
        announce(&watch);
        let mut lines = Lines::default();
        if !self.json {
            lines.say(HEADING)?;
            lines.flush()?;
        }
        let mut looked = Instant::now();
        let mut patience = TICK;
        while !lines.is_closed() {
            match watch.next(patience)? {
                Some(event) => {
                    self.print(&event, &watch, &mut lines)?;
                    // What is there already comes out in one piece.
                    patience = Duration::ZERO;
                }
                None => {
                    lines.flush()?;
                    patience = TICK;
                }
            }
            if looked.elapsed() >= TICK {
                watch = look_around(watch)?;
                looked = Instant::now();
            }
        }
        Ok(Outcome::Healthy)
    }

    fn print(
        &self,
        event: &Event,
        watch: &toa_bpf::Watch,
        lines: &mut Lines,
    ) -> anyhow::Result<()> {
        let line = Line::of(event, watch.sources().nth(event.source));
        if !self.addresses.admits(line.local, line.peer, line.client) {
            return Ok(());
        }
        match self.json {
            true => lines.say(format_args!("{}\n", serde_json::to_string(&line)?)),
            false => lines.say(line.text(watch.sources().len() > 1)),
        }
    }
}

fn announce(watch: &toa_bpf::Watch) {
    for (index, source) in watch.sources().enumerate() {
        let scope = scope(source);
        complain(match watch.is_watched(index) {
            true => format!("toa: watching the source for {scope}\n"),
            false => format!(
                "toa: the source for {scope} is not watched: its cgroup is gone, or not visible from \
                 here\n"
            ),
        });
    }
}

/// Says what was lost, and watches again where the sources are others by now.
fn look_around(mut watch: toa_bpf::Watch) -> anyhow::Result<toa_bpf::Watch> {
    let lost = watch.take_lost()?;
    if lost > 0 {
        complain(format_args!(
            "toa: {lost} events were lost: more came than could be told\n"
        ));
    }
    if watch.is_current()? {
        return Ok(watch);
    }
    drop(watch);
    let watch = toa_bpf::watch()?;
    complain(
        "toa: sources were loaded or unloaded; what opened meanwhile may not have been told\n",
    );
    announce(&watch);
    Ok(watch)
}

/// The names are those of the JSON, which the documentation promises.
#[derive(Debug, Serialize)]
struct Line {
    time: String,
    event: &'static str,
    outcome: Option<&'static str>,
    client: Option<SocketAddr>,
    peer: SocketAddr,
    local: SocketAddr,
    virtual_addr: Option<SocketAddr>,
    kind: Option<u8>,
    length: Option<u8>,
    #[serde(serialize_with = "row::name")]
    format: Option<OptionFormat>,
    source: Source,
    cgroup: Option<PathBuf>,
    #[serde(skip)]
    in_data: bool,
}

const HEADING: &str = "\
time                      outcome      client                 peer                   local                  option
";

impl Line {
    fn of(event: &Event, source: Option<&Status>) -> Self {
        let (name, outcome, client, virtual_addr) = match event.what {
            What::Opened {
                outcome,
                client,
                virtual_addr,
            } => ("opened", Some(outcome.as_str()), client, virtual_addr),
            What::OptionInSyn => ("option_in_syn", None, None, None),
            What::OptionLater { .. } => ("option_later", None, None, None),
            _ => ("other", None, None, None),
        };
        Self {
            time: humantime::format_rfc3339_millis(event.at).to_string(),
            event: name,
            outcome,
            client,
            peer: event.peer,
            local: event.local,
            virtual_addr,
            kind: event.option.map(|(kind, _)| kind),
            length: event.option.map(|(_, length)| length),
            format: source
                .zip(event.option)
                .and_then(|(source, (kind, length))| source.formats.format_of(kind, length.into())),
            source: Source::Ebpf,
            cgroup: source
                .filter(|source| source.scope != Scope::Host)
                .and_then(|source| source.cgroup.clone()),
            in_data: matches!(event.what, What::OptionLater { in_data: true }),
        }
    }

    fn text(&self, several_sources: bool) -> String {
        let client = self.client.map(|client| client.to_string());
        let option = row::option(self.format, self.kind, self.length);
        let note = match (self.event, self.outcome) {
            ("option_in_syn", _) => " in the SYN, where no source reads it",
            ("option_later", _) if self.in_data => " in later data, where no source reads it",
            ("option_later", _) => " in a later acknowledgement, where no source reads it",
            (_, Some("not_sent")) if self.kind.is_some() => ", of no format that the source reads",
            _ => "",
        };
        let asked_for = self.virtual_addr.map(|addr| format!(", asked for {addr}"));
        let asked_for = asked_for.unwrap_or_default();
        let cgroup = match self.cgroup.as_deref().map(Path::display) {
            Some(cgroup) if several_sources => format!("  {cgroup}"),
            _ => String::new(),
        };
        format!(
            "{:24}  {:11}  {:21}  {:21}  {:21}  {option}{asked_for}{note}{cgroup}\n",
            self.time,
            self.outcome.unwrap_or("-"),
            client.as_deref().unwrap_or("-"),
            self.peer.to_string(),
            self.local.to_string(),
        )
    }
}
