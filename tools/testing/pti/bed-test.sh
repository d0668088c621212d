#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the test bed see what it is there for? Each kind of failure that a
# guest can have is planted once, and the runner's verdict compared.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
. "$here/demand.sh"

# verdict STATUS TEXT WHAT ARGUMENT...: run.sh must end with STATUS and say TEXT.
verdict()
{
	status=$1 said=$2 about=$3
	shift 3
	demand "$status" "$said" "$about" \
		"$here/run.sh" --image "$image" --name "bed/$((n + 1))" "$@"
}

kmsg()
{
	echo "echo '<4>$1' >/dev/kmsg"
}
mkdir -p "$logs/bed"
cut='------------[ cut here ]------------'
warn='WARNING: CPU: 0 PID: 7 at planted.c:1 planted+0x1/0x2'
trace='Call Trace:'
end='---[ end trace 0000000000000000 ]---'

verdict 0 "^hello" "a program that ends well" 'echo hello'
verdict 0 "^it's  a \$HOME" "its arguments arrive as they were" echo "it's  a \$HOME"
verdict 1 "ended with 3" "a program that fails" 'exit 3'
verdict 1 "kernel complained" "a warning" "$(kmsg "$warn")"
verdict 1 "kernel complained" "a call trace alone" "$(kmsg "$trace")"
verdict 1 "kernel complained" "an oops" "$(kmsg 'Oops: general protection fault, probably for non-canonical address')"
verdict 1 "kernel complained" "a lock report" "$(kmsg 'WARNING: possible circular locking dependency detected')"
verdict 1 "kernel complained" "an RCU stall" "$(kmsg 'rcu: INFO: rcu_sched self-detected stall on CPU')"
verdict 1 "kernel complained" "a memory leak" \
	"$(kmsg 'kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)')"
verdict 1 "kernel complained" "a page that is writable and executable" \
	"$(kmsg 'x86/mm: Checked W+X mappings: FAILED, 1 W+X pages found.')"
verdict 1 "Kernel panic" "a panic" 'echo c >/proc/sysrq-trigger; sleep 9'
verdict 1 "Attempted to kill init" "no init" --append rdinit=/bin/false true
verdict 2 "limit of 6 s" "a program without end" --time 6 'sleep 1000'
verdict 1 "no end mark, a triple fault ended the guest" "a triple fault" --append reboot=triple 'echo b >/proc/sysrq-trigger; sleep 9'
verdict 2 "no end mark, the emulator ended with 0" "a power-off before the end" 'poweroff -f'
verdict 1 "a triple fault ended" "a triple fault on a restart" --append reboot=triple 'umount -l /sys'

echo "$warn" | sed 's/[+]/[+]/' >"$tmp/allow"
verdict 0 "^after" "a declared warning" --allow "$tmp/allow" \
	"$(kmsg "$cut"); $(kmsg "$warn"); $(kmsg "$trace"); $(kmsg "$end"); echo after"
verdict 1 "it did not come" "a declared warning that does not come" --allow "$tmp/allow" true
verdict 1 "other" "another warning than the declared one" --allow "$tmp/allow" \
	"$(kmsg "$cut"); $(kmsg "$warn"); $(kmsg "$trace"); $(kmsg "$end"); $(kmsg 'WARNING: other')"
verdict 1 "Call Trace" "a second call trace behind the declared warning" --allow "$tmp/allow" \
	"$(kmsg "$warn"); $(kmsg "$trace"); $(kmsg "$end"); $(kmsg "$trace")"

verdict 2 "there are: affected " "an unknown model" --model nonsense true
verdict 2 "there are: tcg bochs qemu-pcid" "an unknown emulator" --emu nonsense true
verdict 2 "no $tmp/none/bzImage" "no kernel" --image "$tmp/none" true
verdict 1 "attached command ended with 1" "an attached command that fails" \
	--attach 'exit 1' 'sleep 2'
verdict 1 "attached command ended with 1" "one that fails before Bochs has heard of it" \
	--model haswell-pcid --time 20 --attach 'exit 1' true
verdict 2 "without a word to Bochs" "one that ends well before Bochs has heard of it" \
	--model haswell-pcid --time 20 --attach true true
