#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test ptictl on the host, against directories that look like sysfs and /proc: each state of
# a kernel, files that are missing, empty, garbage, huge, or no files; arguments; programs that
# it runs, with a prctl() that answers as it is told; and what make install installs. Built with
# the address and undefined-behaviour sanitizers.
#
# Usage: ptictl-test.sh [--fuzz SECONDS]
#	--fuzz: feed the parser of /proc noise for so long instead, with libFuzzer
# Exit status: 0 all passed, 1 something failed, 2 could not tell.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

usage()
{
	sed -n '4,/^$/s/^# \{0,1\}//p' "$0"
}
fuzz=
if [ "${1:-}" = --fuzz ]; then
	case ${2:-x} in
	*[!0-9]*) die "--fuzz takes a number of seconds" ;;
	esac
	[ $# = 2 ] || die "unknown option $3 (--help explains)"
	fuzz=$2
else
	only_help "$@"
fi
need man man-db
work_dir
chmod 755 "$tmp"
# What a nobody may not search is not asked for by name either
cp -R "$top/tools/pti" "$tmp/source"
tools=$tmp/bin
mkdir "$tools"
if [ "$fuzz" ]; then
	need clang clang
	make -s -C "$tmp/source/ptictl" fuzz OUT="$tools" WERROR=-Werror || die "fuzz.c does not build"
	mkdir "$tmp/corpus"
	cp /proc/self/status "$tmp/corpus/without"
	sed "\$ax86_PTI:\topted-out exec inherit never" /proc/self/status >"$tmp/corpus/with"
	cd "$tmp"
	rc=0
	"$tools/ptictl-fuzz" -max_total_time="$fuzz" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
		-print_final_stats=1 -verbosity=0 "$tmp/corpus" || rc=1
	exit $rc
fi
# A kernel for ptictl run: PRCTL_SET is the errno of a request, PRCTL_GET the state. What is
# asked for goes to the file PRCTL_LOG. Without these, it is the host's.
cat >"$tmp/prctl.c" <<'END'
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int option, ...)
{
	const char *answer = getenv(option == PR_SET_SPECULATION_CTRL ? "PRCTL_SET" : "PRCTL_GET");
	unsigned long args[4];
	va_list list;
	FILE *log;
	int i;

	va_start(list, option);
	for (i = 0; i < 4; i++)
		args[i] = va_arg(list, unsigned long);
	va_end(list);
	if ((option != PR_SET_SPECULATION_CTRL && option != PR_GET_SPECULATION_CTRL) || !answer)
		return syscall(SYS_prctl, option, args[0], args[1], args[2], args[3]);
	if (option == PR_GET_SPECULATION_CTRL)
		return atoi(answer);
	log = fopen(getenv("PRCTL_LOG"), "w");
	if (!log)
		abort();
	fprintf(log, "%lu %lx %lu %lu\n", args[0], args[1], args[2], args[3]);
	fclose(log);
	errno = atoi(answer);
	return errno ? -1 : 0;
}
END
gcc -O1 -c -o "$tmp/prctl.o" "$tmp/prctl.c" || die "the prctl() of ptictl-test.sh does not build"
make -s -C "$tmp/source/ptictl" OUT="$tools" WERROR=-Werror LDFLAGS="$tmp/prctl.o" \
	CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" ||
	die "tools/pti does not build"
# Nothing is freed: it ends at once
# and a report of a sanitizer is no exit status of ptictl's
ASAN_OPTIONS=detect_leaks=0:exitcode=99
UBSAN_OPTIONS=exitcode=99
export ASAN_OPTIONS UBSAN_OPTIONS

number=0
bad=0

# verdict GOOD WHAT: one line; of a failure, what was said too.
verdict()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		sed 's/^/# out: /' "$tmp/out" | head -n 40
		sed 's/^/# err: /' "$tmp/err" | head -n 10
		echo "not ok $number - $2"
		bad=1
	fi
}

