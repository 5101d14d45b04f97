#!/bin/sh
# In the guest: a service of systemd's that loads its source at each start, its restart, and the exporter.
#
#   guest-systemd.sh            starts systemd, and ends as the questions below are answered
#   guest-systemd.sh questions  asked by a unit
set -eu

say() { echo "== $*"; }
fail() { echo "FAILED: $*"; exit 1; }

# systemd is not the guest's first process but that of a namespace, from which nobody can
# tell whose BPF file system this is.
pins=--pins=/sys/fs/bpf/toa
service=/sys/fs/cgroup/system.slice/web.service

unit() { cat >"/etc/systemd/system/$1"; }

start() {
    mkdir -p /etc/systemd/system
    unit web.service <<-UNIT
		[Unit]
		DefaultDependencies=no
		[Service]
		ExecStartPre=+/payload/bin/toa load --cgroup self --trust 10.1.0.0/16 $pins
		ExecStart=/bin/sleep 1000
	UNIT
    unit questions.service <<-UNIT
		[Unit]
		DefaultDependencies=no
		[Service]
		Environment=PATH=$PATH
		WorkingDirectory=/payload
		StandardOutput=file:/payload/answers
		StandardError=inherit
		ExecStart=/bin/sh guest-systemd.sh questions
		ExecStopPost=/bin/sh -c 'echo \$EXIT_STATUS >/payload/ended'
	UNIT
    unit questions.target <<-UNIT
		[Unit]
		DefaultDependencies=no
		Wants=questions.service
	UNIT
    container=toa unshare -p -f -m --mount-proc \
        /payload/bin/systemd --system --unit=questions.target --log-target=console --show-status=no &
    for _ in $(seq 300); do
        [ ! -s ended ] || break
        sleep 1
    done
    cat answers
    [ "$(cat ended)" = 0 ] || fail 'the questions'
}

covered() {
    toa status --cgroup "$service" "$pins" >/dev/null
}

questions() {
    say "$(systemctl --version | head -n 1): a service that loads its source"
    systemctl start web.service
    covered || fail 'the service is not covered'
    before=$(stat -c %i "$service")

    say 'restart'
    systemctl restart web.service
    [ "$(stat -c %i "$service")" != "$before" ] || fail 'systemd kept the cgroup: this tests nothing'
    covered || fail 'the service is not covered any more'
    toa status --cgroup "$service" "$pins"

    say 'the exporter, with what its unit leaves it'
    sed "s,/usr/bin/toa exporter,/payload/bin/toa exporter --cgroup $service $pins,; s,^\[Unit\],&\nDefaultDependencies=no," \
        toa-exporter.service >/etc/systemd/system/toa-exporter.service
    systemctl daemon-reload
    systemctl start toa-exporter.service
    curl --silent --show-error --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:19254/metrics >metrics ||
        fail "the exporter does not answer: $(systemctl status toa-exporter.service)"
    grep '^toa_up\|^toa_source_' metrics
    grep -qx 'toa_up 1' metrics || fail 'the kernel does not tell the exporter'
    grep -qx 'toa_source_answers{source="ebpf"} 1' metrics || fail 'the exporter does not see who answers'
    grep -q '^toa_source_info.*web.service' metrics || fail 'the exporter does not see the source'

    say 'from outside it is refused with the way that works'
    ! toa load --cgroup "$service" --trust 10.1.0.0/16 "$pins" 2>refused || fail 'it is loaded'
    grep -q 'ExecStartPre=+/usr/bin/toa load --cgroup self' refused || fail "$(cat refused)"

    say 'stop'
    systemctl stop web.service
    sleep 1
    toa status "$pins" | grep -q "$service, which a source covered, was removed" || fail 'nobody says so'
    [ "$(toa unload --cgroup "$service" "$pins")" = unloaded ] || fail 'it cannot be forgotten'
}

"${1:-start}"
