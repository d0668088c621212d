#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What if there is no memory at boot for the page tables that user mode is to have?
# The kernel with KUnit tests takes pti_test_tables=N: the boot gets N of them. For
# every N that is too small it has to say which row failed, run on as a kernel
# without isolation, and tell everywhere that it is one; PCIDs have to go too, since
# its mappings are not global. With the first N that is enough it is isolated.
#
# Usage: boot-fail.sh MODEL [N...]	(all N, up to one that is enough)

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}/kunit
[ -r "$image/bzImage" ] || die "no $image/bzImage: \"make kunit-kernel\" makes it"
case ${1:-} in
"") die "usage: boot-fail.sh MODEL [N...]" ;;
esac
model=$1
shift
row=$(model_row "$model")
levels=$(column "$row" 4)
pcid=$(column "$row" 5)
affected=$(column "$row" 3)
some=$#
[ $# -gt 0 ] || set -- $(seq 0 100)
allow=$(mktemp)
trap 'rm -f "$allow" "$allow".*' EXIT
trap 'exit 130' INT TERM HUP
cat >"$allow" <<'END'
page tables isolation: row [a-z_]+, CPU 0: no memory for page tables$
page tables isolation: disabled \(no memory for the exposure\)$
END

# boot N STATE PCID REASON ALLOW: 0 if the kernel is in that state. If it is not, what was found
# is added to $allow.why: why the run failed, and what the kernel and status.sh said.
boot()
{
	log=$logs/boot-fail-$model-$1.log
	rm -f "$log"
	! PROGRESS=no "$here/run.sh" --image "$image" --model "$model" --quiet --name "boot-fail-$model-$1" \
		--append "pti=on kunit.enable=0 pti_test_tables=$1 nokaslr" ${5:+--allow "$5"} \
		"/pti/status.sh $2 $affected $levels 1 $3 any $4 && /pti/entry_syscall_64 100" \
		>"$allow.out" 2>&1 || return 0
	cat "$log" >"$allow.log" 2>/dev/null || : >"$allow.log"
	! grep -q -a 'Linux version' "$allow.log" || started=1
	{
		# The verdict, and below it the lines that the kernel complained with.
		sed -n -e '/full log:/d' -e 's/^run\.sh: \(boot-fail-[^:]*: \)*//p' -e 's/^  \([^ |]\)/\1/p' "$allow.out"
		tr -d '\r\000' <"$allow.log" | sed -n 's/^\[[^]]*\] \(.*page tables isolation: \)/\1/p'
		guest_text <"$allow.log" | grep '^not ok' || :
	} | sed "s/^/# to be $2: /" >>"$allow.why"
	return 1
}

number=0
bad=0
fine=0
enough=
for n; do
	number=$((number + 1))
	started=
	: >"$allow.why"
	if boot "$n" off no 'no.memory.for.the.exposure' "$allow"; then
		failed=$(sed -n 's/.*isolation: row \([a-z_]*\),.*/\1/p' "$logs/boot-fail-$model-$n.log" | head -n 1)
		fine=$((fine + 1))
		echo "ok $number - $n tables: row $failed fails, and the kernel runs without isolation"
	elif boot "$n" on "$pcid" pti=on ""; then
		echo "ok $number - $n tables are enough: isolated"
		enough=1
		break
	else
		cat "$allow.why"
		if [ "$started" ]; then
			echo "not ok $number - $n tables: neither isolated nor marked as not isolated"
			bad=1
		else
			cat "$allow.out"
			echo "not ok $number - $n tables: the kernel did not start"
			bad=2
		fi
		break
	fi
done
if [ "$some" != 0 ] && [ "$enough" ]; then
	echo "not ok $number - no table was missing that was to be"
	bad=1
fi
# The image, cpu_entry_area and the vsyscall page have four tables or so each.
if [ "$some" = 0 ] && [ "$bad" = 0 ] && { [ -z "$enough" ] || [ "$number" -lt 7 ]; }; then
	echo "not ok $number - only $number numbers were tried, or none was enough"
	bad=1
fi
echo "# $((number - ${enough:-0})) failing points tried, $fine ended as defined"
echo "1..$number"
exit $bad
