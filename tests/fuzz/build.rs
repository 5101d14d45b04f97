//! Compiles the eBPF program as it is for this machine, with clang so that libFuzzer
//! sees its branches. `CLANG` names another clang.

use std::env;

fn main() {
    for input in ["ebpf", "../../toa-bpf/bpf", "../../toa-core/include"] {
        println!("cargo::rerun-if-changed={input}");
    }
    println!("cargo::rerun-if-env-changed=CLANG");
    let mut build = cc::Build::new();
    build
        .compiler(env::var("CLANG").unwrap_or_else(|_| "clang".to_owned()))
        .include("ebpf")
        .include("../../toa-bpf/bpf")
        .include("../../toa-core/include")
        .flag("-fsanitize=undefined")
        .flag("-fno-sanitize-recover=all")
        .flag("-fsanitize-undefined-trap-on-error")
        // The program asks for a byte and compares before it reads, where this
        // machine's C wants the pointer itself to stay inside.
        .flag("-fno-sanitize=pointer-overflow,alignment")
        .flag("-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp")
        .warnings_into_errors(true)
        .file("ebpf/host.c");
    // As the Rust side: `cargo fuzz run --sanitizer none` and a toolchain without the
    // runtime have none.
    if env::var("CARGO_CFG_SANITIZE").is_ok_and(|s| s.contains("address")) {
        build.flag("-fsanitize=address");
    }
    build.compile("toa_ebpf");
}
