#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make the initramfs of the guests: a static busybox, the init script, the
# guest programs of the test bed, the kselftests of the series and the tools of
# tools/pti, built static. The same input gives the same bytes.
#
# It is a row of small archives, one a program, which also stand in build/guest:
# a guest that needs few of them starts sooner with few (run.sh).
#
# Usage: mkinitramfs.sh [OUTPUT]
# KTREE is the kernel tree whose kselftest headers the programs include.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

out=${1:-$build/initramfs.cpio.gz}
ktree=${KTREE:-$build/linux}
cc=${GUEST_CC:-gcc}
tests=${TESTS:-$top/tools/testing/selftests/x86/pti}
bin=$build/guest

busybox=$(command -v busybox) || die "no busybox here: install the package busybox-static"
if ldd "$busybox" >/dev/null 2>&1; then
	die "$busybox is not static: install the package busybox-static"
fi
need cpio cpio
[ -f "$ktree/tools/testing/selftests/kselftest_harness.h" ] ||
	die "no kselftest headers in $ktree: run \"make tree\" first, or set KTREE"

# A program whose source or header is newer is built again. Those of the test
# bed first: guest/NAME.c becomes NAME_64 and, if its opening
# comment has a line "Bits: 64 32", NAME_32 too.
mkdir -p "$bin" "$(dirname "$out")"
programs=
for src in "$here"/guest/*.c; do
	[ -f "$src" ] || continue
	bits=$(sed -n '1,40s/.*Bits: *\([0-9 ]*[0-9]\).*/\1/p' "$src")
	for b in ${bits:-64}; do
		prog=$(basename "$src" .c)_$b
		programs="$programs $prog"
		if [ -z "$(find "$bin/$prog" -newer "$src" 2>/dev/null)" ] ||
		   [ "$(find "$here"/guest -name '*.h' -newer "$bin/$prog")" ]; then
			$cc -m"$b" -std=gnu11 -O2 -g0 -Wall -D_GNU_SOURCE= \
				-static -pthread -fno-pie -no-pie \
				-o "$bin/$prog" "$src" || die "cannot build $src for $b bit"
		fi
	done
done
if [ -f "$tests/Makefile" ]; then
	make -s -j"${J:-$(nproc)}" -C "$tests" CC="$cc" OUT="$bin" KSFT_INC="$ktree/tools/testing/selftests" ||
		die "cannot build the programs of $tests"
	programs="$programs $(make -s -C "$tests" OUT="$bin" list)"
fi

root=$(mktemp -d)
trap 'rm -rf "$root" "$out.new"' EXIT
trap 'exit 130' INT TERM HUP

# pack ARCHIVE: what is in $root, with nothing in it that differs from run to run.
pack()
{
	chmod -R go-w,a+rX "$root"
	find "$root" -exec touch -h -d @0 {} +
	(cd "$root" && find . | LC_ALL=C sort |
		cpio --quiet -o -H newc -R 0:0 --reproducible) >"$1.cpio"
	gzip -9nc "$1.cpio" >"$1.new"
	rm "$1.cpio"
	mv "$1.new" "$1"
}

mkdir -p "$root/bin" "$root/sbin" "$root/usr/bin" "$root/usr/sbin" "$root/pti" \
	"$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/etc" "$root/root"
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
cp "$here/guest/init" "$root/init"
for f in "$here"/guest/*.sh; do
	cp "$f" "$root/pti/"
done
# What must have run somewhere when the suite is over.
[ ! -f "$tests/Makefile" ] || make -s -C "$tests" OUT="$bin" list | tr ' ' '\n' >"$root/pti/list"
chmod +x "$root/init" "$root"/pti/*.sh
pack "$bin/base.cpio.gz"

set -- "$bin/base.cpio.gz"
for prog in $programs; do
	piece=$bin/$prog.cpio.gz
	if [ -z "$(find "$piece" -newer "$bin/$prog" 2>/dev/null)" ]; then
		rm -rf "$root"
		mkdir -p "$root/pti"
		strip -s -o "$root/pti/$prog" "$bin/$prog"
		pack "$piece"
	fi
	set -- "$@" "$piece"
done
# The tools of administrators, as they are installed.
piece=$bin/tools.cpio.gz
if [ -z "$(find "$piece" 2>/dev/null)" ] || [ "$(find "$top/tools/pti" -type f -newer "$piece")" ]; then
	rm -rf "$root"
	mkdir -p "$root"
	make -s -C "$top/tools/pti" install WERROR=-Werror CC="$cc" LDFLAGS=-static OUT="$bin/tools" \
		DESTDIR="$root" prefix=/usr || die "cannot build the programs of tools/pti"
	strip -s "$root"/usr/bin/*
	pack "$piece"
fi
set -- "$@" "$piece"
cat "$@" >"$out.new"
if cmp -s "$out.new" "$out"; then
	exit
fi
mv "$out.new" "$out"
echo "$me: $out, $(wc -c <"$out") bytes, $(echo $programs | wc -w) programs"
