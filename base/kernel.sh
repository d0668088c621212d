#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build a kernel of the small configuration:
#
#	kernel.sh ours			build/, from build/linux as it is there
#	kernel.sh stock|stripped	build/stock, build/stripped
#	kernel.sh off|stockoff		build/off, build/stockoff: our and the stock
#					source, isolation configured off
#	kernel.sh size			build/size, from build/linux, without the options
#					of the series that are not the isolation itself
#	kernel.sh kunit			build/kunit, from build/linux, with the tests
#					that run in the kernel (kunit.config)
#	kernel.sh corners		build/corners, from build/linux, with what a distribution's
#					kernel has (corners.config)
#	kernel.sh stock-corners		build/stock/corners, the stock kernel with the same
#	kernel.sh NAME COMMIT		build/NAME, any commit
#	kernel.sh NAME-kunit COMMIT	build/NAME/kunit, the same with those tests; NAME-corners too
#	kernel.sh config-NAME		build/config/NAME, from build/linux, as configs.txt of
#					the test bed says
#	kernel.sh ANY-config-NAME COMMIT	build/ANY/config/NAME, the same of any commit
#	kernel.sh style - OBJECT...	no kernel, but these objects, with W=1 and sparse
#
# leaves bzImage, vmlinux and System.map there, and the objects in obj/. A line
# says how far it is, the full log is build/logs/kernel-NAME.log. With DIRS="DIR..."
# no kernel, but the objects of these directories; with DEB=1 Debian packages, too.

set -eu
base=$(cd "$(dirname "$0")" && pwd)
. "$base/lib.sh"

name=${1:?usage: kernel.sh NAME [COMMIT]}
commit=${2:-$name}

need git make gcc flex bison bc perl
[ -d "$linux/.git" ] || die "no build/linux: 'make tree' makes it"
mkdir -p "$logs"
log=$logs/kernel-$name.log
out=$build/$name
source=$out/linux
# The columns of configs.txt, which are these for what is not in there
from=small overlays= compiler=gcc
case $name in
config-*|*-config-*)
	row=$(rows "$top/tools/testing/pti/configs.txt" | sed 's/[[:space:]]*|[[:space:]]*/|/g' |
		grep "^${name##*config-}|") || die "no configuration ${name##*config-} in configs.txt"
	IFS='|' read -r _ from overlays compiler _ <<-END
	$row
	END
	;;
esac
case $name in
ours)
	out=$build
	source=$linux ;;
off|style|kunit|size|corners)
	source=$linux ;;
stock-corners)
	commit=stock
	out=$build/stock/corners
	source=$build/stock/linux ;;
*-kunit|*-corners)
	out=$build/${name%-*}/${name##*-}
	source=$out/linux ;;
config-*)
	out=$build/config/${name#config-}
	source=$linux ;;
*-config-*)
	out=$build/${name%%-config-*}/config/${name##*-config-}
	source=$out/linux ;;
stockoff)
	commit=stock
	source=$build/stock/linux ;;
esac
mkdir -p "$out"
exec 8>"$out/.kernel.lock"
flock -n 8 || {
	echo "kernel: $name: waiting for another build of it to end"
	flock 8
}

# A checkout of the commit. Files that stay the same are not touched.
checkout() {
	if ! git -C "$source" rev-parse -q --verify "$commit^0" >/dev/null 2>&1; then
		rm -rf "$source"
		git -C "$linux" worktree prune
		git -C "$linux" worktree add -q --detach --no-checkout "$source" "$commit" ||
			die "cannot check out $commit"
	fi
	rm -f "$(git -C "$source" rev-parse --git-path index.lock)"
	git -C "$source" checkout -q -f --detach "$commit" &&
		git -C "$source" reset -q --hard || die "cannot check out $commit"
}

