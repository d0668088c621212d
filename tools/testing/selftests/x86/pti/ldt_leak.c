// SPDX-License-Identifier: GPL-2.0-only
/*
 * ldt_leak - memory of LDTs and page tables comes back when a process ends
 *
 * Processes make an LDT in each of the ways there are and end in each of the
 * ways there are, many times; the counters of /proc/meminfo must not grow
 * with the number.
 *
 * What it catches: the page tables of the LDT's alias, or the LDT itself, not
 * freed on exit, on exec or after fork; a PGD pair freed as one page; page
 * tables that the counter of the mm forgot (the kernel then warns, too).
 */
#include <sys/wait.h>
#include "ldt.h"
#include "meminfo.h"
#include "threads.h"

static unsigned int nothing;

static void small(void)
{
	if (ldt_write(ldt_desc(0, &nothing, LDT_DATA)))
		_exit(1);
}

static void large(void)
{
	if (ldt_write(ldt_desc(LDT_ENTRIES - 1, &nothing, LDT_DATA)))
		_exit(1);
}

static void grown(void)
{
	small();
	large();
	small();
}

/* The LDT goes with the old image. */
static void execed(void)
{
	large();
	execl("/proc/self/exe", "ldt_leak", "end", NULL);
	_exit(1);
}

/* A child of the child gets a copy, and both end. */
static void forked(void)
{
	pid_t pid;
	int status;

	large();
	pid = fork();
	if (!pid) {
		grown();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		_exit(1);
}

/* Ended from outside, in the middle of it. */
static void killed(void)
{
	large();
	kill(getpid(), SIGKILL);
}

static void plain(void)
{
}

/* @end: what waitpid() says of each process. */
static void test(const char *name, void (*way)(void), int end, unsigned long n)
{
	struct mem_sample before;
	unsigned long i, warm = n / 10 + 20;
	bool good = true;
	int status;

	fflush(stdout);
	for (i = 0; good && i < warm + n; i++) {
		pid_t pid;

		if (i == warm)
			before = mem_take();
		pid = fork();
		if (!pid) {
			way();
			_exit(0);
		}
		good = pid > 0 && waitpid(pid, &status, 0) == pid && status == end;
	}
	good = good && mem_same(name, &before, n);
	ksft_test_result(good, "%s: %lu processes\n", name, n);
}

/* One LDT after another in a process that stays. */
static void test_rewritten(unsigned long n)
{
	unsigned long i, warm = n / 10 + 20;
	struct mem_sample before;
	bool good = true;

	for (i = 0; good && i < warm + n; i++) {
		if (i == warm)
			before = mem_take();
		good = !ldt_write(ldt_desc(i % (LDT_ENTRIES / 16), &nothing, LDT_DATA));
	}
	/* Not by half a page a round: a page in 200 rounds would be too much. */
	good = good && mem_same("rewritten", &before, n / 100);
	ksft_test_result(good, "rewritten in place: %lu times\n", n);
}

int main(int argc, char **argv)
{
	unsigned long n;

	if (argc == 2 && !strcmp(argv[1], "end"))
		return 0;
	pti_start(argc, argv);
	ldt_need();
	ksft_set_plan(8);
	n = pti_rounds(1000);
	/* Other CPUs would keep pages of their own: less to see. */
	pti_pin(0);
	test("no LDT", plain, 0, n);
	test("one page", small, 0, n);
	test("full table", large, 0, n);
	test("one page, grown and rewritten", grown, 0, n);
	test("fork", forked, 0, n);
	test("exec", execed, 0, n);
	test("killed", killed, SIGKILL, n);
	test_rewritten(n * 100);
	ksft_finished();
}
