//! The loader. What stands further down knows only what stands above it:
//!
//! | module | what it knows |
//! |---|---|
//! | `sys` | the system calls that aya lacks |
//! | `maps`, `diagnosis`, `hooks` | the object's layouts, its programs and their places |
//! | `host`, `jiffies`, `memlock`, `lock`, `quirks` | what this host offers |
//! | `obstacle` | who keeps a program from being attached |
//! | `object` | the object, loaded and configured |
//! | `status`, `holder` | what the kernel says is loaded, and who holds it |
//! | `attach` | a source that lives with its process |
//! | `connections` | the open connections, and what the sources keep of them |
//! | `watch` | observers beside the sources, while somebody watches |
//! | `slot`, `pins` | sources that outlive their loader, one for each cgroup |

mod attach;
mod census;
mod connections;
mod diagnosis;
mod holder;
mod hooks;
mod host;
mod jiffies;
mod lock;
mod maps;
mod memlock;
mod object;
mod obstacle;
mod pins;
mod quirks;
mod slot;
mod status;
mod sys;
mod watch;

pub use attach::{Attached, attach};
pub use census::cgroup_programs;
pub use connections::{Connections, connections};
pub use pins::Pins;
pub use status::answering_program;
pub use watch::{Watch, watch};