# kmake TARGET...: run make, by the command $run if there is one
kmake() {
	# ccache makes paths relative, so __FILE__ needs a second prefix taken off.
	# The same source gives the same kernel, whoever builds it, and when
	${run:-} make -C "$source" O="$out/obj" "$@" LOCALVERSION= ${llvm:+LLVM=1} CC="$cc" \
		KCFLAGS="-fmacro-prefix-map=$prefix/=" \
		KBUILD_BUILD_TIMESTAMP=2024-01-01 KBUILD_BUILD_USER=pti \
		KBUILD_BUILD_HOST=pti KBUILD_BUILD_VERSION=1
}

failed() {
	grep -E '(error|Error|undefined|No space)' "$log" | head -n 5 >&2 || true
	tail -n 15 "$log" >&2
	die "$1; the full log is $log"
}

cc=$compiler
llvm=
[ "$cc" != clang ] || llvm=1
need "$cc" ${llvm:+ld.lld llvm-nm}
# A cache makes a first build a third slower. It pays where nearly the same source is
# built again and again, and for those who have one.
case $name:${CCACHE_DIR:+cache} in
mutant*|prefix*|*:cache) cache=$(command -v ccache || :) ;;
*) cache= ;;
esac
if [ "$cache" ]; then
	cc="ccache $cc"
	CCACHE_DIR=${CCACHE_DIR:-$build/ccache}
	CCACHE_BASEDIR=${CCACHE_BASEDIR:-$top}
	CCACHE_NOHASHDIR=1
	export CCACHE_DIR CCACHE_BASEDIR CCACHE_NOHASHDIR
fi

[ "$source" = "$linux" ] || checkout
space=1500
[ "$from" = small ] || space=8000
[ -f "$out/obj/vmlinux" ] || need_space $space
mkdir -p "$out/obj"
prefix=$(realpath -m --relative-to="$out/obj" "$source")
# What a configuration starts from, whole or as far as it differs from the defaults
target=alldefconfig
case $from in
small)
	target=allnoconfig
	start_from() { cat "$base/small.config"; } ;;
defconfig)
	start_from() { cat "$source/arch/x86/configs/x86_64_defconfig"; } ;;
debian-cloud)
	debian=/usr/src/linux-config-6.12/config.amd64_none_cloud-amd64.xz
	[ -f "$debian" ] || die "no $debian: install the package linux-config-6.12"
	start_from() { xz -dc "$debian"; } ;;
*) die "configs.txt: $name starts from $from, not from small, defconfig or debian-cloud" ;;
esac
differences() {
	case $name in
	off|stockoff)
		echo CONFIG_MITIGATION_PAGE_TABLE_ISOLATION=n
		printf "CONFIG_PTI_%s=n\n" DEBUGFS SYSFS AUDIT SWITCH OPT_OUT ;;
	size) printf "CONFIG_PTI_%s=n\n" DEBUGFS SYSFS AUDIT SWITCH OPT_OUT ;;
	kunit|*-kunit) cat "$base/kunit.config" ;;
	corners|*-corners) cat "$base/corners.config" ;;
	style)
		sed -n '/KUNIT/p' "$base/kunit.config"
		# For tboot.c and KVM, which the series changes
		printf 'CONFIG_%s=y\n' PCI_MSI IOMMU_SUPPORT INTEL_IOMMU INTEL_TXT VIRTUALIZATION KVM \
			KVM_INTEL KVM_AMD ;;
	esac
	for overlay in $overlays; do
		case $overlay in
		*.config) cat "$base/$overlay" ;;
		*) echo "CONFIG_$overlay" ;;
		esac
	done
}
# Of an option that stands there twice, the last value
last_values() {
	sed 's/^# \(CONFIG_[A-Za-z0-9_]*\) is not set$/\1=n/' |
		awk -F = '!/^#/ && NF { if (!($1 in v)) order[++n] = $1; v[$1] = $0 }
		      END { for (i = 1; i <= n; i++) print v[order[i]] }'
}
# An object is compiled once, and warns once: what a build made goes if it warned, so
# that the next one warns again
forget_warnings() {
	if grep -E 'warning:|^WARNING: modpost' "$log" | grep -v 'override: reassigning' >"$log.warnings"; then
		echo "kernel: $name: $(wc -l <"$log.warnings") warnings, in $log.warnings"
		rm -f "$out/obj/vmlinux"
		find "$out/obj" -name '*.o' -newer "$out/.begun" -delete
	else
		rm -f "$log.warnings"
	fi
	rm -f "$out/.begun"
}
# The last build did not end well
[ ! -f "$out/.begun" ] || forget_warnings >/dev/null

