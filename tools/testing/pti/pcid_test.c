// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flushes that user PCIDs are owed, tested on the host in a second: of the
 * emulators only qemu-pcid keeps translations of a PCID that is not loaded, so the
 * others show no flush that is missing. This compiles the kernel's own pti_pcid.h.
 *
 * A model beside it remembers, for each ASID, whether its user PCID may hold
 * something stale. Random loads, flushes, exits and changes between a process that is opted out
 * and one that is isolated go to both; at each exit the
 * CR3 that the entry code would write has to flush what the model calls stale,
 * and to belong to the ASID that is loaded. A flush that nobody owes is counted
 * too: it would be safe, but slow.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define PTI_USER_ROOT_BIT	12
#define PTI_USER_PCID_BIT	11
#define PTI_USER_CR3_BITS	(1 << PTI_USER_ROOT_BIT | 1 << PTI_USER_PCID_BIT)
#define CR3_NOFLUSH		0x8000000000000000UL
#define CR3_PCID_MASK		0xfffUL
#define X86_CR4_PCIDE		(1UL << 17)
#define TASK_SIZE_MAX		0x7ffffffff000UL

/* The primitives of pti_pcid.h, for the one CPU that there is. It has no INVPCID. */
#define ASIDS	6
#define TLB_NR_DYN_ASIDS	ASIDS
#define DECLARE_PER_CPU_ALIGNED(type, name)	static type name
#define this_cpu_read(var)			(var)
#define this_cpu_write(var, value)		((var) = (value))
#define __this_cpu_read(var)			(var)
#define __this_cpu_write(var, value)		((var) = (value))
#define this_cpu_and(var, value)		((var) &= (value))
#define this_cpu_inc(var)			((var)++)
#define CONFIG_PTI_SYSFS			1
#define X86_FEATURE_PTI_PCID			true
#define X86_FEATURE_INVPCID			false
#define cpu_feature_enabled(feature)		(feature)
#define unlikely(cond)				(cond)
#define in_nmi()				nmi
#define VM_WARN_ON_ONCE(cond)			((void)((cond) && warnings++))
static bool nmi;
static unsigned int warnings;

static struct {
	unsigned long	cr4;
	unsigned short	loaded_mm_asid;
	struct { unsigned long ctx_id; } ctxs[ASIDS];
} cpu_tlbstate;

static void invpcid_flush_one(unsigned long pcid, unsigned long addr)
{
	fprintf(stderr, "INVPCID %#lx of PCID %#lx, which the CPU does not have\n", addr, pcid);
	abort();
}

#include "../../../arch/x86/mm/pti_pcid.h"

#define STEPS	1000000

static unsigned int tests, failures;

static void check(bool good, const char *what)
{
	tests++;
	failures += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", tests, what);
}

/* What the exit path does: take the value, and set NOFLUSH again if it was clear. */
static unsigned long exit_to_user(void)
{
	unsigned long cr3 = pti_pcid.user_cr3;

	if (!(cr3 & CR3_NOFLUSH))
		pti_pcid.user_cr3 |= CR3_NOFLUSH;
	return cr3;
}

static unsigned long kernel_cr3(unsigned int asid)
{
	return 0x100000UL * (asid + 1) + asid + 1;
}

/* As tlb.c loads an mm. */
static void load(unsigned int asid, bool flush)
{
	pti_pcid_load(kernel_cr3(asid) | (flush ? 0 : CR3_NOFLUSH), true);
	cpu_tlbstate.loaded_mm_asid = asid;
}

