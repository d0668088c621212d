#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the programs that measure real hardware (bench_hw.c), and run one of them here.

usage()
{
	cat <<'END'
Usage: bench-hw.sh [OPTION...]

Builds build/bench-hw/bench_hw_64 and bench_hw_32, which are static, and runs the first that
there is, with these options (its --help lists them). One that does not build is left out,
with the reason.

  --self-test  see what they say where there is no counter, and where something fails

Environment: HOSTCC=COMPILER replaces gcc, BUILD=DIR replaces build.
Exit status: 0 all was measured, 1 something was not, 2 a program was left out.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
dir=$build/bench-hw

# compile BITS [OPTION]
compile()
{
	rm -f "$dir/bench_hw_$1"
	${HOSTCC:-gcc} -m"$1" -std=gnu11 -O2 -Wall -Wextra ${2:+"$2"} -static \
		-o "$dir/bench_hw_$1" "$here/bench_hw.c"
}

# shellcheck disable=SC2317 # demand calls it
strictly()
{
	compile "$1" -Werror && echo "bench_hw_$1"
}

# said TEXT WHAT: by the program that ran last.
said()
{
	demand 0 "$1" "$2" cat "$tmp/said"
}

self_test()
{
	work_dir
	. "$here/demand.sh"
	dir=$tmp/bench-hw
	mkdir "$dir"
	${HOSTCC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -o "$tmp/no_counter" \
		"$here/no_counter.c" || die "cannot build no_counter.c"
	for bits in 64 32; do
		demand 0 "^bench_hw_$bits$" "$bits bits, without a warning" strictly "$bits"
		demand 0 "^counted  *no cycles: .*(Permission denied); time is used$" \
			"a counter that is refused" \
			"$tmp/no_counter" "$dir/bench_hw_$bits" --rounds 4
		mv "$tmp/out" "$tmp/said"
		for way in "getppid, int 0x80" "mprotect, and back" vfork+exec+exit; do
			said "^$way  *[0-9.]*  *[0-9]*  " "$way"
		done
	done
	# shellcheck disable=SC2016 # for the other shell
	demand 1 "^pipe, there and back  *not measured: Too many open files$" "no files" \
		sh -c 'ulimit -n 3; exec "$1" --rounds 4' - "$dir/bench_hw_64"
	mv "$tmp/out" "$tmp/said"
	said "^vfork+exec+exit  *[0-9.]*  *[0-9]*  " "what comes behind is measured"

	cat >"$tmp/cc" <<'END'
#!/bin/sh
case $* in
*-m32*) echo "no 32-bit library"; exit 1 ;;
esac
exec gcc "$@"
END
	chmod +x "$tmp/cc"
	demand 2 "^bench-hw.sh: left out: bench_hw_32, .*\"make deps\"" "no 32-bit library" \
		env BUILD="$tmp/build" HOSTCC="$tmp/cc" "$here/bench-hw.sh" --rounds 4
	mv "$tmp/out" "$tmp/said"
	said "^vfork+exec+exit  *[0-9.]*  *[0-9]*  " "the other program has run"
	demanded 14
	exit "$bad"
}

case ${1:-} in
--help|-h) usage; exit ;;
--self-test) self_test ;;
esac

mkdir -p "$dir"
rc=0 first=
for bits in 64 32; do
	if compile "$bits"; then
		: "${first:=$dir/bench_hw_$bits}"
	else
		echo "$me: left out: bench_hw_$bits, as it does not build: for 32 bits, gcc-multilib" \
			"is needed (\"make deps\" installs it)"
		rc=2
	fi
done
[ "$first" ] || exit "$rc"
"$first" "$@" || exit
exit "$rc"