verdict 2 "no end mark, the emulator" "a kernel that an early exception has halted" \
	--model haswell-pcid --time 120 'echo PANIC: early exception; sleep 1000000'
verdict 0 "seen .*qmp" "an attached command, to whose end the guest runs" --until-attach \
	--attach "sleep 3; test -s \"\$PTI_MEM\" && test -S \"\$PTI_GDB\" && echo seen \$PTI_QMP" 'sleep 1000'

# Interrupting ends the emulator too. A log of an earlier run would end the wait.
rm -f "$logs/bed/interrupted.log"
n=$((n + 1))
"$here/run.sh" --image "$image" --name bed/interrupted 'sleep 1000' >/dev/null 2>&1 &
runner=$!
tries=0
until grep -q PTI-RUN-BEGIN "$logs/bed/interrupted.log" 2>/dev/null || [ "$tries" -gt 100 ]; do
	tries=$((tries + 1))
	sleep 0.2
done
emulator=$(ps -o pid=,comm= --ppid "$runner" | awk '$2 == "timeout" { print $1 }')
kill "$runner"
wait "$runner" 2>/dev/null
if [ "$emulator" ] && ! kill -0 "$emulator" 2>/dev/null; then
	echo "ok $n - an interrupted run leaves no emulator"
else
	echo "not ok $n - an interrupted run leaves the emulator ($emulator)"
	bad=1
fi

# The suite, with a table of its own: a long run goes on where it was, and a part of one has
# its time. build/ran counts how often the first row was run.
bed=$tmp/bed/tools/testing/pti
mkdir -p "$bed" "$tmp/bed/base" "$tmp/bed/build/linux"
cp "$here/suite.sh" "$here/lib.sh" "$here/models.txt" "$here/skips.txt" "$bed"
cp "$top/base/common.sh" "$tmp/bed/base"
cat >"$bed/cases.txt" <<'END'
counted	| long:one	| - | - | | host: echo >>build/ran |
mended	| long:one	| - | - | | host: if test -e build/hangs; then echo >build/begun; sleep 1000; fi; test -e build/mended |
slow	| long:two	| - | - | | host: sleep 4 |
behind	| long:two	| - | - | | host: true |
early	| long:three	| - | - | | host: sleep 2 |
later	| long:three	| - | - | | host: sleep 2; test -e build/later |
beside	| long:four	| - | - | | host: sleep 2 |
besides	| long:four	| - | - | | host: sleep 2 |
END
git init -q "$tmp/bed/build/linux"
new_kernel()
{
	echo "$1" >"$tmp/bed/build/linux/file"
	git -C "$tmp/bed/build/linux" add file
}
new_kernel 1

# suite ARGUMENT...: with that table; says how often the first row was run.
suite()
{
	env -u LOGS -u PTI_SLOW -u PTI_BEGUN BUILD="$tmp/bed/build" "$bed/suite.sh" --jobs 1 "$@" || return
	echo "counted ran $(wc -l <"$tmp/bed/build/ran") times"
}
# shellcheck disable=SC2317 # demand calls it
interrupted()
{
	: >"$tmp/bed/build/hangs"
	env -u LOGS -u PTI_SLOW BUILD="$tmp/bed/build" "$bed/suite.sh" --jobs 1 --part one &
	tries=0
	until [ -e "$tmp/bed/build/begun" ] || [ "$tries" -gt 100 ]; do
		tries=$((tries + 1))
		sleep 0.2
	done
	rm "$tmp/bed/build/hangs"
	kill $!
	wait $!
}

demand 143 "ok .*counted" "a suite that is interrupted" interrupted
demand 1 "passed earlier  counted" "what had passed before it was is not run again" suite --part one
: >"$tmp/bed/build/mended"
demand 0 "^1 of 2 passed earlier" "what had failed is" suite --part one
demand 0 "^counted ran 1 times" "nothing is, when all has passed" suite --part one
demand 0 "^2 passed, 0 failed" "what passed earlier counts" suite --part one
demand 0 "^counted ran 2 times" "all of it is with --again" suite --part one --again
demand 0 "^counted ran 3 times" "one that is named is" suite --long --only counted
new_kernel 2
demand 0 "^counted ran 4 times" "all of it is for another kernel" suite --part one
: >"$bed/new-test.sh"
demand 0 "^counted ran 5 times" "all of it is for other tests" suite --part one

