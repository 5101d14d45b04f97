//! What the running kernel does with a getsockopt() that a program has heard.

use aya::Btf;
use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};

use super::host;

/// The settings of the same names in `bpf/sockopt.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// It copies the hook's buffer to the caller though the call failed.
    pub(crate) copies_failures: u8,
    /// It makes EFAULT of an answer that is larger than a page.
    pub(crate) refuses_large: u8,
}

impl Quirks {
    pub(crate) fn of_this_kernel() -> Self {
        let version = host::kernel_version().unwrap_or_default();
        // Failures are left alone since the change that brought this helper (5.18).
        let helper =
            is_helper_supported(ProgramType::CgroupSockopt, BpfHelper::BPF_FUNC_get_retval);
        Self::of(version, helper.unwrap_or(version >= (5, 18)))
    }

    /// With what the program finds out whether others hear a call, where it has to know.
    pub(crate) fn btf(self) -> Option<Btf> {
        if self.copies_failures == 0 && self.refuses_large == 0 {
            return None;
        }
        // The lockdown of a kernel may take the helper away.
        let helper = BpfHelper::BPF_FUNC_probe_read_kernel;
        let has_helper = is_helper_supported(ProgramType::CgroupSockopt, helper);
        has_helper
            .unwrap_or(false)
            .then(|| Btf::from_sys_fs().ok())
            .flatten()
    }

    /// No interface tells whether large answers pass (6.5): where a fixed kernel has a
    /// lower number, they pass because the program has nothing copied.
    fn of(version: (u32, u32), has_get_retval: bool) -> Self {
        Self {
            copies_failures: (!has_get_retval).into(),
            refuses_large: (version < (6, 5)).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_tells_the_one_and_the_version_the_other() {
        for (version, has_get_retval, copies_failures, refuses_large) in [
            ((5, 10), false, 1, 1),
            // A vendor's kernel with a newer bpf(2).
            ((5, 14), true, 0, 1),
            ((6, 1), true, 0, 1),
            ((6, 5), true, 0, 0),
            ((7, 0), true, 0, 0),
        ] {
            let expected = Quirks {
                copies_failures,
                refuses_large,
            };
            assert_eq!(Quirks::of(version, has_get_retval), expected, "{version:?}");
        }
    }
}
