#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Check the entry code of a vmlinux (entry_check.c says what is proved), or plant
# breaks in it and see that the checker finds each.

usage()
{
	cat <<'END'
Usage: entry-check.sh [OPTION...]
  --vmlinux FILE    the kernel, with symbols (default: build/vmlinux)
  --features FILE   its arch/x86/include/asm/cpufeatures.h (default: that of
                    the tree beside it, else build/linux)
  --sources DIR     its tree, for the comments of the entry code (default: the
                    one beside it, for a kernel in build/ also build/linux)
  --all-sets        also demand that this kernel was built for all sets of features
  --refused TEXT    demand that it cannot tell, and says TEXT (a regular expression)
  --breaks FILE     plant the breaks of that list
  --test            plant those of entry_check.mutants; try bad input, too
Exit status: 0 clean, 1 a finding or a break that is not found, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

vmlinux=$build/vmlinux features='' sources='' test='' all_sets='' breaks='' refused=''
while [ $# -gt 0 ]; do
	case $1 in
	--test) test=1; shift; continue ;;
	--all-sets) all_sets=1; shift; continue ;;
	--help|-h) usage; exit 0 ;;
	esac
	[ $# -ge 2 ] || die "unknown option or no value: $1 (--help lists them)"
	case $1 in
	--vmlinux) vmlinux=$2 ;;
	--features) features=$2 ;;
	--sources) sources=$2 ;;
	--breaks) breaks=$2 ;;
	--refused) refused=$2 ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift 2
done
[ -r "$vmlinux" ] || die "no $vmlinux: \"make kernel\" makes build/vmlinux"
header=arch/x86/include/asm/cpufeatures.h
if [ -z "$features" ]; then
	features=$(dirname "$(readlink -f "$vmlinux")")/linux/$header
	[ -r "$features" ] || features=$build/linux/$header