# fake STATE REASON MELTDOWN [FILE VALUE]...: a new directory in $sys, of such a kernel.
fake()
{
	sys=$tmp/sys
	rm -rf "$sys"
	dir=$sys/devices/system/cpu/pti
	mkdir -p "$dir/exposure" "$dir/flushes" "$sys/devices/system/cpu/vulnerabilities"
	echo "$3" >"$sys/devices/system/cpu/vulnerabilities/meltdown"
	echo auto >"$dir/requested"
	echo "$1" >"$dir/state"
	echo "$2" >"$dir/reason"
	echo 1 >"$dir/pcid"
	echo 0 >"$dir/invpcid"
	echo 0 >"$dir/global_pages"
	echo 36864 >"$dir/exposed_bytes"
	echo 3 >"$dir/opted_out"
	echo 8192 >"$dir/exposure/entry_text"
	echo 28672 >"$dir/exposure/gdt"
	echo 0 >"$dir/exposure/io_bitmap"
	echo 11 >"$dir/flushes/more"
	echo 22 >"$dir/flushes/forgotten"
	shift 3
	while [ $# -gt 0 ]; do
		printf '%s\n' "$2" >"$dir/$1"
		shift 2
	done
}

# run_it ARGUMENT...: its output in $tmp/out and err, its status in $rc.
run_it()
{
	rc=0
	timeout 20 "$tools/ptictl" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || rc=$?
}

# try WHAT STATUS OUT ERR [ARGUMENT...]: set $good by whether it ends so, and says so; "" is
# nothing at all.
try()
{
	what=$1 status=$2 out=$3 err=$4
	shift 4
	run_it "$@"
	good=0
	[ "$rc" = "$status" ] || good=1
	if [ "$out" ]; then
		grep -q -e "$out" "$tmp/out" || good=1
	elif [ -s "$tmp/out" ]; then
		good=1
	fi
	if [ "$err" ]; then
		grep -q -e "$err" "$tmp/err" || good=1
	elif [ -s "$tmp/err" ]; then
		good=1
	fi
	# What is printed is text, whatever was read
	! LC_ALL=C grep -q '[^ -~]' "$tmp/out" "$tmp/err" || good=1
	[ "$good" = 0 ] || what="$what (status $rc)"
}

# expect: the same, as a line of the result.
expect()
{
	try "$@"
	verdict "$good" "$what"
}

on='CPU affected by Meltdown'
pti='Mitigation: PTI'

# --- each state ------------------------------------------------------------------

fake on "$on" "$pti"
expect "isolated" 0 '^User mode runs isolated' "" status --sysfs="$sys"
expect "the reason, in words" 0 'default on such a CPU' "" status --sysfs="$sys"
expect "pages and bytes of a row" 0 '^  gdt  *7 pages  *28672 bytes$' "" status --sysfs="$sys"
expect "all of them" 0 '^  in all  *9 pages  *36864 bytes' "" status --sysfs="$sys"
expect "a row that shows nothing" 0 'nothing now of io_bitmap$' "" status --sysfs="$sys"
expect "flushes" 0 '^  forgotten  *22$' "" status --sysfs="$sys"
expect "PCID in use" 0 '^  PCID  *used' "" status --sysfs="$sys"
expect "INVPCID not" 0 '^  INVPCID  *not used' "" status --sysfs="$sys"
fake off nopti Vulnerable
expect "not isolated, though affected" 0 '^NOT PROTECTED' "" status --sysfs="$sys"
expect "and the way out" 0 'to change that: boot without nopti' "" status --sysfs="$sys"
expect "all is shown then" 0 '^  all: there are no others' "" status --sysfs="$sys"
for reason in pti=off mitigations=off 'no memory for the exposure' 'the exposure could not be built' \
	"the kernel's root is not the first of a pair"; do
	fake off "$reason" Vulnerable
	expect "the way out of: $reason" 0 'to change that: ' "" status --sysfs="$sys"
done
fake off 'CPU not affected by Meltdown' 'Not affected'
expect "not isolated, and not affected" 0 'and need not' "" status --sysfs="$sys"
expect "needs no way out" 0 'pti=on isolates all the same' "" status --sysfs="$sys"
fake off 'Xen PV: the hypervisor isolates' 'Unknown (XEN PV detected, hypervisor mitigation required)'
expect "Xen" 0 'not run isolated by this kernel' "" status --sysfs="$sys"
fake on 'a reason of next year' "$pti" requested never
expect "a reason that it does not know" 0 '^  reason  *a reason of next year$' "" status --sysfs="$sys"
expect "a word that it does not know" 0 '^  asked for  *never$' "" status --sysfs="$sys"
fake sometimes "$on" "$pti"
expect "a state that it does not know" 1 '^It cannot be told' "state says 'sometimes'" status --sysfs="$sys"
fake on "$on" Vulnerable
expect "on, and vulnerable" 1 'contradicts itself' "state says 'on'" status --sysfs="$sys"
fake off "$on" "$pti"
expect "off, and mitigated" 1 'contradicts itself' "state says 'off'" status --sysfs="$sys"

# --- other kernels, and no sysfs ----------------------------------------------------

rm -r "$dir"
expect "a kernel without the directory" 3 "meltdown *$pti" 'cpu/pti: .*no CONFIG_PTI_SYSFS' \
	status --sysfs="$sys"
expect "the same as JSON" 3 '"available": false' 'cpu/pti: ' status --json --sysfs="$sys"
rm -r "$sys/devices/system/cpu/vulnerabilities"
expect "and without vulnerabilities" 3 'meltdown *?$' 'vulnerabilities/meltdown' status --sysfs="$sys"
rm -r "$sys/devices"
expect "sysfs is not mounted" 1 '' 'mount -t sysfs' status --sysfs="$sys"
expect "no such directory" 1 '' 'cannot open .*/nowhere: ' status --sysfs="$tmp/nowhere"

# --- files that are not what they should be ------------------------------------------

files="requested state reason pcid invpcid global_pages exposed_bytes opted_out exposure/gdt flushes/forgotten
../vulnerabilities/meltdown"
for file in $files; do
	case $file in
	*/*) ;;
	*)
		fake on "$on" "$pti"
		rm "$dir/$file"
		expect "no $file" 1 '^  [a-z]' "$file: No such file" status --sysfs="$sys" ;;
	esac
	fake on "$on" "$pti"
	: >"$dir/$file"
	expect "$file is empty" 1 '^  [a-z]' "$file has no line of text" status --sysfs="$sys"
	printf 'on\033[31m\n' >"$dir/$file"
	expect "$file has control characters" 1 '^  [a-z]' "$file has no line of text" status --sysfs="$sys"
	printf 'on\000on\n' >"$dir/$file"
	expect "$file has a NUL" 1 '^  [a-z]' "$file has no line of text" status --sysfs="$sys"
	printf 'on\nmore\n' >"$dir/$file"
	expect "$file has two lines" 1 '^  [a-z]' "$file has no line of text" status --sysfs="$sys"
	head -c 10000000 /dev/zero | tr '\000' x >"$dir/$file"
	expect "$file has 10 MB" 1 '^  [a-z]' "$file has more than a value" status --sysfs="$sys"
	head -c 255 /dev/zero | tr '\000' 7 >"$dir/$file"
	run_it status --sysfs="$sys"
	verdict "$([ "$rc" -le 1 ]; echo $?)" "$file has as much as fits"
	rm "$dir/$file"
	mkdir "$dir/$file"
	expect "$file is a directory" 1 '^  [a-z]' "$file is not a file" status --sysfs="$sys"
	rmdir "$dir/$file"
	mkfifo "$dir/$file"
	expect "$file is a pipe" 1 '^  [a-z]' "$file is not a file" status --sysfs="$sys"
	rm "$dir/$file"
	ln -s "$file" "$dir/$file"
	expect "$file is a link to nothing" 1 '^  [a-z]' "cannot open .*$file" status --sysfs="$sys"
	case $file in
	pcid|*bytes|opted_out|*/gdt|*/forgotten)
		for value in 18446744073709551616 99999999999999999999999999 -1 +1 0x10 '1 ' ' 1' 1e3 one; do
			rm -f "$dir/$file"
			printf '%s\n' "$value" >"$dir/$file"
			expect "$file has '$value'" 1 '^  [a-z]' "$file has no number" status --sysfs="$sys"
		done ;;
	esac
