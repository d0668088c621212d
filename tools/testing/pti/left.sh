#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the kernel leaves of itself in memory that the user page table maps: NMIs, machine
# checks, #DBs and #DFs are taken in the kernel, whose registers have marks in them, and
# then the mapped pages are read from outside (left.c).

usage()
{
	cat <<'END'
Usage: left.sh [OPTION...]

  --image DIR      where bzImage and vmlinux are (default: build)
  --model NAME     the machine, from models.txt, one of QEMU's (default: affected)
  --append ARGS    kernel parameters (default: pti=on)
  --events N       so many NMIs, machine checks and #DBs in kernel mode (default: 10000)
  --doubles N      so many #DFs, of IRETs of espfix that fail (default: 1000)
  --looks N        so many looks in user mode, at least (default: 1000)
  --places N       show at most so many places of each row (default: 24)
  --expect-hits    a check of the probe, on a kernel that shows its exception stacks: each
                   row of left-stacks.expected must have pointers and markers
  --time SECONDS   limit for the guest (default: 1800)
  --self-test      test how it tells pointers in text from other bytes, and nothing else
  --name NAME      name of the log in build/logs and of the report in build/results
                   (default: left, the model, and the image if it is another)

The guest has one CPU. The report begins with how many events it is of. Exit status: 0
nothing is left (with --expect-hits: something), 1 it is otherwise, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

image=$build model=${PTI_MODEL:-affected} append=pti=on places=24
events=10000 doubles=1000 looks=1000
limit=$((1800 * ${PTI_SLOW:-1})) name='' must='' stacks=''
while [ $# -gt 0 ]; do
	case $1 in
	--expect-hits)
		stacks=$here/left-stacks.expected
		shift
		continue ;;
	--self-test)
		work_dir
		${HOSTCC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -o "$tmp/test" \
			"$here/left_operand.c" "$here/operand_test.c" -lcapstone ||
			die "cannot build operand_test.c"
		"$tmp/test"
		exit ;;
	--help|-h) usage; exit 0 ;;
	esac
	[ $# -ge 2 ] || die "unknown option or no value: $1 (--help lists them)"
	case $1 in
	--image) image=$2 ;;
	--model) model=$2 ;;
	--append) append=$2 ;;
	--events) events=$2 ;;
	--doubles) doubles=$2 ;;
	--looks) looks=$2 ;;
	--places) places=$2 ;;
	--time) limit=$2 ;;
	--name) name=$2 ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift 2
done
case $events$doubles$looks$places$limit in
*[!0-9]*) die "--events, --doubles, --looks, --places and --time take numbers" ;;
esac
row=$(model_row "$model") || exit 2
[ "$(column "$row" 2)" != bochs ] || die "the model $model is of Bochs: one of QEMU is needed"
for f in bzImage vmlinux; do
	[ -r "$image/$f" ] || die "no $image/$f: \"make kernel\" or \"make stock\" makes it"
done
kind=
[ "$(cd "$image" && pwd)" = "$build" ] || kind=-$(basename "$image")
: "${name:=left$kind-$model}"

work_dir
mkdir -p "$results"
report=$results/$name.txt
rm -f "$report"
${HOSTCC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -o "$tmp/left" \
	"$here"/left*.c "$here"/walk_[!t]*.c "$here/walk_table.c" -lcapstone ||
	die "cannot build left.c"

cat "$here/exposure.expected" $stacks >"$tmp/expected"
for row in $(sed -n 's/^\([a-z_]*\) .*/\1/p' ${stacks:-/dev/null}); do
	must="$must --must $row"
done
[ -z "$stacks" ] || [ -n "$must" ] || die "no rows in $stacks"

cat >"$tmp/attached" <<END
rc=0
"$tmp/left" --expected "$tmp/expected" --text "$here/left-text.txt" \\
	--events $events --doubles $doubles --looks $looks --places $places $must \\
	--seed 1 --time $((limit - 30)) >"$tmp/report" 2>&3 || rc=\$?
echo \$rc >"$tmp/status"
# With findings, too, the guest comes to its end by itself.
[ \$rc -lt 2 ] || exit \$rc
END
begun=$(date +%s)
# KASLR has some 500 places for the kernel, one of which is where it is linked.
for boot in first second; do
	run_rc=0
	rm -f "$tmp/status"
	# The runner passes on only what it is to say itself: its progress, and that of the probe.
	run env PROGRESS=no "$here/run.sh" --image "$image" --model "$model" --append "$append" \
		--time "$limit" --name "$name" --allow "$here/allow/sweep.txt" --quiet \
		--attach "sh '$tmp/attached'" \
		/pti/sweep.sh "$limit" \
		"left.sh $limit marker_64 left_df_64 victim_64" 3>&2 2>"$tmp/errors" || run_rc=$?
	left_rc=2
	[ ! -s "$tmp/status" ] || left_rc=$(cat "$tmp/status")
	[ "$left_rc,$boot" = 3,first ] || break
	echo "left: once more"
done

if [ -s "$tmp/report" ]; then
	{
		echo "Demanded are $events NMIs, machine checks and #DBs each, and $doubles #DFs;" \
			"machine $model, \"$append\"${kind:+, the kernel ${kind#-}}:"
		cat "$tmp/report"
	} >"$report"
	cat "$report"
fi
echo "left: took $(($(date +%s) - begun)) s, report: $report"
[ "$run_rc$left_rc" != 00 ] || exit 0
[ "$run_rc" = 0 ] || cat "$tmp/errors" >&2
# Of a guest that did not come to its end, only what was found says something.
[ "$left_rc" != 1 ] || exit 1
echo "left: could not tell, log: $logs/$name.log" >&2
exit 2
