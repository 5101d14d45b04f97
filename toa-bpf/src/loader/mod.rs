//! The loader. What stands further down knows only what stands above it:
//!
//! | module | what it knows |
//! |---|---|
//! | `sys` | the system calls that aya lacks |
//! | `maps`, `hooks` | the object's layouts, its programs and their places |
//! | `host`, `memlock`, `lock` | what this host offers |
//! | `obstacle` | who keeps a program from being attached |
//! | `object` | the object, loaded and configured |
//! | `status` | what the kernel says is loaded |
//! | `attach` | a source that lives with its process |
//! | `pins` | a source that outlives its loader |

mod attach;
mod hooks;
mod host;
mod lock;
mod maps;
mod memlock;
mod object;
mod obstacle;
mod pins;
mod status;
mod sys;

pub use attach::{Attached, attach};
pub use pins::Pins;