done
fake on "$on" "$pti" exposed_bytes 18446744073709551615
expect "the largest number" 0 '18446744073709551615 bytes' "" status --sysfs="$sys"
fake on "$on" "$pti" pcid 2
expect "a flag that is neither" 1 '^  PCID  *?$' 'pcid has neither 0 nor 1' status --sysfs="$sys"
for name in exposure flushes; do
	fake on "$on" "$pti"
	rm -r "${dir:?}/$name"
	expect "no $name" 1 '^  [a-z]' "$name: No such file" status --sysfs="$sys"
	: >"$dir/$name"
	expect "$name is a file" 1 '^  [a-z]' "$name: Not a directory" status --sysfs="$sys"
	rm "$dir/$name"
	mkdir "$dir/$name"
	expect "$name is empty" 0 '^  [a-z]' "" status --sysfs="$sys"
done
fake on "$on" "$pti"
echo 1 >"$dir/exposure/$(printf 'a\033b')"
expect "a row with a name that is no text" 1 '^  gdt' 'exposure has a file with a name that is no text' \
	status --sysfs="$sys"
fake on "$on" "$pti"
(cd "$dir/exposure" && seq 5000 | while read -r n; do echo 4096 >"row$n"; done)
expect "5000 rows" 0 '^  row5000 ' "" status --sysfs="$sys"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	fake on "$on" "$pti"
	chmod 0 "$dir/reason"
	rc=0
	setpriv --reuid=65534 --clear-groups "$tools/ptictl" status --sysfs="$sys" >"$tmp/out" 2>"$tmp/err" || rc=$?
	verdict "$([ "$rc" = 1 ] && grep -q 'reason: Permission denied; anybody may' "$tmp/err"; echo $?)" \
		"a file that may not be read"
fi

# --- JSON ------------------------------------------------------------------------------

# Each line is a member, or closes; all but the last of an object end with a comma.
json_is_good()
{
	awk '
		function wrong() { print "line " NR ": " $0; bad = 1 }
		BEGIN {
			hex = "[0-9a-f]"
			text = "\"([^\"\\\\]|\\\\[\"\\\\]|\\\\u" hex hex hex hex ")*\""
		}
		NR == 1 { if ($0 != "{") wrong(); first = 1; depth = 1; next }
		{
			closes = $0 ~ /^ *[]}]/
			if (!closes && !first && !comma) wrong()
			if (closes && comma) wrong()
			comma = $0 ~ /,$/
			line = $0
			sub(/,$/, "", line)
			first = 0
			if (line ~ /^ *[]}]$/)
				depth--
			else if (line ~ "^ +" text ": [[{]$" || line ~ /^ +{$/) {
				depth++
				first = 1
			} else if (line !~ "^ +" text ": (" text "|[0-9]+|true|false|null|\\{\\}|\\[(" text "(, " text ")*)?\\])$")
				wrong()
		}
		END { exit bad || depth || comma }' "$tmp/out"
}

