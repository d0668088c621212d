#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does each test catch what it is there for? mutants/*.patch hold planted
# breaks; each is applied to a copy, and the test that it names has to fail.
#
# The head of a mutant, before the patch, says what breaks and has the lines
#
#	Caught-by: CASE		name of a case of cases.txt, or a pattern for several;
#				can be repeated: each has to fail
#	Says: REGEXP		what the failing cases print, and do not print without the mutant; can
#				be repeated: each has to be printed by one of them, and each
#				prints one. That a program of a guest failed is the suite's word,
#				and not the case's
#	Still: REGEXP		what one of them prints all the same, as without the mutant
#	Where: kernel		the patch is for the kernel tree of the series (default)
#	Where: repository	the patch is for this repository
#	Kernel: kunit		the case needs the kernel that has tests in it
#	Kernel: config-NAME	the case runs on that configuration of configs.txt
#
# A mutant of the kernel is built in build/mutant, from objects that the ones
# before it left there, unless only tlb-explore is to catch it, which compiles the
# sources (PTI_SOURCE). One of the repository runs in
# build/mutants/checkout.
# Breaks of the policy table are rows.mutants', which rows-mutate.sh plants in memory.
# What was caught is remembered, so that an interrupted run goes on where it
# was; a change of the mutant, of the kernel or of the tests makes it due again.

usage()
{
	cat <<'END'
Usage: mutants.sh [--by CASE | --sample N | --list] [PATTERN]
  --by CASE    only the mutants that name this case, and that case alone
  --sample N   N of the kernel's that no kernel is built for, as tlb-explore catches
               them, and N of the tests' that are caught in seconds. They are drawn by
               the sum of the kernel tree and the tests, anew after a change of them;
               what was caught earlier is planted again
  --list       print the names and end
  PATTERN      only the mutants whose name matches

Environment: BUILD=DIR replaces build, J=N jobs, CCACHE_DIR=DIR is where objects are
cached (default: build/ccache).
Exit status: 0 each is caught, 1 one is not, 2 could not tell.
END
}

set -eu
set -f
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

by= sample= list=
while [ $# -gt 0 ]; do
	case $1 in
	--list) list=1; shift; continue ;;
	--help|-h) usage; exit ;;
	-*) [ $# -ge 2 ] || die "unknown option or no value: $1 (--help lists them)" ;;
	*) break ;;
	esac
	case $1 in
	--by) by=$2 ;;
	--sample) sample=$2 ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift 2
done
[ $# -le 1 ] || die "more than one pattern (--help explains)"
case ${sample:-1} in
*[!0-9]*) die "--sample $sample: not a number" ;;
esac
if [ "$by$sample" ]; then
	# Not among those of a suite that this may be a case of
	logs=$logs/mutants/${by:-sample}
	LOGS=$logs
	export LOGS
fi
# Cases that look at nothing but the host, or at the kernel that is there.
cheap=" audit-test pcid bench-report ptaudit ptictl "
pattern=${1:-*}
state=$build/mutants
linux=$build/linux
mkdir -p "$state/done" "$logs/mutants"
work_dir

# field FILE NAME: the values of a line of the head.
field()
{
	sed -e '/^--- /q' "$1" | sed -n "s/^$2: *//p"
}

# commit TREE TEXT: the same tree is the same commit, whenever it is made.
commit()
{
	GIT_AUTHOR_NAME=pti GIT_AUTHOR_EMAIL=pti@localhost GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' \
	GIT_COMMITTER_NAME=pti GIT_COMMITTER_EMAIL=pti@localhost GIT_COMMITTER_DATE='2024-01-01T00:00:00Z' \
		git -C "$linux" commit-tree "$1" -m "$2"
}

# kernel_mutant PATCH: build it as build/mutant.
kernel_mutant()
{
	GIT_INDEX_FILE=$tmp/index
	export GIT_INDEX_FILE
	git -C "$linux" read-tree "$base"
	git -C "$linux" apply --cached --recount -C1 "$1" 2>"$tmp/apply" || {
		unset GIT_INDEX_FILE
		cat "$tmp/apply"
		echo "the patch does not apply to build/linux"
		return 1
	}
	mutated=$(commit "$(git -C "$linux" write-tree)" "mutant")
	rm -rf "$tmp/source"
	(cd "$linux" && git checkout-index --prefix="$tmp/source/" \
		$("$here/tlb-explore.sh" --sources))
	unset GIT_INDEX_FILE
	[ "$caught_by" != tlb-explore ] || return 0
	run "$top/base/kernel.sh" "mutant${variant:+-$variant}" "$mutated"
}

