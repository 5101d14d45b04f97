// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the module's parser as it is, with clang so that libFuzzer sees its branches.
//! `CLANG` names another clang.

use std::env;

const SOURCES: [&str; 4] = ["../option.c", "../formats.c", "../text.c", "../addr.c"];
const INCLUDE: &str = "../../toa-core/include";

fn main() {
    for file in ["addr", "formats", "option", "portable", "text"] {
        println!("cargo::rerun-if-changed=../{file}.h");
    }
    println!("cargo::rerun-if-changed={INCLUDE}/toa_formats.h");
    for file in SOURCES {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-env-changed=CLANG");
    let mut build = cc::Build::new();
    build
        .compiler(env::var("CLANG").unwrap_or_else(|_| "clang".to_owned()))
        .flag("-fsanitize=undefined")
        .flag("-fno-sanitize-recover=all")
        .flag("-fsanitize-undefined-trap-on-error")
        .flag("-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp")
        .warnings_into_errors(true)
        .include(INCLUDE)
        .files(SOURCES);
    // As the Rust side: a toolchain without the runtime has none.
    if env::var("CARGO_CFG_SANITIZE").is_ok_and(|s| s.contains("address")) {
        build.flag("-fsanitize=address");
    }
    build.compile("toa_option");
}
