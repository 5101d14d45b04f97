#!/usr/bin/env bash
# All tests. As root on Debian or Ubuntu it installs what they need and runs everything; elsewhere it runs what it
# can, says what it skips, and why, and counts that at the end. With TOA_REQUIRE_PRIVILEGED=1 a skip is a failure.
set -euo pipefail
cd "$(dirname "$0")"

# Each test that is skipped adds a line: its name and the reason (toa_lab::sandbox::skip).
TOA_SKIPPED_TESTS=$(mktemp)
export TOA_SKIPPED_TESTS
trap 'rm -f "$TOA_SKIPPED_TESTS"' EXIT

step() { printf '\n== %s\n' "$*"; }

skipped_steps=
skip() {
    echo "skipped: $*"
    skipped_steps+="step not run: $*"$'\n'
    [[ ${TOA_REQUIRE_PRIVILEGED:-} != 1 ]] || {
        echo "TOA_REQUIRE_PRIVILEGED=1: nothing may be skipped here" >&2
        exit 1
    }
}

may_install=no
if [[ $(uname) == Linux && $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
    may_install=yes
    step 'what the tests need'
    ci/install-deps
fi

tested=(--workspace)
featured=(-p toa-core -p toa-tower -p toa-actix)
if ! pkg-config --exists openssl 2>/dev/null; then
    skip 'the tests of toa-actix, which serves under OpenSSL too, need pkg-config and the headers of OpenSSL (libssl-dev)'
    tested=(--workspace --exclude toa-actix)
    featured=(-p toa-core -p toa-tower)
fi

step 'Rust: unit, property, integration and documentation tests'
cargo test "${tested[@]}" --locked

step 'Rust: the libraries with all their features'
cargo test "${featured[@]}" --locked --all-features

step 'the parser of the kernel module, in user space'
if command -v cc make >/dev/null; then
    make -s -C kmod/tests check
else
    skip 'no C compiler and make here'
fi

step 'fuzzing, for a short time'
if command -v clang-14 clang >/dev/null && command -v c++ >/dev/null; then
    ci/fuzz
else
    skip 'fuzzing needs clang, for the parsers in C, and a C++ compiler (clang-14, g++)'
fi

step 'the eBPF source in other kernels'
if [[ $may_install == yes ]]; then
    tests/vm/selftest
    tests/vm/test-loader
    tests/vm/test-systemd
    tests/vm/test-package
else
    skip 'the virtual machines need root on Debian or Ubuntu to install QEMU and kernels'
fi

step 'the loader in a container, and the manifests for Kubernetes'
if [[ $EUID -eq 0 ]] && command -v podman runc >/dev/null; then
    tests/containers/test
else
    skip 'the containers need root, podman and runc'
fi
if python3 -m pip --version >/dev/null 2>&1; then
    packaging/check-manifests
else
    skip 'helm and the schemas of Kubernetes come from PyPI, which takes python3 and pip'
fi

step 'the kernel module in its kernels'
if [[ $may_install == yes ]]; then
    kmod/test all
    tests/vm/test-demo
else
    skip 'the virtual machines need root on Debian or Ubuntu to install QEMU and kernels'
fi

step 'what was skipped'
printf '%s' "$skipped_steps"
ci/count-skipped "$TOA_SKIPPED_TESTS"

step 'all tests that ran passed'
