#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Load the kernel with everything at once, for a long time: the stressors of
# stress-ng that concern memory, caches, interrupts, the kernel and the scheduler,
# a few seconds each; beside them CPUs that go and come back, and loops of the
# programs given. Then see what the kernel's own checks have found, and whether
# memory is back where it was.
#
# Usage: soak.sh SECONDS PROGRAM:ARGUMENT[,PROGRAM:ARGUMENT...]...
#
# The kernel is one of the debug configuration. Its complaints in the log are for
# the runner to judge.

seconds=$1
shift
each=4
leaks=/sys/kernel/debug/kmemleak
cpus=$(ls -d /sys/devices/system/cpu/cpu[0-9]*/online 2>/dev/null)
all=$(grep -c '^processor' /proc/cpuinfo)
n=0
bad=0

# check WHAT GOOD...: one line of the result; GOOD is a command.
check()
{
	n=$((n + 1))
	what=$1
	shift
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		bad=1
	fi
}

now()
{
	cut -d. -f1 /proc/uptime
}

# What would end the guest or the run, or is there to run out of memory, which
# the kernel reports with a trace: not for here. Nor what calls 1.5 million functions,
# each on code of its own, before it looks at the time: minutes on an emulator.
left_out=" bigheap brk cpu-online far-branch klog malloc memhotplug mlockmany mmaphuge mmapmany
	oom-pipe physpage reboot remap resources shm-sysv softlockup stack stackmmap swap watchdog "

# The stressors, of each class some from the start: a short run has all classes.
stressors()
{
	for class in vm cpu-cache interrupt os scheduler; do
		stress-ng --class "$class?" | sed 's/.*stressors://' | tr ' ' '\n' | grep .
	done | awk -v out="$left_out" -v steps="$1" '
		BEGIN { split(out, o, "[ \t\n]+"); for (i in o) skip[o[i]] = 1 }
		!($1 in skip) && !seen[$1]++ { name[++n] = $1 }
		END {
			for (s = 0; s < steps; s++)
				for (i = 1 + s; i <= n; i += steps)
					print name[i]
		}'
}

# No CPU comes or goes while stress-ng starts, nor while some stressors run: they read what
# sysfs says of the caches of each CPU, take the error of a file that has just gone for a
# length, and write there, into their own stack.
readers=" cacheline l1cache llc-affinity prefetch stream "

hold_cpus()
{
	tries=0
	until mkdir /tmp/held 2>/dev/null; do
		sleep 0.1
		tries=$((tries + 1))
		[ $tries -lt 6000 ] || { echo "the CPUs are not let go" >>/tmp/hotplug; break; }
	done
}

let_cpus_go()
{
	rmdir /tmp/held
}

hotplug()
{
	while [ ! -e /tmp/enough ]; do
		for cpu in $cpus; do
			hold_cpus
			echo 0 >"$cpu"
			let_cpus_go
			sleep 1
			hold_cpus
			echo 1 >"$cpu" && echo cycle
			let_cpus_go
		done
	done
}

beside()
{
	while [ ! -e /tmp/enough ]; do
		for p; do
			"/pti/${p%%:*}" "${p#*:}" >>"/tmp/beside.${p%%:*}" 2>&1 ||
				echo "not ok - $p ended with $?" >>"/tmp/beside.${p%%:*}"
		done
	done
}

# start_others LOOP..., end_others: what runs beside the stressors.
start_others()
{
	rm -f /tmp/enough
	for loop; do
		# shellcheck disable=SC2046 # words
		beside $(echo "$loop" | tr , ' ') &
	done
	[ -z "$cpus" ] || hotplug >>/tmp/hotplug 2>&1 &
}

end_others()
{
	: >/tmp/enough
	wait
	sed 1d /proc/swaps | while read -r disk _; do
		swapoff "$disk"
	done
}

# starts PID: whether it is there and has no child.
starts()
{
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*) //' | awk -v pid="$1" '
		$1 == pid && $2 != "Z" { alive = 1 }
		$3 == pid { children = 1 }
		END { exit !alive || children }'
}

