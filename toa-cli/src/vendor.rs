//! What vendors publish of their balancers: the formats, and where they connect from.
//! `docs/vendors` has a page for each, with the source of every fact.

use std::fmt::Write as _;

use clap::ValueEnum;
use toa_core::{OptionFormat, OptionFormats};

/// A vendor of balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Vendor {
    /// Huawei Cloud: ELB, NAT64, Advanced Anti-DDoS
    Huawei,
    /// Tencent Cloud: CLB, NAT64, Anti-DDoS, EdgeOne
    Tencent,
    /// Alibaba Cloud: Anti-DDoS and other FULLNAT balancers that send VTOA
    AlibabaVtoa,
    /// Alibaba Cloud: CDN and DCDN
    AlibabaCdn,
    /// iQIYI DPVS
    Dpvs,
    /// LVS FULLNAT
    Lvs,
    /// UCloud: NLB, PathX
    Ucloud,
    /// NetScaler (Citrix ADC)
    Netscaler,
}

/// Addresses that balancers connect from, as the vendor documents them.
struct Origin {
    /// The network, or how to find it out.
    addresses: &'static str,
    /// Whose they are.
    of: &'static str,
    source: &'static str,
}

impl Vendor {
    /// How its balancers write the client's address.
    pub(crate) fn formats(self) -> OptionFormats {
        OptionFormats::new(self.format_names().iter().copied())
            .expect("no profile reads the same bytes in two ways")
    }

    /// What an operator who has not said whom to trust needs to know.
    pub(crate) fn documented(self) -> String {
        let name = self.name();
        let mut text = format!("{name} documents, for you to compare with what you have:\n");
        for Origin {
            addresses,
            of,
            source,
        } in self.origins()
        {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {of}: {addresses}\n    {source}");
        }
        let _ = write!(
            text,
            "it sends {}; docs/vendors/{name}.md of the project tells more",
            self.formats()
        );
        text
    }

    fn name(self) -> String {
        let value = self.to_possible_value().expect("no vendor is skipped");
        value.get_name().to_owned()
    }

