#!/bin/sh
# In the guest: toa_unread and toa_recent name what gave no address, and hold a fixed number of networks.
set -eu

die() {
    echo "diagnose: $*"
    cat /tmp/diagnose
    exit 1
}

# $1 before or after: the lines of that part, without what differs from run to run: ports and times.
part() {
    awk -v want="$1" '/^after/ { now = 1 } (want == "after") == now' /tmp/diagnose |
        awk 'NF >= 7 && $1 ~ /^(unknown_kind|foreign|untrusted|invalid|implausible)$/ { sub(/:[0-9]*$/, "", $7); print $1, $2, $3, $4, $5, $7 }'
}

# $1 before or after: the outcomes of all minutes together.
outcomes() {
    awk -v want="$1" '/^after/ { now = 1 }
        (want == "after") == now && /^seconds_ago/ { counts = 1; for (i = 2; i <= NF; i++) name[i] = $i; next }
        (want == "after") == now && counts { for (i = 2; i <= NF; i++) sum[i] += $i }
        END { for (i = 2; i in name; i++) printf "%s=%d ", name[i], sum[i] }' /tmp/diagnose
}

# Before: the counter $1, over all CPUs.
counted() {
    awk -v name="$1" '/^after/ { exit } $1 == name && $2 == ":" { for (i = 3; i <= NF; i++) sum += $i } END { print sum }' /tmp/diagnose
}

insmod toa.ko trusted=private
for file in toa_unread toa_recent; do
    [ "$(stat -c %a /proc/net/$file)" = 400 ] || die "mode of $file"
    [ "$(wc -l </proc/net/$file)" -ge 1 ] || die "$file is empty"
done
toa-load diagnose >/tmp/diagnose || die "toa-load failed"

expected='unknown_kind 99 8 10.7.0.0/24 3 10.7.0.2
foreign 254 6 fd07::/64 3 [fd07::5]
untrusted 254 8 203.0.113.0/24 3 203.0.113.69
invalid 253 8 10.7.0.0/24 1 10.7.0.2
invalid 254 30 10.7.0.0/24 1 10.7.0.2
implausible 254 8 10.7.0.0/24 1 10.7.0.2'
[ "$(part before)" = "$expected" ] || die "toa_unread is: $(part before)"
expected='toa=3 not_sent=6 foreign=3 untrusted=3 invalid=2 implausible=1 lost=0 '
[ "$(outcomes before)" = "$expected" ] || die "toa_recent is: $(outcomes before)"

# The same by the counters, of which each connection is in one.
[ "$(counted not_sent)" = 6 ] || die "not_sent is $(counted not_sent)"

[ "$(part after | grep -c '^untrusted')" = 24 ] || die "$(part after | grep -c '^untrusted') networks are kept"
part after | grep -q '^untrusted 254 8 203.0.39.0/24 1 203.0.39.69$' || die "the newest network is missing"
! part after | grep -q '^untrusted 254 8 203.0.0.0/24 ' || die "the network that was seen longest ago is kept"
[ "$(part after | grep -v '^untrusted')" = "$(part before | grep -v '^untrusted')" ] || die "strangers drove out what others sent"
case $(outcomes after) in *' untrusted=43 '*) ;; *) die "toa_recent is: $(outcomes after)" ;; esac
grep -q '^foreign *: *0 ' /proc/net/toa_stats || die "another namespace's connections are counted here"
rmmod toa
echo "params: diagnosis ok"
