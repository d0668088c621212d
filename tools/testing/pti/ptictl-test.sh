#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test ptictl on the host, against directories that look like sysfs: each state of a
# kernel, files that are missing, empty, garbage, huge, or no files; arguments; and what
# make install installs. Built with the address and undefined-behaviour sanitizers.
#
# Usage: ptictl-test.sh
# Exit status: 0 all passed, 1 something failed, 2 could not tell.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

usage()
{
	sed -n '4,/^$/s/^# \{0,1\}//p' "$0"
}
only_help "$@"
need man man-db
work_dir
chmod 755 "$tmp"
# What a nobody may not search is not asked for by name either
cp -R "$top/tools/pti" "$tmp/source"
tools=$tmp/bin
mkdir "$tools"
make -s -C "$tmp/source/ptictl" OUT="$tools" WERROR=-Werror \
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

# expect WHAT STATUS OUT ERR [ARGUMENT...]: it ends so, and says so; "" is nothing at all.
expect()
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

files="requested state reason pcid invpcid global_pages exposed_bytes exposure/gdt flushes/forgotten
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
	pcid|*bytes|*/gdt|*/forgotten)
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
		BEGIN { text = "\"([^\"\\\\]|\\\\[\"\\\\])*\"" }
		NR == 1 { if ($0 != "{") wrong(); first = 1; depth = 1; next }
		{
			closes = $0 ~ /^ *}/
			if (!closes && !first && !comma) wrong()
			if (closes && comma) wrong()
			comma = $0 ~ /,$/
			line = $0
			sub(/,$/, "", line)
			first = 0
			if (line ~ /^ *}$/)
				depth--
			else if (line ~ "^ +" text ": \\{$") {
				depth++
				first = 1
			} else if (line !~ "^ +" text ": (" text "|[0-9]+|true|false|null|\\{\\})$")
				wrong()
		}
		END { exit bad || depth || comma }' "$tmp/out"
}

# json WHAT STATUS REGEXP...: it is JSON, and has these lines.
json()
{
	what=$1 status=$2
	shift 2
	run_it status --json --sysfs="$sys"
	good=0
	[ "$rc" = "$status" ] || good=1
	json_is_good >>"$tmp/err" || good=1
	for line; do
		grep -q -x -e " *$line,\{0,1\}" "$tmp/out" || good=1
	done
	verdict "$good" "JSON: $what"
}

fake on "$on" "$pti"
json "isolated" 0 '"schema": "ptictl-status"' '"version": 1' '"available": true' "\"meltdown\": \"$pti\"" \
	'"requested": "auto"' '"state": "on"' "\"reason\": \"$on\"" '"pcid": true' '"invpcid": false' \
	'"global_pages": false' '"exposed_bytes": 36864' '"gdt": 28672' '"io_bitmap": 0' '"forgotten": 22'
fake on 'a "quoted" \ reason' "$pti"
echo 1 >"$dir/exposure/a\"b\\c"
json "quotes and backslashes" 0 '"reason": "a \\"quoted\\" \\\\ reason"' '"a\\"b\\\\c": 1'
fake on "$on" "$pti" pcid x exposed_bytes y exposure/gdt z
rm "$dir/state"
json "null for what could not be read" 1 '"state": null' '"pcid": null' '"exposed_bytes": null' '"gdt": null'
rm -r "$dir/exposure" "$dir/flushes"
mkdir "$dir/exposure" "$dir/flushes"
json "empty objects" 1 '"exposure": {}' '"flushes": {}'
rm -r "$dir"
json "no directory" 3 '"available": false' "\"meltdown\": \"$pti\""

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
"$tools/ptictl" status --help | sed -n 's/^  -., --\([a-z]*\).*/\1/p' >"$tmp/options"
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
	complete ptictl status --sysfs = "$tmp/sy"
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = "$tmp/sys" ]; echo $?)" "completion of a directory"
	complete ptictl nothing --
	verdict "$([ "$(cat "$tmp/out" "$tmp/err")" = "" ]; echo $?)" "no completion of what there is not"
fi

echo "1..$number"
exit $bad
