#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot the kernel that has KUnit tests in it, and read what they say: each has
# to pass, none may be skipped, and there must be as many as the source has.
# They provoke warnings; allow/kunit.txt demands those and no other.
#
# Usage: kunit-test.sh MODEL...

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}/kunit
source=$top/arch/x86/mm/pti_test.c
[ -r "$image/bzImage" ] || die "no $image/bzImage: \"make kunit-kernel\" makes it"
tests=$(grep -c '^	KUNIT_CASE' "$source")
[ "$tests" -gt 0 ] || die "no tests in $source"

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
	log=$logs/kunit-$model.log
	rc=0
	"$here/run.sh" --image "$image" --model "$model" --cpus 2 --append pti=on \
		--allow "$here/allow/kunit.txt" --name "kunit-$model" --quiet true || rc=$?
	check "$model: the kernel says what it has to, and nothing else" [ "$rc" = 0 ]

	# Results as KUnit prints them; those of the parameters of a test are
	# deeper than those of the test.
	tr -d '\r\000' <"$log" | sed -n 's/^.*\[ *[0-9.]*\] \( *\)\(\(not \)\{0,1\}ok [0-9].*\)$/\1\2/p' >"$lines"
	failed=$(grep -c '^ *not ok' "$lines" || :)
	skipped=$(grep -c '# SKIP' "$lines" || :)
	passed=$(grep -c '^    ok' "$lines" || :)
	sed -n 's/^.*\] *\(# .* FAILED at .*\)/\1/p' "$log" | head -n 5
	grep -e '^ *not ok' -e '# SKIP' "$lines" | sed 's/^ */# /' || :
	check "$model: $passed tests passed, $tests are in the source" [ "$passed" -ge "$tests" ]
	check "$model: $failed failed" [ "$failed" = 0 ]
	check "$model: $skipped were skipped" [ "$skipped" = 0 ]
	check "$model: the mapper says which row it had no memory for" \
		grep -q 'isolation: row entry_text, CPU 0: no memory for page tables' "$log"
done
echo "1..$number"
exit $bad
