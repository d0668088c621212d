#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot, start the same kernel once more by kexec, and check there that it is
# isolated. Only the second kernel reaches the end mark.
#
# Usage: kexec-test.sh [--crash|--no5lvl] [MODEL]
#
# With --crash, the first kernel panics and the second one is its crash kernel; with
# --no5lvl, the second one has page tables of 4 levels, whatever the first one has.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}
crash='' no5lvl=''
case ${1:-} in
--crash) crash=1; shift ;;
--no5lvl) no5lvl=1; shift ;;
-*) die "unknown option $1 (--help explains)" ;;
esac
model=${1:-affected}
row=$(model_row "$model") || exit 2
levels=$(column "$row" 4)
# As status.sh takes them: PCID, INVPCID
case $(column "$row" 5) in
yes) ids="yes yes" ;;
only) ids="yes no" ;;
*) ids="no any" ;;
esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# A crash kernel comes up on the CPU that panicked; the others are halted.
cpus=2
parameters='$(cat /proc/cmdline) second'
name=kexec-$model
set -- --mem 512 --append pti=on
if [ "$no5lvl" ]; then
	[ "$levels" = 5 ] || die "--no5lvl: the model $model has page tables of $levels levels"
	levels=4
	parameters="$parameters no5lvl"
	name=kexec-no5lvl-$model
fi
if [ "$crash" ]; then
	cpus=1
	parameters="console=ttyS0 panic=-1 ignore_loglevel printk.devkmsg=on pti=on nr_cpus=1 reset_devices second"
	name=kexec-crash-$model
	set -- --mem 768 --append "pti=on crashkernel=256M" --allow "$here/allow/crash.txt"
fi

# The second kernel's program, behind the same initramfs.
mkdir -p "$tmp/second" "$tmp/first/boot"
echo "exec /pti/status.sh on yes $levels $cpus $ids pti=on" >"$tmp/second/run-program"
(cd "$tmp/second" && echo run-program | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$tmp/second.gz"
cat "$build/initramfs.cpio.gz" "$tmp/second.gz" >"$tmp/first/boot/initrd"
cp "$image/bzImage" "$tmp/first/boot/"
(cd "$tmp/first" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$tmp/first.gz"

"$here/run.sh" --image "$image" --model "$model" --cpus 2 "$@" --name "$name" --add "$tmp/first.gz" \
	"/pti/kexec_64 ${crash:+-p} /boot/bzImage /boot/initrd \"$parameters\""
grep -q 'Command line: .* second' "$logs/$name.log" || {
	echo "not ok - the second kernel did not start"
	exit 1
}
echo "ok - the second kernel started"