# repository_copy: the checkout as it stands, with the kernels beside it.
repository_copy()
{
	mkdir -p "$state/checkout/build"
	rsync -a --delete --exclude=/build "$top/" "$state/checkout/" || return 1
	mkdir -p "$state/checkout/build/obj/lib"
	for f in bzImage vmlinux System.map initramfs.cpio.gz obj/lib/test_module.ko \
		 obj/lib/test_static_key_base.ko obj/lib/test_static_keys.ko; do
		[ ! -e "$build/$f" ] || ln -sf "$build/$f" "$state/checkout/build/$f"
	done
}

# words CASE OUTPUT LOGS: what cases say themselves. Where a guest's run has ended badly, the
# suite has a line for each of its programs, whatever that said, and counts and lists them.
words()
{
	# The suite shows the end of what a case says; its log has all of it.
	set +f
	{
		sed -e '/^\[ *[0-9]*\/[0-9]*\] /d' -e '/^Failed:$/,$d' -e '/^[0-9]* min [0-9]* s;/,$d' "$2"
		cat "$3"/suite/$1.log 2>/dev/null
	} | tr -d '\r\000'
	set -f
}

# judge NAME PATCH: 0 if the named case fails with what it has to say.
judge()
{
	caught_by=${by:-$(field "$2" Caught-by)}
	[ "$caught_by" ] || { echo "no line \"Caught-by:\" in the head"; return 1; }
	variant=$(field "$2" Kernel)
	[ "$caught_by" != tlb-explore ] || variant=
	case $(field "$2" Where) in
	repository)
		repository_copy || return 1
		suite=$state/checkout/tools/testing/pti/suite.sh
		image=$state/checkout/build
		beside=$image
		sources=$linux
		green=$build
		(cd "$state/checkout" && patch -s -p1 --no-backup-if-mismatch <"$2") || {
			echo "the patch does not apply to the checkout"
			return 1
		}
		# What the checks of the base look at is made by what is mutated; that
		# it cannot be made is for the check to say.
		case $caught_by in
		check-*) run env -u MAKEFLAGS CCACHE_DIR="${CCACHE_DIR:-$build/ccache}" \
			make -C "$state/checkout" tree DEPS=no || : ;;
		esac
		;;
	kernel|"")
		kernel_mutant "$2" || { echo "it does not build"; return 1; }
		suite=$here/suite.sh
		image=$build/mutant
		beside=$build
		sources=$tmp/source
		green=$build
		case $variant in
		config-*)
			image=$image/config/${variant#config-}
			green=$green/config/${variant#config-}
			run "$top/base/kernel.sh" "$variant" || return 1
			;;
		esac
		;;
	*) echo "Where: kernel or repository"; return 1 ;;
	esac

	# With --by, what the other cases say is not asked for.
	field "$2" Says >"$tmp/says"
	[ "$by" != tlb-explore ] || [ "$(field "$2" Caught-by)" = "$by" ] ||
		sed -i '/^FOUND/!d' "$tmp/says"
	[ -s "$tmp/says" ] || { echo "no line \"Says:\" in the head"; return 1; }

	# A case that fails anyway would catch everything.
	: >"$tmp/said"
	for case in $caught_by; do
		mark=$state/done/green-$(printf %s "$variant$case" | tr -c 'A-Za-z0-9.=-' _)-$tests
		if [ ! -e "$mark" ]; then
			rc=0
			run "$here/suite.sh" --image "$green" --only "$case" >"$tmp/suite" 2>&1 || rc=$?
			cat "$tmp/suite"
			[ "$rc" = 0 ] || {
				echo "the case fails without the mutant, or there is none: $case"
				return 1
			}
			words "$case" "$tmp/suite" "$logs" >"$mark.new"
			mv "$mark.new" "$mark"
		fi
		while IFS= read -r says; do
			! grep -q -e "$says" "$mark" || {
				echo "the case says \"$says\" without the mutant, too: $case"
				return 1
			}
		done <"$tmp/says"
		rc=0
		run env CCACHE_DIR="${CCACHE_DIR:-$build/ccache}" BUILD="$beside" PTI_SOURCE="$sources" \
			"$suite" --image "$image" --only "$case" >"$tmp/suite" 2>&1 || rc=$?
		cat "$tmp/suite"
		case $rc in
		1) ;;
		0) echo "the case passed: $case"; return 1 ;;
		*) echo "the case could not be run: $case"; return 1 ;;
		esac
		words "$case" "$tmp/suite" "${LOGS:-$beside/logs}" >"$tmp/case"
		grep -q -f "$tmp/says" "$tmp/case" || {
			echo "the case failed, but said nothing that it has to: $case"
			return 1
		}
		cat "$tmp/case" >>"$tmp/said"
	done
	[ "$by" ] || field "$2" Still >>"$tmp/says"
	while IFS= read -r says; do
		grep -q -e "$says" "$tmp/said" || {
			echo "the case failed, but without saying \"$says\""
			return 1
		}
	done <"$tmp/says"
}

