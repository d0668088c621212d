#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Lock the kernel down while isolation can be switched and processes are opted out: neither
# goes on to take anybody's isolation, and the status can be read all the same. The files
# are open from before, as lockdown opens none in debugfs to writers.

locked=/sys/kernel/security/lockdown
switch=/sys/kernel/debug/x86/pti_enabled
. /pti/check.sh

# state: what the kernel says of the process that asks.
state='sed -n "s/^x86_PTI:[[:space:]]*//p" /proc/self/status'
until_locked='while [ ! -e /tmp/locked ]; do sleep 0.1; done'

mount -t securityfs none /sys/kernel/security 2>/dev/null
if [ ! -w $locked ]; then
	echo "ok 1 # SKIP no lockdown in this kernel"
	echo "1..1"
	exit 0
fi

echo 1 >/proc/sys/kernel/pti_opt_out
# The shell is opted out, and each sed that it starts inherits that.
ptictl run --inherit sh -c "$state; $until_locked; $state; sed -n 's/^x86_PTI:[[:space:]]*//p' /proc/\$\$/status; :" \
	>/tmp/states &
ptictl run --inherit sh -c ": >/tmp/ready; $until_locked; exec $state" >/tmp/executed &
until [ -s /tmp/states ] && [ -e /tmp/ready ]; do
	sleep 0.1
done
exec 3>$switch
check "switched off, before" ok "$(echo 0 >&3 && echo ok)"
check "switched on, before" ok "$(echo 1 >&3 && echo ok)"

echo integrity >$locked
check "locked down" "[integrity]" "$(grep -o '\[.*\]' $locked)"
check "not switched off any more" "" "$(echo 0 2>/dev/null >&3 && echo switched)"
check "the log says why" 1 "$(dmesg | grep -c 'cannot be switched off by .*(kernel lockdown)')"
check "switched on all the same" ok "$(echo 1 >&3 && echo ok)"
check "on" on "$(cat /sys/devices/system/cpu/pti/state)"
ptictl run true >/tmp/said 2>&1
check "nobody opts out any more" 125 $?
check "and is told why" 1 "$(grep -c 'locked down' /tmp/said)"

: >/tmp/locked
wait
check "what was opted out before, a child of it behind that, and itself" \
	"opted-out inherit isolated opted-out inherit" "$(xargs </tmp/states)"
check "what it executes" isolated "$(cat /tmp/executed)"
echo "1..$n"
exit $bad
