#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Install the kernel package of a configuration with dpkg into a Debian root that
# mmdebstrap makes, boot it, and log in on the serial console: systemd has to come
# up to the prompt, and the kernel has to be isolated.
#
# Usage: deb-test.sh [CONFIGURATION]	(default: debian-cloud)
#
# The root is made once and kept in build/deb, until what goes into it changes.
# Exit status: 0 passed, 1 failed, 2 could not tell.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

config=${1:-debian-cloud}
limit=1800
set +f
set -- "$build/config/$config"/linux-image-*.deb
[ -f "$1" ] || die "no kernel package of $config: \"make deb CONFIG=$config\" makes it"
[ $# = 1 ] || die "several kernel packages in $build/config/$config: remove those that are old"
deb=$1
release=$(dpkg-deb -f "$deb" Package)
release=${release#linux-image-}
need mmdebstrap mmdebstrap
need mke2fs e2fsprogs
need qemu-system-x86_64 qemu-system-x86
[ "$(id -u)" = 0 ] || die "a root with its owners and devices needs root"

out=$build/deb
log=$logs/deb-$config.log
mkdir -p "$out" "$logs"
tmp=$(mktemp -d)
guest=
reader=
cleanup()
{
	trap '' INT TERM HUP
	end_ticker
	for p in $guest $reader; do
		kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || :
	done
	rm -rf "$tmp" "$out/root.$$"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# logged TEXT COMMAND...: during, with what it says in the log, of which the end is shown
# if it fails.
logged()
{
	during "$1" to_log "$@" || {
		tail -n 5 "$log" >&2
		die "$1: failed; the full log is $log"
	}
}
to_log()
{
	shift
	"$@" >>"$log" 2>&1 </dev/null
}

: >"$log"
set -- --mode=root --format=tar --variant=minbase \
	--include=systemd-sysv,udev,kmod,initramfs-tools,zstd,linux-base bookworm
tar=$out/root-$(echo "$*" | cksum | cut -d' ' -f1).tar
if [ ! -f "$tar" ]; then
	rm -f "$out"/root*.tar "$out"/root*.tar.new
	logged "making a Debian root" mmdebstrap "$@" "$tar.new"
	mv "$tar.new" "$tar"
fi

root=$out/root.$$
install_kernel()
{
	mkdir "$root" &&
		tar -xf "$tar" -C "$root" &&
		cp "$deb" "$root/kernel.deb" &&
		DEBIAN_FRONTEND=noninteractive chroot "$root" dpkg -i /kernel.deb &&
		rm "$root/kernel.deb" &&
		chroot "$root" passwd -d root &&
		echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab" &&
		cp "$root/boot/vmlinuz-$release" "$tmp/vmlinuz" &&
		cp "$root/boot/initrd.img-$release" "$tmp/initrd" &&
		mke2fs -q -t ext4 -d "$root" "$tmp/disk" 2G
}
logged "installing $(basename "$deb")" install_kernel

# The machine that is affected, with a disk and a console of which both ends are here.
# no_timer_check: as in run.sh. The console's device may come later than in 90 s, after
# all modules that udev finds a use for.
mkfifo "$tmp/line.in" "$tmp/line.out"
timeout -k 5 $limit qemu-system-x86_64 -nodefaults -no-user-config -display none -net none \
	-machine pc -cpu "$(column "$(model_row affected)" 6)" -smp 2 -m 1024 -no-reboot \
	-accel tcg,thread=single -kernel "$tmp/vmlinuz" -initrd "$tmp/initrd" \
	-append "root=/dev/vda console=ttyS0 panic=-1 ignore_loglevel no_timer_check systemd.default_device_timeout_sec=900" \
	-drive "if=none,id=disk,format=raw,file=$tmp/disk" -device virtio-blk-pci,drive=disk \
	-chardev "pipe,id=line,path=$tmp/line,logfile=$(printf %s "$log" | sed 's/,/,,/g'),logappend=on" \
	-serial chardev:line >>"$log" 2>&1 </dev/null &
guest=$!
# Opened for both ways, so that nothing blocks; what is read is in the log.
exec 4<>"$tmp/line.in" 5<>"$tmp/line.out"
cat <&5 >/dev/null &
reader=$!

# console: what it has said, without what a shell tells a terminal about itself.
console()
{
	tr -d '\r\000\033' <"$log" | sed 's/\[?2004[hl]//g'
}

said()
{
	console | grep -a -q -e "$1"
}

# wait_for REGEXP TEXT: until the console has it.
wait_for()
{
	n=0
	until said "$1"; do
		kill -0 "$guest" 2>/dev/null || {
			tail -n 20 "$log" | sed 's/^/  | /' >&2
			echo "not ok - $2: the guest ended; log: $log"
			exit 1
		}
		sleep 1
		n=$((n + 1))
		[ $((n % 10)) != 0 ] || echo "$me: waiting for $2, $n s"
	done
	echo "ok - $2"
}

wait_for 'systemd\[1\]: systemd .* running in system mode' "systemd"
# The kernel may have something to say right behind a prompt.
wait_for '^[^ ]* login: ' "the login prompt"
echo root >&4
wait_for '^root@[^ ]*# ' "a shell"
cat >&4 <<'END'
echo "meltdown: $(cat /sys/devices/system/cpu/vulnerabilities/meltdown)"
echo "kernel: $(uname -r)"
systemctl --no-pager --failed --no-legend --plain
echo "state: $(systemctl is-system-running --wait)"
poweroff
END
wait_for '^meltdown: Mitigation: PTI$' "Mitigation: PTI"
wait_for "^kernel: $release$" "the kernel of the package, $release"
# A unit that failed makes it "degraded".
wait_for '^state: ' "systemd's verdict"
said '^state: running$' || {
	console | sed -n '/^kernel: /,/^state: /s/^/  | /p' >&2
	echo "not ok - systemd is not running as it should; log: $log"
	exit 1
}
echo "ok - systemd says: running"
rc=0
wait "$guest" || rc=$?
guest=
[ "$rc" = 0 ] || { echo "not ok - power off: the emulator ended with $rc; log: $log"; exit 1; }
# A triple fault ends it as well.
said 'reboot: Power down' || { echo "not ok - power off: it was reset; log: $log"; exit 1; }
echo "ok - power off"
if "$here/scan.sh" "$log"; then
	echo "ok - the kernel has nothing to complain of"
else
	echo "not ok - the kernel complained; log: $log"
	exit 1
fi
