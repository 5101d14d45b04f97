//! A NAT64 balancer in front of the server on the given port, until Enter or Ctrl-C.
//!
//!     cargo run -p toa-lab --example balancer -- 3000

use std::error::Error;

use toa_lab::{Balancer, BalancerConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args()
        .nth(1)
        .ok_or("which port does the server listen on?")?
        .parse()?;
    let balancer = Balancer::start(BalancerConfig::nat64_to(port))?;
    println!("curl -6 http://{}/", balancer.virtual_addr());
    std::io::stdin().read_line(&mut String::new())?;
    println!("{:#?}", balancer.stats());
    Ok(())
}