# stress SECONDS NAME SEED: two at a time. A stressor that this kernel has nothing for,
# or that finds too little memory, says so by its exit status (3, 4).
stress()
{
	mkdir -p /tmp/stress
	hold_cpus
	stress-ng --temp-path /tmp/stress --"$2" 2 --seed "$3" --timeout "$1" --oomable --oom-avoid \
		--vm-bytes 16M --mmap-bytes 16M --log-brief --quiet >/tmp/stress.out 2>&1 &
	stressor=$!
	rc=0
	case $readers in
	*" $2 "*)
		wait $stressor || rc=$?
		let_cpus_go
		;;
	*)
		# Others have read that when they have children, or do not come so far.
		while starts $stressor; do
			sleep 0.5
		done
		let_cpus_go
		wait $stressor || rc=$?
		;;
	esac
	case $rc in
	0) ran=$((ran + 1)) ;;
	3|4) ;;
	*)
		echo "# $2 ended with $rc: $(tail -n 1 /tmp/stress.out)"
		failed="$failed $2" ;;
	esac
	rm -rf /tmp/stress
}

# settle: what is freed late is free, and what can be dropped is.
settle()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 6
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
}

kb()
{
	awk -v name="$1:" '$1 == name { print $2 }' "$2"
}

# returned COUNTER SLACK: has it, in kB, not grown by more? Of MemFree, shrunk.
returned()
{
	growth=$(($(kb "$1" /tmp/after) - $(kb "$1" /tmp/before)))
	[ "$1" != MemFree ] || growth=$((-growth))
	echo "# $1 $(kb "$1" /tmp/before) kB before, $(kb "$1" /tmp/after) kB after"
	[ "$growth" -le "$2" ]
}

# ran_well FILE: tests beside the stressors passed, none failed, and of those which may come
# to nothing under such a load, fuzz.sh and pressure.sh, half did not.
ran_well()
{
	awk '
		/^not ok/ { bad = 1; print }
		/^ok/ { ok++ }
		/^# trinity|^# [0-9]+ kB taken/ { nothing++ }
		END { exit bad || !ok || ok < nothing }' "$1"
}

names=$(stressors 1)
count=$(echo "$names" | wc -l)
echo "# $count stressors, $each s each, in $seconds s, on $all CPUs"
names=$(stressors $(((count * each + seconds - 1) / seconds)))

# The first round is not counted: it fills what the kernel keeps.
ran=0
failed=
start_others "$@"
for s in fork vm mmap timer; do
	stress 2 "$s" 1
done
end_others
settle
cat /proc/meminfo >/tmp/before

rm -f /tmp/beside.* /tmp/hotplug
ran=0
failed=
start_others "$@"
seed=0
end=$(($(now) + seconds))
while [ "$(now)" -lt "$end" ]; do
	for s in $names; do
		[ "$(now)" -lt "$end" ] || break
		seed=$((seed + 1))
		echo "# $((end - $(now))) s left: $s, seed $seed"
		stress "$each" "$s" $seed
	done
done
end_others
settle
cat /proc/meminfo >/tmp/after

check "$ran stressors ran to their end" [ "$ran" -gt 0 ]
check "that did not:${failed:- none}" [ -z "$failed" ]
for p in $(echo "$@" | tr , ' '); do
	out=/tmp/beside.${p%%:*}
	sed -n 's/^ok - \(.*\(seed\|swapped\)\)/# \1/p; /^# trinity/p; /^# .*swapped/p' "$out"
	check "${p%%:*}: $(grep -c '^ok' "$out") tests passed beside them" ran_well "$out"
done
[ -z "$cpus" ] || check "CPUs gone and back $(grep -c cycle /tmp/hotplug) times" \
	sh -c "grep -q cycle /tmp/hotplug && ! grep -v cycle /tmp/hotplug"
sed -n 's/^ *NMI: \(.*\) Non.*/# NMIs by CPU: \1/p' /proc/interrupts
check "all $all CPUs are back" [ "$(grep -c '^processor' /proc/cpuinfo)" = "$all" ]

# What is younger than five seconds is not reported.
echo scan >$leaks
sleep 6
echo scan >$leaks
cat $leaks
check "kmemleak has nothing to report" [ -r $leaks -a -z "$(cat $leaks)" ]
check "lockdep is still on" grep -q 'debug_locks: *1' /proc/lockdep_stats
check "page tables are back at their start" returned PageTables 512
check "kernel stacks are back at their start" returned KernelStack 512
# KASAN keeps up to a thirty-second of memory from being used again, and stack
# traces for good.
check "memory is back at its start" returned MemFree $(($(kb MemTotal /tmp/before) / 16))
echo "1..$n"
exit $bad
