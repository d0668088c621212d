// SPDX-License-Identifier: GPL-2.0-only
/*
 * uprobe - breakpoints of the kernel's in a program, by the thousand
 *
 * A uprobe is an int3 in user mode, an instruction that runs elsewhere, and a #DB
 * behind it; one on return is a second int3.  Threads call a probed function whose
 * results are checked, the probes are set and taken away meanwhile, and in the end
 * each call has to have been counted.
 *
 * Usage: uprobe [CALLS]	(default: 3000, of each of two threads)
 *
 * Bits: 64 32
 */
#include <elf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS	2

static unsigned long calls = 3000;
static volatile int wrong;

/* Several instructions that a uprobe has to run out of line. */
__attribute__((noinline, noipa)) static unsigned long probed(unsigned long a, unsigned long b)
{
	return (a ^ b) * 3 + b;
}

static void *caller(void *arg)
{
	unsigned long i, seed = (unsigned long)arg;

	for (i = 0; i < calls; i++)
		if (probed(i, seed) != (i ^ seed) * 3 + seed)
			wrong = 1;
	return NULL;
}

/* Where in the file the function is. */
static unsigned long file_offset(unsigned long addr)
{
	extern const char __ehdr_start[];
#ifdef __x86_64__
	const Elf64_Ehdr *e = (const void *)__ehdr_start;
	const Elf64_Phdr *p = (const void *)(__ehdr_start + e->e_phoff);
#else
	const Elf32_Ehdr *e = (const void *)__ehdr_start;
	const Elf32_Phdr *p = (const void *)(__ehdr_start + e->e_phoff);
#endif
	int i;

	for (i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && addr >= p[i].p_vaddr &&
		    addr < p[i].p_vaddr + p[i].p_filesz)
			return addr - p[i].p_vaddr + p[i].p_offset;
	return 0;
}

/* probe(RETURN): a descriptor that counts, in all threads of this process. */
static int probe(int type, int on_return)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = type, .config = on_return, .inherit = 1,
	};

	attr.config1 = (unsigned long)"/proc/self/exe";
	attr.config2 = file_offset((unsigned long)probed);
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static unsigned long long count(int fd)
{
	unsigned long long n = 0;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		n = -1ULL;
	close(fd);
	return n;
}

/* Set, hit by all threads, taken away: @round differs in what is calculated. */
static int one_round(int number, int type, unsigned long round)
{
	int i, start = probe(type, 0), back = probe(type, 1);
	unsigned long long n, m;
	pthread_t thread[THREADS];

	if (start < 0 || back < 0) {
		perror("perf_event_open");
		printf("not ok %d - no uprobe\n", number);
		return 1;
	}
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, caller, (void *)(round + i));
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	n = count(start);
	m = count(back);
	i = wrong || n != THREADS * calls || m != n;
	printf("%sok %d - %lu calls: %llu hits, %llu returns, results %s\n", i ? "not " : "",
	       number, THREADS * calls, n, m, wrong ? "wrong" : "right");
	return i;
}

int main(int argc, char **argv)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	int type = 0, bad = 0, i;

	if (argc > 1)
		calls = strtoul(argv[1], NULL, 0);
	if (!f || fscanf(f, "%d", &type) != 1) {
		printf("not ok 1 - no uprobes in this kernel\n");
		return 1;
	}
	for (i = 1; i <= 3; i++)
		bad |= one_round(i, type, 0x5a5a0000 + i);
	caller((void *)7UL);
	bad |= wrong;
	printf("%sok 4 - without a probe\n", wrong ? "not " : "");
	return bad;
}
