//! The programs of the object, and where in the kernel each belongs.

/// A program of the object and the hook it belongs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hook {
    pub(crate) program: &'static str,
    /// `enum bpf_attach_type`
    pub(crate) attach_type: u32,
}

/// In the order in which they are attached: what answers comes first, so that
/// every address that is stored can be asked for.
pub(crate) const HOOKS: [Hook; 4] = [
    Hook {
        program: "toa_getsockopt",
        attach_type: 21,
    },
    Hook {
        program: "toa_peername4",
        attach_type: 29,
    },
    Hook {
        program: "toa_peername6",
        attach_type: 30,
    },
    Hook {
        program: "toa_sockops",
        attach_type: 3,
    },
];
