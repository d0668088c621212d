// SPDX-License-Identifier: GPL-2.0-only
/*
 * peek - the kernel half cannot be used from user mode, wherever one tries
 *
 * Reads, writes and jumps to kernel addresses: to the ends of every range
 * that the kernel's page-table dumps list, those of the user page table
 * included, to every top-level slot, and to addresses that are none.  Each
 * must give one SIGSEGV with the right address, and none may hang.
 *
 * What it catches: a leaf of the kernel half with the user bit set, a fault
 * handler that takes a fault for spurious and returns to it for ever because
 * it looks into the other page table, and faults reported for a wrong address.
 *
 * What it cannot show: whether the page was absent or just forbidden.  The
 * kernel sets the protection bit (X86_PF_PROT) in the error code that a
 * signal reports for any kernel address (sanitize_error_code() of fault.c),
 * so that programs do not learn the layout.  That the bit is there always is
 * tested; what is mapped, the dumps and the walk from outside tell.
 */
#include "regs.h"

#define DUMPS		"/sys/kernel/debug/page_tables/"
#define VSYSCALL	0xffffffffff600000UL
#define MAX_FAULTS	60000

static unsigned int segvs;
static unsigned long segv_addr, segv_err, segv_trapno;
static int segv_code;

static unsigned long tried;
static bool failed;

static void sigsegv(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *gregs = uc->uc_mcontext.gregs;

	segvs++;
	segv_addr = (unsigned long)si->si_addr;
	segv_code = si->si_code;
	segv_err = gregs[REG_ERR];
	segv_trapno = gregs[REG_TRAPNO];
	gregs[REG_IP] = (greg_t)regs_back;
}

static bool canonical(unsigned long addr)
{
	/* With five levels bit 56 is the sign: fewer addresses are bad. */
	static int shift;

	if (!shift)
		shift = pti_cpuinfo("flags", "la57") ? 7 : 16;
	return (unsigned long)((long)(addr << shift) >> shift) == addr;
}

static void once(const char *how, const void *site, unsigned long addr,
		 unsigned long err)
{
	bool good;

	if (failed || tried >= MAX_FAULTS)
		return;
	tried++;
	regs_markers();
	regs_in[REG_AX] = addr;
	regs_in[REG_SI] = addr;
	segvs = 0;
	regs_run(site);
	good = segvs == 1 && regs_same(how, regs_out, 0);
	if (canonical(addr))
		good &= segv_addr == addr && segv_code == SEGV_MAPERR &&
			segv_trapno == TRAP_PF &&
			segv_err == (PF_USER | PF_PROT | err);
	else
		good &= segv_code == SI_KERNEL && segv_trapno == TRAP_GP;
	if (good)
		return;
	failed = true;
	ksft_print_msg("%s at %lx: %u signals, si_code %d, address %lx, trap %lu, error %lx\n",
		       how, addr, segvs, segv_code, segv_addr, segv_trapno,
		       segv_err);
}

static void peek(unsigned long addr)
{
	if ((addr & -PTI_PAGE) == VSYSCALL)
		return;
	once("read", site_read, addr, 0);
	once("write", site_write, addr, PF_WRITE);
	once("jump", site_touch_exec, addr, PF_INSTR);
}

static void begin(void)
{
	tried = 0;
	failed = false;
}

static void end(const char *what)
{
	ksft_test_result(!failed && tried, "%s: %lu faults\n", what, tried);
}

/* Both ends of every range that a dump of the kernel's page tables lists. */
static void test_dump(const char *name, const char *file)
{
	unsigned long from, to, most = pti_rounds(5000), n = 0;
	char path[128], line[256];
	FILE *f;

	snprintf(path, sizeof(path), DUMPS "%s", file);
	f = fopen(path, "r");
	if (!f) {
		ksft_test_result_skip("%s: no %s\n", name, path);
		return;
	}
	begin();
	while (n < most && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "0x%lx-0x%lx", &from, &to) != 2 ||
		    !(from >> 63))
			continue;
		n++;
		peek(from);
		peek(to - 4);
	}
	fclose(f);
	end(name);
}

static void test_slots(void)
{
	unsigned int slot;

	begin();
	for (slot = 256; slot < 512; slot++) {
		unsigned long addr = 0xffff000000000000UL |
				     (unsigned long)slot << 39;

		peek(addr);
		peek(addr + (pti_random() & 0x7ffffffffcUL));
	}
	end("every slot of four levels");
}

static void test_fixed(void)
{
	static const unsigned long addrs[] = {
		0xfffffe0000000000,	/* the IDT as the CPU knows it */
		0xfffffe0000001000,	/* cpu_entry_area of the first CPU */
		0xffff880000000000,	/* LDT, four levels */
		0xff10000000000000,	/* LDT, five levels */
		0xffffffff80000000,	/* kernel image without KASLR */
		0xffffffff81000000,
		0xffffffffc0000000,	/* modules */
		0xffffff0000000000,	/* espfix */
		0xfffffffffffffffc,
		0x8000000000000000,	/* never canonical */
		0x7fffffffffffffff,
	};
	unsigned int i;

	begin();
	for (i = 0; i < ARRAY_SIZE(addrs); i++)
		peek(addrs[i]);
	end("well-known addresses");
}

/* Addresses of functions and variables, all over the image. */
static void test_symbols(void)
{
	unsigned long addr, n = 0, most = pti_rounds(2000);
	unsigned int skip = 0;
	char line[256];
	FILE *f;

	f = fopen("/proc/kallsyms", "r");
	begin();
	while (f && tried < 3 * most && fgets(line, sizeof(line), f)) {
		addr = strtoul(line, NULL, 16);
		if (!(addr >> 63) || skip++ % 17)
			continue;
		n++;
		peek(addr & ~3UL);
	}
	if (f)
		fclose(f);
	if (n)
		end("kernel symbols");
	else
		ksft_test_result_skip("kernel symbols: no addresses in /proc/kallsyms\n");
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
	ksft_set_plan(5);
	pti_altstack();
	pti_handle(SIGSEGV, sigsegv, SA_ONSTACK);
	test_fixed();
	test_slots();
	test_symbols();
	test_dump("ranges of the kernel page table", "current_kernel");
	test_dump("ranges of the user page table", "current_user");
	ksft_finished();
}
