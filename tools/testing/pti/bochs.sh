# SPDX-License-Identifier: GPL-2.0-only
#
# How the runner starts Bochs. It has PCID and INVPCID and needs a medium to
# boot from: a CD image made by xorriso, with isolinux as the boot loader.
# Sourced by run.sh, whose variables it uses.

# first FILE...: the first of the files that exists.
first()
{
	for f in "$@"; do
		if [ -r "$f" ]; then
			echo "$f"
			return
		fi
	done
	die "no $(basename "$1") here: install bochsbios, vgabios and isolinux (\"make deps\" does)"
}

make_medium()
{
	mkdir "$tmp/cd"
	cp "$(first /usr/lib/ISOLINUX/isolinux.bin)" \
		"$(first /usr/lib/syslinux/modules/bios/ldlinux.c32)" "$tmp/cd/"
	cp "$image/bzImage" "$tmp/cd/bzimage"
	mv "$tmp/initrd" "$tmp/cd/initrd"
	{
		echo "default linux"
		echo "prompt 0"
		echo "label linux"
		echo "  kernel bzimage"
		echo "  initrd initrd"
		echo "  append $args"
	} >"$tmp/cd/isolinux.cfg"
	xorriso -as mkisofs -quiet -o "$tmp/cd.iso" -b isolinux.bin -c boot.cat \
		-no-emul-boot -boot-load-size 4 -boot-info-table "$tmp/cd" \
		>"$tmp/xorriso.out" 2>&1 || {
		cat "$tmp/xorriso.out" >&2
		die "xorriso could not make the medium"
	}
	rm -rf "$tmp/cd"
}

# The display is a VNC server that waits for nobody, at the next port that is free. Of
# two that look for it at the same moment one finds none at all (it binds the port
# that the other one listens at first, and then it cannot bind another): one starts
# when the system shows that the other listens. The time of day is always the same, so
# that a run is: cost.sh counts instructions.
start_bochs()
{
	bios=$(first /usr/share/bochs/BIOS-bochs-latest) || exit
	vgabios=$(first /usr/share/bochs/VGABIOS-lgpl-latest /usr/share/vgabios/vgabios.bin) || exit
	make_medium
	cat >"$tmp/bochsrc" <<END
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, e1000=0, es1370=0, ne2k=0, parallel=0, serial=1, sb16=0, voodoo=0, usb_uhci=0, extfpuirq=0, gameport=0
display_library: rfb, options="timeout=0"
sound: driver=default, waveout=dummy, wavein=dummy, midiout=dummy
cpu: model=$cpu, count=1, ips=${ips:-50000000}, reset_on_triple_fault=0
megs: $mem
romimage: file=$bios
vgaromimage: file=$vgabios
boot: cdrom
floppy_bootsig_check: disabled=1
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$tmp/cd.iso, status=inserted
com1: enabled=1, mode=file, dev=$tmp/serial
clock: sync=none, time0=1700000000
${attach:+magic_break: enabled=1}
log: $tmp/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
END
	touch "$tmp/serial"
	# With XCHG BX, BX a program brings its debugger back, if something is attached.
	# Its debugger waits for commands: one from a file, or those of the attached
	# command, which can interrupt Bochs itself but not the timeout before it.
	in=/dev/null
	if [ "$attach" ]; then
		in=$tmp/bochs.in
		mkfifo "$in" "$tmp/bochs.out"
		set -- -q -f "$tmp/bochsrc"
	else
		echo continue >"$tmp/bochs.rc"
		set -- -q -f "$tmp/bochsrc" -rc "$tmp/bochs.rc"
	fi
	exec 9<"$(command -v bochs-bin)"
	tries=0
	until flock -n 9; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "another Bochs has been about to start for a minute"
		sleep 0.1
	done
	# To open a pipe takes until the other end is opened, which may be never. bochs.pid
	# is there from then on.
	(cd "$tmp" && exec timeout -k 5 "$limit" sh -c 'exec <"$0" >bochs.out 2>&1
		echo $$ >bochs.pid; exec bochs-bin "$@"' "$in" "$@") 9<&- &
	guest=$!
}

# has_port: whether it listens. Its log says so only at a level where it logs from its
# handler of SIGINT as well, in the middle of other output, and can wait for itself.
has_port()
{
	pid=$(cat "$tmp/bochs.pid" 2>/dev/null) || return 1
	readlink "/proc/$pid/fd/"* 2>/dev/null | sed -n 's/^socket:\[\(.*\)]$/\1/p' |
		awk 'NR == FNR { mine[$1] = 1; next } $4 == "0A" && $10 in mine { found = 1 }
		     END { exit !found }' - /proc/net/tcp
}

# bochs_listens: let the next one start. Bochs waits for the attached command, which may
# have ended without a word to it.
bochs_listens()
{
	until has_port; do
		kill -0 "$guest" 2>/dev/null && kill -0 "${helper:-$guest}" 2>/dev/null || break
		sleep 0.1
	done
	exec 9<&-
}

finish_bochs()
{
	cat "$tmp/serial" >>"$log"
	tail -n 5 "$tmp/bochs.log" 2>/dev/null | sed 's/^/# bochs   /' >>"$log"
}
