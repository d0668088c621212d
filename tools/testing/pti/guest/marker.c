// SPDX-License-Identifier: GPL-2.0-only
/*
 * marker - have the kernel hold recognisable values in its registers
 *
 * Bits: 64
 *
 * Usage: marker_64 SECONDS
 *
 * Copies from and to a buffer at addresses that are recognised, looks up paths of text
 * that is, and touches words with a breakpoint on data, which is a #DB in kernel mode
 * each.  Meanwhile the probe (left.c) injects NMIs and machine checks from outside, and
 * looks what of all this is left where user mode can reach it.  Between two calls the
 * program spins in user mode for a while, which is when the probe looks.
 *
 * Addresses go to the kernel in vectors and structures that the compiler has filled in:
 * marker.h says why.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "marker.h"

#define PAGE		4096UL
#define BULK		(8 * PAGE)
#define WATCHED		(MARKER_BUFFER + 2 * BULK)
#define NAME_LEN	248		/* a multiple of a word, at most 255 */
#define DEPTH		12
#define USER_TICKS	500000UL
#define COUNT_EVERY	256		/* rounds */
#define LOOKUPS		8
#define WORDS		8		/* touched in a round, twice */

static struct marker_page *page;
static char path[DEPTH * (NAME_LEN + 1) + 1];
static int zero, copy, breakpoints[2];
static __u32 nmi_before, mce_before;

static const struct iovec bulk = { (void *)MARKER_BUFFER, BULK };
static const struct iovec watched = { (void *)WATCHED, 2 * sizeof(__u64) };

/* Two words, so that the kernel has one breakpoint's hits among the other's */
static const struct perf_event_attr watch[] = {
	{
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(watch[0]), .exclude_user = 1,
		.bp_type = HW_BREAKPOINT_RW, .bp_addr = WATCHED, .bp_len = sizeof(__u64),
	}, {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(watch[0]), .exclude_user = 1,
		.bp_type = HW_BREAKPOINT_W, .bp_addr = WATCHED + sizeof(__u64),
		.bp_len = sizeof(__u64),
	},
};

static __u32 load(const __u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void store(__u32 *p, __u32 value)
{
	__atomic_store_n(p, value, __ATOMIC_SEQ_CST);
}

static void fatal(const char *what)
{
	perror(what);
	exit(1);
}

static void *map_at(unsigned long va, size_t size)
{
	void *p = mmap((void *)va, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);

	if (p != (void *)va)
		fatal("mmap");
	return p;
}

/* Directories below each other, and the path to the last */
static void make_path(void)
{
	char *to = path;
	int i, j;

	for (i = 0; i < DEPTH; i++) {
		for (j = 0; j < NAME_LEN; j++) {
			*to++ = MARKER_CHAR;
			/* by bytes: no register of user mode has eight of them */
			asm volatile("" : : : "memory");
		}
		*to = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			fatal("mkdir");
		*to++ = '/';
	}
	*to = '\0';
}

/* The sum over all CPUs in a line of /proc/interrupts */
static __u32 interrupts(const char *text, const char *name)
{
	const char *p = strstr(text, name);
	unsigned long sum = 0;
	char *end;

	if (!p)
		return 0;
	for (p += strlen(name);; p = end) {
		unsigned long n = strtoul(p, &end, 10);

		if (end == p)
			return sum;
		sum += n;
	}
}

static void count(void)
{
	static char text[65536];
	int fd = open("/proc/interrupts", O_RDONLY);
	size_t have = 0;
	__u64 hits = 0;
	unsigned int i;
	ssize_t n;

	if (fd < 0)
		fatal("/proc/interrupts");
	while ((n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += n;
	close(fd);
	text[have] = '\0';
	page->nmi = interrupts(text, "NMI:") - nmi_before;
	page->mce = interrupts(text, "MCE:") - mce_before;
	for (i = 0; i < sizeof(breakpoints) / sizeof(*breakpoints); i++) {
		__u64 value = 0;

		if (read(breakpoints[i], &value, sizeof(value)) != sizeof(value))
			fatal("read of a breakpoint");
		hits += value;
	}
	page->db = hits;
}

static void in_user_mode(void)
{
	unsigned long end = __builtin_ia32_rdtsc() + USER_TICKS;

	store(&page->round, page->round + 1);
	while (__builtin_ia32_rdtsc() < end)
		;
	if (page->round % COUNT_EVERY == 0)
		count();
}

static void must(ssize_t done, const struct iovec *v)
{
	if (done != (ssize_t)v->iov_len)
		fatal("copy");
	in_user_mode();
}

static void work(void)
{
	int i;

	must(readv(zero, &bulk, 1), &bulk);
	must(pwritev(copy, &bulk, 1, 0), &bulk);
	must(preadv(copy, &bulk, 1, 0), &bulk);
	for (i = 0; i < LOOKUPS; i++)
		if (access(path, F_OK))
			fatal("access");
	in_user_mode();
	for (i = 0; i < WORDS; i++)
		if (pwritev(copy, &watched, 1, 0) != (ssize_t)watched.iov_len ||
		    preadv(copy, &watched, 1, 0) != (ssize_t)watched.iov_len)
			fatal("copy of a word");
	in_user_mode();
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 60);
	unsigned int i;

	map_at(MARKER_BUFFER, 2 * BULK + PAGE);
	page = map_at(MARKER_PAGE_VA, PAGE);
	make_path();
	zero = open("/dev/zero", O_RDONLY);
	copy = memfd_create("copy", 0);
	if (zero < 0 || copy < 0)
		fatal("a file to copy from and to");
	for (i = 0; i < sizeof(breakpoints) / sizeof(*breakpoints); i++) {
		breakpoints[i] = syscall(SYS_perf_event_open, &watch[i], 0, -1, -1, 0);
		if (breakpoints[i] < 0)
			fatal("perf_event_open of a breakpoint");
	}
	count();
	nmi_before = page->nmi;
	mce_before = page->mce;
	work();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(page->magic, MARKER_MAGIC, sizeof(page->magic));
	printf("marker: begun\n");
	fflush(stdout);

	while (!load(&page->enough) && time(NULL) < end)
		work();
	count();
	store(&page->final, 1);
	while (!load(&page->seen) && time(NULL) < end)
		;
	printf("marker: %u rounds, %u NMIs, %u machine checks, %u #DBs in the kernel\n",
	       page->round, page->nmi, page->mce, page->db);
	return !load(&page->seen);
}