# json WHAT STATUS ARGUMENT... -- REGEXP...: it is JSON, and has these lines.
json()
{
	what=$1 status=$2
	shift 2
	arguments=
	while [ "$1" != -- ]; do
		arguments="$arguments $1"
		shift
	done
	shift
	run_it $arguments --json
	good=0
	[ "$rc" = "$status" ] || good=1
	json_is_good >>"$tmp/err" || good=1
	for line; do
		grep -q -x -e " *$line,\{0,1\}" "$tmp/out" || good=1
	done
	verdict "$good" "JSON: $what"
}

fake on "$on" "$pti"
json "isolated" 0 status --sysfs="$sys" -- '"schema": "ptictl-status"' '"version": 1' '"available": true' "\"meltdown\": \"$pti\"" \
	'"requested": "auto"' '"state": "on"' "\"reason\": \"$on\"" '"pcid": true' '"invpcid": false' \
	'"global_pages": false' '"exposed_bytes": 36864' '"opted_out": 3' '"gdt": 28672' '"io_bitmap": 0' '"forgotten": 22'
fake on 'a "quoted" \ reason' "$pti"
echo 1 >"$dir/exposure/a\"b\\c"
json "quotes and backslashes" 0 status --sysfs="$sys" -- '"reason": "a \\"quoted\\" \\\\ reason"' '"a\\"b\\\\c": 1'
fake on "$on" "$pti" pcid x exposed_bytes y exposure/gdt z
rm "$dir/state"
json "null for what could not be read" 1 status --sysfs="$sys" -- '"state": null' '"pcid": null' '"exposed_bytes": null' '"gdt": null'
rm -r "$dir/exposure" "$dir/flushes"
mkdir "$dir/exposure" "$dir/flushes"
json "empty objects" 1 status --sysfs="$sys" -- '"exposure": {}' '"flushes": {}'
rm -r "$dir"
json "no directory" 3 status --sysfs="$sys" -- '"available": false' "\"meltdown\": \"$pti\""

# --- processes -------------------------------------------------------------------------

proc=$tmp/proc
lacks='this kernel has no CONFIG_PTI_OPT_OUT'

# process DIRECTORY NAME STATE: a status file, as the kernel has it around what is looked at. A
# STATE of "-" is of a kernel without the line; "none" and "kernel" have no user memory.
process()
{
	mkdir -p "$proc/$1"
	{
		printf 'Name:\t%s\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t%s\n' "$2" "${1%%/*}"
		printf 'Pid:\t%s\nGroups:\t%s\n' "${1##*/}" "${groups-1 2 3 }"
		case $3 in
		kernel) printf 'Kthread:\t1\n' ;;
		none*) printf 'Kthread:\t0\n' ;;
		*) printf 'Kthread:\t0\nVmPeak:\t    9 kB\nVmSize:\t    8 kB\n' ;;
		esac
		printf 'Threads:\t1\nnonvoluntary_ctxt_switches:\t0\n'
		case $3 in
		-) ;;
		kernel) printf 'x86_PTI:\tnone\n' ;;
		*) printf 'x86_PTI:\t%s\n' "$3" ;;
		esac
	} >"$proc/$1/status"
}

# processes: a new $proc, with one of each kind.
processes()
{
	rm -rf "$proc"
	process 1 init isolated
	process 2 kthreadd kernel
	process 100 dbd 'opted-out inherit'
	process 30 sh 'isolated exec'
	process 40 cage 'isolated never'
	process 50 ended none
	process 60 ended 'none never'
	mkdir "$proc/acpi" "$proc/007"
	echo 9 >"$proc/uptime"
}

# table WHAT STATUS ROWS ERR ARGUMENT...: as expect, with a table that has these rows and no
# others; blanks count as one.
table()
{
	rows=$3
	what=$1 status=$2 err=$4
	shift 4
	try "$what" "$status" '^ *PID  STATE  *ASKED  *NAME$' "$err" "$@"
	sed '1d; s/  */ /g; s/^ //; s/ $//' "$tmp/out" >"$tmp/rows"
	[ "$rows" = "$(cat "$tmp/rows")" ] || good=1
	verdict "$good" "$what"
}
special="30 isolated exec sh
40 isolated never cage
100 opted-out inherit dbd"

processes
table "show" 0 '1 isolated - init' "" show --proc="$proc" 1
table "show, in the order of the arguments" 0 "100 opted-out inherit dbd
2 none - kthreadd
1 isolated - init
60 none never ended" "" show -p "$proc" 100 2 1 60
table "list" 0 "$special" "" list --proc="$proc"
table "list --all" 0 "1 isolated - init
$special" "" list --all --proc="$proc"
process 1 init off
process 30 sh off
process 40 cage 'off never'
process 100 dbd off
process 2 kthreadd off
sed -i /VmSize/d "$proc/2/status"
table "show, isolation is off" 0 '30 off - sh' "" show --proc="$proc" 30
expect "list says that isolation is off" 0 '^Isolation is off' "" list --proc="$proc"
verdict "$(! grep -q -e init -e sh -e dbd "$tmp/out" && grep -q '40 *off *never *cage' "$tmp/out"; echo $?)" \
	"and has who asked for something"
