#!/bin/sh
# tests/lib/machine.sh ROOT [OPTION...]: boots the system in ROOT with its own systemd as PID 1, until
# standard input ends.  Run in a mount namespace of its own (unshare -m): it puts
# the unified cgroup hierarchy where systemd-nspawn looks for it.
set -eu
root=$1
shift

umount -R /sys/fs/cgroup || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
group=/sys/fs/cgroup/restante-$$
mkdir "$group"
echo 0 >"$group/cgroup.procs"

export UNIFIED_CGROUP_HIERARCHY=1 SYSTEMD_NSPAWN_USE_CGNS=1
systemd-nspawn --quiet --register=no --keep-unit --console=pipe --link-journal=no \
	--system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" --capability=CAP_NET_ADMIN \
	-D "$root" "$@" --boot systemd.unit=multi-user.target </dev/null &
nspawn=$!

# The test worker holds the other end; it may also have been killed.
cat >/dev/null || true
echo 0 >/sys/fs/cgroup/cgroup.procs
echo 1 >"$group/cgroup.kill"
wait "$nspawn" || true
# what the kernel has yet to bury keeps a group busy for a moment
for try in $(seq 100); do
	find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
	sleep 0.1
done
