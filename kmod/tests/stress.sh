#!/bin/sh
# In the guest: loads and unloads the module among connections.
# usage: stress.sh CYCLES HELD CHURN
set -u
cycles=$1 held=$2 churn=$3
module=/payload/toa.ko

die() {
    echo "stress: $*"
    exit 1
}

# The kernel refuses while a task is inside our getsockopt, which is short.
unload() {
    tries=0
    until rmmod toa 2>/tmp/rmmod; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || die "rmmod: $(cat /tmp/rmmod)"
    done
}

slab() { awk -v what="$1" '$1 == what ":" { print $2 }' /proc/meminfo; }
objects() { awk '$1 == "toa_entry" { print $2 }' /proc/slabinfo; }

# The module still reads addresses, in the namespace of process $1.
sees() {
    n=0
    until awk -F: '$1 ~ /^syn_recv_sock_toa/ { exit $2 + 0 == 0 }' "/proc/$1/net/toa_stats"; do
        n=$((n + 1))
        [ $n -lt 300 ] || die "no address seen"
        usleep 100000
    done
}

cycle() {
    toa-load run & load1=$!
    toa-load run & load2=$!
    sleep 1
    n=0
    while [ $n -lt "$cycles" ]; do
        insmod $module || die "insmod in cycle $n"
        # Some cycles unload at once, others let connections get an address.
        [ $((n % 4)) = 0 ] || usleep $((n % 7 * 20000))
        unload
        n=$((n + 1))
        kill -0 $load1 || die "load 1 ended in cycle $n"
        kill -0 $load2 || die "load 2 ended in cycle $n"
    done
    insmod $module || die "insmod"
    sees $load1
    sees $load2
    kill $load1 $load2
    wait $load1 || die "load 1 failed"
    wait $load2 || die "load 2 failed"
    unload
    echo "stress: $cycles cycles under load"
}

# Each of the held connections of process $1 has one line, in its namespace alone, however it is read.
lists_each_once() {
    table=/proc/$1/net/toa_table
    [ "$(wc -l <"$table")" = $((held + 1)) ] || die "toa_table has $(wc -l <"$table") lines with $held connections"
    [ "$(sort -u "$table" | wc -l)" = $((held + 1)) ] || die "toa_table has lines twice"
    dd if="$table" bs=100 2>/dev/null | cmp -s - "$table" || die "toa_table read in small pieces is another"
    [ "$(wc -l </proc/net/toa_table)" = 1 ] || die "toa_table shows other namespaces"
}

# Connections with an address outlive the module.
outlive() {
    insmod $module || die "insmod"
    rm -f /tmp/held
    toa-load hold "$held" >/tmp/held & holder=$!
    n=0
    until grep -q open /tmp/held 2>/dev/null; do
        n=$((n + 1))
        [ $n -lt 600 ] || die "no $held connections"
        kill -0 $holder || die "the holder ended"
        usleep 100000
    done
    lists_each_once $holder
    unload
    [ "$1" = closed-without ] || insmod $module || die "insmod"
    kill $holder
    wait $holder || die "the holder failed"
    [ "$1" = closed-without ] || unload
    echo "stress: unloaded with $held connections open, $1"
}

churn() {
    insmod $module || die "insmod"
    toa-load churn 5000 || die "churn"
    sleep 1
    before=$(slab Slab) used=$(slab MemAvailable)
    toa-load churn "$churn" || die "churn"
    sleep 3
    echo "stress: churn of $churn: Slab $before -> $(slab Slab) kB, MemAvailable $used -> $(slab MemAvailable) kB, toa_entry objects $(objects)"
    grown=$(($(slab Slab) - before))
    [ $grown -lt 4096 ] || die "Slab grew by $grown kB"
    unload
}

sysctl -q -w net.ipv4.tcp_syncookies=1 2>/dev/null
[ "$cycles" = 0 ] || cycle
[ "$held" = 0 ] || { outlive closed-without && outlive closed-with-another; }
[ "$churn" = 0 ] || churn
lsmod | grep -q '^toa ' && die "still loaded"
echo "stress: ok"
