#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot, start the same kernel once more by kexec, and check there that it is
# isolated. Only the second kernel reaches the end mark.
#
# Usage: kexec-test.sh [MODEL]

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}
model=${1:-affected}
levels=$(column "$(model_row "$model")" 4)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# The second kernel's program, behind the same initramfs.
mkdir -p "$tmp/second" "$tmp/first/boot"
echo "exec /pti/status.sh on yes $levels 2 no" >"$tmp/second/run-program"
(cd "$tmp/second" && echo run-program | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$tmp/second.gz"
cat "$build/initramfs.cpio.gz" "$tmp/second.gz" >"$tmp/first/boot/initrd"
cp "$image/bzImage" "$tmp/first/boot/"
(cd "$tmp/first" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$tmp/first.gz"

"$here/run.sh" --image "$image" --model "$model" --cpus 2 --mem 512 --append pti=on \
	--name "kexec-$model" --add "$tmp/first.gz" \
	'/pti/kexec_64 /boot/bzImage /boot/initrd "$(cat /proc/cmdline) second"'
grep -q 'Command line: .* second' "$logs/kexec-$model.log" || {
	echo "not ok - the second kernel did not start"
	exit 1
}
echo "ok - the second kernel started"
