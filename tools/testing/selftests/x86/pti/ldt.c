// SPDX-License-Identifier: GPL-2.0-only
/*
 * ldt - local descriptor tables: what is written is what segment loads find
 *
 * User mode loads segment registers, and IRET loads CS and SS, while the user
 * page table is in use: the CPU reads the LDT through an alias that each
 * process has at the same address of its own kernel half.
 *
 * What it catches: an alias that is missing, stale, of the wrong process or
 * read-only with descriptors whose accessed bit is clear (the CPU would write
 * it); a table that changed while another thread runs on the old one; a fork
 * that shares or forgets it; an exec that keeps it; pages of it freed while a
 * translation is left.
 */
#include <setjmp.h>
#include <sys/wait.h>
#include "frame.h"
#include "ldt.h"
#include "threads.h"

#define VALUES		4
#define READERS		3
#define PROCESSES	10	/* more than the kernel has ASIDs */
#define TIME_LIMIT	8000	/* ms: interrupts can be slow */

/* Segments begin at these words; they lie below 4 GiB. */
static unsigned int words[LDT_ENTRIES];
static struct user_desc none;

static void test_arguments(void)
{
	struct user_desc good = ldt_desc(0, words, LDT_DATA), bad;
	char buf[256];
	bool ok = true;

	memset(buf, 0x5a, sizeof(buf));
	ok &= ldt_call(5, &good, sizeof(good)) < 0;
	ok &= ldt_call(LDT_READ, buf, sizeof(buf)) == 0;
	ok &= ldt_call(LDT_READ_DFLT, buf, sizeof(buf)) == 128 && !buf[127] &&
	      buf[128] == 0x5a;
	ok &= ldt_call(LDT_WRITE, &good, sizeof(good) - 1) == -EINVAL;
	ok &= ldt_call(LDT_WRITE, NULL, sizeof(good)) == -EFAULT;
	bad = good;
	bad.entry_number = LDT_ENTRIES;
	ok &= ldt_write(bad) == -EINVAL;
	bad.entry_number = ~0;
	ok &= ldt_write(bad) == -EINVAL;
	bad = good;
	bad.contents = 3;		/* conforming code, present */
	ok &= ldt_write(bad) == -EINVAL;
	bad.seg_not_present = 1;
	ok &= ldt_call(LDT_WRITE_OLD, &bad, sizeof(bad)) == -EINVAL;
	ok &= ldt_call(LDT_READ, buf, sizeof(buf)) == 0;
	ksft_test_result(ok, "arguments: refused or answered\n");
}

static sigjmp_buf back;
static bool expected;

static void sigsegv(int sig, siginfo_t *si, void *ctx)
{
	if (!expected)
		ksft_exit_fail_msg("unexpected fault at %p\n", si->si_addr);
	expected = false;
	siglongjmp(back, 1);
}

static bool load_faults(unsigned int nr)
{
	expected = true;
	if (!sigsetjmp(back, 1)) {
		ldt_load(nr);
		expected = false;
		return false;
	}
	return true;
}

/* The two words of a descriptor, with the accessed bit set. */
static __u64 encode(const struct user_desc *d)
{
	__u64 low = (d->base_addr & 0xffff) << 16 | (d->limit & 0xffff);
	__u64 high = (d->base_addr & 0xff000000) |
			(d->base_addr >> 16 & 0xff) | (d->limit & 0xf0000);

	high |= 0x7100 | !d->read_exec_only << 9 | d->contents << 10 |
		!d->seg_not_present << 15 |
		d->seg_32bit << 22 | d->limit_in_pages << 23;
	return high << 32 | low;
}

