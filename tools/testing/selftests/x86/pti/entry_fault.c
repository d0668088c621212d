// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry_fault - exceptions that the kernel settles without a signal
 *
 * Page faults for reading, writing and fetching, the #GP behind UMIP, and #DB
 * at a counted breakpoint: the user code sees nothing of them.  Each is taken
 * many times with a marker in every register, and each is counted by another
 * means, so that a test that raised no exception does not pass.
 *
 * What it catches: what entry_trap catches, at the exits that return to the
 * very instruction again and without the stop in signal delivery.  Page
 * faults add a page-table change between entry and exit: if a stale
 * translation of the user page table survives it, the instruction faults
 * for ever (the watchdog ends the program) or reads another page.
 */
#include <sys/resource.h>
#include "breakpoint.h"
#include "regs.h"

#define PAGES	64
#define STRIDE	(16 * PTI_PAGE)	/* a file fault maps no more */

static long minor_faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_minflt;
}

static void drop(void *region, size_t size)
{
	if (madvise(region, size, MADV_DONTNEED))
		ksft_exit_fail_perror("madvise");
}

static bool same(const char *what, long got, long want)
{
	if (got == want)
		return true;
	ksft_print_msg("%s is %#lx, not %#lx\n", what, got, want);
	return false;
}

/* One fault at a page of zeroes, and one at its first write. */
static void test_touch(void)
{
	char *region = pti_map(PAGES * PTI_PAGE, PROT_READ | PROT_WRITE);
	unsigned long i, n = pti_rounds(100000) / 2;
	long before = minor_faults();
	bool good = true;

	for (i = 0; good && i < n; i++) {
		char *page = region + i % PAGES * PTI_PAGE;

		if (i % PAGES == 0)
			drop(region, PAGES * PTI_PAGE);
		page += pti_random() % PTI_PAGE & ~7UL;
		regs_markers();
		regs_in[REG_SI] = (long)page;
		regs_run(site_touch_read);
		good = same("fresh page", regs_out[REG_AX], 0) &&
		       regs_same("read", regs_out, REG_BIT(REG_AX));
		if (!good)
			break;
		regs_markers();
		regs_in[REG_SI] = (long)page;
		regs_run(site_touch_write);
		good = regs_same("write", regs_out, 0) &&
		       same("word", *(long *)page, regs_in[REG_DX]) &&
		       regs_gs_same("write");
	}
	if (minor_faults() - before < 2 * (long)i)
		good = false;
	ksft_test_result(good, "#PF by read and by write: %lu times each\n", i);
	munmap(region, PAGES * PTI_PAGE);
}

/* Fetches: every page begins with a jump to where rdi points. */
static void test_fetch(void)
{
	static const unsigned char jump[] = { 0xff, 0xe7 };
	unsigned long i, n = pti_rounds(100000);
	bool good = true;
	char *region;
	long before;
	int fd;

	fd = memfd_create("jumps", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, PAGES * STRIDE))
		ksft_exit_fail_perror("memfd_create");
	for (i = 0; i < PAGES; i++)
		if (pwrite(fd, jump, sizeof(jump), i * STRIDE) != sizeof(jump))
			ksft_exit_fail_perror("pwrite");
	region = mmap(NULL, PAGES * STRIDE, PROT_READ | PROT_EXEC, MAP_SHARED,
		      fd, 0);
	if (region == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	before = minor_faults();
	for (i = 0; good && i < n; i++) {
		if (i % PAGES == 0)
			drop(region, PAGES * STRIDE);
		regs_markers();
		regs_in[REG_SI] = (long)(region + i % PAGES * STRIDE);
		regs_in[REG_DI] = (long)regs_back;
		regs_run(site_touch_exec);
		good = regs_same("fetch", regs_out, 0) &&
		       regs_gs_same("fetch");
	}
	if (minor_faults() - before < (long)i)
		good = false;
	ksft_test_result(good, "#PF by fetch: %lu times\n", i);
	munmap(region, PAGES * STRIDE);
	close(fd);
}

/*
 * SIDT and SMSW fault where the CPU has UMIP; the kernel writes an answer of
 * its own.  It is not the real one: the IDT's base must not be known.
 */
static void test_umip(void)
{
	unsigned short idt[1 + sizeof(long) / 2] = { 0 };
	unsigned short first[ARRAY_SIZE(idt)];
	unsigned long i, n = pti_rounds(100000);
	bool good = true;

	if (!pti_cpuinfo("flags", "umip")) {
		ksft_test_result_skip("#GP by SIDT and SMSW: no UMIP\n");
		return;
	}
	for (i = 0; good && i < n; i++) {
		regs_markers();
		if (i & 1) {
			regs_run(site_smsw);
			good = same("MSW", regs_out[REG_AX] & 1, 1) &&
			       regs_same("smsw", regs_out, REG_BIT(REG_AX));
			continue;
		}
		regs_in[REG_SI] = (long)idt;
		regs_run(site_sidt);
		if (!i)
			memcpy(first, idt, sizeof(idt));
		good = same("limit of the IDT", idt[0], 0) &&
		       !memcmp(first, idt, sizeof(idt)) &&
		       regs_same("sidt", regs_out, 0) && regs_gs_same("sidt");
	}
	ksft_test_result(good, "#GP by SIDT and SMSW: %lu times\n", i);
}

static void test_debug(const char *name, const void *site, int type, int len)
{
	unsigned long i, n = pti_rounds(100000);
	static long word;
	bool good = true;
	int fd;

	fd = breakpoint_open((unsigned long)(type == HW_BREAKPOINT_X ?
					     site : (void *)&word),
			     type, len, true, false);
	if (fd < 0) {
		ksft_test_result_skip("%s: perf_event_open: %s\n", name,
				      strerror(errno));
		return;
	}
	for (i = 0; good && i < n; i++) {
		regs_markers();
		regs_in[REG_SI] = (long)&word;
		regs_run(site);
		good = regs_same(name, regs_out, 0) && regs_gs_same(name);
	}
	if (!same("number of traps", breakpoint_close(fd), i))
		good = false;
	ksft_test_result(good, "%s: %lu times\n", name, i);
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
	ksft_set_plan(5);
	regs_gs_set();
	test_touch();
	test_fetch();
	test_umip();
	/* The kernel wants its own word size here, whoever asks. */
	test_debug("#DB at an instruction", site_nop, HW_BREAKPOINT_X, 8);
	test_debug("#DB by a write", site_touch_write, HW_BREAKPOINT_W, 4);
	ksft_finished();
}
