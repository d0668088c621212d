#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does tlb-explore.sh say so when it cannot tell, and how far it came when it is ended? And
# does it see as many states as it has to, and the same when it is run again?
#
# Exit status: 0 it does, 1 it does not.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
work_dir
. "$here/demand.sh"

explore=$here/tlb-explore.sh
early='^[0-9]* distinct states, .*; PARTIAL, level [0-9]* of nopcid$'

# shellcheck disable=SC2317 # demand calls it
# ended_by SIGNAL WHOM: how a search ends whose script, or explorer, gets a signal in the middle.
ended_by()
{
	"$explore" --events 200 &
	child=$!
	explorer=
	tries=0
	while [ -z "$explorer" ] && [ "$tries" -lt 600 ]; do
		sleep 0.2
		tries=$((tries + 1))
		explorer=$(ps -o pid=,comm= --ppid "$child" | awk '$2 == "tlb-explore" { print $1 }')
	done
	sleep 1
	if [ "$2" = script ]; then
		kill -s "$1" "$child"
	else
		kill -s "$1" "$explorer"
	fi
	ended=0
	wait "$child" || ended=$?
	child=
	if [ "$explorer" ] && kill -0 "$explorer" 2>/dev/null; then
		echo "the explorer goes on"
		kill -s KILL "$explorer"
		return 99
	fi
	return "$ended"
}

# shellcheck disable=SC2317 # demand calls it
# twice: what a search within the bound of "make test" says, if it says the same again.
twice()
{
	for i in 1 2; do
		"$explore" --events 2 >"$tmp/search" 2>/dev/null || return
		sed 's/ *[0-9.]* s of CPU$//' "$tmp/search" >"$tmp/search-$i"
	done
	diff "$tmp/search-1" "$tmp/search-2" && cat "$tmp/search-1"
}

# A tree of which tlb.c is all that there is, and one that no compiler takes.
mkdir -p "$tmp/bare/arch/x86/mm"
: >"$tmp/bare/arch/x86/mm/tlb.c"
: >"$tmp/bare/arch/x86/mm/mm_internal.h"
for f in $("$explore" --sources); do
	mkdir -p "$tmp/broken/${f%/*}"
	: >"$tmp/broken/$f"
done
echo "nonsense" >"$tmp/broken/arch/x86/mm/tlb.c"

demand 0 "--events N" "--help before there is a tree" \
	env PTI_SOURCE= BUILD="$tmp/none" "$explore" --help
demand 2 "no $tmp/none/linux/.*tlb.c: \"make tree\" makes it" "no tree" \
	env PTI_SOURCE= BUILD="$tmp/none" "$explore"
demand 2 "no $tmp/bare/.*pti_tlb.h: .*another tree with the series" "a tree without the series" \
	env PTI_SOURCE="$tmp/bare" "$explore"
demand 2 "$tmp/broken/.*tlb.c does not compile" "a tree that does not compile" \
	env PTI_SOURCE="$tmp/broken" "$explore"
demand 2 "there are: nopcid pcid invpcid" "an unknown mode" "$explore" --mode nonsense
demand 2 "takes a number from 1 to .*\"0\"" "no time" "$explore" --time 0
demand 2 "what is \"nonsense\"" "what is no option" "$explore" nonsense
demand 0 '^[0-9]* distinct states, .* no NMIs$' "a search that comes to its end" \
	"$explore" --events 1 --no-nmi --time 1000
demand 0 '^[1-9][0-9]\{6,\} distinct states' "a million states and more, twice the same" twice
demand 2 "$early" "a limit of time" "$explore" --events 200 --time 1
demand 2 "$early" "a limit of memory" "$explore" --events 200 --memory 16
demand 2 "$early" "a signal to the script, in the middle" ended_by TERM script
demand 2 "$early" "an interrupt, in the middle" ended_by INT explorer
demand 2 "what it saw is lost" "an explorer that is killed" ended_by KILL explorer
echo "1..$n"
exit $bad
