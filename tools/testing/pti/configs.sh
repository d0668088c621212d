#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build each configuration of configs.txt, without a warning, and run its cases on
# it. Goes on where it was: what has passed is remembered in build/config/passed,
# and is due again when the kernel, the row or a test changes.

usage()
{
	cat <<'END'
Usage: configs.sh [PATTERN]
  PATTERN    only the configurations of configs.txt whose name matches

Environment: BUILD=DIR replaces build, J=N jobs, CCACHE_DIR=DIR is where objects are
cached (default: build/ccache). Packages are installed and tested as root.
Exit status: 0 all pass, 1 one does not, 2 could not tell.
END
}

set -eu
set -f
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

case ${1:-} in
--help|-h) usage; exit ;;
-*) die "unknown option $1 (--help explains)" ;;
esac
[ $# -le 1 ] || die "more than one pattern (--help explains)"
pattern=${1:-*}
state=$build/config/passed
[ -d "$build/linux/.git" ] || die "no build/linux: \"make tree\" makes it"
mkdir -p "$state" "$logs/config"
work_dir

# fails TEXT: of the configuration in $name.
fails()
{
	echo "[$number/$total] FAIL       $(($(date +%s) - begun)) s  $name: $*"
	failed="$failed $name"
}

rows "$here/configs.txt" | sed 's/[[:space:]]*|[[:space:]]*/|/g' >"$tmp/all"
while IFS= read -r row; do
	# shellcheck disable=SC2254 # a pattern is what it is meant to be
	case ${row%%|*} in
	@*) ;;
	$pattern) printf '%s\n' "$row" ;;
	esac
done <"$tmp/all" >"$tmp/rows"
total=$(wc -l <"$tmp/rows")
[ "$total" -gt 0 ] || die "no configuration matches \"$pattern\"; there are: $(
	sed '/^@/d; s/|.*//' "$tmp/all" | tr '\n' ' ')"

sum=$(linux_tree "$tmp/index")-$(sum_of_tests ! -name configs.txt)
number=0
failed=
while IFS='|' read -r name from differences compiler cases <&3; do
	number=$((number + 1))
	only=
	deb=
	slow=
	for case in $cases; do
		case $case in
		deb) deb=1; continue ;;
		slow) slow=8; continue ;;
		@*) case=$(awk -F'|' -v list="$case" '$1 == list { print $2 }' "$tmp/all") ;;
		esac
		for c in $case; do
			only="$only --only $c"
		done
	done
	passed=$state/$name-$(echo "$from|$differences|$compiler|$only|$deb|$slow|$sum" | cksum | cut -d' ' -f1)
	if [ -e "$passed" ]; then
		echo "[$number/$total] passed earlier     $name"
		continue
	fi
	begun=$(date +%s)
	[ ! "$deb" ] || [ "$(id -u)" = 0 ] || { fails "its package is tested as root"; continue; }
	echo "[$number/$total] building   $name: $from${differences:+, $differences}, $compiler"
	run env DEB=$deb "$top/base/kernel.sh" "config-$name" || { fails "it does not build"; continue; }
	[ ! -f "$build/logs/kernel-config-$name.log.warnings" ] || {
		head -n 5 "$build/logs/kernel-config-$name.log.warnings"
		fails "it builds with warnings"
		continue
	}
	# shellcheck disable=SC2086 # options and their values
	run env LOGS="$logs/config/$name" PTI_SLOW=$slow "$here/suite.sh" --image "$build/config/$name" $only ||
		{ fails "logs in $logs/config/$name"; continue; }
	[ ! "$deb" ] || run env LOGS="$logs/config/$name" "$here/deb-test.sh" "$name" ||
		{ fails "its package does not do; logs in $logs/config/$name"; continue; }
	: >"$passed"
	echo "[$number/$total] passed     $(($(date +%s) - begun)) s  $name"
done 3<"$tmp/rows"
[ -z "$failed" ] || echo "Failed:$failed"
echo "$((total - $(echo $failed | wc -w))) passed, $(echo $failed | wc -w) failed, 0 skipped"
[ -z "$failed" ]