/* Install, load, clear and load again, in a table of @entries. */
static void test_entries(const char *name, unsigned int entries)
{
	static __u64 table[LDT_ENTRIES];
	unsigned int step = entries > 1000 ? 61 : 1, i;
	bool good = true;

	/* The highest first, so that the table grows only once. */
	for (i = entries; good && i; i -= i > step ? step : i)
		good = !ldt_write(ldt_desc(i - 1, &words[i - 1], LDT_DATA));
	for (i = entries; good && i; i -= i > step ? step : i)
		good = ldt_load(i - 1) == words[i - 1];
	if (ldt_call(LDT_READ, table, sizeof(table)) != sizeof(table))
		good = false;
	for (i = entries; good && i; i -= i > step ? step : i) {
		struct user_desc d = ldt_desc(i - 1, &words[i - 1], LDT_DATA);

		good = table[i - 1] == encode(&d);
		if (!good)
			ksft_print_msg("entry %u reads %llx\n", i - 1,
				       (unsigned long long)table[i - 1]);
	}
	for (i = entries; good && i; i -= i > step ? step : i) {
		none.entry_number = i - 1;
		good = !ldt_write(none) && load_faults(i - 1);
	}
	ksft_test_result(good, "%s: %u entries\n", name, entries);
}

/* One entry changes all the time; each load finds the newest one. */
static void test_rewrite(void)
{
	unsigned long i, n = pti_rounds(20000);
	bool good = true;

	for (i = 0; good && i < n; i++) {
		unsigned int w = pti_random() % LDT_ENTRIES;

		good = !ldt_write(ldt_desc(i % 3, &words[w], LDT_DATA)) &&
		       ldt_load(i % 3) == words[w];
	}
	ksft_test_result(good, "rewritten: %lu times\n", i);
}

static unsigned int sequence, stop, wrong;

static void reader(void *cpu)
{
	pti_pin((long)cpu);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		unsigned int before, after, word;

		before = __atomic_load_n(&sequence, __ATOMIC_ACQUIRE);
		word = ldt_load(1);
		after = __atomic_load_n(&sequence, __ATOMIC_ACQUIRE);
		if (!(before & 1) && before == after &&
		    word != words[before / 2 % VALUES])
			__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
		if (word - words[0] >= VALUES)
			__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
	}
}

/* While modify_ldt() runs a load finds old or new, afterwards only new. */
static void test_threads(void)
{
	struct pti_thread readers[READERS];
	unsigned long i, n = pti_rounds(3000);
	unsigned long end = pti_msec() + TIME_LIMIT;
	bool good;
	long r;

	sequence = 0;
	wrong = 0;
	stop = 0;
	good = !ldt_write(ldt_desc(1, &words[0], LDT_DATA));
	for (r = 0; r < READERS; r++)
		pti_thread_start(&readers[r], reader,
				 (void *)((r + 1) % pti_cpus()));
	for (i = 1; good && i < n && !wrong && pti_msec() < end; i++) {
		__atomic_store_n(&sequence, 2 * i - 1, __ATOMIC_SEQ_CST);
		good = !ldt_write(ldt_desc(1, &words[i % VALUES], LDT_DATA));
		__atomic_store_n(&sequence, 2 * i, __ATOMIC_SEQ_CST);
		if (pti_cpus() == 1 && i % 8 == 0)
			sched_yield();
		/* On the way the table becomes one of 16 pages. */
		if (i == 50)
			good &= !ldt_write(ldt_desc(LDT_ENTRIES - 1, words,
						    LDT_DATA));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (r = 0; r < READERS; r++)
		pti_thread_wait(&readers[r]);
	if (wrong)
		ksft_print_msg("%u loads found a stale descriptor\n", wrong);
	ksft_test_result(good && !wrong, "threads: %lu changes\n", i);
}

/* A child, or with -1 any child, ends with status 0. */
static bool exits_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) > 0 && !status;
}

static void test_fork(void)
{
	unsigned long i, n = pti_rounds(300);
	bool good;

	good = !ldt_write(ldt_desc(2, &words[2], LDT_DATA)) &&
	       !ldt_write(ldt_desc(LDT_ENTRIES - 1, &words[3], LDT_DATA));
	fflush(stdout);
	for (i = 0; good && i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			if (ldt_load(2) != words[2] ||
			    ldt_load(LDT_ENTRIES - 1) != words[3])
				_exit(1);
			if (ldt_write(ldt_desc(2, &words[5], LDT_DATA)) ||
			    ldt_load(2) != words[5])
				_exit(2);
			_exit(0);
		}
		good = pid > 0 && exits_well(pid) && ldt_load(2) == words[2];
	}
	ksft_test_result(good, "fork: %lu times\n", i);
}

