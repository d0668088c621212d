// SPDX-License-Identifier: GPL-2.0-only
/*
 * dbg_deny - no breakpoints on what the entry code uses
 *
 * A breakpoint on an address that is read, written or executed before CR3 and
 * the stack are the kernel's raises #DB where it cannot be handled.  The
 * kernel refuses them, even to root.  Here every such address that user space
 * can find is tried: the whole cpu_entry_area, entry text, the per-CPU offsets,
 * and, at the addresses that the dump of the user page table shows, the TSS,
 * GDT, CR3 state and DR7 of each CPU.  What the instructions of the entry code
 * refer to comes from the build of the kernel: the file entry_data beside this
 * program, which entry_data.sh writes.
 *
 * What it catches: data that the entry code of a new isolation reads (a flush
 * mask, a scratch word) and that the list of forbidden addresses
 * (within_cpu_entry() of hw_breakpoint.c) does not have.
 *
 * All breakpoints are opened disabled: what is not refused does no harm.
 */
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include "breakpoint.h"

#define USER_TABLE	"/sys/kernel/debug/page_tables/current_user"
#define CEA		0xfffffe0000000000UL
#define CEA_END		0xfffffe7fffffe000UL
#define ESPFIX		0xffffff0000000000UL
#define ESPFIX_END	0xffffff8000000000UL
#define MAX_CPUS	64

static unsigned int tried;

static bool refused(unsigned long addr, int type, int len)
{
	int fd = breakpoint_open(addr, type, len, false, true);

	tried++;
	if (fd < 0 && errno == EINVAL)
		return true;
	ksft_print_msg("%lx, type %d, length %d: %s\n", addr, type, len,
		       fd < 0 ? strerror(errno) : "accepted");
	if (fd >= 0)
		close(fd);
	return false;
}

static bool data_refused(unsigned long addr)
{
	int len;

	for (len = 1; len <= 8; len *= 2)
		if (!refused(addr & -len, HW_BREAKPOINT_W, len) ||
		    !refused(addr & -len, HW_BREAKPOINT_RW, len))
			return false;
	return true;
}

static bool range_refused(unsigned long addr, unsigned long size)
{
	unsigned long at;

	for (at = addr; at < addr + size; at += 8)
		if (!refused(at, HW_BREAKPOINT_RW, 8))
			return false;
	return true;
}

/* A child that stands still to be traced. */
static pid_t stopped_child(void)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		syscall(SYS_kill, getpid(), SIGSTOP);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return pid;
}

static void end_child(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* A refusal says something only if other addresses are accepted. */
static void test_control(void)
{
	unsigned long addr = pti_symbol("init_task");
	int fd;

	if (!addr) {
		ksft_test_result_skip("other kernel data: no addresses in /proc/kallsyms\n");
		return;
	}
	fd = breakpoint_open(addr, HW_BREAKPOINT_W, 8, false, true);
	ksft_test_result(fd >= 0, "other kernel data: accepted\n");
	if (fd >= 0)
		close(fd);
}

static void test_cea(void)
{
	unsigned long i, n = pti_rounds(2000);
	bool good;

	tried = 0;
	good = range_refused(CEA, 2 * PTI_PAGE);
	for (i = 0; good && i < n; i++)
		good = data_refused(CEA + pti_random() % (CEA_END - CEA));
	ksft_test_result(good, "cpu_entry_area: %u tried\n", tried);
}

/*
 * An isolated IRET to a 16-bit stack pops from its ESPFIX stack on the user page table;
 * what interrupts it there goes back to before that, and would do so for ever.
 */
static void test_espfix(void)
{
	unsigned long i, n = pti_rounds(2000);
	bool good;

	if (!pti_on()) {
		ksft_test_result_skip("ESPFIX stacks: isolation is off\n");
		return;
	}
	tried = 0;
	good = data_refused(ESPFIX) && data_refused(ESPFIX_END - 8);
	for (i = 0; good && i < n; i++)
		good = data_refused(ESPFIX + pti_random() % (ESPFIX_END - ESPFIX));
	ksft_test_result(good, "ESPFIX stacks: %u tried\n", tried);
}

static void test_text(void)
{
	static const char * const names[] = {
		"entry_SYSCALL_64", "entry_SYSENTER_compat",
		"entry_SYSCALL_compat", "asm_exc_page_fault", "asm_exc_debug",
		"asm_exc_nmi", "asm_exc_double_fault", "asm_exc_int3",
		"error_entry", "paranoid_entry", "paranoid_exit",
		"swapgs_restore_regs_and_return_to_usermode",
	};
	unsigned long start = pti_symbol("__entry_text_start");
	unsigned long end = pti_symbol("__entry_text_end"), at;
	unsigned int i;
	bool good = true;

	if (!start || end <= start) {
		ksft_test_result_skip("entry text: no addresses in /proc/kallsyms\n");
		return;
	}
	tried = 0;
	for (at = start; good && at < end; at += 16)
		good = refused(at, HW_BREAKPOINT_X, 8);
	for (i = 0; good && i < ARRAY_SIZE(names); i++) {
		at = pti_symbol(names[i]);
		if (at)
			good = refused(at, HW_BREAKPOINT_X, 8);
	}
	ksft_test_result(good, "entry text: %u tried\n", tried);
}

static void test_offsets(void)
{
	unsigned long addr = pti_symbol("__per_cpu_offset");
	int cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct utsname kernel;

	if (!uname(&kernel) && !strstr(kernel.version, "SMP")) {
		ksft_test_result_skip("per-CPU offsets: none without SMP\n");
		return;
	}
	if (!addr) {
		ksft_test_result_skip("per-CPU offsets: no such symbol\n");
		return;
	}
	tried = 0;
	ksft_test_result(range_refused(addr, 8 * cpus),
			 "per-CPU offsets: %u tried\n", tried);
}

/*
 * The first page of each CPU's cpu_tss_rw is in the user page table at its own
 * address, and writable: the only such pages outside of the cpu_entry_area.
 */
static unsigned int find_tss(unsigned long *pages)
{
	unsigned long from, to;
	unsigned int n = 0;
	char line[256];
	FILE *f;

	f = fopen(USER_TABLE, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "0x%lx-0x%lx", &from, &to) != 2 ||
		    !(from >> 63) || !strstr(line, " RW "))
			continue;
		if (from >= CEA && from < ESPFIX)
			continue;
		for (; from < to && n < MAX_CPUS; from += PTI_PAGE)
			pages[n++] = from;
	}
	if (f)
		fclose(f);
	return n;
}

