#!/bin/sh
# In the guest: axum_demo finds the kernel module, needs no eBPF, and answers with the client's own address.
set -eu

fail() { echo "FAILED: $*"; cat demo.log; exit 1; }

insmod toa.ko
bin/toa status || fail 'toa status does not find the module'
bin/axum_demo '[::]:3000' >demo.log 2>&1 &
demo=$!
for _ in $(seq 100); do
    ! grep -q '^compare' demo.log || break
    sleep 0.2
done
url=$(sed -n "s/^try  *curl -6 '\(.*\)'/\1/p" demo.log)
grep -q '^source .*the kernel module, on this machine already' demo.log || fail 'the demo does not use the module'

# curl says itself which address and port it had.
answer=$(bin/curl -sS -6 --retry 20 --retry-connrefused -w '%{local_ip} %{local_port}' "$url") || fail 'no answer'
echo "$answer"
local=$(echo "$answer" | tail -n 1)
echo "$answer" | grep -qF "you are [${local% *}]:${local#* } (toa, peer " || fail "not the client's address"

bin/curl -sS http://127.0.0.1:3000/ | grep -F '(not_sent)' || fail 'a direct connection has no reason'

# A connection that stays open: the module keeps its client, and the kernel's own table names the process.
address=${url#*//\[}
port=${address#*\]:}
sleep 60 | nc "${address%%\]*}" "${port%%/*}" &
holder=$!
for _ in $(seq 100); do
    bin/toa list --json >listed || fail 'toa list fails beside the module'
    ! grep -q axum_demo listed || break
    sleep 0.2
done
cat listed
grep -q '"outcome":"toa".*"name":"axum_demo".*"source":"module"' listed || fail 'the connection is not listed'
code=0
bin/toa watch 2>refused || code=$?
grep -q 'the kernel module tells nobody of new connections' refused || fail "$(cat refused)"
[ "$code" = 2 ] || fail "exit code $code where there is nothing to watch"
kill "$holder" "$demo"

# Two sources at once: the module answers first, so the trusted set of the other would not count.
! bin/toa load --trust none 2>refused || fail 'an eBPF source is loaded beside the module'
grep -q 'a kernel module is the source on this host' refused || fail "$(cat refused)"
rmmod toa
bin/toa load --trust none
insmod toa.ko
code=0
bin/toa status >both || code=$?
grep -q '! a kernel module and an eBPF source are loaded: the module answers first' both || fail "$(cat both)"
[ "$code" = 3 ] || fail "exit code $code where something is wrong"
bin/toa unload
rmmod toa