processes
process 70 threads none
process 70/task/70 threads none
process 70/task/71 other 'opted-out inherit'
table "threads whose first has ended" 0 '70 opted-out inherit threads' "" show --proc="$proc" 70
expect "they are listed" 0 '70 *opted-out *inherit *threads' "" list --proc="$proc"
rm "$proc/70/task/71/status"
mkdir -p "$proc/70/task/72/status"
table "a thread that ends, and one that is no file" 1 '70 none - threads' \
	'70/task/72/status is not a file' show --proc="$proc" 70

# A kernel without it, and no /proc
processes
for pid in 1 2 30 40 50 60 100; do
	process $pid without -
done
expect "show, on a kernel without" 3 '' "/1/status has no x86_PTI; $lacks" show --proc="$proc" 1
expect "list, on a kernel without" 3 '' "$lacks" list --proc="$proc"
process 1 init isolated
table "one process without the line" 1 '1 isolated - init' "$lacks" show --proc="$proc" 1 30
rm -rf "$proc"
expect "show, no such directory" 1 '' 'cannot open .*proc: No such' show --proc="$proc" 1
expect "list, no such directory" 1 '' 'cannot open .*proc: No such' list --proc="$proc"
mkdir "$proc"
expect "list, no processes" 1 '' 'proc has no processes' list --proc="$proc"
expect "show, no processes" 1 '' 'there is no process 1$' show --proc="$proc" 1

# Processes that end: before they are looked at, and while they are
processes
mkdir "$proc/80"
table "show, one that has gone" 1 '1 isolated - init' 'there is no process 80$' show --proc="$proc" 80 1
table "list, one that has gone" 0 "$special" "" list --proc="$proc"
table "show, the largest PIDs" 1 '1 isolated - init' 'there is no process 2147483647$' \
	show --proc="$proc" 4194304 2147483647 1

# PIDs that are none
for pid in 0 -5 +1 1x x 01 ' 1' '1 ' '' 1.0 0x1 1/task/1 ../1 2147483648 18446744073709551617 \
	99999999999999999999999999999 "$(printf '1\n2')" "$(printf '\033[31m')" selfish; do
	expect "no PID: '$(printf %s "$pid" | LC_ALL=C tr -c ' -~' '?')'" 2 '' 'is no PID$' \
		show --proc="$proc" -- 1 "$pid"
done
expect "nor is what is as long as a page" 2 '' '^ptictl: .1*\.\.\.. is no PID$' \
	show "$(printf '%05000d' 0 | tr 0 1)"
expect "an option that is a number" 2 '' "ptictl show --help" show --proc="$proc" -1

# bad WHAT: process 1 has such a file. The others are told all the same.
bad()
{
	table "show: status $1" 1 '30 isolated exec sh' "${2:-1/status is cut off, or is no status file}" \
		show --proc="$proc" 30 1
	table "list: status $1" 1 "$special" "${2:-1/status is cut off, or is no status file}" \
		list --proc="$proc"
	processes
	file=$proc/1/status
}
processes
file=$proc/1/status
printf 'x86_PTI:\tisol' >>"$file"
bad "is cut off"
printf 'a\000b\n' >>"$file"
bad "has a NUL"
: >"$file"
bad "is empty"
head -c 10000000 /dev/zero | tr '\000' x >>"$file"
bad "has 10 MB in a line"
head -c 500000 /dev/zero | tr '\000' '\n' >"$file"
bad "has 500000 lines"
rm "$file"
mkdir "$file"
bad "is a directory" '1/status is not a file'
rm "$file"
mkfifo "$file"
bad "is a pipe" '1/status is not a file'
ln -sf status "$file"
bad "is a link to itself" 'cannot open .*1/status: Too many levels'
for line in '' '\t' ' isolated' 'isolated\033[31m' 'isolated\texec' "$(printf %0100d 1)" "$(printf %0300d 1)" \
	"isolated $(printf %064d 1)"; do
	sed -i '/^x86_PTI/d' "$file"
	printf 'x86_PTI:\t%b\n' "$line" >>"$file"
	bad "has the state '$(printf %.20s "$line")', of ${#line}"
done
sed -i "s/^Name.*/Name:\t$(printf %0300d 1)/" "$file"
bad "has a name that is longer than a line"
# Of each length, up to all but the end of the last line: one is that of a kernel without it
cp "$proc/100/status" "$tmp/whole"
length=$(wc -c <"$tmp/whole")
like_without=0
for bytes in $(seq 0 3 60) $(seq 61 $((length - 1))); do
	head -c "$bytes" "$tmp/whole" >"$proc/100/status"
	run_it show --proc="$proc" 100
	[ ! -s "$tmp/out" ] || break
	case $rc in
	1) ;;
	3) like_without=$((like_without + 1)) ;;
	*) break ;;
	esac
