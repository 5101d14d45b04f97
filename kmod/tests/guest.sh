#!/bin/sh
# In the guest: all checks, one after the other.
# usage: guest.sh SUITE_CHURN CYCLES HELD CHURN
set -eu
dmesg -n 4
./params.sh
insmod toa.ko
dmesg | grep -q '] TOA: toa loaded$'
toa-conformance --source module --no-skip --churn "$1"
echo N >/sys/module/toa/parameters/peername
toa-conformance --source module --no-skip --peername off --churn 500 >/tmp/off || { grep -A3 '^not ok' /tmp/off; exit 1; }
rmmod toa
dmesg | grep -q '] TOA: toa unloaded$'
insmod toa.ko trusted=any
toa-conformance --source module --no-skip --no-trust --churn 500 >/tmp/any || { grep -A3 '^not ok' /tmp/any; exit 1; }
rmmod toa
exec ./stress.sh "$2" "$3" "$4"
