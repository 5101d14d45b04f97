#!/bin/sh
# In the guest: where the kernel stops calling its hooks, the module does not load, or says so and claims nothing.
set -eu
ftrace=/proc/sys/kernel/ftrace_enabled
kprobes=/sys/kernel/debug/kprobes/enabled
ENOPROTOOPT='error 92'

die() {
    echo "silent: $*"
    exit 1
}

said() { dmesg | grep -q "TOA: the kernel $1"; }

# The regular check comes every five seconds.
will_say() {
    n=0
    until said "$1"; do
        n=$((n + 1))
        [ $n -lt 150 ] || die "the log does not say: the kernel $1"
        usleep 100000
    done
}

# Connections get an address, and all entries are freed.
works() {
    [ "$(toa-load ask)" = answers ] || die "$1: 4097 says $(toa-load ask)"
    toa-load churn 500 >/tmp/churn || die "$1: $(cat /tmp/churn)"
    grep -q 'with address [1-9]' /tmp/churn || die "$1: $(cat /tmp/churn)"
}

# $1 the switch, $2 its name, when it has been set to 0 before the load
loads_or_refuses() {
    dmesg -c >/dev/null
    if insmod toa.ko 2>/tmp/insmod; then
        works "loaded with $2=0"
        rmmod toa
        how='loads and works'
    else
        said 'does not call our hooks and would show no connection: sysctl kernel.ftrace_enabled=1' ||
            die "no reason in the log: $(cat /tmp/insmod)"
        how='does not load'
    fi
    echo 1 >"$1"
    echo "params: with $2=0 before: $how"
}

# How many addresses of the held connections are known.
known() { echo $(($(wc -l <"/proc/$holder/net/toa_table") - 1)); }

# $1 the switch, $2 its name, with the module loaded
works_or_says_so() {
    rm -f /tmp/held
    toa-load hold 50 >/tmp/held & holder=$!
    n=0
    until grep -q open /tmp/held 2>/dev/null; do
        n=$((n + 1))
        [ $n -lt 300 ] || die "no connections to hold"
        usleep 100000
    done
    [ "$(known)" = 50 ] || die "$(known) of 50 addresses are known"
    dmesg -c >/dev/null
    if ! echo 0 >"$1" 2>/dev/null; then
        how='the kernel refuses it'
    elif [ "$(toa-load ask)" = answers ]; then
        toa-load churn 500 >/tmp/churn || die "$2=0: $(cat /tmp/churn)"
        grep -q 'with address [1-9]' /tmp/churn || die "$2=0 and no word of it: $(cat /tmp/churn)"
        sleep 6
        [ "$(known)" = 50 ] || die "$2=0: $(known) of 50 addresses are known"
        how='connections keep their address'
        ! said 'does not call our probes' || how="$how, getpeername() is known to show the balancer"
    else
        will_say 'does not call our hooks: no client address is known'
        [ "$(toa-load ask)" = "$ENOPROTOOPT" ] || die "$2=0: 4097 says $(toa-load ask)"
        [ "$(known)" = 0 ] || die "$2=0: $(known) addresses of before are still believed"
        ! grep -q '^hooks_silent *: *0 ' /proc/net/toa_stats || die "$2=0 is not counted"
        how='it is said and counted'
    fi
    echo 1 >"$1"
    if said 'does not call our hooks'; then will_say 'calls our hooks again'; fi
    if said 'does not call our probes'; then will_say 'calls our probes again'; fi
    kill $holder
    wait $holder || die "the holder failed"
    works "after $2=1"
    echo "params: with $2=0 at run time: $how"
}

echo 0 >$ftrace
loads_or_refuses $ftrace ftrace_enabled
echo 0 >$kprobes
loads_or_refuses $kprobes kprobes/enabled

insmod toa.ko
works "untouched"
works_or_says_so $ftrace ftrace_enabled
works_or_says_so $kprobes kprobes/enabled
rmmod toa
echo "params: silent hooks ok"
