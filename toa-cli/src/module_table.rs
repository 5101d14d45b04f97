//! /proc/net/toa_table, where the kernel module shows the connections with an address.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::Context;
use toa_core::{OptionFormat, OptionFormats, Provenance};

const PATH: &str = "/proc/net/toa_table";
const FORMATS: &str = "/sys/module/toa/parameters/formats";

/// What the module keeps of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) outcome: Provenance,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) kind: Option<u8>,
    pub(crate) length: Option<u8>,
    /// By the formats that the module reads now.
    pub(crate) format: Option<OptionFormat>,
    /// What the client asked for at the balancer.
    pub(crate) virtual_addr: Option<SocketAddr>,
}

/// The entries of this network namespace by the two ends of the connection. `None` where two
/// differ: a socket that nobody has closed yet stands beside that of a later connection with
/// the same ends, and the lines do not tell which is whose.
#[derive(Debug, Default)]
pub(crate) struct ModuleTable(HashMap<(SocketAddr, SocketAddr), Option<Entry>>);

impl ModuleTable {
    /// `None` when no module shows a table.
    pub(crate) fn read() -> anyhow::Result<Option<Self>> {
        match fs::read_to_string(PATH) {
            Ok(text) => {
                let formats = fs::read_to_string(FORMATS).ok();
                let formats = formats.and_then(|formats| formats.trim().parse().ok());
                Self::parse(&text, &formats.unwrap_or_default()).map(Some)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(error).context(format!("cannot read {PATH}, which root alone may"))
            }
            Err(error) => Err(error).context(format!("cannot read {PATH}")),
        }
    }

    pub(crate) fn find(&self, local: SocketAddr, peer: SocketAddr) -> Option<&Entry> {
        self.0.get(&(local, peer))?.as_ref()
    }

    /// The heading names the columns: later modules may have more.
    fn parse(text: &str, formats: &OptionFormats) -> anyhow::Result<Self> {
        let mut lines = text.lines();
        let heading: Vec<&str> = lines
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let column = |name: &str| heading.iter().position(|found| *found == name);
        let columns = [
            column("local"),
            column("peer"),
            column("client"),
            column("kind"),
        ];
        let [Some(local), Some(peer), Some(client), Some(kind)] = columns else {
            anyhow::bail!(
                "{PATH} is not in the form of this project's module, so its lines are not understood"
            );
        };
        let (outcome, length) = (column("outcome"), column("len"));
        let virtual_addr = column("virtual");
        let entry = |line: &str| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let end = |column: usize| cells.get(column)?.parse().ok();
            let number = |column: usize| cells.get(column)?.parse::<u8>().ok();
            let outcome = match outcome {
                Some(column) => cells.get(column)?.parse().ok()?,
                None => Provenance::Toa,
            };
            let (kind, length) = (number(kind), length.and_then(number));
            let entry = Entry {
                outcome,
                client: end(client),
                kind,
                length,
                format: kind
                    .zip(length)
                    .and_then(|(kind, length)| formats.format_of(kind, length.into())),
                virtual_addr: virtual_addr.and_then(end),
            };
            Some(((end(local)?, end(peer)?), entry))
        };
        let mut entries = HashMap::new();
        for (ends, entry) in lines.filter_map(entry) {
            let known = entries.entry(ends).or_insert(Some(entry));
            *known = known.filter(|known| *known == entry);
        }
        Ok(Self(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_both_ends() {
        let text = "local                peer                 client               kind\n\
            10.0.0.1:3000        10.0.0.9:4711        203.0.113.7:12345    254\n\
            [fd00::1]:3000       [fd00::9]:4711       [2001:db8::7]:12345  253\n\
            a line of another kind\n";
        let table = ModuleTable::parse(text, &OptionFormats::default()).unwrap();
        let found = |local: &str, peer: &str| {
            let entry = table.find(local.parse().unwrap(), peer.parse().unwrap());
            entry.map(|entry| (entry.client.unwrap().to_string(), entry.kind))
        };
        let v4 = ("203.0.113.7:12345".to_owned(), Some(254));
        assert_eq!(found("10.0.0.1:3000", "10.0.0.9:4711"), Some(v4));
        let v6 = ("[2001:db8::7]:12345".to_owned(), Some(253));
        assert_eq!(found("[fd00::1]:3000", "[fd00::9]:4711"), Some(v6));
        assert_eq!(found("10.0.0.9:4711", "10.0.0.1:3000"), None);
        assert_eq!(table.0.len(), 2);
    }

    /// A server has not closed the socket of a connection that was reset, and the balancer
    /// uses its port again.
    #[test]
    fn two_sockets_with_the_same_ends_are_not_mistaken_for_each_other() {
        let text = "local peer client kind\n\
            10.0.0.1:80 10.0.0.9:81 203.0.113.7:1 254\n\
            10.0.0.1:80 10.0.0.9:82 203.0.113.8:1 254\n\
            10.0.0.1:80 10.0.0.9:81 203.0.113.9:1 254\n\
            10.0.0.1:80 10.0.0.9:81 203.0.113.7:1 254\n";
        let table = ModuleTable::parse(text, &OptionFormats::default()).unwrap();
        let found = |peer: &str| table.find("10.0.0.1:80".parse().unwrap(), peer.parse().unwrap());
        assert!(found("10.0.0.9:81").is_none());
        assert!(found("10.0.0.9:82").is_some());
    }

    #[test]
    fn a_column_more_is_no_harm_and_one_less_is_an_error() {
        let text = "local peer client kind len virtual outcome\n\
            10.0.0.1:80 10.0.0.9:81 203.0.113.7:1 254 8 - toa\n\
            10.0.0.1:80 10.0.0.9:82 - - - - untrusted\n\
            10.0.0.1:80 10.0.0.9:83 - 254 16 - foreign\n";
        let table = ModuleTable::parse(text, &OptionFormats::default()).unwrap();
        let entry = |peer: &str| table.find("10.0.0.1:80".parse().unwrap(), peer.parse().unwrap());
        let believed = entry("10.0.0.9:81").unwrap();
        assert_eq!(believed.outcome, Provenance::Toa);
        assert_eq!((believed.kind, believed.length), (Some(254), Some(8)));
        let refused = entry("10.0.0.9:82").unwrap();
        assert_eq!(refused.outcome, Provenance::Untrusted);
        assert_eq!((refused.client, refused.kind), (None, None));
        let foreign = entry("10.0.0.9:83").unwrap();
        assert_eq!(
            (foreign.outcome, foreign.length),
            (Provenance::Foreign, Some(16))
        );
        assert!(ModuleTable::parse("local peer client\n", &OptionFormats::default()).is_err());
        assert!(ModuleTable::parse("", &OptionFormats::default()).is_err());
    }
}