{ start_from; differences; } | last_values >"$out/config.wanted"
kmake KCONFIG_ALLCONFIG="$out/config.wanted" $target >"$log" 2>&1 ||
	failed "the configuration of $name failed"
# An option that this kernel has and that did not take effect would go unnoticed. What
# others have written also has options that nobody can set
{ [ "$from" != small ] || start_from; differences; } | last_values |
	awk '{ name = $0; sub(/=.*/, "", name); value = substr($0, length(name) + 2) }
	!/^CONFIG_/ { next }
	NR == FNR { have[name] = value; next }
	value != (name in have ? have[name] : "n") { print substr(name, 8), value }' \
	"$out/obj/.config" - | while read -r option value; do
	! git -C "$source" grep -q "^[[:blank:]]*\(menu\)\{0,1\}config $option\$" -- '*Kconfig*' ||
		die "CONFIG_$option=$value did not take effect in $name: something that it depends on has another value"
done || exit 1

if [ "$name" = style ]; then
	shift 2
	kmake -j"${J:-$(nproc)}" prepare >>"$log" 2>&1 || failed "nothing can be built"
	for object; do
		rm -f "$out/obj/$object"
	done
	kmake -j"${J:-$(nproc)}" W=1 C=2 "$@" >"$log" 2>&1 || failed "the build failed"
	exit
fi

total=
targets="bzImage vmlinux modules"
if [ "${DIRS:-}" ]; then
	# kbuild comes to these from the top, not by way of arch/x86
	targets=$(printf '%s/ ' $DIRS arch/x86/lib arch/x86/pci arch/x86/power)
elif [ ! -f "$out/obj/vmlinux" ] && [ "$from" = small ]; then
	total=" of about 1800"
fi
start=$(date +%s)
# What is newer was made by this build
touch "$out/.begun"
progress() {
	echo "kernel: $name: $(grep -cE '^  (AR|AS|CC|LD|HOSTCC|OBJCOPY|GEN|INSTALL|SIGN) ' \
		"$log")$total steps, $(($(date +%s) - start)) s"
}

# kmake in the background, and a line on how far it is. A process group of its own, to
# end all of it; the lock is not its to hold
make_targets() {
	(run="exec setsid"; kmake -j"${J:-$(nproc)}" "$@") >>"$log" 2>&1 8>&- &
	pid=$!
	trap 'end_ticker; kill -- -$pid 2>/dev/null; wait $pid; exit 1' HUP INT TERM
	start_ticker progress
	rc=0
	wait $pid || rc=$?
	end_ticker
	trap - HUP INT TERM
	return $rc
}
make_targets $targets || failed "the build of $name failed"

if [ "${DIRS:-}" ]; then
	forget_warnings
	echo "kernel: $name: the objects of $DIRS are ready ($(($(date +%s) - start)) s)"
	exit
fi
for file in arch/x86/boot/bzImage vmlinux System.map; do
	to=$out/${file##*/}
	if ! cmp -s "$out/obj/$file" "$to"; then
		cp "$out/obj/$file" "$to.new"
		mv "$to.new" "$to"
	fi
done
[ "${DEB:-}" ] || forget_warnings
echo "kernel: $name: $out/bzImage is ready ($(($(date +%s) - start)) s)"

# Packages as the kernel's own target makes them
if [ "${DEB:-}" ]; then
	need dpkg-buildpackage dh_builddeb
	rm -f "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo
	total=
	make_targets bindeb-pkg || failed "the packages of $name could not be made"
	forget_warnings
	ls "$out"/*.deb
fi
