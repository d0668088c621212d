#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Call the kernel with nonsense: trinity, as a user who can neither end the guest nor
# write to what the other programs need. Each run has the next seed, from 1 on, and
# says it: "trinity -s SEED" with the same options goes the same way, as far as what
# else runs lets it.
#
# Usage: fuzz.sh SECONDS

seconds=$1
user=65534
dir=/tmp/fuzz
# No sockets are made beforehand: this version of trinity looks behind the end of its
# table of protocols, and ends with SIGSEGV.
options="--quiet --logging off --disable-fds=sockets --children 4"
# Nor does it look through all of /proc and /sys, which takes it most of a minute here:
# what a process has of its own memory there is enough.
options="$options --victims /proc/self/"

# What of it is left behind, if it has to be ended.
end_all()
{
	for p in /proc/[0-9]*; do
		[ "$(stat -c %u "$p" 2>/dev/null)" != $user ] || kill -9 "${p#/proc/}"
	done 2>/dev/null
}

grep -q "^nobody:" /etc/passwd || echo "nobody:x:$user:$user::/:/bin/sh" >>/etc/passwd
seed=$(($(cat /tmp/fuzz.seed 2>/dev/null) + 1))
echo $seed >/tmp/fuzz.seed

# No more than that of a process, of a file, of files
ulimit -c 0
ulimit -v 400000
ulimit -f 8192
ulimit -n 256
mkdir -p $dir
mount -t tmpfs -o size=16m,mode=0777 none $dir
cd $dir || exit 1
# Where it stands if the kernel dies of it
echo "<5>fuzz.sh: trinity $options -s $seed" >/dev/kmsg
# shellcheck disable=SC2086 # options and their values
timeout -s INT -k 10 "$seconds" start-stop-daemon -S -c $user:$user -x /usr/bin/trinity -- \
	$options -s $seed >/tmp/fuzz.out 2>&1 </dev/null
rc=$?
end_all
cd /
umount $dir || umount -l $dir
ran=$(sed -n 's/.*\(Ran [1-9][0-9]* syscalls.*\)/\1/p' /tmp/fuzz.out)
if [ "$ran" ]; then
	echo "ok - trinity, seed $seed: $ran"
else
	# It is known to fall over itself; that it never ends well is for the caller.
	echo "# trinity, seed $seed, ended with $rc: $(tail -n 1 /tmp/fuzz.out)"
fi
