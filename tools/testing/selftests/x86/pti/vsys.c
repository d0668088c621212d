// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsys - the vsyscall page in the mode that the kernel was booted with
 *
 * It is the only page of the kernel half that user mode may ever use: read in
 * the mode "emulate", called in "emulate" and "xonly", nothing in "none".
 *
 * What it catches: a user page table without the page, or with the user bit
 * missing at one of its levels (reads fault in emulate mode); a user bit that
 * is set in the other modes; a page that may be written or executed for real;
 * and an exit from the emulation, by IRET to another place than the fault,
 * that loses a register.
 */
#include <sys/time.h>
#include "regs.h"

#define VSYSCALL	0xffffffffff600000UL
#define VTIME		(VSYSCALL + 0x400)
#define TRACE		"/proc/sys/debug/exception-trace"

static enum { NONE, XONLY, EMULATE } mode;
static unsigned long segv_addr, segv_ip, segv_err;
static unsigned int segvs;

static void sigsegv(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *gregs = uc->uc_mcontext.gregs;

	segvs++;
	segv_addr = (unsigned long)si->si_addr;
	segv_ip = gregs[REG_IP];
	segv_err = gregs[REG_ERR];
	gregs[REG_IP] = (greg_t)regs_back;
}

/* What /proc/self/maps says of the page: permissions, or "none" */
static const char *page(void)
{
	static char perms[8];
	char line[512];
	FILE *f;

	snprintf(perms, sizeof(perms), "none");
	f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[vsyscall]"))
			sscanf(line, "ffffffffff600000-ffffffffff601000 %7s",
			       perms);
	if (f)
		fclose(f);
	return perms;
}

/* It is shown as what the mode makes of it. */
static void test_maps(void)
{
	static const char * const expected[] = { "none", "--xp", "r-xp" };
	const char *perms = page();

	ksft_test_result(!strcmp(perms, expected[mode]),
			 "maps: vsyscall page is %s\n", perms);
}

static void call_page(unsigned long address)
{
	unsigned long *sp;

	regs_markers();
	sp = (unsigned long *)(regs_scratch_sp() & ~7UL);
	*--sp = (unsigned long)regs_back;
	regs_in[REG_RSP] = (greg_t)sp;
	regs_in[REG_RAX] = address;
	regs_in[REG_RDI] = 0;
	regs_in[REG_RSI] = address;
	segvs = 0;
	regs_run(site_touch_exec);
}

static void test_call(void)
{
	unsigned long i, n = pti_rounds(mode == NONE ? 1000 : 100000);
	bool good = true;

	for (i = 0; good && i < n; i++) {
		time_t before = time(NULL);

		call_page(VTIME);
		if (mode == NONE) {
			good = segvs == 1 && segv_addr == VTIME &&
			       segv_ip == VTIME;
			continue;
		}
		/* The kernel does the return, too. */
		regs_in[REG_RSP] += 8;
		good = !segvs && regs_out[REG_RAX] >= before &&
		       regs_out[REG_RAX] <= before + 60 &&
		       regs_same("call", regs_out, REG_BIT(REG_RAX)) &&
		       regs_gs_same("call");
	}
	if (!good)
		ksft_print_msg("%u faults, at %lx\n", segvs, segv_addr);
	ksft_test_result(good, "call: %lu times\n", i);
}

/* Only the three entry points can be called, whatever the page holds. */
static void test_misaligned(void)
{
	unsigned int i;
	bool good = true;

	for (i = 1; good && i < 4096; i += 31) {
		if (!(i & 0x3ff))
			continue;
		call_page(VSYSCALL + i);
		good = segvs == 1;
	}
	ksft_test_result(good, "call between the entry points: refused\n");
}

static void test_read(void)
{
	unsigned long i, n = pti_rounds(1000);
	bool good = true;

	for (i = 0; good && i < n; i++) {
		regs_markers();
		regs_in[REG_RAX] = VSYSCALL + pti_random() % 4093;
		segvs = 0;
		regs_run(site_read);
		if (mode == EMULATE)
			good = !segvs &&
			       regs_same("read", regs_out, REG_BIT(REG_RDX));
		else
			good = segvs == 1 &&
			       segv_addr == (unsigned long)regs_in[REG_RAX] &&
			       regs_same("read", regs_out, 0);
	}
	ksft_test_result(good, "read: %s\n",
			 mode == EMULATE ? "allowed" : "refused");
}

static void test_write(void)
{
	regs_markers();
	regs_in[REG_RAX] = VTIME;
	segvs = 0;
	regs_run(site_write);
	ksft_test_result(segvs == 1 && segv_addr == VTIME &&
			 segv_err == (PF_USER | PF_WRITE | PF_PROT),
			 "write: refused\n");
}

/* The kernel logs each bad call, unless this sysctl is 0. */
static void set_trace(const char *value)
{
	int fd = open(TRACE, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, value, 1) != 1)
		ksft_print_msg("cannot set " TRACE "\n");
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const char *param = pti_bootparam("vsyscall");
	char maps[64], trace[8] = "1";

	pti_start(argc, argv);
	/* Without a parameter it is as built, "xonly" or "none": the page tells which. */
	mode = strcmp(page(), "none") ? XONLY : NONE;
	if (param)
		mode = !strcmp(param, "none") ? NONE :
		       !strcmp(param, "emulate") ? EMULATE : XONLY;
	if (pti_read_file("/proc/self/maps", maps, sizeof(maps)) < 0)
		ksft_exit_skip("no /proc/self/maps\n");
	ksft_set_plan(5);
	pti_altstack();
	pti_handle(SIGSEGV, sigsegv, SA_ONSTACK);
	pti_read_file(TRACE, trace, sizeof(trace));
	set_trace("0");
	regs_gs_set();
	test_maps();
	test_call();
	test_misaligned();
	test_read();
	test_write();
	set_trace(trace);
	ksft_finished();
}
