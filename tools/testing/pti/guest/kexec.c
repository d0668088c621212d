// SPDX-License-Identifier: GPL-2.0-only
/*
 * kexec - start another kernel in place of this one
 *
 * The way there runs on page tables that kexec makes for itself, whose roots
 * have no user page table beside them.
 *
 * Usage: kexec [-p] KERNEL INITRD PARAMETERS
 *
 * With -p it is the crash kernel: this one is made to panic, and goes there from
 * wherever its CPUs are then.
 */
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kernel, initrd, crash = argc > 1 && !strcmp(argv[1], "-p");

	argc -= crash;
	argv += crash;
	if (argc != 4) {
		fprintf(stderr, "usage: kexec [-p] KERNEL INITRD PARAMETERS\n");
		return 1;
	}
	kernel = open(argv[1], O_RDONLY);
	initrd = open(argv[2], O_RDONLY);
	if (kernel < 0 || initrd < 0) {
		perror("kexec: open");
		return 1;
	}
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1,
		    argv[3], crash ? KEXEC_FILE_ON_CRASH : 0)) {
		perror("kexec: kexec_file_load");
		return 1;
	}
	sync();
	if (crash) {
		int sysrq = open("/proc/sysrq-trigger", O_WRONLY);

		if (sysrq < 0 || write(sysrq, "c", 1) != 1)
			perror("kexec: /proc/sysrq-trigger");
		return 1;
	}
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_KEXEC, NULL);
	perror("kexec: reboot");
	return 1;
}