    const fn format_names(self) -> &'static [OptionFormat] {
        match self {
            Self::Huawei | Self::Tencent | Self::Dpvs | Self::Lvs | Self::Ucloud => {
                &[OptionFormat::Toa]
            }
            Self::AlibabaVtoa => &[OptionFormat::Toa, OptionFormat::Vtoa],
            Self::AlibabaCdn => &[OptionFormat::Toa, OptionFormat::Cip],
            Self::Netscaler => &[OptionFormat::Cip],
        }
    }

    const fn origins(self) -> &'static [Origin] {
        match self {
            Self::Huawei => &[
                Origin {
                    addresses: "100.125.0.0/16",
                    of: "shared load balancers",
                    source: "https://support.huaweicloud.com/intl/en-us/usermanual-elb/elb_ug_hd_0002.html",
                },
                Origin {
                    addresses: "their backend subnet in your VPC",
                    of: "dedicated load balancers",
                    source: "https://support.huaweicloud.com/usermanual-elb/elb_ug_hd_0007.md",
                },
                Origin {
                    addresses: "its back-to-origin addresses, which its console lists",
                    of: "Advanced Anti-DDoS",
                    source: "https://support.huaweicloud.com/intl/en-us/bestpractice-aad/aad_06_0006.html",
                },
            ],
            Self::Tencent => &[
                Origin {
                    addresses: "the SNAT addresses that you configured",
                    of: "CLB in a hybrid cloud",
                    source: "https://cloud.tencent.com/document/product/214/68105",
                },
                Origin {
                    addresses: "the origin-pull networks in its console, which change",
                    of: "EdgeOne",
                    source: "https://www.tencentcloud.com/document/product/1145/48535",
                },
            ],
            Self::AlibabaVtoa => &[Origin {
                addresses: "the back-to-origin networks that DescribeBackSourceCidr lists",
                of: "Anti-DDoS Proxy",
                source: "https://www.alibabacloud.com/help/en/anti-ddos/anti-ddos-pro-and-premium/developer-reference/api-ddoscoo-2020-01-01-describebacksourcecidr",
            }],
            Self::AlibabaCdn => &[Origin {
                addresses: "those that DescribeL2VipsByDomain lists, which change",
                of: "CDN and DCDN",
                source: "https://www.alibabacloud.com/help/en/cdn/support/query-ip-addresses-of-pops-for-a-cdn-domain",
            }],
            Self::Dpvs => &[Origin {
                addresses: "the local addresses that you configured (local_address_group)",
                of: "FULLNAT and NAT64",
                source: "https://github.com/iqiyi/dpvs/blob/master/doc/tutorial.md",
            }],
            Self::Lvs => &[Origin {
                addresses: "the local addresses that you configured (ipvsadm --add-laddr)",
                of: "FULLNAT",
                source: "https://github.com/alibaba/LVS",
            }],
            Self::Ucloud => &[Origin {
                addresses: "the public service networks of the region",
                of: "ULB's request proxy",
                source: "https://docs.ucloud.cn/vpc/limit",
            }],
            Self::Netscaler => &[Origin {
                addresses: "the subnet addresses (SNIP) that you configured",
                of: "all virtual servers",
                source: "https://docs.netscaler.com/en-us/citrix-adc/current-release/networking/ip-addressing/configuring-citrix-adc-owned-ip-addresses/configuring-subnet-ip-addresses-snips",
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use toa_core::TrustedPeers;

    use super::*;
    use crate::repository;

    fn page(root: &Path, name: &str) -> String {
        repository::read(root, &format!("docs/vendors/{name}.md"))
    }

    #[test]
    fn every_page_says_what_its_profile_says() {
        let Some(root) = repository::root() else {
            return;
        };
        for vendor in Vendor::value_variants() {
            let (name, formats) = (vendor.name(), vendor.formats());
            let page = page(&root, &name);
            assert!(
                page.contains(&format!("load --vendor {name} --trust ")),
                "{name}: the page does not show how to load the profile"
            );
            assert!(
                page.contains(&format!("`{formats}`")),
                "{name}: the page does not name the formats {formats}"
            );
            for origin in vendor.origins() {
                assert!(
                    page.contains(origin.source),
                    "{name}: the page has no source {}",
                    origin.source
                );
                if origin.addresses.parse::<TrustedPeers>().is_ok() {
                    assert!(
                        page.contains(origin.addresses),
                        "{name}: the page has no network {}",
                        origin.addresses
                    );
                }
            }
        }
    }

    #[test]
    fn the_table_has_every_profile_with_its_formats() {
        let Some(root) = repository::root() else {
            return;
        };
        let table = page(&root, "README");
        for vendor in Vendor::value_variants() {
            let (name, formats) = (vendor.name(), vendor.formats());
            let row = format!("| [`{name}`]({name}.md) | `{formats}` | ");
            assert!(table.contains(&row), "no row begins with {row}");
        }
    }

    #[test]
    fn every_page_belongs_to_a_profile_or_is_known_to_have_none() {
        let Some(root) = repository::root() else {
            return;
        };
        let of_profiles = Vendor::value_variants().iter().map(|vendor| vendor.name());
        let expected: BTreeSet<String> = of_profiles
            .chain(["README".to_owned(), "akamai-f5".to_owned()])
            .collect();
        let found: BTreeSet<String> = fs::read_dir(root.join("docs/vendors"))
            .expect("docs/vendors is there")
            .map(|entry| entry.expect("its entries are readable").path())
            .map(|path| {
                path.file_stem()
                    .expect("a file")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn networks_come_with_their_source_and_with_the_formats() {
        assert_eq!(
            Vendor::Huawei.documented(),
            "huawei documents, for you to compare with what you have:\n\
             \x20 shared load balancers: 100.125.0.0/16\n\
             \x20   https://support.huaweicloud.com/intl/en-us/usermanual-elb/elb_ug_hd_0002.html\n\
             \x20 dedicated load balancers: their backend subnet in your VPC\n\
             \x20   https://support.huaweicloud.com/usermanual-elb/elb_ug_hd_0007.md\n\
             \x20 Advanced Anti-DDoS: its back-to-origin addresses, which its console lists\n\
             \x20   https://support.huaweicloud.com/intl/en-us/bestpractice-aad/aad_06_0006.html\n\
             it sends toa; docs/vendors/huawei.md of the project tells more"
        );
    }

    #[test]
    fn no_profile_proposes_to_trust_everybody() {
        for vendor in Vendor::value_variants() {
            for origin in vendor.origins() {
                if let Ok(peers) = origin.addresses.parse::<TrustedPeers>() {
                    assert!(!peers.includes_strangers(), "{vendor:?}");
                }
            }
        }
    }
}
