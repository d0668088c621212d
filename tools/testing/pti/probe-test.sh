#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# How many pages does a missing flush of a user PCID leave in reach? mm_probe counts
# them, in the kernel with KUnit tests, on QEMU as it is shipped and on the QEMU that
# keeps what a CPU may. Where nothing is missing, both show 0. The planted break
# tlb-page-kept demands the numbers that are printed here if something is: 0 still of the
# one, which has no PCIDs, and 99 % or more of the other, of the pages that are changed
# one at a time in ways that flush each of them singly.

usage()
{
	cat <<'END'
Usage: probe-test.sh

Counts the pages that a missing flush leaves in reach, on the models affected and
qemu-pcid. TAP, with the counts.

Environment: PTI_IMAGE=DIR is where kunit/bzImage is (default: build), BUILD=DIR
replaces build.
Exit status: 0 nothing was stale, 1 something was, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

only_help "$@"
image=${PTI_IMAGE:-$build}/kunit
[ -r "$image/bzImage" ] || die "no $image/bzImage: \"make kunit-kernel\" makes it"
work_dir
# The guests' lines are kept for the case that something goes wrong, but these are shown.
export PROGRESS="${PROGRESS:-3}"

# sums MODEL: of the lines of mm_probe, in its words; 2 if they are not all that it counted.
sums()
{
	awk -v model="$1" -v number="$number" '
		function add(what) {
			probed[what] += substr($0, match($0, /[0-9]+ pages probed/)) + 0
			stale[what] += substr($0, match($0, /[0-9]+ stale/)) + 0
		}
		function say(what) {
			printf "%sok %d - %s, %s: %d pages probed, %d stale (%d %%)\n",
				stale[what] ? "not " : "", ++number, model, what,
				probed[what], stale[what], 100 * stale[what] / probed[what]
		}
		/^# [0-9]+ pages probed, [0-9]+ stale/ { end = $2 "," $5 }
		!/^(not )?ok .*: [0-9]+ pages probed, [0-9]+ stale/ { next }
		{ add("in all ways") }
		# What is replaced or unmapped takes a page table along, and all is flushed. And 8
		# other mms take the PCID of the one that was changed.
		/(protected|read-only|moved|dropped)[ ,]/ && !/8 other mms/ {
			match($0, /, [0-9]+ at a time/)
			what = substr($0, RSTART, RLENGTH)
			sub(/.*, /, "changed ", what)
			if (!(what in probed))
				order[++n] = what
			add(what)
		}
		END {
			if (end == "" || end != probed["in all ways"] "," stale["in all ways"])
				exit 2
			say("in all ways")
			for (i = 1; i <= n; i++)
				say(order[i])
		}'
}

bad=0
number=0
for model in affected qemu-pcid; do
	name=probe-test-$model
	rm -f "$logs/$name.log"
	rc=0
	run "$here/run.sh" --image "$image" --model "$model" --time 300 \
		--append "pti=on kunit.enable=0" --name "$name" --quiet /pti/mm_probe_64 \
		3>&2 2>"$tmp/err" || rc=$?
	touch "$logs/$name.log"
	if ! guest_text <"$logs/$name.log" | sums "$model" >"$tmp/sums"; then
		cat "$tmp/err" >&2
		die "mm_probe did not get to its end on $model"
	fi
	cat "$tmp/sums"
	number=$((number + $(wc -l <"$tmp/sums")))
	if grep -q '^not ok' "$tmp/sums"; then
		bad=1
	elif [ "$rc" != 0 ]; then
		cat "$tmp/err" >&2
		die "mm_probe found nothing on $model, but the run ended with $rc"
	fi
done
echo "1..$number"
exit $bad
