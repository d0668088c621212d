#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the kernel's own x86 selftests, as they stand in the stock tree, on the
# stock kernel and on ours, isolated and not, and compare: nothing that passes
# on stock may fail on ours. Writes build/results/selftests-x86.txt.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

ours=${PTI_IMAGE:-$build}
stock=${STOCK_IMAGE:-$build/stock}
tree=${STOCK_TREE:-$build/stock/linux}
bin=$build/selftests-x86
out=$build/results/selftests-x86.txt
[ -f "$tree/tools/testing/selftests/x86/Makefile" ] ||
	die "no stock tree in $tree: \"make stock\" makes it"
mkdir -p "$bin" "$build/results" "$logs"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# All variables of an outer make would reach this one, OUTPUT among them.
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$tree/tools/testing/selftests/x86" \
	-j"${J:-$(nproc)}" OUTPUT="$bin" >"$logs/selftests-x86-build.log" 2>&1 || {
	tail -n 5 "$logs/selftests-x86-build.log" >&2
	die "the selftests do not build (full log: $logs/selftests-x86-build.log)"
}

# The programs, and the libraries of those that are not static, at the paths
# where they look for them.
root=$tmp/root
mkdir -p "$root/selftests"
for prog in "$bin"/*_64 "$bin"/*_32; do
	cp "$prog" "$root/selftests/"
	ldd "$prog" 2>/dev/null | tr ' \t' '\n' | grep '^/' || :
done | sort -u >"$tmp/libs"
for lib in $(cat "$tmp/libs") $(find /lib /lib32 /usr/lib32 /lib/x86_64-linux-gnu \
		-name 'libgcc_s.so.1' 2>/dev/null); do
	mkdir -p "$root$(dirname "$lib")"
	[ -e "$root$lib" ] || cp -L "$lib" "$root$lib"
done
strip --strip-debug "$root"/selftests/* 2>/dev/null || :
# Where QEMU 7.2 is at fault, and takes every kernel down: it reads the stack of
# a far return in user mode as the supervisor would (so no SMAP for these), and
# 32-bit SYSCALL on a CPU of Intel's jumps to 0 (so these run on AMD only).
far_return="sysret_ss_attrs_64 test_syscall_vdso_32"
amd_only="syscall_arg_fault_32"
cat >"$root/selftests/all.sh" <<'END'
cd /selftests
for t; do
	from=$(cut -d' ' -f1 /proc/uptime)
	timeout -k 5 60 "./$t" >/tmp/out 2>&1 </dev/null
	rc=$?
	cat /tmp/out
	echo
	echo "SELFTEST $t $rc $(grep -c '^\[FAIL\]\|^not ok' /tmp/out) $from $(cut -d' ' -f1 /proc/uptime)"
done
END
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$tmp/add.gz"

# guest KERNEL DIR MODEL COLUMN PARAMETERS TEST...: "KERNEL COLUMN test result",
# a line a test. What the kernel itself says is one result more.
guest()
{
	kernel=$1 dir=$2 model=$3 column=$4 append=$5
	shift 5
	raw=$tmp/raw-$kernel
	rc=0
	"$here/run.sh" --image "$dir" --model "$model" --cpus 2 --append "$append" --time 900 \
		--name "selftests-x86-$kernel-$model-$(echo "$append" | tr ' ' +)" \
		--add "$tmp/add.gz" -- sh /selftests/all.sh "$@" >"$raw" 2>"$raw.err" || rc=$?
	awk -v kernel="$kernel" -v column="$column" '
		$1 == "SELFTEST" {
			print kernel, column, $2, $3 == 0 && $4 == 0 ? "pass" : $3 == 4 ? "skip" : "fail"
		}' "$raw"
	if [ "$rc" = 0 ]; then
		echo "$kernel $column kernel-log pass"
	else
		echo "$kernel $column kernel-log fail"
		tail -n 4 "$raw.err" >&2
	fi
}

# without LIST TEST...: those that are not in the list.
without()
{
	list=$1
	shift
	for t; do
		case " $list " in
		*" $t "*) ;;
		*) echo "$t" ;;
		esac
	done
}

# run KERNEL DIR: all modes.
run()
{
	tests=$(without "$far_return" $(cd "$root/selftests" && echo *_64 *_32))
	for mode in affected:pti=on affected:nopti amd:pti=on; do
		model=${mode%:*}
		[ "$model" = amd ] && these=$tests || these=$(without "$amd_only" $tests)
		guest "$1" "$2" "$model" "$mode" "${mode#*:}" $these
		guest "$1" "$2" "$model" "$mode" "${mode#*:} clearcpuid=smap" $far_return
	done
}

# In a process group of its own, so that an interrupt here can end all of it.
set -m
run stock "$stock" >"$tmp/stock" &
other=$!
set +m
trap 'trap "" TERM; kill -- -$other; wait; exit 130' INT TERM HUP
run ours "$ours" >"$tmp/ours"
wait "$other"
cat "$tmp/stock" "$tmp/ours" >"$tmp/results"

rc=0
awk '
	{
		if (!($2 in is_mode)) { is_mode[$2] = 1; mode[++nm] = $2 }
		if (!($3 in is_test)) { is_test[$3] = 1; test[++nt] = $3 }
		if (r[$1, $2, $3] != "fail")
			r[$1, $2, $3] = $4
	}
	END {
		printf "%-28s", "stock / ours"
		for (m = 1; m <= nm; m++)
			printf " %-22s", mode[m]
		print ""
		for (t = 1; t <= nt; t++) {
			line = ""
			plain = 1
			for (m = 1; m <= nm; m++) {
				s = r["stock", mode[m], test[t]]
				o = r["ours", mode[m], test[t]]
				if (s == "") s = "missing"
				if (o == "") o = "missing"
				mark = ""
				total[s == o ? "same" : "other"]++
				stock_passes[m] += s == "pass"
				if (s == "pass" && o == "pass")
					passed++
				else
					plain = 0
				if (s == "pass" && o != "pass") {
					mark = "  <--"
					bad++
				}
				line = line sprintf(" %-22s", s " / " o mark)
			}
			printf "%-28s%s\n", test[t], line
		}
		printf "%d results, %d pass on both, %d differ, %d pass on stock and not on ours\n", \
			nt * nm, passed, total["other"], bad
		# Of fewer than there are, a guest has broken off, and shows nothing.
		for (m = 1; m <= nm; m++)
			if (stock_passes[m] < 40) {
				printf "%s: only %d pass on stock\n", mode[m], stock_passes[m]
				bad++
			}
		exit bad > 0 || nm != 3
	}' "$tmp/results" >"$tmp/table" || rc=$?
mv "$tmp/table" "$out"
cat "$out"
echo "$me: $out"
exit "$rc"
