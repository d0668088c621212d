#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Have ptictl run programs without isolation, and compare what it shows of them with what the
# kernel is asked for here, or does not allow. What it makes of files and of errnos that this
# kernel has not, ptictl-test.sh tries on the host.

sysctl=/proc/sys/kernel/pti_opt_out
. /pti/check.sh

# words: of what ptictl show prints, the states and what was asked for.
words()
{
	awk '!/STATE/ { $1 = $NF = ""; sub(/ - /, " "); print }' | xargs
}

# show PID: the state of one.
show()
{
	ptictl show "$1" | words
}

# kernel PID: the same, as the kernel has them.
kernel()
{
	sed -n 's/^x86_PTI:[[:space:]]*//p' "/proc/$1/status"
}

# refused WHAT WORDS COMMAND...: no program runs, and the message has the words.
refused()
{
	what=$1 words=$2
	shift 2
	"$@" >/tmp/said 2>&1
	check "$what: exit status" 125 $?
	check "$what: the message" yes "$(grep -q -e "$words" /tmp/said && echo yes || cat /tmp/said)"
}

# listed PID: is it?
listed()
{
	ptictl list | grep -q "^ *$1 " && echo yes || echo no
}

# until_runs NAME PID: it takes a moment for the child to be the program.
until_runs()
{
	while [ -d "/proc/$2" ] && [ "$(cat "/proc/$2/comm" 2>/dev/null)" != "$1" ]; do
		sleep 0.1
	done
}

if [ ! -e $sysctl ]; then
	refused "a kernel without" 'no CONFIG_PTI_OPT_OUT' ptictl run true
	ptictl list >/tmp/said 2>&1
	check "list, on a kernel without" 3 $?
	echo "1..$n"
	exit $bad
fi

check "a kernel thread, of which the kernel says" "$(kernel 2)" "$(show 2)"
case $(cat /sys/devices/system/cpu/pti/state):$(tr ' ' '\n' </proc/cmdline | grep -x pti_opt_out=never) in
off:*)
	check "self" off "$(show self)"
	check "list" 'Isolation is off: every process runs without it.' "$(ptictl list | head -n 1)"
	check "nobody is listed" no "$(listed 1)"
	refused "run" "isolation is off.*'ptictl status'" ptictl run true
	refused "run --never" "isolation is off" ptictl run --never true
	check "run --try" "ran" "$(ptictl run --try echo ran 2>/dev/null)"
	echo "1..$n"
	exit $bad ;;
on:?*)
	check "self" isolated "$(show self)"
	refused "run" "booted with pti_opt_out=never" ptictl run true
	check "run --never" "ran" "$(ptictl run --never echo ran 2>&1)"
	check "run --isolated" "ran" "$(ptictl run --isolated echo ran 2>&1)"
	check "list" 1 "$(ptictl list | wc -l)"
	echo "1..$n"
	exit $bad ;;
esac

# --- the sysctl is 0, as it is at first ---
check "the sysctl" 0 "$(cat $sysctl)"
check "self" isolated "$(show self)"
refused "the sysctl is 0" 'sysctl kernel.pti_opt_out=1' ptictl run true
refused "the same, with --inherit" 'sysctl kernel.pti_opt_out=1' ptictl run --inherit true
check "list" 1 "$(ptictl list | wc -l)"
check "init is one of all" 1 "$(ptictl list --all | grep -c '^ *1 .*isolated')"
check "a kernel thread is none of all" 0 "$(ptictl list --all | grep -c '^ *2 ')"

# --- it is 1 ---
echo 1 >$sysctl
check "run" opted-out "$(ptictl run ptictl show self | words)"
ptictl run sleep 1000 &
pid=$!
until_runs sleep $pid
check "run, of which the kernel says" "$(kernel $pid)" "$(show $pid)"
check "it is opted out" opted-out "$(show $pid)"
check "it is listed" yes "$(listed $pid)"
check "so it is alone" 2 "$(ptictl list | wc -l)"
kill $pid
wait $pid 2>/dev/null
check "what has ended is not listed" no "$(listed $pid)"
ptictl show $pid >/tmp/said 2>&1
check "what has ended: exit status" 1 $?
check "what has ended: the message" "ptictl: there is no process $pid" "$(cat /tmp/said)"

