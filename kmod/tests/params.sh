#!/bin/sh
# In the guest: the parameters accept valid values and refuse others, at load and at run time.
set -eu
of=/sys/module/toa/parameters

die() {
    echo "params: $*"
    exit 1
}

# $1 parameter, $2 value: refused with a line that names the parameter, and nothing changes.
refused() {
    before=$(cat "$of/$1")
    dmesg -c >/dev/null
    if echo "$2" >"$of/$1" 2>/dev/null; then die "$1 took '$2'"; fi
    [ "$(cat "$of/$1")" = "$before" ] || die "$1 changed to '$(cat "$of/$1")' by '$2'"
    dmesg | grep -q "TOA: $1: " || die "no message on $1='$2'"
}

# $1 parameter, $2 value, $3 what reads back
taken() {
    echo "$2" >"$of/$1" || die "$1 refused '$2'"
    [ "$(cat "$of/$1")" = "$3" ] || die "$1: '$2' reads back as '$(cat "$of/$1")'"
}

# $1 what is in a file: one line, on kernels too whose own code ends it.
one_line() {
    [ "$(wc -l <"$of/$1")" = 1 ] || die "$1 reads back as $(wc -l <"$of/$1") lines"
}

default_trust_is_said() { dmesg | grep -c 'TOA: trusted=private is the default: any machine in private'; }

dmesg -c >/dev/null
insmod toa.ko
[ "$(default_trust_is_said)" = 1 ] || die "the log does not say once what the default trusted set means"
for parameter in trusted formats insecure_believe_implausible peername loglevel; do one_line $parameter; done
[ "$(cat $of/formats)" = toa ] || die "default formats: $(cat $of/formats)"
private=$(cat $of/trusted)
[ "$private" = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fc00::/7" ] ||
    die "default trusted: $private"

for nonsense in "" "," 254 TOA toa,x toa@ toa@256 toa@8 toa@0x10 vtoa,toa@252 "toa vtoa"; do refused formats "$nonsense"; done
taken formats vtoa vtoa
taken formats " ttgw, cip,toa" toa,cip,ttgw
taken formats toa@252,toa@254 toa@254,toa@252
taken formats toa toa

for nonsense in "" "," 10.0.0.0/33 10.0.0.1/8 300.0.0.1 ::/129 10.0.0.0/ 10.0.0.0/-1 10.0.0.0/+8 10.0.0.0/8/8 fd00::1/64 any,10.0.0.0/8 10.0.0.0/8,none \
    nonsense "10.0.0.0/8;10.1.0.0/16" 99999999999999999999999999999999999999999999999999999999999999999999; do
    refused trusted "$nonsense"
done
taken trusted any any
taken trusted none none
taken trusted loopback,link-local 127.0.0.0/8,::1/128,169.254.0.0/16,fe80::/10
taken trusted 192.0.2.0/24,private "192.0.2.0/24,$private"
taken trusted private "$private"
taken trusted "10.1.0.0/16, fd00::7,192.0.2.1" 10.1.0.0/16,fd00::7/128,192.0.2.1/32
taken trusted 0.0.0.0/0 0.0.0.0/0
taken trusted ::/0 ::/0
# $1 how many, $2 what stands before their number, $3 what behind
networks() {
    n=0
    while [ $n -lt "$1" ]; do printf '%s%d%s,' "$2" $n "$3" && n=$((n + 1)); done
}
many=$(networks 240 10.0. .0/24)
echo "$many" >$of/trusted || die "240 networks refused"
[ "$(tr ',' '\n' <$of/trusted | wc -l)" = 240 ] || die "240 networks read back as $(cat $of/trusted)"
one_line trusted

[ "$(cat $of/insecure_believe_implausible)" = N ] || die "implausible options are believed by default"
refused insecure_believe_implausible maybe
taken insecure_believe_implausible Y Y
taken insecure_believe_implausible N N
refused peername maybe
taken peername N N
taken peername 1 Y
refused loglevel 3
refused loglevel -1
taken loglevel 2 2

[ "$(stat -c %a /proc/net/toa_table)" = 400 ] || die "mode of toa_table"
grep -q '^syn_recv_sock_toa  *:' /proc/net/toa_stats || die "toa_stats"
rmmod toa

dmesg -c >/dev/null
if insmod toa.ko formats=toa@0 2>/dev/null; then die "loaded with formats=toa@0"; fi
dmesg | grep -q "TOA: formats: the kind of toa@0 has a standard meaning" || die "no message on formats=toa@0 at load"
for many in "$(networks 513 '' ::/16)" "$(networks 250 2001:db8: ::/48)"; do
    dmesg -c >/dev/null
    if insmod toa.ko trusted="$many" 2>/dev/null; then die "loaded with too many networks"; fi
    dmesg | grep -q "TOA: trusted: too many networks" || die "no message on too many networks"
done
for chosen in private none; do
    dmesg -c >/dev/null
    insmod toa.ko trusted=$chosen
    [ "$(default_trust_is_said)" = 0 ] || die "trusted=$chosen is called the default"
    rmmod toa
done
insmod toa.ko formats=vtoa trusted=192.0.2.0/24 peername=n loglevel=0
[ "$(cat $of/formats $of/trusted $of/peername | tr '\n' ' ')" = "vtoa 192.0.2.0/24 N " ] || die "given at load"
rmmod toa
echo "params: ok"
