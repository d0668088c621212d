#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test the emulator that qemu.sh built: run the programs that its patches bring, of
# tests/tcg/x86_64/system: pcid.c, which follows the Intel SDM on what a TLB has to
# forget, on CPUs with the features and without, and on two CPUs; and spec-ctrl.c, on
# which accesses of two MSRs are valid. TAP, with what they check as subtests.

usage()
{
	cat <<'END'
Usage: qemu-test.sh [QEMU]

Tests build/qemu/qemu-system-x86_64, or another emulator, on each of some CPUs.

Environment: BUILD=DIR replaces build, CC=gcc is the compiler of the test's program.
Exit status: 0 all checks pass, 1 one does not, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

case ${1:-} in
--help|-h) usage; exit ;;
-*) die "unknown option $1 (--help explains)" ;;
esac
qemu=${1:-$build/qemu/qemu-system-x86_64}
src=$build/qemu/src/tests/tcg
[ -x "$qemu" ] || die "no $qemu: \"make qemu-pcid\" builds it"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/pti-qemu.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# As QEMU's own Makefile builds them.
for program in pcid spec-ctrl; do
	[ -r "$src/x86_64/system/$program.c" ] ||
		die "no $src/x86_64/system/$program.c: \"make qemu-pcid\" unpacks it"
	${CC:-gcc} -nostdlib -static -no-pie -fno-pie -fno-stack-protector -O0 -Wall -Wextra -Werror \
		-mno-red-zone -mgeneral-regs-only -Wl,--build-id=none,--no-warn-execstack \
		-I"$src/minilib" -Wl,-T,"$src/x86_64/system/kernel.ld" -o "$tmp/$program" \
		"$src/x86_64/system/$program.c" "$src/x86_64/system/boot.S" \
		"$src/minilib/printf.c" || die "cannot build $src/x86_64/system/$program.c"
done

number=0
bad=0

# run_program PROGRAM CPU CPUS: its subtests, and whether it is content.
run_program()
{
	rc=0
	# Its messages, such as on a feature that TCG lacks, matter if it fails.
	timeout -k 5 60 "$qemu" -nodefaults -no-user-config -display none -machine pc \
		-accel tcg -cpu "$2" -smp "$3" -m 64 -no-reboot \
		-chardev "file,id=out,path=$tmp/out" -device isa-debugcon,chardev=out \
		-device isa-debug-exit,iobase=0xf4,iosize=0x4 \
		-kernel "$tmp/$1" </dev/null 2>"$tmp/err" || rc=$?
	sed 's/^/    /' "$tmp/out"
	count=$(sed -n 's/^1\.\.//p' "$tmp/out")
	right=$(grep -c '^ok ' "$tmp/out" || :)
	number=$((number + 1))
	if [ "$rc" = 0 ] && [ "$count" ] && [ "$count" = "$right" ]; then
		echo "ok $number - $1, $2, $3 CPU: $count checks"
	else
		echo "not ok $number - $1, $2, $3 CPU: $right of ${count:-?} checks, status $rc"
		sed 's/^/# /' "$tmp/err"
		bad=1
	fi
}

# Each with how many of them there are.
for machine in "max 2" "max,la57=off 1" "max,invpcid=off 2" "max,pcid=off,invpcid=off 1" \
	"Haswell 2" "max,vendor=AuthenticAMD 2" "max,smap=off,smep=off,nx=off 1"; do
	run_program pcid "${machine% *}" "${machine#* }"
done
for cpu in max max,spec-ctrl=off max,vendor=AuthenticAMD,ibpb=off \
	max,spec-ctrl=off,ibpb=off Haswell-IBRS Haswell; do
	run_program spec-ctrl "$cpu" 1
done
echo "1..$number"
exit $bad