done
verdict "$([ "$bytes,$rc,$like_without" = "$((length - 1)),1,1" ]; echo $?)" "a status file of each length"
processes
groups=$(seq 65536 | tr '\n' ' ')
process 1 init isolated
groups=
process 30 sh 'isolated  exec '
unset groups
table "65536 groups, and none" 0 "1 isolated - init
30 isolated exec sh" "" show --proc="$proc" 1 30
rm -rf "$proc"
process 999 late opted-out
for pid in $(seq 1 998); do
	mkdir "$proc/$pid"
	[ $((pid % 2)) = 0 ] || cp "$proc/999/status" "$proc/$pid/status"
done
expect "500 processes, and as many that end" 0 '997  *opted-out  *-  *late' "" list --proc="$proc"
verdict "$([ "$(wc -l <"$tmp/out")" = 501 ] && sed 1d "$tmp/out" | sort -nc; echo $?)" "all of them, by number"

# Words of a later kernel
processes
process 90 later 'halfway inherit lent'
table "a state that it does not know" 1 '90 halfway inherit lent later' \
	"the state of 90 is 'halfway', which" show --proc="$proc" 90
verdict "$(grep -q "90 has asked for 'lent', which" "$tmp/err" && ! grep -q "'inherit'" "$tmp/err"; echo $?)" \
	"and a request"
table "they are listed, too" 1 "30 isolated exec sh
40 isolated never cage
90 halfway inherit lent later
100 opted-out inherit dbd" "'halfway'" list --proc="$proc"
process 90 later 'isolated execute'
table "a request that begins as another" 1 '90 isolated execute later' "'execute'" show --proc="$proc" 90

# Names: as the kernel writes them, with two characters for a newline and for a backslash
processes
process 1 'new\nline \\ "quoted" \t' isolated
process 30 "$(printf '\033[2J\r\001\177\303\251\tx')" isolated
process 40 "$(printf '\tx')" isolated
process 50 '' isolated
table "names" 0 '1 isolated - new\x0aline \\ "quoted" \\t
30 isolated - \x1b[2J\x0d\x01\x7f\xc3\xa9\x09x
40 isolated - \x09x
50 isolated -' "" show --proc="$proc" 1 30 40 50
json "names of processes" 0 show --proc="$proc" 1 30 40 50 -- '"name": "new\\u000aline \\\\ \\"quoted\\" \\\\t"' \
	'"name": "\\u001b\[2J\\u000d\\u0001\\u007f\\u00c3\\u00a9\\u0009x"' '"name": "\\u0009x"' '"name": ""'

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	processes
	chmod 0 "$proc/1/status"
	rc=0
	setpriv --reuid=65534 --clear-groups "$tools/ptictl" list --proc="$proc" >"$tmp/out" 2>"$tmp/err" || rc=$?
	verdict "$([ "$rc" = 1 ] && grep -q 'status: Permission denied; anybody may' "$tmp/err" &&
		grep -q '100  *opted-out' "$tmp/out"; echo $?)" "a process that may not be looked at"
fi

processes
json "processes" 0 list --all --proc="$proc" -- '"schema": "ptictl-processes"' '"version": 1' '"available": true' \
	'"isolation": true' '"pid": 100' '"state": "opted-out"' '"asked": \["inherit"\]' '"name": "dbd"' '"asked": \[\]'
process 90 'a "name" \\' 'half"way inherit le\nt'
json "words that it does not know" 1 show --proc="$proc" 90 -- '"state": "half\\"way"' \
	'"asked": \["inherit", "le\\\\nt"\]' '"name": "a \\"name\\" \\\\"'
