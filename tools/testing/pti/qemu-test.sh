#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Test the emulator that qemu.sh built: run the program that its patches bring,
# tests/tcg/x86_64/system/pcid.c, which follows the Intel SDM on what a TLB
# has to forget, on CPUs with the features and without, and on two CPUs. TAP, with
# what the program checks as subtests.
#
# Usage: qemu-test.sh [QEMU]	another emulator than build/qemu's

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

case ${1:-} in
-*) die "unknown option $1 (--help explains)" ;;
esac
qemu=${1:-$build/qemu/qemu-system-x86_64}
src=$build/qemu/src/tests/tcg
[ -x "$qemu" ] || die "no $qemu: \"make qemu-pcid\" builds it"
[ -r "$src/x86_64/system/pcid.c" ] || die "no $src: \"make qemu-pcid\" unpacks it"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/pti-qemu.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# As QEMU's own Makefile builds it.
${CC:-gcc} -nostdlib -static -no-pie -fno-pie -fno-stack-protector -O0 -Wall -Wextra -Werror \
	-mno-red-zone -mgeneral-regs-only -Wl,--build-id=none,--no-warn-execstack \
	-I"$src/minilib" -Wl,-T,"$src/x86_64/system/kernel.ld" -o "$tmp/pcid" \
	"$src/x86_64/system/pcid.c" "$src/x86_64/system/boot.S" "$src/minilib/printf.c" ||
	die "cannot build $src/x86_64/system/pcid.c"

number=0
bad=0
# Each with how many of them there are.
for machine in "max 2" "max,la57=off 1" "max,invpcid=off 2" "max,pcid=off,invpcid=off 1" \
	"Haswell 2" "max,vendor=AuthenticAMD 2" "max,smap=off,smep=off,nx=off 1"; do
	cpu=${machine% *}
	cpus=${machine#* }
	rc=0
	# Its messages, such as on a feature that TCG lacks, matter if it fails.
	timeout -k 5 60 "$qemu" -nodefaults -no-user-config -display none -machine pc \
		-accel tcg -cpu "$cpu" -smp "$cpus" -m 64 -no-reboot \
		-chardev "file,id=out,path=$tmp/out" -device isa-debugcon,chardev=out \
		-device isa-debug-exit,iobase=0xf4,iosize=0x4 \
		-kernel "$tmp/pcid" </dev/null 2>"$tmp/err" || rc=$?
	sed 's/^/    /' "$tmp/out"
	count=$(sed -n 's/^1\.\.//p' "$tmp/out")
	right=$(grep -c '^ok ' "$tmp/out" || :)
	number=$((number + 1))
	if [ "$rc" = 0 ] && [ "$count" ] && [ "$count" = "$right" ]; then
		echo "ok $number - $cpu, $cpus CPU: $count checks"
	else
		echo "not ok $number - $cpu, $cpus CPU: $right of ${count:-?} checks, status $rc"
		sed 's/^/# /' "$tmp/err"
		bad=1
	fi
done
echo "1..$number"
exit $bad