/* The new program looks whether it has an LDT: see main(). */
static void test_exec(void)
{
	unsigned long i, n = pti_rounds(200);
	bool good = true;
	pid_t pid;

	fflush(stdout);
	for (i = 0; good && i < n; i++) {
		pid = i & 1 ? vfork() : fork();
		if (!pid) {
			execl("/proc/self/exe", "ldt", "after-exec", NULL);
			_exit(3);
		}
		good = pid > 0 && exits_well(pid) && ldt_load(2) == words[2];
	}
	ksft_test_result(good, "exec: %lu times\n", i);
}

static int after_exec(void)
{
	char buf[16];

	pti_handle(SIGSEGV, sigsegv, 0);
	return ldt_call(LDT_READ, buf, sizeof(buf)) || !load_faults(2);
}

/* One CPU, many processes, one selector: each has a segment of its own. */
static void test_processes(void)
{
	unsigned long i, n = pti_rounds(1000);
	bool good = true;
	int p;

	fflush(stdout);
	for (p = 0; p < PROCESSES; p++) {
		if (fork())
			continue;
		pti_pin(0);
		/* Every other one has the table in many pages. */
		if (p & 1 && ldt_write(ldt_desc(LDT_ENTRIES - 1, words,
						LDT_DATA)))
			_exit(1);
		if (ldt_write(ldt_desc(2, &words[10 + p], LDT_DATA)))
			_exit(1);
		for (i = 0; i < n; i++) {
			sched_yield();
			if (ldt_load(2) != words[10 + p])
				_exit(2);
		}
		_exit(0);
	}
	for (p = 0; p < PROCESSES; p++)
		good &= exits_well(-1);
	ksft_test_result(good, "%d processes on one CPU: %lu turns each\n",
			 PROCESSES, n);
}

/* Code in a segment of the LDT: the kernel returns to it by IRET. */
static void test_code(void)
{
	struct user_desc flat = ldt_desc(4, 0, LDT_CODE);
	unsigned long i, n = pti_rounds(20000);
	long parent = getppid();
	bool good;

	flat.limit = 0xfffff;
	flat.limit_in_pages = 1;
	good = !ldt_write(flat);
	frame_init();
	for (i = 0; good && i < n; i++) {
		unsigned int k;

		regs_markers();
		for (k = 0; k < ARRAY_SIZE(regs_gpr); k++)
			regs_in[regs_gpr[k].nr] &= 0xffffffff;
		regs_in[REG_AX] = 64;	/* getppid(), 32-bit number */
		frame_fill(ldt_code);
		gregs_set_cs_ss(frame_regs(), LDT_SELECTOR(4), this_ss());
		frame_call();
		ldt_cs_seen = 0;
		regs_run(frame_site());
		memcpy(regs_in, frame_regs(), sizeof(regs_in));
		good = ldt_cs_seen == LDT_SELECTOR(4) &&
		       regs_out[REG_AX] == parent &&
		       regs_same("code", regs_out, REG_BIT(REG_AX));
	}
	ksft_test_result(good, "code segment: %lu times\n", i);
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc == 2 && !strcmp(argv[1], "after-exec"))
		return after_exec();
	pti_start(argc, argv);
	ldt_need();
	ksft_set_plan(9);
	for (i = 0; i < LDT_ENTRIES; i++)
		words[i] = 0x1d700000 + i;
	none.read_exec_only = 1;
	none.seg_not_present = 1;
	pti_handle(SIGSEGV, sigsegv, 0);
	test_arguments();
	test_entries("one page", 512);
	test_entries("full table", LDT_ENTRIES);
	test_rewrite();
	test_threads();
	test_fork();
	test_exec();
	test_processes();
	test_code();
	ksft_finished();
}
