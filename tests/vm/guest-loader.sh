#!/bin/sh
# In the guest: the loader, from nothing to nothing.
set -eu

say() { echo "== $*"; }
fail() { echo "FAILED: $*"; exit 1; }

say "$(uname -r): nothing is loaded"
! bin/toa status || fail 'status finds a source in a fresh kernel'
./toa-conformance --expect-none

say 'load'
! bin/toa load || fail 'load chooses whom to trust by itself'
bin/toa load --trust private,link-local,loopback
bin/toa status
./toa-conformance --source ebpf --no-skip

say 'replace'
bin/toa load --trust private,link-local,loopback --no-peername
./toa-conformance --source ebpf --peername off --churn 1000
bin/toa load --trust private,link-local,loopback --insecure-believe-implausible
./toa-conformance --source ebpf --believe-implausible --churn 1000
bin/toa load --trust private,link-local,loopback --cgroup /sys/fs/cgroup
./toa-conformance --source ebpf --churn 1000
# The suite tries to forge addresses, which is something wrong.
bin/toa status --json || [ $? = 3 ] || fail 'status does not see what was tried'

say 'each format'
for formats in vtoa cip ttgw toa@252 toa,vtoa,cip,ttgw; do
    bin/toa load --trust private,link-local,loopback --format $formats
    bin/toa status | grep -q "^formats *$formats\$" || fail "status does not show $formats"
    ./toa-conformance --source ebpf --no-skip --formats $formats >conformance.log || { cat conformance.log; fail "$formats"; }
    tail -n 1 conformance.log
done

say 'a source for each service'
mkdir /sys/fs/cgroup/a /sys/fs/cgroup/a/inner /sys/fs/cgroup/b
bin/toa unload
for cgroup in a a/inner b; do
    bin/toa load --cgroup /sys/fs/cgroup/$cgroup --trust 10.1.0.0/16
    bin/toa status --cgroup /sys/fs/cgroup/$cgroup >/dev/null || fail "$cgroup is not covered"
done
! bin/toa status >/dev/null || fail 'the whole host is covered'
bin/toa unload --cgroup /sys/fs/cgroup/a
bin/toa status --cgroup /sys/fs/cgroup/a/inner >/dev/null || fail 'unloading a unloaded a/inner'
! bin/toa status --cgroup /sys/fs/cgroup/a >/dev/null || fail 'a is still covered'
bin/toa load --trust none
for cgroup in b a/inner a; do rmdir /sys/fs/cgroup/$cgroup; done
sleep 1
bin/toa status | grep -q '/sys/fs/cgroup/b, which a source covered, was removed' || fail 'b is not missed'

say 'unload'
bin/toa unload
! bin/toa status || fail 'status finds a source after unload'
./toa-conformance --expect-none
[ -z "$(ls /sys/fs/bpf)" ] || fail "left behind: $(ls /sys/fs/bpf)"

say 'programs of others'
TOA_REQUIRE_PRIVILEGED=1 ./foreign --test-threads 1

say 'lists and observers'
TOA_REQUIRE_PRIVILEGED=1 ./connections --test-threads 1
TOA_REQUIRE_PRIVILEGED=1 ./watch --test-threads 1