process 1 init off
json "isolation is off" 0 show --proc="$proc" 1 -- '"isolation": false' '"state": "off"'
json "nothing to tell of isolation" 0 show --proc="$proc" 2 -- '"isolation": null' '"state": "none"'
process 1 init -
json "a kernel without" 3 show --proc="$proc" 1 -- '"available": false' '"isolation": null' '"processes": \[\]'
rm -r "${proc:?}"/*
process 1 init isolated
json "nobody is opted out" 0 list --proc="$proc" -- '"available": true' '"isolation": true' '"processes": \[\]'
table "nobody is opted out" 0 "" "" list --proc="$proc"

# --- programs ----------------------------------------------------------------------------

export PRCTL_SET PRCTL_GET PRCTL_LOG
PRCTL_LOG=$tmp/prctl
: >"$PRCTL_LOG"
chmod 666 "$PRCTL_LOG"
PRCTL_SET=0
PRCTL_GET=5		# of 5 and so on, below: as the kernel's documentation has it
cat >"$tmp/program" <<'END'
#!/bin/sh
echo "ran $#: $*"
exit 7
END
chmod 755 "$tmp/program"
echo echo >"$tmp/not-executable"

# ran WHAT REQUEST ARGUMENT...: the program ran, behind a prctl() with that request.
ran()
{
	what=$1 request=$2
	shift 2
	: >"$PRCTL_LOG"
	try "$what" 7 '^ran 2: -i two words$' "" run "$@" "$tmp/program" -i 'two words'
	[ "$(cat "$PRCTL_LOG")" = "3 $request 0 0" ] || good=1
	verdict "$good" "$what"
}
# PR_SPEC_ENABLE_EXEC is 0x20, PR_SPEC_INHERIT 0x40, PR_SPEC_DISABLE 4, PR_SPEC_FORCE_DISABLE 8
ran "run" 20
ran "run --" 20 --
ran "run --inherit" 60 --inherit
ran "run -i --" 60 -i --
ran "run --isolated" 4 --isolated
ran "run -I" 4 -I
ran "run --never" 8 --never
ran "run -n" 8 -n
ran "run --try, which is not refused" 20 --try
ran "run --try --inherit" 60 -ti

# refused WHAT ERRNO STATE ERR [OPTION...]: the kernel says so, and no program runs.
refused()
{
	what="refused: $1" PRCTL_SET=$2 PRCTL_GET=$3 err=$4
	shift 4
	expect "$what" 125 '' "$err" run "$@" -- "$tmp/program"
	PRCTL_SET=0 PRCTL_GET=5
}
refused "a kernel without" 19 -1 "cannot opt out of isolation: No such device: $lacks; boot"
refused "an older kernel" 22 -1 'Invalid argument: .*boot one with CONFIG_PTI_OPT_OUT'
refused "a request of a later kernel" 34 5 'older than ptictl'
refused "pti_opt_out=never" 6 4 'booted with pti_opt_out=never; boot without'
refused "isolation is off, CPU affected" 6 2 "isolation is off.*'ptictl status' tells why"
refused "isolation is off, CPU not affected" 6 0 "isolation is off.*'ptictl status' tells why"
refused "it may not ask" 1 9 'ptictl run --never'
refused "by what cannot be seen" 13 5 'cannot opt out of isolation: Permission denied$'
refused "--isolated, isolation is off" 6 2 'cannot run it isolated: .*isolation is off' --isolated
refused "--never, on a kernel without" 19 -1 'cannot forbid it to opt out: .*boot' --never
PRCTL_SET=6 PRCTL_GET=4
ran "--never, where all are" 8 --never
ran "--isolated, where all are" 4 --isolated
PRCTL_SET=19 PRCTL_GET=-1
expect "run --try, refused" 7 '^ran 0: $' "$lacks" run --try "$tmp/program"
verdict "$(grep -q 'it runs as it is' "$tmp/err"; echo $?)" "that is said"
PRCTL_SET=1 PRCTL_GET=5
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	for drop in "--reuid=65534 --clear-groups" "--bounding-set=-sys_rawio"; do
		rc=0
		setpriv $drop "$tools/ptictl" run true >"$tmp/out" 2>"$tmp/err" || rc=$?
		verdict "$([ "$rc" = 125 ] && grep -q 'it takes CAP_SYS_RAWIO; run it as root' "$tmp/err"; echo $?)" \
			"refused: no capability, $drop"
	done
fi
if unshare -U -r true 2>/dev/null; then
	rc=0
	unshare -U -r "$tools/ptictl" run true >"$tmp/out" 2>"$tmp/err" || rc=$?
	verdict "$([ "$rc" = 125 ] && grep -q 'in the initial user namespace; run' "$tmp/err"; echo $?)" \
		"refused: a user namespace"
fi
unset PRCTL_SET PRCTL_GET
expect "the host's kernel, which is one without" 125 '' "$lacks" run true
expect "the host's processes" 3 '' "$lacks" show self
PRCTL_SET=0 PRCTL_GET=5
export PRCTL_SET PRCTL_GET

expect "no such program" 127 '' "cannot execute 'no-such-program': No such file" run no-such-program
expect "no such program, by its path" 127 '' 'No such file' run "$tmp/nowhere/program"
expect "a program that may not be executed" 126 '' 'Permission denied' run "$tmp/not-executable"
expect "a program that is a directory" 126 '' 'Permission denied' run "$tmp"
expect "a program with a name that is no text" 127 '' "execute '.x1b\[31m': No such" run "$(printf '\033[31m')"
expect "a program that PATH has" 0 '^here$' "" run echo here
for status in 0 1 42 125 126 127 255; do
	expect "exit status $status" $status '' "" run sh -c "exit $status"
done
expect "run, without a program" 125 '' 'no program$' run
expect "run --, without a program" 125 '' 'no program$' run --inherit --
expect "an unknown option of run" 125 '' "ptictl run --help" run --what true
for options in '--never --inherit' '--isolated --never' '--isolated --inherit' '--never --try' '-It'; do
	expect "run $options" 125 '' 'do not go together' run $options true
done
unset PRCTL_SET PRCTL_GET

# --- arguments ---------------------------------------------------------------------------

expect "no command" 2 '' 'no command$'
expect "an unknown command" 2 '' "no command 'stat'" stat
expect "an unknown option" 2 '' "ptictl --help" --what
expect "an unknown option of status" 2 '' "ptictl status --help" status --what
expect "an argument too many" 2 '' "'more' is one argument too many" status more
expect "--sysfs without a value" 2 '' "ptictl status --help" status --sysfs
expect "--sysfs with a name that is too long" 2 '' 'too long' status --sysfs="$(printf '%0300d' 1)"
expect "--help" 0 '^  status ' "" --help
expect "--help of a command" 0 '^  -s, --sysfs=DIR' "" status --help
expect "--version" 0 '^ptictl [0-9]' "" --version
fake on "$on" "$pti"
if [ -w /dev/full ]; then
	rc=0
	"$tools/ptictl" status --sysfs="$sys" >/dev/full 2>"$tmp/err" || rc=$?
	verdict "$([ "$rc" = 1 ] && grep -q 'cannot write the answer' "$tmp/err"; echo $?)" "no room for the answer"
fi

# --- what is installed ---------------------------------------------------------------------

: >"$tmp/out"
make -s -C "$tmp/source" install OUT="$tmp/installed" DESTDIR="$tmp/root" prefix=/usr >"$tmp/err" 2>&1 || :
root=$tmp/root/usr
rc=0
"$root/bin/ptictl" --version >"$tmp/out" 2>"$tmp/err" || rc=$?
verdict $rc "make install DESTDIR: ptictl runs"
rc=0
"$root/bin/ptaudit" --version >"$tmp/out" 2>"$tmp/err" || rc=$?
verdict $rc "make install DESTDIR: ptaudit runs"
for file in share/man/man1/ptictl.1 share/bash-completion/completions/ptictl \
	share/man/man1/ptaudit.1 share/bash-completion/completions/ptaudit; do
	verdict "$([ -s "$root/$file" ]; echo $?)" "make install DESTDIR: $file"
done
verdict "$([ "$(find "$tmp/root" -type f ! -path "$root/bin/*" ! -path "$root/share/*" | wc -l)" = 0 ]; echo $?)" \
	"make install DESTDIR: nothing elsewhere"
for page in ptictl ptaudit; do
	MANROFFSEQ='' man -l --warnings -E UTF-8 "$root/share/man/man1/$page.1" >"$tmp/out" 2>"$tmp/err" ||
		echo failed >>"$tmp/err"
	verdict "$([ ! -s "$tmp/err" ] && [ -s "$tmp/out" ]; echo $?)" "the manual page of $page, without a warning"
done
# The example of the page that makes a copy, with the fake for /sys
fake on "$on" "$pti"
mkdir "$tmp/home"
: >"$tmp/out"
sed -n 's,\\-,-,g; s,\\e$,\\,; /^\$ mkdir/,/^\.EE/p' "$root/share/man/man1/ptictl.1" |
	sed "/^\.EE/d; s,^\$ ,,; s,cd /sys,cd $sys," >"$tmp/example"
HOME="$tmp/home" PATH="$root/bin:$PATH" sh -eu "$tmp/example" >"$tmp/out" 2>"$tmp/err" || echo failed >>"$tmp/err"
verdict "$(grep -q "^User mode runs isolated" "$tmp/out" && [ ! -s "$tmp/err" ]; echo $?)" "the example of a copy"
# Each option of --help is in the page, and each exit status
for command in status run show list; do
	"$tools/ptictl" $command --help | sed -n 's/^  -., --\([a-z]*\).*/\1/p'