demand 1 "its part, two, has had its 2 s" "a case that goes on when its part's time is over" \
	suite --part two --part-time 2
demand 1 "^Did not come to their turn in the 2 s" "one that does not come to its turn" \
	suite --part two --part-time 2
demand 1 "^  behind$" "and is named" suite --part two --part-time 2
demand 1 "^0 passed, 2 failed" "and has failed" suite --part two --part-time 0
demand 0 "^2 passed, 0 failed" "a part that has its time" suite --part two
demand 2 "not a number of seconds" "a time that is none" suite --part two --part-time 1h
demand 2 "not a number of seconds" "one of all parts that is none" suite --long --long-time ""

# What a part has taken is read at its end. Each of its two rows has its time, both have not.
demand 1 "^three  *[4-8]  *9  2 of 2" "a part's seconds" suite --part three --part-time 9
: >"$tmp/bed/build/later"
demand 1 "FAIL .* three: [4-9] s, the limit is 3 s" "more than the limit, over two runs" \
	suite --part three --part-time 3
demand 0 "^three  *[4-8]  *9  2 of 2" "less than it" suite --part three --part-time 9
demand 0 "^four  *[23]  *3600  2 of 2" "rows that run at the same time" suite --part four --jobs 2
demand 1 "FAIL .* total: [0-9]* s, the limit is 5 s" "more than the limit of all parts" \
	suite --part four --long-time 5
demand 0 "^total  *[0-9]*  *18000  8 of 8" "less than that" suite --long
new_kernel 3
demand 0 "^total  *[23]  *18000  2 of 8" "those of another kernel" suite --part four --jobs 2

# A run of all cases.
cat >"$bed/cases.txt" <<'END'
one	|	| -	| -	|	| host: sleep 2	|
two	|	| -	| -	|	| host: true	|
END
demand 1 "FAIL .* all cases: [2-9] s, the limit is 1 s" "all cases, that take too long" \
	suite --whole-time 1
demand 0 "^2 passed, 0 failed" "that have their time" suite --whole-time 60
# built SECONDS ARGUMENT...: the same behind a build that began so many seconds ago.
# shellcheck disable=SC2317 # demand calls it
built()
{
	begun=$(($(date +%s) - $1))
	shift
	env -u LOGS -u PTI_SLOW PTI_BEGUN="$begun" BUILD="$tmp/bed/build" "$bed/suite.sh" --jobs 1 "$@"
}
demand 0 "^0 min .* s; with the build [1-9][0-9]* min" "what they took with the build is said" \
	built 280 --whole-time 400
demand 1 "FAIL .* the build and all cases: [0-9]* s, the limit is 120 s" \
	"the build, that took too long" built 280 --whole-time 120
demand 2 "not a number of seconds" "a time of theirs that is none" suite --whole-time 45m

# What "make test-long" has to build for a case is in the tables, not in its name.
demand 0 "^qemu-pcid$" "the emulator of a case's model" "$here/suite.sh" --emulators --only 'stock*'
demand 0 "^qemu-pcid$" "that of a host command's model" "$here/suite.sh" --emulators --only left-pcid
demand 0 "^qemu-pcid$" "that of one that has its own" "$here/suite.sh" --emulators --only probe-test
demand 0 "^only tcg$" "no other" sh -c "echo only \$('$here/suite.sh' --emulators --only kvm-nmi-amd-2-pti=on)"

# A script that explains itself does so when asked.
for script in $(cd "$here" && grep -l "^usage()" ./*.sh); do
	demand 0 "^[A-Z]" "${script#./} --help" "$here/$script" --help
done
demand 2 "no mutant matches" "an unknown mutant" "$here/mutants.sh" --list nonsense
demand 2 "no break matches" "an unknown break of the table" "$here/rows-mutate.sh" --list nonsense
demand 0 "^planted breaks  *[1-9]" "a count of all that is planted" "$here/mutants-list.sh"

echo "1..$n"
exit $bad
