// SPDX-License-Identifier: GPL-2.0-only
/*
 * mm_stress - processes and threads come and go, and all data stays right
 *
 * Threads map, fill, protect, move and unmap memory of their own and check
 * what they read, while the process forks, vforks and executes, while its
 * children do the same, and while all move between the CPUs.
 *
 * What it catches: top-level entries that reach one of the two page tables
 * only (a process that faults for ever, or one that sees zeroes), page tables
 * freed under a user of theirs, the first return to user mode of a child
 * (ret_from_fork has an exit of its own), a PGD pair that comes back from the
 * allocator dirty, and flushes lost while a CPU switches from one mm to
 * another.
 */
#include <sys/wait.h>
#include "threads.h"

#define THREADS		3
#define TIME_LIMIT	6000	/* ms for each test */

static int stop;
static unsigned long rounds, bad;

static unsigned long tag(unsigned long seed, unsigned long word)
{
	return seed * 0x9e3779b1UL + word;
}

static void fill(unsigned long *p, unsigned long pages, unsigned long seed)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		p[i * PTI_PAGE / sizeof(long)] = tag(seed, i);
}

static bool holds(const unsigned long *p, unsigned long pages,
		  unsigned long seed)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		if (p[i * PTI_PAGE / sizeof(long)] != tag(seed, i))
			return false;
	return true;
}

/* A range far from all others now and then: a top-level entry of its own. */
static void *place(unsigned long seed)
{
#ifdef __x86_64__
	if (seed % 4 == 0)
		return (void *)((seed % 120 + 2) << 39);
#endif
	return NULL;
}

/* One life of a mapping; false if it held something else than was written. */
static bool life(unsigned long seed)
{
	unsigned long pages = seed % 40 + 1, more = seed % 7 + 1;
	unsigned long *p, *q;
	bool good;

	p = mmap(place(seed), pages * PTI_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	good = *p == 0;
	fill(p, pages, seed);
	good &= !mprotect(p, pages * PTI_PAGE, PROT_READ) &&
		holds(p, pages, seed) &&
		!mprotect(p, pages * PTI_PAGE, PROT_READ | PROT_WRITE);
	q = mremap(p, pages * PTI_PAGE, (pages + more) * PTI_PAGE,
		   MREMAP_MAYMOVE);
	if (q == MAP_FAILED)
		return false;
	good &= holds(q, pages, seed) &&
		q[pages * PTI_PAGE / sizeof(long)] == 0;
	fill(q, pages + more, seed + 1);
	good &= holds(q, pages + more, seed + 1);
	good &= !munmap(q, (pages + more) * PTI_PAGE);
	return good;
}

static void lives(void *arg)
{
	unsigned long seed = (unsigned long)arg << 16;
	int cpus = pti_cpus();

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		if (!life(++seed)) {
			__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
			return;
		}
		__atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
		if (seed % 64 == 0)
			pti_pin(seed / 64 % cpus);
	}
}

static bool exits_well(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* A fork is a copy: neither side sees what the other writes. */
static bool forks(unsigned long seed)
{
	unsigned long pages = 20, *p;
	bool good;
	pid_t pid;

	p = pti_map(pages * PTI_PAGE, PROT_READ | PROT_WRITE);
	fill(p, pages, seed);
	pid = fork();
	if (!pid) {
		good = holds(p, pages, seed);
		fill(p, pages, seed + 1);
		pti_pin(seed % pti_cpus());
		good &= holds(p, pages, seed + 1) && life(seed);
		_exit(!good);
	}
	fill(p, pages / 2, seed + 2);
	good = exits_well(pid) && holds(p, pages / 2, seed + 2);
	munmap(p, pages * PTI_PAGE);
	return good;
}

/* A vfork shares: what the child wrote is there when it has executed. */
static bool vforks(unsigned long seed)
{
	unsigned long *p = pti_map(PTI_PAGE, PROT_READ | PROT_WRITE);
	char text[32];
	bool good;
	pid_t pid;

	snprintf(text, sizeof(text), "%lu", seed);
	pid = vfork();
	if (!pid) {
		*p = seed;
		execl("/proc/self/exe", "mm_stress", "after-exec", text, NULL);
		_exit(1);
	}
	good = *p == seed && exits_well(pid);
	munmap(p, PTI_PAGE);
	return good;
}

static int after_exec(unsigned long seed)
{
	unsigned long i;

	for (i = 0; i < 5; i++)
		if (!life(seed + i))
			return 1;
	return 0;
}

static void test(const char *name, bool (*once)(unsigned long),
		 unsigned long n)
{
	unsigned long i, end = pti_msec() + TIME_LIMIT;
	struct pti_thread threads[THREADS];
	bool good = true;
	long t;

	stop = 0;
	rounds = 0;
	fflush(stdout);
	for (t = 0; t < THREADS; t++)
		pti_thread_start(&threads[t], lives, (void *)(t + 1));
	for (i = 0; good && i < n && pti_msec() < end; i++) {
		if (i % 16 == 0)
			pti_pin(i / 16 % pti_cpus());
		good = once(i);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (t = 0; t < THREADS; t++)
		pti_thread_wait(&threads[t]);
	ksft_test_result(good && !bad,
			 "%s: %lu times, %lu mappings beside it\n",
			 name, i, rounds);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "after-exec"))
		return after_exec(strtoul(argv[2], NULL, 0));
	pti_start(argc, argv);
	ksft_set_plan(3);
	test("maps", life, pti_rounds(5000));
	test("forks", forks, pti_rounds(1000));
	test("vforks and executes", vforks, pti_rounds(500));
	ksft_finished();
}
