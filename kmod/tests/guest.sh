#!/bin/sh
# In the guest: all checks, one after the other.
# usage: guest.sh SUITE_CHURN CYCLES HELD CHURN
set -eu
dmesg -n 4
./params.sh
./silent.sh
./diagnose.sh
insmod toa.ko
dmesg | grep -q '] TOA: toa loaded$'
# Only root may read which client talks to which server.
ls -ln /proc/net/toa_table | grep -q '^-r--------  *1 0  *0 '
if grep -q ' tcp_v4_syn_recv_sock' /sys/kernel/debug/kprobes/list; then by=kprobes; else by=ftrace; fi
echo "params: hooked by $by, $(uname -r) $(uname -m)"
for run in without with; do
    [ $run = with ] || rmmod toa
    echo "params: $run the module: $(toa-load bench 3000)"
    [ $run = with ] || insmod toa.ko
done
# The suite's peers are in all of these.
echo private,link-local,loopback >/sys/module/toa/parameters/trusted
toa-conformance --source module --no-skip --churn "$1"
echo N >/sys/module/toa/parameters/peername
toa-conformance --source module --no-skip --peername off --churn 500 >/tmp/off || { grep -A3 '^not ok' /tmp/off; exit 1; }
rmmod toa
dmesg | grep -q '] TOA: toa unloaded$'
insmod toa.ko trusted=any
toa-conformance --source module --no-skip --no-trust --churn 500 >/tmp/any || { grep -A3 '^not ok' /tmp/any; exit 1; }
rmmod toa
insmod toa.ko insecure_believe_implausible=Y trusted=private,link-local,loopback
toa-conformance --source module --no-skip --believe-implausible --churn 500 >/tmp/believe || { grep -A3 '^not ok' /tmp/believe; exit 1; }
rmmod toa
for formats in vtoa cip ttgw toa@252 toa,vtoa,cip,ttgw; do
    insmod toa.ko formats=$formats trusted=private,link-local,loopback
    toa-conformance --source module --no-skip --formats $formats >/tmp/formats || { grep -A3 '^not ok' /tmp/formats; exit 1; }
    echo "params: formats=$formats: $(tail -n 1 /tmp/formats)"
    rmmod toa
done
exec ./stress.sh "$2" "$3" "$4"