set --
set +f
for patch in "$here"/mutants/*.patch; do
	[ -f "$patch" ] || continue
	name=$(basename "$patch" .patch)
	# shellcheck disable=SC2254 # a pattern is what it is meant to be
	case $name in
	$pattern) [ -n "$by" ] && ! field "$patch" Caught-by | grep -q -x "$by" || set -- "$@" "$patch" ;;
	esac
done
set -f
[ $# -gt 0 ] || die "no mutant matches \"$pattern\"${by:+ and names $by} (--list prints them)"
if [ "$list" ]; then
	for patch; do
		basename "$patch" .patch
	done
	exit
fi
[ -d "$linux/.git" ] || die "no build/linux: \"make tree\" makes it"

base=$(commit "$(linux_tree "$tmp/index")" "what the mutants start from")
tests=$( (sum_of_tests; echo "$base") | cksum | cut -d' ' -f1)

progress()
{
	echo "[$number/$total] $name, $1 s"
}

# cheaply PATCH: the case that catches it without a kernel of its own, if there is one.
cheaply()
{
	cases=$(field "$1" Caught-by)
	case $(field "$1" Where):$cheap in
	repository:*" $cases "*) echo "$cases" ;;
	repository:*) ;;
	*) echo "$cases" | grep -x tlb-explore || : ;;
	esac
}

if [ "$sample" ]; then
	for patch; do
		name=$(basename "$patch" .patch)
		[ -z "$(cheaply "$patch")" ] ||
			echo "$(echo "$tests $name" | cksum | cut -d' ' -f1) $name $(field "$patch" Where)"
	done | sort -n >"$tmp/cheap"
	set --
	for name in $(awk -v n="$sample" '++seen[$3 == "repository"] > n { next } { print $2 }' "$tmp/cheap"); do
		set -- "$@" "$here/mutants/$name.patch"
	done
	echo "$# of the $(wc -l <"$tmp/cheap") that no kernel is built for, by the sum $tests"
	[ $# -gt 0 ] || die "there is none"
fi

total=$#
number=0
passed=0
failed=
planted=0
started=$(date +%s)
for patch; do
	number=$((number + 1))
	name=$(basename "$patch" .patch)
	[ -z "$sample" ] || by=$(cheaply "$patch")
	key=$state/done/$name-${by:+$by-}$(cksum <"$patch" | cut -d' ' -f1)-$tests
	if [ -e "$key" ] && [ -z "$sample" ]; then
		passed=$((passed + 1))
		echo "[$number/$total] caught earlier     $name"
		continue
	fi
	log=$logs/mutants/$name.log
	begun=$(date +%s)
	left=
	[ "$planted" = 0 ] ||
		left=", about $((((begun - started) * (total - number + 1) / planted + 59) / 60)) min left if the others are all due"
	planted=$((planted + 1))
	echo "[$number/$total] planting   $name$left"
	start_ticker progress
	if judge "$name" "$patch" >"$log" 2>&1; then
		: >"$key"
		passed=$((passed + 1))
		echo "[$number/$total] caught     $(($(date +%s) - begun)) s  $name, by $(echo ${by:-$(field "$patch" Caught-by)})"
	else
		failed="$failed $name"
		echo "[$number/$total] NOT CAUGHT $(($(date +%s) - begun)) s  $name"
		tail -n 5 "$log" | sed 's/^/        /'
		echo "        full log: $log"
	fi
	end_ticker
done
[ -z "$failed" ] || echo "Not caught:$failed"
echo "$passed passed, $(echo $failed | wc -w) failed, 0 skipped"
[ -z "$failed" ]