done >"$tmp/options"
: >"$tmp/err"
while read -r option; do
	grep -q -e "\\\\-\\\\-$option" "$root/share/man/man1/ptictl.1" || echo "--$option" >>"$tmp/err"
	grep -q -e "--$option" "$root/share/bash-completion/completions/ptictl" || echo "--$option, completion" >>"$tmp/err"
done <"$tmp/options"
verdict "$([ -s "$tmp/options" ] && [ ! -s "$tmp/err" ]; echo $?)" "page and completion have each option"

# complete LINE: what bash makes of its last word, one a line.
complete()
{
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ptictl; printf "%s\n" "${COMPREPLY[@]}"' \
		- "$root/share/bash-completion/completions/ptictl" "$@" >"$tmp/out" 2>"$tmp/err"
}
if command -v bash >/dev/null; then
	complete ptictl st
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = status ]; echo $?)" "completion of a command"
	complete ptictl status --j
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = --json ]; echo $?)" "completion of an option"
	complete ptictl show -
	verdict "$(grep -q -x -e --proc= "$tmp/out"; echo $?)" "completion of an option of show"
	complete ptictl show self --j
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = --json ]; echo $?)" "completion behind a PID"
	complete ptictl show $$
	verdict "$(grep -q -x $$ "$tmp/out"; echo $?)" "completion of a PID"
	complete ptictl list --proc = "$tmp/pro"
	verdict "$(grep -q -x "$tmp/proc" "$tmp/out"; echo $?)" "completion of a directory of list"
	complete ptictl run --inh
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = --inherit ]; echo $?)" "completion of an option of run"
	complete ptictl run --try -- setpri
	verdict "$([ "$(sort -u "$tmp/out" "$tmp/err")" = setpriv ]; echo $?)" "completion of a program"
	complete ptictl run ls --inh
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = "" ]; echo $?)" "no option of run behind the program"
	complete ptictl run ls "$tmp/sy"
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = "$tmp/sys" ]; echo $?)" "completion of what the program has"
	complete ptictl status --sysfs = "$tmp/sy"
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = "$tmp/sys" ]; echo $?)" "completion of a directory"
	complete ptictl nothing --
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = "" ]; echo $?)" "no completion of what there is not"
fi

echo "1..$number"
exit $bad