static void test_per_cpu(void)
{
	/* Where the way out finds its CR3 or the flush that it owes. */
	const char *cr3 = pti_symbol("pti_pcid") ? "pti_pcid" : "cpu_tlbstate";
	const struct {
		const char *name;
		unsigned long size;	/* as much as is surely part of it */
	} data[] = {
		{ "cpu_tss_rw", 0x68 },
		{ "gdt_page", 128 },
		{ "cpu_dr7", 8 },
		{ cr3, 8 },
	};
	unsigned long pages[MAX_CPUS], tss = pti_symbol("cpu_tss_rw");
	unsigned int n, cpu, i;
	bool good = true;

	if (!pti_on()) {
		ksft_test_result_skip("per-CPU data: no way to its addresses without isolation\n");
		return;
	}
	n = find_tss(pages);
	good = n && tss;
	tried = 0;
	for (cpu = 0; good && cpu < n; cpu++) {
		unsigned long base = pages[cpu] - (tss & -PTI_PAGE);

		/* Where per-CPU data begins, if it is relative; the canary is at 40. */
		good = range_refused(base + pti_symbol("fixed_percpu_data"), 48);
		for (i = 0; good && i < ARRAY_SIZE(data); i++) {
			unsigned long offset = pti_symbol(data[i].name);

			if (offset)
				good = range_refused(base + offset,
						     data[i].size);
			if (!good)
				ksft_print_msg("%s of CPU page %lx\n",
					       data[i].name, pages[cpu]);
		}
	}
	ksft_test_result(good, "per-CPU data: %u tried on %u CPUs\n", tried, n);
}

/* What entry code refers to, and may be watched nevertheless. */
static const char * const may_be_watched[][2] = {
	{ "espfix_stack", "read on the kernel page table, by an exit that #DB never takes" },
	{ "espfix_waddr", "the same" },
};

static bool listed_refused(unsigned long addr, unsigned long bytes, pid_t tracee)
{
	unsigned long dr7 = 1 | 3 << 16 | 3 << 18;

	if (!data_refused(addr) || !data_refused(addr + bytes - 1))
		return false;
	if (ptrace(PTRACE_POKEUSER, tracee, offsetof(struct user, u_debugreg[0]),
		   addr & -8UL) ||
	    ptrace(PTRACE_POKEUSER, tracee, offsetof(struct user, u_debugreg[7]), dr7))
		return errno == EINVAL;
	ksft_print_msg("ptrace accepts %lx\n", addr);
	return false;
}

