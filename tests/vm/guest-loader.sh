#!/bin/sh
# In the guest: the loader, from nothing to nothing.
set -eu

say() { echo "== $*"; }
fail() { echo "FAILED: $*"; exit 1; }

say "$(uname -r): nothing is loaded"
! bin/toa status || fail 'status finds a source in a fresh kernel'
./toa-conformance --expect-none

say 'load'
bin/toa load
bin/toa status
./toa-conformance --source ebpf --no-skip

say 'replace'
bin/toa load --no-peername
./toa-conformance --source ebpf --peername off --churn 1000
bin/toa load --insecure-believe-implausible
./toa-conformance --source ebpf --believe-implausible --churn 1000
bin/toa load --cgroup /sys/fs/cgroup
./toa-conformance --source ebpf --churn 1000
bin/toa status --json

say 'unload'
bin/toa unload
! bin/toa status || fail 'status finds a source after unload'
./toa-conformance --expect-none
[ -z "$(ls /sys/fs/bpf)" ] || fail "left behind: $(ls /sys/fs/bpf)"

say 'programs of others'
TOA_REQUIRE_PRIVILEGED=1 ./foreign --test-threads 1
