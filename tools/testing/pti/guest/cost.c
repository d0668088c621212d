// SPDX-License-Identifier: GPL-2.0-only
/*
 * cost - what a way into the kernel and back costs
 *
 * Bits: 64 32
 *
 * On a machine whose time stamp counter counts instructions (QEMU's -icount,
 * Bochs) the difference of two readings around a system call is the number of
 * instructions executed between them.  Interrupts fall into a few of the
 * repetitions only, so that minimum and median are without them.
 *
 * Prints one line a way: name, minimum, median.  cost.sh compares kernels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define REPS		4001
#define WARM_UP		64
#define PAGE		4096

static unsigned int samples[REPS];
static unsigned int empty;

static int by_value(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

static void nothing(int i)
{
	(void)i;
}

#ifdef __x86_64__
static char *touched;

static void lseek_syscall(int i)
{
	long ret = SYS_lseek;

	(void)i;
	asm volatile("syscall" : "+a" (ret)
		     : "D" (-1L), "S" (0L), "d" (0L) : "rcx", "r11", "memory");
}

static void touch(int i)
{
	char *page = touched + (long)(i + WARM_UP) * PAGE;

	asm volatile("movb $1, %0" : "=m" (*page));
}
#else
/* The vDSO's entry: SYSENTER on the CPUs that have it for 32-bit code. */
static unsigned long vdso_entry;

static void lseek_vdso(int i)
{
	long ret = SYS_lseek;

	(void)i;
	asm volatile("call *%[entry]" : "+a" (ret)
		     : "b" (-1L), "c" (0L), "d" (0L), [entry] "m" (vdso_entry)
		     : "memory");
}

static void getppid_vdso(int i)
{
	long ret = SYS_getppid;

	(void)i;
	asm volatile("call *%[entry]" : "+a" (ret)
		     : [entry] "m" (vdso_entry) : "memory");
}
#endif

static void getppid_int80(int i)
{
	long ret = 64;		/* of the 32-bit table */

	(void)i;
#ifdef __x86_64__
	asm volatile("int $0x80" : "+a" (ret)
		     : : "r8", "r9", "r10", "r11", "memory");
#else
	asm volatile("int $0x80" : "+a" (ret) : : "memory");
#endif
}

static void measure(const char *name, void (*way)(int))
{
	unsigned long long from;
	int i;

	for (i = -WARM_UP; i < 0; i++)
		way(i);
	for (i = 0; i < REPS; i++) {
		from = __rdtsc();
		way(i);
		samples[i] = __rdtsc() - from;
	}
	qsort(samples, REPS, sizeof(samples[0]), by_value);
	if (way == nothing) {
		empty = samples[REPS / 2];
		return;
	}
	printf("COST %s %u %u\n", name, samples[0] - empty,
	       samples[REPS / 2] - empty);
}

int main(void)
{
#ifdef __x86_64__
	const size_t len = (size_t)(REPS + WARM_UP) * PAGE;
#endif

	/* No page of our own may be missing during the measurement. */
	memset(samples, 1, sizeof(samples));
	measure("", nothing);
#ifdef __x86_64__
	measure("syscall-lseek", lseek_syscall);
	measure("int80-getppid", getppid_int80);

	/*
	 * The pages are there, only the mapping is not: the fault itself,
	 * without the allocation and the clearing.
	 */
	touched = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (touched == MAP_FAILED ||
	    madvise(touched, len, MADV_DONTNEED)) {
		perror("cost: shared memory");
		return 1;
	}
	measure("fault-shared", touch);
#else
	vdso_entry = getauxval(AT_SYSINFO);
	if (!vdso_entry) {
		fprintf(stderr, "cost: no vDSO entry\n");
		return 1;
	}
	measure("sysenter-getppid", getppid_vdso);
	measure("sysenter-lseek", lseek_vdso);
	measure("int80-getppid-32", getppid_int80);
#endif
	return 0;
}
