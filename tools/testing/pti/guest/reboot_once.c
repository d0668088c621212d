// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reboots the machine, by the method that the kernel was told (reboot=), and
 * says so when it runs again.  A byte of the CMOS memory that nothing else uses
 * tells the two runs apart: it outlives a reset.
 *
 * reboot=bios goes to real mode by way of 32-bit mode, on the trampoline's root:
 * neither CR4.PCIDE nor the bits of CR3 that go with it may be left there.
 */
#include <stdio.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <unistd.h>

#define CMOS_INDEX	0x70
#define CMOS_DATA	0x71
#define CMOS_BYTE	0x6e
#define MARK		0x5a

static unsigned char cmos_read(void)
{
	outb(CMOS_BYTE, CMOS_INDEX);
	return inb(CMOS_DATA);
}

static void cmos_write(unsigned char value)
{
	outb(CMOS_BYTE, CMOS_INDEX);
	outb(value, CMOS_DATA);
}

int main(void)
{
	if (ioperm(CMOS_INDEX, 2, 1)) {
		perror("ioperm");
		return 1;
	}
	if (cmos_read() == MARK) {
		cmos_write(0);
		printf("ok 1 - the machine is up again\n");
		return 0;
	}
	cmos_write(MARK);
	if (cmos_read() != MARK) {
		printf("not ok 1 - the CMOS memory does not keep a byte\n");
		return 1;
	}
	printf("# the first time: rebooting\n");
	fflush(stdout);
	sync();
	sleep(1);
	reboot(RB_AUTOBOOT);
	perror("reboot");
	return 1;
}