# Of a shell, and of its child, and of what that executes
family='ptictl show $$; ptictl show self; (kill -0 $$; exec ptictl show self)'
check "run: a shell, its child, and again" "opted-out isolated isolated" \
	"$(ptictl run sh -c "$family" | words)"
check "run --inherit: the same" "opted-out inherit opted-out inherit opted-out inherit" \
	"$(ptictl run --inherit sh -c "$family" | words)"
check "run --isolated, below that" isolated \
	"$(ptictl run --inherit ptictl run --isolated ptictl show self | words)"
check "run --never" "isolated never" "$(ptictl run --never ptictl show self | words)"
refused "run, below run --never" 'ptictl run --never' ptictl run --never ptictl run true
refused "and below its child" 'ptictl run --never' ptictl run --never sh -c 'sh -c "ptictl run true"; exit $?'
ptictl run --never sleep 1000 &
pid=$!
until_runs sleep $pid
check "a process that may not ask is listed" yes "$(listed $pid)"
kill $pid
wait $pid 2>/dev/null
sleep 1000 &
pid=$!
check "any other is not" no "$(listed $pid)"
kill $pid
wait $pid 2>/dev/null

# What the kernel and ptictl say of all processes
different=0
for dir in /proc/[0-9]*; do
	pid=${dir##*/}
	expected=$(kernel "$pid" 2>/dev/null)
	[ "$expected" ] || continue
	[ "$(show "$pid")" = "$expected" ] || [ ! -d "$dir" ] || different=$((different + 1))
done
check "processes of which it tells something else" 0 $different
ptictl run sh -c 'exit 7'
check "exit status of the program" 7 $?

# --- switched off, and on again: who is opted out stays so ---
switch=/sys/kernel/debug/x86/pti_enabled
if [ -w $switch ]; then
	ptictl run sleep 1000 &
	pid=$!
	until_runs sleep $pid
	echo 0 >$switch
	check "switched off: self" off "$(show self)"
	check "switched off: who is opted out" opted-out "$(show $pid)"
	check "switched off: list" "Isolation is off: every process runs without it. $pid" \
		"$(ptictl list | awk 'NR == 1 || $NF == "sleep" { print NR == 1 ? $0 : $1 }' | xargs)"
	check "switched off: isolation, in the JSON" '"isolation": false,' \
		"$(ptictl list --json | sed -n 's/^ *\("isolation.*\)/\1/p')"
	refused "switched off: below run --never" 'ptictl run --never' \
		ptictl run --never ptictl run true
	echo 1 >$switch
	check "switched on: self" isolated "$(show self)"
	check "switched on: who is opted out" opted-out "$(show $pid)"
	kill $pid
	wait $pid 2>/dev/null
fi

# --- others ---
grep -q nobody /etc/passwd || echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>/etc/passwd
refused "not root" 'CAP_SYS_RAWIO; run it as root' su nobody -c 'ptictl run true'
check "anybody may look" "isolated" "$(su nobody -c 'ptictl show 1' | sed -n 's/^ *1  *\([a-z]*\) .*/\1/p')"
check "and list" yes "$(su nobody -c 'ptictl list --all' | grep -q '^ *1 ' && echo yes || echo no)"
if [ -e /proc/self/ns/user ]; then
	refused "root of a user namespace" 'in the initial user namespace' unshare -U -r ptictl run true
fi
if [ -w /sys/kernel/security/lockdown ]; then
	echo confidentiality >/sys/kernel/security/lockdown
	refused "locked down" 'the kernel is locked down' ptictl run true
fi
check "no /proc" "ptictl: /proc is no procfs: mount it (mount -t proc none /proc)" \
	"$(unshare -m sh -c 'umount -l /proc; ptictl list' 2>&1)"
echo 0 >$sysctl
refused "the sysctl is 0 again" 'sysctl kernel.pti_opt_out=1' ptictl run true
echo "1..$n"
exit $bad
