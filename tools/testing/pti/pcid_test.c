// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flushes that user PCIDs are owed, tested on the host: no emulator of the
 * test bed keeps translations of a PCID that is not loaded, so none shows a
 * flush that is missing. This compiles the kernel's own pti_pcid.h.
 *
 * A model beside it remembers, for each ASID, whether its user PCID may hold
 * something stale. Random loads, flushes and exits go to both; at each exit the
 * CR3 that the entry code would write has to flush what the model calls stale,
 * and to belong to the ASID that is loaded. A flush that nobody owes is counted
 * too: it would be safe, but slow.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define PTI_USER_ROOT_BIT	12
#define PTI_USER_PCID_BIT	11
#define CR3_NOFLUSH		0x8000000000000000UL

#include "../../../arch/x86/mm/pti_pcid.h"

#define ASIDS	6
#define STEPS	1000000

static unsigned int tests, failures;

static void check(bool good, const char *what)
{
	tests++;
	failures += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", tests, what);
}

/* What the exit path does: take the value, set NOFLUSH again. */
static unsigned long exit_to_user(struct pti_pcid *s)
{
	unsigned long cr3 = s->user_cr3;

	s->user_cr3 |= CR3_NOFLUSH;
	return cr3;
}

static unsigned long kernel_cr3(unsigned int asid)
{
	return 0x100000UL * (asid + 1) + asid + 1;
}

/* As tlb.c loads an mm. */
static void load(struct pti_pcid *s, unsigned int asid, bool flush)
{
	pti_pcid_load(s, kernel_cr3(asid) | (flush ? 0 : CR3_NOFLUSH), asid, true);
}

static void random_walk(void)
{
	unsigned long missing = 0, needless = 0, wrong = 0, cr3, step;
	bool stale[ASIDS] = { false };
	struct pti_pcid s = { 0 };
	unsigned int asid = 0;
	bool flush;

	/* The state that a CPU starts with owes ASID 0 a flush. */
	stale[0] = true;
	load(&s, 0, true);

	for (step = 0; step < STEPS; step++) {
		switch (rand() % 4) {
		case 0:
			asid = rand() % ASIDS;
			flush = !(rand() % 4);
			stale[asid] |= flush;
			load(&s, asid, flush);
			break;
		case 1:
			/* As this_cpu_and() in pti_owe_user_flush(). */
			s.user_cr3 &= ~CR3_NOFLUSH;
			stale[asid] = true;
			break;
		default:
			cr3 = exit_to_user(&s);
			missing += stale[asid] && (cr3 & CR3_NOFLUSH);
			needless += !stale[asid] && !(cr3 & CR3_NOFLUSH);
			wrong += (cr3 & ~CR3_NOFLUSH) != (kernel_cr3(asid) | 0x1800);
			stale[asid] = false;
		}
	}

	check(!missing, "each flush that is owed is paid before user mode runs");
	check(!needless, "no flush is paid that is not owed");
	check(!wrong, "the user CR3 is the loaded ASID's: its root, its user PCID");
}

static void single_steps(void)
{
	struct pti_pcid s = { 0 };

	pti_pcid_load(&s, kernel_cr3(0), 0, false);
	check(s.user_cr3 == (kernel_cr3(0) | 0x1000),
	      "without PCID, neither the user PCID nor NOFLUSH is in CR3");

	s = (struct pti_pcid) { 0 };
	load(&s, ASIDS - 1, true);
	exit_to_user(&s);
	load(&s, 0, false);
	exit_to_user(&s);
	load(&s, ASIDS - 1, false);
	check(s.user_cr3 & CR3_NOFLUSH, "an ASID that is up to date is loaded without a flush");

	s.user_cr3 &= ~CR3_NOFLUSH;
	load(&s, 1, false);
	load(&s, ASIDS - 1, false);
	check(!(s.user_cr3 & CR3_NOFLUSH), "a debt that was not paid survives other mms");

	check(!pti_pcid_take_kernel_stale(&s), "no ASID is stale for the kernel at first");
	s.kernel_stale = true;
	check(pti_pcid_take_kernel_stale(&s), "a dropped kernel page makes the others stale");
	check(!pti_pcid_take_kernel_stale(&s), "and that is told once");
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