static void random_walk(void)
{
	unsigned long missing = 0, needless = 0, wrong = 0, cr3, step;
	bool stale[ASIDS] = { false };
	unsigned int asid = 0;
	bool flush, out = false;

	/* The state that a CPU starts with owes ASID 0 a flush. */
	stale[0] = true;
	load(0, true);

	for (step = 0; step < STEPS; step++) {
		switch (rand() % 5) {
		case 0:
			asid = rand() % ASIDS;
			flush = !(rand() % 4);
			stale[asid] |= flush;
			load(asid, flush);
			out = false;
			break;
		case 1:
			if (rand() % 2)
				pti_owe_user_flush();
			else
				pti_flush_one_user(0);
			stale[asid] = true;
			break;
		case 2:
			out = !(rand() % 3);
			if (out)
				pti_pcid_opt_out(true);
			else
				pti_pcid_opt_in(true);
			/* What flushes this PCID may come as one of the kernel's alone. */
			stale[asid] |= out;
			break;
		default:
			cr3 = exit_to_user();
			if (out) {
				wrong += (cr3 & ~CR3_NOFLUSH) != kernel_cr3(asid);
				break;
			}
			missing += stale[asid] && (cr3 & CR3_NOFLUSH);
			needless += !stale[asid] && !(cr3 & CR3_NOFLUSH);
			wrong += (cr3 & ~CR3_NOFLUSH) != (kernel_cr3(asid) | 0x1800);
			stale[asid] = false;
		}
	}

	check(!missing, "each flush that is owed is paid before user mode runs");
	check(!needless, "no flush is paid that is not owed");
	check(!wrong, "the user CR3 is the loaded ASID's: its root, its user PCID; or its kernel CR3");
}

static void single_steps(void)
{
	unsigned int asid, kept = 0;
	unsigned long forgotten;

	pti_pcid_load(kernel_cr3(0), false);
	check(pti_pcid.user_cr3 == (kernel_cr3(0) | 0x1000),
	      "without PCID, neither the user PCID nor NOFLUSH is in CR3");

	pti_pcid_opt_out(false);
	check(pti_pcid.user_cr3 == kernel_cr3(0), "nor in that of a process that is opted out");
	pti_pcid_opt_in(false);
	check(pti_pcid.user_cr3 == (kernel_cr3(0) | 0x1000), "nor if it is isolated again");

	pti_pcid = (struct pti_pcid) { 0 };
	load(ASIDS - 1, true);
	exit_to_user();
	load(0, false);
	exit_to_user();
	load(ASIDS - 1, false);
	check(pti_pcid.user_cr3 & CR3_NOFLUSH,
	      "an ASID that is up to date is loaded without a flush");

	pti_owe_user_flush();
	load(1, false);
	load(ASIDS - 1, false);
	check(!(pti_pcid.user_cr3 & CR3_NOFLUSH), "a debt that was not paid survives other mms");

	for (asid = 0; asid < ASIDS; asid++)
		cpu_tlbstate.ctxs[asid].ctx_id = 1;
	pti_forget_stale_asids();
	for (asid = 0; asid < ASIDS; asid++)
		kept += cpu_tlbstate.ctxs[asid].ctx_id == 1;
	forgotten = pti_pcid.forgotten;
	check(kept == ASIDS, "no ASID is stale for the kernel at first");
	pti_kernel_page_dropped();
	pti_forget_stale_asids();
	for (asid = 0, kept = 0; asid < ASIDS; asid++)
		kept += cpu_tlbstate.ctxs[asid].ctx_id == 1;
	check(kept == 1 && cpu_tlbstate.ctxs[ASIDS - 1].ctx_id == 1,
	      "a dropped kernel page makes the others stale");
	cpu_tlbstate.ctxs[0].ctx_id = 1;
	pti_forget_stale_asids();
	check(cpu_tlbstate.ctxs[0].ctx_id == 1, "and that is told once");
	check(!forgotten && pti_pcid.forgotten == 1, "and counted once");

	check(!warnings, "none of these debts was called out of place");
	nmi = true;
	pti_owe_user_flush();
	check(warnings == 1, "a debt that an NMI makes is called out of place");
	pti_flush_one_user(TASK_SIZE_MAX);
	check(warnings == 1, "dropping what is no user page is none");
	pti_flush_one_user(TASK_SIZE_MAX - 1);
	check(warnings == 2, "a user page that an NMI drops is called out of place");
	nmi = false;
}

int main(void)
{
	printf("TAP version 13\n");
	srand(1);
	random_walk();
	single_steps();
	printf("1..%u\n", tests);
	return failures ? 1 : 0;
}