/* Each line of the list that the build made: "percpu|data SYMBOL+OFFSET BYTES". */
static void test_listed(const char *program)
{
	unsigned long pages[MAX_CPUS], tss = pti_symbol("cpu_tss_rw");
	unsigned long addr, offset, bytes;
	unsigned int n, cpu, i, lines = 0, excused = 0;
	const char *slash = strrchr(program, '/');
	char path[256], kind[8], name[200];
	bool good = true;
	pid_t tracee;
	FILE *f;

	snprintf(path, sizeof(path), "%.*sentry_data",
		 slash ? (int)(slash + 1 - program) : 0, program);
	if (!pti_on()) {
		ksft_test_result_skip("as the build lists it: %s\n",
				      "no way to its addresses without isolation");
		return;
	}
	n = find_tss(pages);
	f = fopen(path, "r");
	if (!f) {
		ksft_test_result_skip("as the build lists it: no list\n");
		return;
	}
	if (!n || !tss) {
		ksft_test_result_fail("as the build lists it: no TSS was found\n");
		fclose(f);
		return;
	}
	tracee = stopped_child();
	tried = 0;
	while (good && fscanf(f, "%7s %199[^+]+%lu %lu", kind, name, &offset, &bytes) == 4) {
		lines++;
		for (i = 0; i < ARRAY_SIZE(may_be_watched); i++)
			if (!strcmp(name, may_be_watched[i][0]))
				break;
		if (i < ARRAY_SIZE(may_be_watched)) {
			excused++;
			continue;
		}
		addr = pti_symbol(name);
		good = addr || !strcmp(kind, "percpu");
		if (!strcmp(kind, "data"))
			good = good && listed_refused(addr + offset, bytes, tracee);
		else
			for (cpu = 0; good && cpu < n; cpu++)
				good = listed_refused(pages[cpu] - (tss & -PTI_PAGE) +
						      addr + offset, bytes, tracee);
		if (!good)
			ksft_print_msg("%s+%lu: entry code refers to it\n", name, offset);
	}
	good = good && feof(f) && lines > excused;
	fclose(f);
	end_child(tracee);
	ksft_test_result(good,
			 "as the build lists it: %u places, %u tried on %u CPUs, %u may be watched\n",
			 lines, tried, n, excused);
}

/* What is in the user page table and is data: each page of it. */
static void test_exposed(void)
{
	unsigned long from, to;
	char line[256];
	bool good = true;
	FILE *f;

	if (!pti_on()) {
		ksft_test_result_skip("exposed cpu_entry_area: isolation is off\n");
		return;
	}
	f = fopen(USER_TABLE, "r");
	good = f;
	tried = 0;
	while (good && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "0x%lx-0x%lx", &from, &to) != 2 ||
		    from < CEA || from >= CEA_END || !strstr(line, "GLB"))
			continue;
		for (; good && from < to; from += PTI_PAGE)
			good = data_refused(from) && data_refused(from + 0xff8);
	}
	if (f)
		fclose(f);
	ksft_test_result(good && tried, "exposed cpu_entry_area: %u tried\n",
			 tried);
}

/* A tracer has no business in the kernel half at all. */
static void test_ptrace(void)
{
	static const unsigned long addrs[] = {
		CEA, CEA + PTI_PAGE, 0xffffffff81000000, 0xffffffffff600000,
		0xffff888000000000, 0xffff880000000000, 0xff10000000000000,
	};
	unsigned int i, rw, accepted = 0;
	pid_t pid = stopped_child();

	for (i = 0; i < ARRAY_SIZE(addrs); i++)
		for (rw = 0; rw < 4; rw++) {
			unsigned long dr7 = 1 | rw << 16 | (rw ? 3 << 18 : 0);

			if (rw == 2)	/* I/O ports */
				continue;
			if (!ptrace(PTRACE_POKEUSER, pid,
				    offsetof(struct user, u_debugreg[0]),
				    addrs[i]) &&
			    !ptrace(PTRACE_POKEUSER, pid,
				    offsetof(struct user, u_debugreg[7]),
				    dr7)) {
				accepted++;
				ksft_print_msg("ptrace accepts %lx\n",
					       addrs[i]);
			}
			ptrace(PTRACE_POKEUSER, pid,
			       offsetof(struct user, u_debugreg[7]), 0);
		}
	end_child(pid);
	ksft_test_result(!accepted, "by ptrace: all refused\n");
}

int main(int argc, char **argv)
{
	int fd;

	pti_start(argc, argv);
	fd = breakpoint_open((unsigned long)&tried, HW_BREAKPOINT_W, 4, false,
			     false);
	if (fd < 0)
		ksft_exit_skip("perf_event_open: %s\n", strerror(errno));
	close(fd);
	ksft_set_plan(9);
	test_control();
	test_cea();
	test_espfix();
	test_text();
	test_offsets();
	test_per_cpu();
	test_listed(argv[0]);
	test_exposed();
	test_ptrace();
	ksft_finished();
}
