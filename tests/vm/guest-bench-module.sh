#!/bin/sh
# In the guest: the same work without the module and with it, in turns.
# usage: guest-bench-module.sh ROUNDS CONNECTIONS
set -eu
dmesg -n 4
# The first of all pays for what is set up once.
toa-load bench "$2" >/dev/null
for _ in $(seq "$1"); do
    echo "bench without $(toa-load bench "$2")"
    insmod toa.ko
    echo "bench with $(toa-load bench "$2")"
    rmmod toa
done