fi
if [ -z "$sources" ]; then
	sources=$(dirname "$(readlink -f "$vmlinux")")/linux
	case $(readlink -f "$vmlinux") in
	"$(readlink -f "${PTI_IMAGE:-$build}")"/*)
		[ -d "$sources" ] || sources=$build/linux
		;;
	esac
fi
[ -r "$features" ] || die "no $features: \"make tree\" makes it"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/pti-entry.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

tool=$build/host/entry_check
if [ ! -x "$tool" ] || [ "$(find "$here" -name '*.[ch]' -newer "$tool")" ]; then
	[ -r /usr/include/capstone/capstone.h ] ||
		die "no capstone/capstone.h: install libcapstone-dev (\"make deps\" does)"
	mkdir -p "$build/host"
	${HOSTCC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -o "$tmp/entry_check" \
		"$here"/entry_check*.c "$here"/walk_[!t]*.c "$here/walk_table.c" -lcapstone ||
		die "cannot build entry_check.c"
	mv "$tmp/entry_check" "$tool"
fi

allow=$here/entry_check.allow
check()
{
	"$tool" --expected "$here/exposure.expected" --features "$features" \
		--sources "$sources" --allow "$allow" "$@"
}

if [ -z "$test$refused" ]; then
	echo "Following the entry code of $vmlinux"
	check ${all_sets:+--all-sets} ${breaks:+--mutants "$breaks"} "$vmlinux"
	exit
fi

# could_not_tell REGEXP [OPTION] FILE: it ends with 2 and says so.
could_not_tell()
{
	rc=0
	regexp=$1
	shift
	check "$@" >"$tmp/out" 2>&1 || rc=$?
	if [ $rc != 2 ] || ! grep -q -e "$regexp" "$tmp/out"; then
		cat "$tmp/out"
		echo "$me: ended with $rc, or did not say \"$regexp\""
		exit 1
	fi
	echo "refused   $(grep -m 1 -e "$regexp" "$tmp/out" | cut -c1-150)"
}

if [ "$refused" ]; then
	could_not_tell "$refused" "$vmlinux"
	exit
fi

need objcopy binutils
strip -o "$tmp/stripped" "$vmlinux"
could_not_tell "no symbols" "$tmp/stripped"
head -c 1000000 "$vmlinux" >"$tmp/cut"
could_not_tell "cut short" "$tmp/cut"
echo text >"$tmp/text"
could_not_tell "not an ELF file" "$tmp/text"
could_not_tell "No such file" "$tmp/none"
# A kernel whose entry code has no such feature, one that has it not at all, and one
# that numbers its features otherwise
header()
{
	sed "$1" "$features" >"$tmp/other.h"
	(features=$tmp/other.h; could_not_tell "$2" "$vmlinux")
}
header '/define X86_FEATURE_PTI\>/s|7\*32+11) /\* "pti"|7*32+31) /*|' "in its entry text"
header '/define X86_FEATURE_PTI\>/d' "no X86_FEATURE_PTI"
header '/define X86_FEATURE_SMAP\>/s|9\*32+20|9*32+21|' "FEATURES=FILE"

# One without a function where paths begin, and one that says of it only where it is
objcopy --strip-symbol=asm_load_gs_index "$vmlinux" "$tmp/other"
could_not_tell "no function asm_load_gs_index" "$tmp/other"
objcopy --strip-symbol=entry_SYSCALL_64 \
	--add-symbol=entry_SYSCALL_64=.text:0,function,global "$vmlinux" "$tmp/other"
could_not_tell "no function entry_SYSCALL_64" "$tmp/other"

# What it was built without is no set: a thunk that is there for nothing is an empty
# function of C, which no other file can call
check --all-sets "$vmlinux" >"$tmp/out" 2>&1 || :
objcopy --strip-symbol=srso_return_thunk "$vmlinux" "$tmp/other"
check "$tmp/other" >>"$tmp/out"
for text in "has no srso_return_thunk" \
	$(nm "$vmlinux" | sed -n 's/.* t \([a-z_]*_return_thunk\)$/an.empty.\1/p' | sort -u); do
	grep "^left out: .* $text\$" "$tmp/out" || {
		cat "$tmp/out"
		echo "$me: did not say \"$text\""
		exit 1
	}
done
could_not_tell "forbids that" --all-sets "$tmp/other"

# What no path comes to is a finding, unless it is listed
grep -v '^reach' "$allow" >"$tmp/allow"
rc=0
(allow=$tmp/allow; check "$vmlinux") >"$tmp/out" 2>&1 || rc=$?
if [ $rc != 1 ] || ! grep '^nop_func: reach: no path comes here' "$tmp/out"; then
	cat "$tmp/out"
	echo "$me: ended with $rc, or did not say that nop_func is not reached"
	exit 1
fi

# Without sources it does what it can, and with others it sees what is missing in them
check --sources "$tmp/none" "$vmlinux" >"$tmp/out"
grep "^comments not checked: no sources" "$tmp/out"
mkdir -p "$tmp/tree/arch/x86"
cp -r "$sources/arch/x86/entry" "$tmp/tree/arch/x86"
sed -i 's/^\( \* \)In:\(.*RSP the end of the entry stack\)/\1\2/' \
	"$tmp/tree/arch/x86/entry/isolated_compat.S"
rc=0
check --sources "$tmp/tree" "$vmlinux" >"$tmp/out" 2>&1 || rc=$?
if [ $rc != 1 ] || [ "$(grep -c '^[a-zA-Z_0-9+]*: comment:' "$tmp/out")" != 1 ] ||
   ! grep '^isolated_SYSENTER_compat: comment: .* no comment says "In:"' "$tmp/out"; then
	cat "$tmp/out"
	echo "$me: ended with $rc, or did not say what comment is missing, and nothing else"
	exit 1
fi

# Each CR3 write has a break that drops it and one that doubles it, or is named
grep '^syscall-no-switch' "$here/entry_check.mutants" >"$tmp/few"
rc=0
check --every-cr3 --mutants "$tmp/few" "$vmlinux" >"$tmp/out" || rc=$?
if [ $rc != 1 ] || grep -q '^NO ROW drops.* isolated_SYSCALL_64' "$tmp/out" ||
   ! grep '^NO ROW doubles the CR3 write at isolated_SYSCALL_64' "$tmp/out" ||
   ! grep '^NO ROW drops the CR3 write at isolated_error_entry' "$tmp/out"; then
	cat "$tmp/out"
	echo "$me: ended with $rc, or did not say which CR3 writes have no rows"
	exit 1
fi

check --every-cr3 --mutants "$here/entry_check.mutants" "$vmlinux"
