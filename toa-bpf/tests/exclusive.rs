//! Another tool's program that leaves no place beside it.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "nothing wraps the older bpf(BPF_PROG_ATTACH)")]

mod host;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use aya::EbpfLoader;
use aya::programs::CgroupSockopt;
use host::Host;
use toa_bpf::{Config, Error, attach};

/// Our own object plays the other tool.
const OTHER: &[u8] = aya::include_bytes_aligned!("../bpf/toa.bpf.o");
const PROG_ATTACH: libc::c_int = 8;
const GETSOCKOPT: u32 = 21;

/// Without BPF_F_ALLOW_MULTI, which a link always sets.
fn attach_exclusively(program: &CgroupSockopt, cgroup: &File) {
    let program = program.fd().expect("it is loaded").as_fd().as_raw_fd();
    let attr = [
        cgroup.as_raw_fd().cast_unsigned(),
        program.cast_unsigned(),
        GETSOCKOPT,
        0,
    ];
    // SAFETY: attr is the command's own part of union bpf_attr, of the size given.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            PROG_ATTACH,
            attr.as_ptr(),
            size_of_val(&attr),
        )
    };
    assert_eq!(ret, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_program_in_the_way_is_named_with_its_cgroup() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let mut other = EbpfLoader::new().btf(None).load(OTHER).unwrap();
    let program: &mut CgroupSockopt = other
        .program_mut("toa_getsockopt")
        .unwrap()
        .try_into()
        .unwrap();
    program.load().unwrap();
    let id = program.info().unwrap().id();
    attach_exclusively(program, &File::open(&host.cgroup).unwrap());

    for covered in [host.cgroup.join("inner"), host.cgroup.clone()] {
        let config = Config::new("none".parse().unwrap()).with_cgroup(&covered);
        let error = attach(&config).unwrap_err();
        assert!(
            matches!(error, Error::AttachedExclusively { .. }),
            "{error:?}"
        );
        let said = error.to_string();
        for words in [
            format!("cannot attach toa_getsockopt to {}: ", covered.display()),
            format!("toa_getsockopt (id {id}) is attached exclusively"),
            format!("`bpftool cgroup show {}`", host.cgroup.display()),
        ] {
            assert!(said.contains(&words), "{words}: {said}");
        }
    }
}
