#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the emulator that can show a missing flush: Debian's QEMU source with
# the patches in qemu/, which give its x86 emulation PCIDs and a TLB that
# keeps translations for as long as the architecture lets a CPU keep them.
# Only the machine "pc" is built, into build/qemu.

usage()
{
	cat <<'END'
Usage: qemu.sh

Builds build/qemu/qemu-system-x86_64 of Debian's QEMU source and the patches in qemu/.
What is done is not done again; an interrupted run goes on where it was.

Environment: J=N jobs (default: one a processor), BUILD=DIR replaces build,
CCACHE_DIR=DIR is where objects are cached (default: build/ccache).
Exit status: 0 it is built, 2 it could not be.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

only_help "$@"
need dpkg-source dpkg-dev
need quilt quilt
need ninja ninja-build
need meson meson
need rsync rsync
mkdir -p "$build/qemu"
out=$(cd "$build/qemu" && pwd)
log=$out/log
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# step TEXT COMMAND...: run it, with the end of its log every ten seconds.
step()
{
	what=$1
	shift
	begun=$(date +%s)
	"$@" >"$log" 2>&1 </dev/null &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		sleep 1
		spent=$(($(date +%s) - begun))
		[ $((spent % 10)) != 0 ] || [ "$spent" = 0 ] ||
			echo "$me: $what, $spent s: $(tail -n 1 "$log" | tr -d '\r' | cut -c1-60)"
	done
	rc=0
	wait "$child" || rc=$?
	child=
	[ "$rc" = 0 ] && return
	tail -n 8 "$log" | sed 's/^/  | /' >&2
	die "$what failed (full log: $log)"
}

# The source, by a list of sources of its own: the system's may have binary
# packages only, and is left alone.
fetch()
{
	mkdir -p "$out/apt/lists/partial" "$out/apt/archives/partial" "$out/package.new"
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	apt-get indextargets --format 'deb-src @ $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		"Created-By: Packages" "Origin: Debian" |
		sed -e "s|@|$([ ! -r $keys ] || echo "[signed-by=$keys]")|" -e '/ main$/!d' |
		sort -u >"$out/apt/sources.list"
	[ -s "$out/apt/sources.list" ] ||
		die "apt-get knows no package source of Debian: see /etc/apt/sources.list"
	set -- -o "Dir::Etc::sourcelist=$out/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State::lists=$out/apt/lists" -o "Dir::Cache=$out/apt" -o APT::Sandbox::User=root
	step "reading Debian's list of sources" apt-get "$@" update
	# The .dsc comes first, and what it names may not: an interrupted download goes on
	# where it was, and has the name of the whole one when apt-get has checked it.
	cd "$out/package.new"
	step "downloading QEMU's source" apt-get "$@" source --download-only qemu
	cd "$top"
	rm -rf "$out/package"
	mv "$out/package.new" "$out/package"
}

# unpack: src, patched; apt-get has looked at the signature already. What a change of
# a patch leaves as it was keeps its time, so that it is not compiled again.
unpack()
{
	rm -rf "$out/new"
	step "unpacking" dpkg-source --no-check -x "$dsc" "$out/new"
	printf '%s\n' CONFIG_I440FX=y CONFIG_ISAPC=y CONFIG_ISA_DEBUG=y \
		>"$out/new/configs/devices/x86_64-softmmu/pc-only.mak"
	(
		cd "$out/new"
		QUILT_PATCHES=$here/qemu QUILT_PC=.pc-pti quilt --quiltrc=- push -a >"$log" 2>&1
	) || {
		tail -n 4 "$log" | sed 's/^/  | /' >&2
		die "the patches in $here/qemu do not apply to $(basename "$dsc" .dsc)"
	}
	step "copying" rsync -rlp --checksum --delete "$out/new/" "$out/src/"
	rm -rf "$out/new"
}

find_dsc()
{
	dsc=$(find "$out/package" -name 'qemu_*.dsc' 2>/dev/null | sort | tail -n 1)
}

find_dsc
if [ -z "$dsc" ]; then
	fetch
	find_dsc
	[ "$dsc" ] || die "no qemu_*.dsc came (full log: $log)"
fi
key=$(cat "$here/qemu.sh" "$dsc" "$here/qemu/series" "$here"/qemu/*.patch | cksum)
if [ -x "$out/qemu-system-x86_64" ] && [ "$key" = "$(cat "$out/key" 2>/dev/null)" ]; then
	exit 0
fi
if [ "$key" != "$(cat "$out/src.key" 2>/dev/null)" ]; then
	unpack
	echo "$key" >"$out/src.key"
fi
# Firmware is that of Debian's packages, which the test bed has anyway.
set -- --target-list=x86_64-softmmu --without-default-features --without-default-devices \
	--with-devices-x86_64=pc-only --enable-tcg --enable-fdt=system --disable-debug-info \
	--meson=/usr/bin/meson --with-git-submodules=ignore \
	--firmwarepath=/usr/share/qemu:/usr/share/seabios --cc="ccache gcc"
[ "$*" = "$(cat "$out/configured" 2>/dev/null)" ] || rm -rf "$out/obj"
mkdir -p "$out/obj"
cd "$out/obj"
CCACHE_DIR=${CCACHE_DIR:-$out/../ccache}
export CCACHE_DIR
if [ ! -f build.ninja ]; then
	step "configuring QEMU" ../src/configure "$@"
	echo "$*" >"$out/configured"
fi
step "compiling QEMU" ninja -j "${J:-$(nproc)}" qemu-system-x86_64
cp qemu-system-x86_64 "$out/qemu-system-x86_64.new"
mv "$out/qemu-system-x86_64.new" "$out/qemu-system-x86_64"
echo "$key" >"$out/key"
echo "$me: built $out/qemu-system-x86_64, of $(basename "$dsc" .dsc)"
