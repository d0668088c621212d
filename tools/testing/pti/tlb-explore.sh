#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build tlb_explore.c with the tlb.c and pti_*.h of a kernel tree, and run it.

usage()
{
	cat <<'END'
Usage: tlb-explore.sh [OPTION...]

Explores every order in which two CPUs can switch, flush and be interrupted, with
arch/x86/mm/tlb.c, pti_tlb.h and pti_pcid.h of the kernel tree as they are.

END
	"$tool" --help
	cat <<'END'
Environment: PTI_SOURCE=DIR is the kernel tree (default: build/linux), BUILD=DIR
replaces build, HOSTCC=gcc is the compiler.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

source=${PTI_SOURCE:-$build/linux}
for f in arch/x86/mm/tlb.c arch/x86/mm/mm_internal.h arch/x86/mm/pti_tlb.h \
	 arch/x86/mm/pti_pcid.h arch/x86/include/asm/pti.h; do
	[ -r "$source/$f" ] ||
		die "no $source/$f: \"make tree\" makes it, PTI_SOURCE=DIR is another tree with the series"
done
source=$(cd "$source" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The headers of the kernel that these files name are empty, but for our own.
sed -n 's/^#include <\(.*\)>.*/\1/p' "$source/arch/x86/mm/tlb.c" "$source/arch/x86/mm/pti_tlb.h" \
	"$source/arch/x86/mm/pti_pcid.h" "$source/arch/x86/include/asm/pti.h" |
	while read -r header; do
		mkdir -p "$tmp/include/${header%/*}"
		: >"$tmp/include/$header"
	done
cp "$source/arch/x86/include/asm/pti.h" "$tmp/include/asm/pti.h"

# At addresses that are always the same, which are in what is hashed.
tool=$tmp/tlb-explore
${HOSTCC:-gcc} -O2 -no-pie -fno-pie -Wall -Wno-unused-function -Wno-unused-variable \
	-I "$tmp/include" "-DTLB_C=\"$source/arch/x86/mm/tlb.c\"" -o "$tool" "$here/tlb_explore.c" \
	2>"$tmp/errors" || {
	cat "$tmp/errors" >&2
	die "$source/arch/x86/mm/tlb.c does not compile with tlb_kernel.h"
}

case " $* " in
*" --help "*|*" -h "*) usage; exit ;;
esac
rc=0
"$tool" "$@" || rc=$?
exit "$rc"
