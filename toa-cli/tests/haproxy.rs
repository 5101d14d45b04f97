//! An unmodified HAProxy that takes a PROXY header from its balancer alone, whose address
//! it no longer sees once a source shows clients.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use host::{Host, stderr, stdout, toa};
use toa_lab::{Balancer, BalancerConfig};

const PORT: u16 = 8504;
/// Outside of the balancer's network.
const CLIENT: &str = "198.51.100.7";

struct HaProxy(Child);

impl HaProxy {
    /// One in this cgroup that answers with the client that it knows.
    fn start(cgroup: &Path, dir: &Path, balancers: &str) -> Self {
        let config = dir.join("haproxy.cfg");
        let text = format!(
            "defaults
               mode http
               timeout client 5s
               timeout server 5s
               timeout connect 2s
             frontend d
               bind :::{PORT} v4v6
               tcp-request connection expect-proxy layer4 if {{ src {balancers} }}
               http-request return status 200 content-type text/plain lf-string \"%[src]\"
"
        );
        std::fs::write(&config, text).unwrap();
        let line = format!(
            "echo $$ > '{}/cgroup.procs' && exec haproxy -q -db -f '{}'",
            cgroup.display(),
            config.display()
        );
        let child = Command::new("sh").args(["-c", &line]).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", PORT)).is_err() {
            assert!(Instant::now() < end, "haproxy does not listen");
            sleep(Duration::from_millis(20));
        }
        Self(child)
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a client behind the balancer is answered, who sends the PROXY header that such
/// a balancer would.
fn ask(balancer: &Balancer) -> String {
    let url = format!("http://{}/", balancer.virtual_addr());
    let curl = ["-s", "--max-time", "20", "--noproxy", "*"];
    let output = Command::new("curl")
        .args(curl)
        .args(["--haproxy-protocol", "--interface", CLIENT])
        .args(["-w", " %{http_code}", &url])
        .output()
        .unwrap();
    let said = stdout(&output);
    let code = said.rsplit(' ').next().unwrap();
    match code {
        "200" => said,
        code => code.to_owned(),
    }
}

#[test]
fn expect_proxy_breaks_where_a_source_shows_clients_and_not_under_one_of_its_own_without() {
    let Some(host) = Host::enter() else { return };
    let add = ["addr", "add", &format!("{CLIENT}/32"), "dev", "lo"];
    assert!(Command::new("ip").args(add).status().unwrap().success());
    let (outer, own) = (host.cgroup("outer"), host.cgroup("outer/haproxy"));
    let balancer = Balancer::start(BalancerConfig::fnat44_to(PORT)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let _haproxy = HaProxy::start(&own, dir.path(), "10.116.111.0/24");
    let by_proxy_header = format!("{CLIENT} 200");
    assert_eq!(ask(&balancer), by_proxy_header, "without a source");

    let load = |cgroup: &Path, more: &[&str]| {
        let args = ["load", "--trust", "10.116.111.0/24", "--cgroup"];
        let load = toa(&[&args[..], &[cgroup.to_str().unwrap()], more].concat());
        assert!(load.status.success(), "{}", stderr(&load));
        stdout(&load)
    };
    let said = load(&outer, &[]);
    assert!(said.contains("HAProxy expect-proxy"), "{said}");
    assert_eq!(ask(&balancer), "400", "clients are shown");

    load(&own, &["--no-peername"]);
    assert_eq!(ask(&balancer), by_proxy_header, "a source of its own");
}
