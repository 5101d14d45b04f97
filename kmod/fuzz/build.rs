// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the module's parser as it is, with clang so that libFuzzer sees its branches.

fn main() {
    println!("cargo::rerun-if-changed=../option.c");
    println!("cargo::rerun-if-changed=../option.h");
    cc::Build::new()
        .compiler("clang")
        .flag("-fsanitize=address,undefined")
        .flag("-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp")
        .flag("-fno-sanitize-recover=all")
        .flag("-fsanitize-undefined-trap-on-error")
        .warnings_into_errors(true)
        .file("../option.c")
        .compile("toa_option");
}
