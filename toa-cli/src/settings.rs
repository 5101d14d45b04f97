//! The settings file: the sources that a host should have.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::{self, Deserializer};
use toa_bpf::Config;
use toa_core::{OptionFormats, TrustedPeers};
use toml::Spanned;

use crate::cgroup;

/// Where the commands look when none is named.
pub(crate) const DEFAULT: &str = "/etc/toa/toa.toml";

const NO_SOURCE: &str = "no [[source]] in it, so there is nothing to load: add one, such as
  [[source]]
  name = \"balancer\"
  scope = \"host\"
  trust = [\"100.125.0.0/16\"]    # the networks that your balancer sends from";

const NO_TRUST: &str = "this source does not say whose TOA options are to be believed, and nobody has a \
     default for that: add the networks that your balancer sends from, such as trust = \
     [\"100.125.0.0/16\"]";

/// What the file says.
#[derive(Debug)]
pub(crate) struct Settings {
    /// At least one.
    pub(crate) sources: Vec<Source>,
}

/// A source that the host should have.
#[derive(Debug)]
pub(crate) struct Source {
    /// What messages call it.
    pub(crate) name: String,
    /// What it is told.
    pub(crate) config: Config,
}

/// What a `[[source]]` may leave out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Defaults {
    formats: Option<OptionFormats>,
    peername: Option<bool>,
    insecure_believe_implausible: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: Spanned<String>,
    scope: Spanned<Scope>,
    trust: Option<TrustedPeers>,
    formats: Option<OptionFormats>,
    peername: Option<bool>,
    insecure_believe_implausible: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    source: Vec<Spanned<Entry>>,
}

/// `None` is the whole host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scope(Option<PathBuf>);

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let path = Path::new(&text);
        if text == "host" {
            return Ok(Self(None));
        }
        if !path.is_absolute() {
            return Err(de::Error::custom(format!(
                "{text:?} is not a scope: write \"host\", or the path of a cgroup, such as \
                 \"/sys/fs/cgroup/system.slice\""
            )));
        }
        if cgroup::ends_with_its_unit(path) {
            return Err(de::Error::custom(cgroup::cover_at_each_start(path)));
        }
        Ok(Self(Some(path.to_owned())))
    }
}

impl Settings {
    /// # Errors
    /// When the file cannot be read, or says something that makes no sense: with the line and
    /// what to write instead.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the settings file {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the settings file {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text).map_err(|error| {
            let message = with_cure(error.message());
            match error.span() {
                Some(span) => at(text, span, message),
                None => anyhow::Error::msg(message),
            }
        })?;
        if file.source.is_empty() {
            bail!(NO_SOURCE);
        }
        check_unique(text, &file.source, "name", |entry| {
            (entry.name.span(), entry.name.get_ref().clone())
        })?;
        check_unique(text, &file.source, "scope", |entry| {
            (entry.scope.span(), entry.scope.get_ref().clone())
        })?;
        let defaults = &file.defaults;
        let sources = file.source.into_iter();
        let sources = sources.map(|entry| {
            let span = entry.span();
            entry.into_inner().source(text, span, defaults)
        });
        let sources = sources.collect::<Result<_, _>>()?;
        Ok(Self { sources })
    }
}

impl Entry {
    fn source(self, text: &str, span: Range<usize>, defaults: &Defaults) -> anyhow::Result<Source> {
        let name = self.name;
        if name.get_ref().trim().is_empty() {
            return Err(at(
                text,
                name.span(),
                "the name is empty: messages need one".to_owned(),
            ));
        }
        let Some(trust) = self.trust else {
            return Err(at(text, span, NO_TRUST.to_owned()));
        };
        let believe = self.insecure_believe_implausible;
        let mut config = Config::new(trust)
            .with_formats(
                self.formats
                    .or_else(|| defaults.formats.clone())
                    .unwrap_or_default(),
            )
            .with_peername(self.peername.or(defaults.peername).unwrap_or(true))
            .with_insecure_believe_implausible(
                believe
                    .or(defaults.insecure_believe_implausible)
                    .unwrap_or(false),
            );
        if let Scope(Some(cgroup)) = self.scope.into_inner() {
            config = config.with_cgroup(cgroup);
        }
        let name = name.into_inner();
        Ok(Source { name, config })
    }
}

fn check_unique<K: Ord>(
    text: &str,
    entries: &[Spanned<Entry>],
    what: &str,
    key: impl Fn(&Entry) -> (Range<usize>, K),
) -> anyhow::Result<()> {
    let mut seen = BTreeMap::new();
    for entry in entries {
        let (span, key) = key(entry.get_ref());
        let line = line_of(text, &span);
        if let Some(first) = seen.insert(key, line) {
            let message =
                format!("this {what} is that of line {first} again: each source has its own");
            return Err(at(text, span, message));
        }
    }
    Ok(())
}

/// serde's own words name the keys that there are, but not these two cures.
fn with_cure(message: &str) -> String {
    match message {
        "missing field `scope`" => {
            "this source does not say what it covers: add scope = \"host\", or the path of a cgroup"
                .to_owned()
        }
        "missing field `name`" => {
            "this source has no name: add one, such as name = \"balancer\"; messages use it"
                .to_owned()
        }
        other => other.replace("unknown field", "there is no key"),
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.get(..span.start).unwrap_or(text);
    1 + before.matches('\n').count()
}

/// The message with the line that it is about.
fn at(text: &str, span: Range<usize>, message: String) -> anyhow::Error {
    let number = line_of(text, &span);
    let line = text.lines().nth(number - 1).unwrap_or_default();
    anyhow::anyhow!("line {number}: {}\n  {message}", line.trim())
}

#[cfg(test)]
mod tests;
