#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build tlb_explore.c with the tlb.c and pti_*.h of a kernel tree, and run it.

usage()
{
	cat <<'END'
Usage: tlb-explore.sh [OPTION...]

Explores every order in which two CPUs can switch, flush and be interrupted, with
arch/x86/mm/tlb.c, pti_opt_out.c, pti_tlb.h and pti_pcid.h of the kernel tree as they are, and
the two functions of process_64.c and pti_tlb.c that switch linear-address masking on.

  --events N              operations and NMIs, at most (default: 3)
  --mms N                 mms that run, 1 to 3 (default: 3)
  --mode NAME             only one of nopcid, pcid, invpcid
  --no-nmi                no NMIs
  --opt-out               also processes of one mm that opt out of isolation, and in
  --invlpg-keeps-globals  CPUs of which INVLPG leaves global translations with
                          PCID: those that the kernel uses no PCID on
  --time SECONDS          so long, at most
  --memory MB             so much memory, at most (default: what is available)
  --sources               print the files that it takes of the kernel tree, and end

Exit status: 0 nothing found, 1 found, with the story, 2 could not tell. One that ends
early, by --time, a signal or for want of memory, ends with 2, and with "PARTIAL, level L
of MODE" in its last line: all states of that mode with fewer than L events were seen,
and all of the modes before it.

Environment: PTI_SOURCE=DIR is the kernel tree (default: build/linux), BUILD=DIR
replaces build, HOSTCC=gcc is the compiler.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

sources="arch/x86/mm/tlb.c arch/x86/mm/mm_internal.h arch/x86/mm/pti_tlb.h arch/x86/mm/pti_tlb.c
	arch/x86/mm/pti_pcid.h arch/x86/include/asm/pti.h arch/x86/kernel/process_64.c
	arch/x86/mm/pti_opt_out.c arch/x86/include/asm/pti_opt_out.h"
case " $* " in
*" --help "*|*" -h "*) usage; exit ;;
" --sources ") echo $sources; exit ;;
esac
source=${PTI_SOURCE:-$build/linux}
for f in $sources; do
	[ -r "$source/$f" ] ||
		die "no $source/$f: \"make tree\" makes it, PTI_SOURCE=DIR is another tree with the series"
done
source=$(cd "$source" && pwd)
work_dir

# The headers of the kernel that these files name are empty, but for our own.
sed -n 's/^#include <\(.*\)>.*/\1/p' "$source/arch/x86/mm/tlb.c" "$source/arch/x86/mm/pti_tlb.h" \
	"$source/arch/x86/mm/pti_pcid.h" "$source/arch/x86/include/asm/pti.h" \
	"$source/arch/x86/mm/pti_opt_out.c" "$source/arch/x86/include/asm/pti_opt_out.h" |
	while read -r header; do
		mkdir -p "$tmp/include/${header%/*}"
		: >"$tmp/include/$header"
	done
mkdir -p "$tmp/include/asm"
for f in pti.h pti_opt_out.h; do
	cp "$source/arch/x86/include/asm/$f" "$tmp/include/asm/$f"
done
sed -n '/^void pti_enable_lam(/,/^}/p' "$source/arch/x86/mm/pti_tlb.c" >"$tmp/include/enable_lam.c"
sed -n '/^static void enable_lam_func(/,/^}/p' "$source/arch/x86/kernel/process_64.c" >>"$tmp/include/enable_lam.c"

# At addresses that are always the same, which are in what is hashed.
tool=$tmp/tlb-explore
${HOSTCC:-gcc} -O2 -no-pie -fno-pie -Wall -Wno-unused-function -Wno-unused-variable \
	-I "$tmp/include" "-DTLB_C=\"$source/arch/x86/mm/tlb.c\"" \
	"-DOPT_OUT_C=\"$source/arch/x86/mm/pti_opt_out.c\"" -o "$tool" "$here/tlb_explore.c" \
	2>"$tmp/errors" || {
	cat "$tmp/errors" >&2
	die "$source/arch/x86/mm/tlb.c does not compile with tlb_kernel.h"
}

# It hears of a signal, says how far it came and ends; only then is it over here.
trap '[ -z "$child" ] || kill "$child" 2>/dev/null || :' INT TERM HUP
"$tool" "$@" &
child=$!
rc=0
wait "$child" || rc=$?
while kill -0 "$child" 2>/dev/null; do
	rc=0
	wait "$child" || rc=$?
done
child=
[ "$rc" -le 2 ] || die "what it saw is lost, as it was killed: it ended with $rc"
exit "$rc"
