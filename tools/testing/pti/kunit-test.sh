#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot the kernel that has KUnit tests in it, and read what they say: each has
# to pass, none may be skipped but those that need PCID where there is none, and
# there must be as many as the source has. They provoke warnings; allow/kunit.txt
# demands those and no other.
#
# Usage: kunit-test.sh [--append PARAMETERS] MODEL...

set -eu
append=
if [ "${1:-}" = --append ]; then
	append=$2
	shift 2
fi
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}/kunit
[ -r "$image/bzImage" ] || die "no $image/bzImage: \"make kunit-kernel\" makes it"
# tests FILE: how many there are in it
tests()
{
	grep -c '^	KUNIT_CASE' "$top/arch/x86/mm/$1" || die "no tests in arch/x86/mm/$1"
}
need_pcid=$(tests pti_tlb_test.c)
all=$(($(tests pti_test.c) + $(tests pti_audit_test.c) + $(tests pti_opt_out_test.c) + need_pcid))

bad=0
number=0
# check WHAT GOOD: one line of the result; GOOD is a command.
check()
{
	number=$((number + 1))
	what=$1
	shift
	if "$@"; then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what"
		bad=1
	fi
}

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
trap 'exit 130' INT TERM HUP
for model; do
	name=kunit-$model${append:+-$(echo "$append" | tr ' ' +)}
	log=$logs/$name.log
	cpus=2
	end=
	want_skipped=$need_pcid
	row=$(model_row "$model")
	[ "$(column "$row" 5)" = no ] || want_skipped=0
	if [ "$(column "$row" 2)" = bochs ]; then
		cpus=1
		# Bochs ends when its CPU shuts down.
		end=reboot=t
	fi
	rc=0
	"$here/run.sh" --image "$image" --model "$model" --cpus $cpus \
		--append "pti=on${append:+ $append}${end:+ $end}" --time 200 \
		--allow "$here/allow/kunit.txt" --name "$name" --quiet true || rc=$?
	check "$model: the kernel says what it has to, and nothing else" [ "$rc" = 0 ]

	# Results as KUnit prints them; those of the parameters of a test are
	# deeper than those of the test.
	tr -d '\r\000' <"$log" | sed -n 's/^.*\[ *[0-9.]*\] \( *\)\(\(not \)\{0,1\}ok [0-9].*\)$/\1\2/p' >"$lines"
	failed=$(grep -c '^ *not ok' "$lines" || :)
	skipped=$(grep -c '^    ok .*# SKIP' "$lines" || :)
	passed=$(grep -c '^    ok' "$lines" || :)
	sed -n 's/^.*\] *\(# .* FAILED at .*\)/\1/p' "$log" | head -n 5
	grep -e '^ *not ok' -e '# SKIP' "$lines" | sed 's/^ */# /' || :
	check "$model: $passed tests ran, $all are in the source" [ "$passed" -ge "$all" ]
	check "$model: $failed failed" [ "$failed" = 0 ]
	check "$model: $skipped were skipped, $want_skipped need PCID" \
		[ "$skipped" = "$want_skipped" ]
	sed -n 's/^.*\] *\(# .* failing points tried, .*\)/\1/p' "$log" | tr -d '\r\000'
	check "$model: the mapper says which row it had no memory for" \
		grep -q 'isolation: row entry_text, CPU 0: no memory for page tables' "$log"
done
echo "1..$number"
exit $bad
