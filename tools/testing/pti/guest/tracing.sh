#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Trace the kernel while programs go in and out of it: breakpoints, jumps and calls
# come and go in its text. The entry text must have none: it runs before there is a
# page table on which they could be handled.
#
# Usage: tracing.sh ROUNDS PROGRAM:ARGUMENT...

rounds=$1
shift
t=/sys/kernel/tracing
mount -t tracefs none $t 2>/dev/null
[ -e $t/kprobe_events ] || { echo "not ok 1 - no kprobes in this kernel"; exit 1; }
echo 64 >$t/buffer_size_kb
. /pti/load.sh
bad=0

# check NUMBER TEXT COMMAND...: a line of the result.
check()
{
	number=$1 text=$2
	shift 2
	if "$@"; then
		echo "ok $number - $text"
	else
		echo "not ok $number - $text"
		bad=1
	fi
}

# Every symbol of the entry text, by its name and by its address.
awk '$3 == "__entry_text_start" { on = 1 } $3 == "__entry_text_end" { exit }
	on && $2 ~ /[tT]/ { print $3; print "0x" $1 }' /proc/kallsyms >/tmp/entries
taken=0
while read -r place; do
	if echo "p:pti/entry $place" >>$t/kprobe_events 2>/dev/null; then
		# What is not refused at once is when it is to be armed.
		if echo 1 >$t/events/pti/entry/enable 2>/dev/null; then
			echo "# a probe sits on $place"
			taken=$((taken + 1))
			echo 0 >$t/events/pti/entry/enable
		fi
		echo '-:pti/entry' >>$t/kprobe_events
	fi
done </tmp/entries
tried=$(wc -l </tmp/entries)
check 1 "kprobes on entry text: $tried tried, $taken accepted" [ "$tried" -gt 100 -a "$taken" = 0 ]

load_begin "$@"
# At the start of functions, where ftrace has its call, and on return.
for probe in 'p:pti/start do_sys_openat2' 'r:pti/back do_sys_openat2' 'p:pti/fault handle_mm_fault'; do
	echo "$probe" >>$t/kprobe_events || bad=1
done
n=0
while [ "$n" -lt "$rounds" ]; do
	n=$((n + 1))
	echo 1 >$t/events/pti/enable
	cat /proc/uptime >/dev/null
	echo 0 >$t/events/pti/enable
	for tracer in function function_graph nop; do
		echo $tracer >$t/current_tracer || bad=1
		[ $tracer = nop ] || lines=$(head -n 100 $t/trace | grep -c -v '^#')
		[ $tracer = nop ] || [ "$lines" -gt 20 ] || bad=1
	done
	# Keys that gate tracepoints in the handlers of exceptions and system calls.
	for event in exceptions syscalls irq_vectors sched; do
		[ ! -e $t/events/$event/enable ] || echo 1 >$t/events/$event/enable
	done
	for event in exceptions syscalls irq_vectors sched; do
		[ ! -e $t/events/$event/enable ] || echo 0 >$t/events/$event/enable
	done
done
hits=$(awk '{ n += $2 } END { print n + 0 }' $t/kprobe_profile)
check 2 "$hits hits of $(grep -c . $t/kprobe_events) probes" [ "$hits" -ge "$rounds" ]
check 3 "tracers, tracepoints on and off $n times" [ "$bad" = 0 ]
echo >$t/kprobe_events
# Static keys and executable memory, meanwhile.
rc=0
text=$(/pti/modules.sh 2>&1) || rc=$?
check 4 "modules: $text" [ $rc = 0 ]
load_end 5 || bad=1
exit $bad
