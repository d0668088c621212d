#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Count the guest instructions of each way into the kernel and back (guest/cost.c) in the
# states that the running system can be switched to. Switched off, a way of user mode may
# cost no more than with nopti; switched on, no way more than in a system that booted so,
# and one that has never been switched no more for being able to. A process that is opted out
# pays for 64-bit SYSCALL no more than with nopti.

usage()
{
	cat <<'END'
Usage: switch-cost.sh
Writes build/results/switch-cost.txt.
Environment: PTI_IMAGE, BUILD, RESULTS as for cost.sh.
Exit status: 0 as it has to be, 1 a way costs more, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

case ${1:-} in
"") ;;
--help|-h) usage; exit ;;
*) die "unknown option $1 (--help explains)" ;;
esac
out=$results/switch-cost.txt
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$results"

# count STATE PARAMETERS [VALUE...]: "STATE way minimum", after these were written; with $run
# ahead of the program.
run=
count()
{
	state=$1 append=$2
	shift 2
	text=
	for value; do
		text="$text echo $value >/sys/kernel/debug/x86/pti_enabled &&"
	done
	"$here/run.sh" --icount --image "${PTI_IMAGE:-$build}" --append "$append norandmaps nokaslr" \
		--name "switch-cost-$state" "$text $run /pti/cost_64 && $run /pti/cost_32" >"$tmp/raw" ||
		die "the run of $state failed"
	awk -v state="$state" '$1 == "COST" { print state, $2, $3 }' "$tmp/raw"
}

{
	count nopti nopti
	count off pti=on 0
	count on pti=on
	count back pti=on 0 1
	run=/pti/opt_out_run_64
	count out pti=on
} >"$tmp/counts"

# A process has its pair of roots, and a switch of mms the user CR3, in all states but nopti.
rc=0
awk '
	{ least[$1, $2] = $3; if ($1 == "nopti") way[++n] = $2 }
	END {
		printf "%-17s %9s %9s %9s %9s %9s\n", "", "nopti", "off", "on", "on again", "opted out"
		for (w = 1; w <= n; w++) {
			name = way[w]
			printf "%-17s %9s %9s %9s %9s %9s\n", name, least["nopti", name],
				least["off", name], least["on", name], least["back", name], least["out", name]
			if (name !~ /^(fork-exit|pipe)/ && least["off", name] != least["nopti", name])
				bad = bad sprintf("not ok: %s, switched off: not as with nopti\n", name)
			if (least["back", name] != least["on", name])
				bad = bad sprintf("not ok: %s, switched on again: not as it was\n", name)
			if (name ~ /^syscall/ && name !~ /-32$/ &&
			    (least["out", name] == "" || least["out", name] > least["nopti", name]))
				bad = bad sprintf("not ok: %s, opted out: more than with nopti\n", name)
		}
		printf "%s", n ? bad : "not ok: nothing was counted\n"
		exit !n ? 2 : bad != "" ? 1 : 0
	}' "$tmp/counts" >"$out" || rc=$?
cat "$out"
exit $rc
