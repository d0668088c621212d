/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of tlb_explore.c: two CPUs, their TLBs, the page tables of some mms,
 * and what must never be (rules()). tlb_kernel.h and the PCID state come first.
 *
 * A TLB is a set of what it may hold, the worst that speculation and luck allow:
 * whatever the loaded page table has is there at once (fill()), and stays until
 * something drops it. Software cannot see a TLB, so what is reachable with less in
 * it is reachable with more, and no state in between has to be looked at.
 *
 * A translation is one of few items: of each mm two pages and the page table above
 * them (the paging-structure cache's entry); a page of the kernel; one that only
 * NMIs use; and a global one, which both page tables have. Each is held, or not, in
 * each of four conditions, which stand for any number of successive contents:
 */
#ifndef TLB_MACHINE_H
#define TLB_MACHINE_H

enum condition {
	CURRENT		= 1,	/* as it is in the page table */
	CHANGED_BY_0	= 2,	/* as it was; CPU 0 has changed it and not gone on yet */
	CHANGED_BY_1	= 4,
	REVOKED		= 8,	/* as it was; whoever changed it has gone on */
	HELD		= 15,
};

#define CPUS		2

/* The items of a PCID, four bits each; the global one is kept apart. */
enum item { PAGE_0, PAGE_1, TABLE, MM_ITEMS };
#define ITEM(mm, item)	(4 * (MM_ITEMS * (mm) + (item)))
#define MM_BITS(mm)	(0xfffUL << ITEM(mm, 0))
#define KERNEL_PAGE	ITEM(USER_MMS, 0)
#define NMI_PAGE	ITEM(USER_MMS, 1)
#define USER_BITS	((1UL << KERNEL_PAGE) - 1)
#define KERNEL_BITS	(0xffUL << KERNEL_PAGE)
#define EACH(condition)	(0x11111111111UL * (condition))

/* Their addresses. */
#define USER_ADDR(item)	(((item) + 1) * PAGE_SIZE)
#define KERNEL_ADDR	0xffff888000000000UL
#define NMI_ADDR	(KERNEL_ADDR + PAGE_SIZE)
#define GLOBAL_ADDR	(KERNEL_ADDR + 2 * PAGE_SIZE)

/* The PCIDs that there may be: 0, those of the kernel, those of user mode. */
#define TAGS		(1 + 2 * TLB_NR_DYN_ASIDS)
#define KERNEL_TAG(asid)	(1 + (asid))
#define USER_TAG(asid)	(1 + TLB_NR_DYN_ASIDS + (asid))

enum mode { KERNEL, USER, OFFLINE };

/* What only the CPU itself looks at: as it was when its operation began. */
struct own {
	struct tlb_state	tlbstate;
	struct pti_pcid		pcid;
	u64			cr3;
	bool			is_lazy;
	bool			head;		/* LSTAR leads to that of processes opted out */
	bool			head_known;	/* and that was the last that was written */
	u8			task;		/* its mm; MM_INIT: a kernel thread */
	u8			mode;
};

/* A function call that the other CPU asks for, as shared_call() packs it. */
struct ipi {
	u8	func, mm, start, end, gen, freed_tables;
};

#define MAX_LOG		42

struct cpu {
	struct own	own;
	/* Hardware, and what other CPUs see: as it is. */
	u64		cr3;
	u64		tlb[TAGS];
	u8		global;
	u8		loaded_mm;
	u8		is_lazy;
	struct ipi	ipi;
	/* The operation, and all that it decided or read of others so far. */
	u8		op;
	u8		irqs_off, preempt_off, waits;
	u8		log_len;
	u8		log[MAX_LOG];
};

struct state {
	struct cpu	cpu[CPUS];
	u8		gen[NR_MMS];
	u8		cpumask[NR_MMS];
	u8		absent;		/* mms whose PAGE_0 is not mapped */
	u8		online;		/* CPUs that are asked for flushes */
	u8		masked;		/* mm A has linear-address masking on */
	u8		out;		/* mms that are opted out */
	u8		zero[4];
};

static bool invlpg_keeps_globals;

static inline unsigned long root_of(unsigned int mm)
{
	return (mm + 1UL) << 16;
}

/* The mm that a CR3 is of, or NR_MMS. */
static inline unsigned int mm_of(u64 cr3)
{
	unsigned int mm;

	for (mm = 0; mm < NR_MMS; mm++)
		if ((cr3 & CR3_ADDR_MASK & ~(1UL << PTI_USER_ROOT_BIT)) == root_of(mm))
			break;
	return mm;
}

static inline bool on_user_table(u64 cr3)
{
	return cr3 & (1UL << PTI_USER_ROOT_BIT);
}

/* The tag of a PCID, or TAGS. */
static inline unsigned int tag_of(u64 cr3)
{
	unsigned int pcid = cr3 & CR3_PCID_MASK;
	unsigned int asid = (pcid & ~(1U << PTI_USER_PCID_BIT)) - 1;

	if (!pcid)
		return 0;
	if (asid >= TLB_NR_DYN_ASIDS)
		return TAGS;
	return pcid & (1U << PTI_USER_PCID_BIT) ? USER_TAG(asid) : KERNEL_TAG(asid);
}

/* What the loaded page table has may be in the TLB. @nmi: NMI_PAGE is mapped. */
static void fill(struct state *s, unsigned int cpu, bool nmi)
{
	struct cpu *c = &s->cpu[cpu];
	u64 *tag = &c->tlb[tag_of(c->cr3)];
	unsigned int mm = mm_of(c->cr3);

	if (c->own.mode == OFFLINE)
		return;
	if (mm < USER_MMS) {
		*tag |= (u64)CURRENT << ITEM(mm, TABLE) | (u64)CURRENT << ITEM(mm, PAGE_1);
		if (!(s->absent & 1 << mm))
			*tag |= (u64)CURRENT << ITEM(mm, PAGE_0);
	}
	if (!on_user_table(c->cr3)) {
		*tag |= (u64)CURRENT << KERNEL_PAGE;
		if (nmi)
			*tag |= (u64)CURRENT << NMI_PAGE;
	}
	c->global |= CURRENT;
}

/* CPU @by changes what a page table has at @item, in all mms or in one. */
static void change(struct state *s, unsigned int by, unsigned int item)
{
	unsigned int cpu, tag;

	for (cpu = 0; cpu < CPUS; cpu++) {
		for (tag = 0; tag < TAGS; tag++) {
			u64 *bits = &s->cpu[cpu].tlb[tag];

			if (*bits & (u64)CURRENT << item) {
				*bits &= ~((u64)CURRENT << item);
				*bits |= (u64)(CHANGED_BY_0 << by) << item;
			}
		}
		fill(s, cpu, false);
	}
}

static void change_global(struct state *s, unsigned int by)
{
	unsigned int cpu;

	for (cpu = 0; cpu < CPUS; cpu++) {
		if (s->cpu[cpu].global & CURRENT)
			s->cpu[cpu].global ^= CURRENT | CHANGED_BY_0 << by;
		fill(s, cpu, false);
	}
}

/* CPU @by goes on: nobody may use any more what it has changed. */
static void go_on(struct state *s, unsigned int by)
{
	unsigned int shift = by ? 1 : 2, cpu, tag;

	for (cpu = 0; cpu < CPUS; cpu++) {
		for (tag = 0; tag < TAGS; tag++) {
			u64 *bits = &s->cpu[cpu].tlb[tag];
			u64 changed = *bits & EACH(CHANGED_BY_0 << by);

			*bits = (*bits ^ changed) | changed << shift;
		}
		if (s->cpu[cpu].global & CHANGED_BY_0 << by)
			s->cpu[cpu].global = (s->cpu[cpu].global & ~(CHANGED_BY_0 << by)) | REVOKED;
	}
}

/* One address is dropped from @tag, and all of its paging-structure caches. */
static void drop_page(struct cpu *c, unsigned int tag, unsigned long addr)
{
	unsigned int mm;

	for (mm = 0; mm < USER_MMS; mm++) {
		c->tlb[tag] &= ~((u64)HELD << ITEM(mm, TABLE));
		if (addr == USER_ADDR(PAGE_0))
			c->tlb[tag] &= ~((u64)HELD << ITEM(mm, PAGE_0));
		if (addr == USER_ADDR(PAGE_1))
			c->tlb[tag] &= ~((u64)HELD << ITEM(mm, PAGE_1));
	}
	if (addr == KERNEL_ADDR)
		c->tlb[tag] &= ~((u64)HELD << KERNEL_PAGE);
	if (addr == NMI_ADDR)
		c->tlb[tag] &= ~((u64)HELD << NMI_PAGE);
}

/* Does an ASID that is to be loaded flush anyway, or owes its user PCID a flush? */
static bool will_flush(const struct state *s, const struct cpu *c, unsigned int asid)
{
	const struct tlb_context *ctx = &c->own.tlbstate.ctxs[asid];
	bool loaded = asid == c->own.tlbstate.loaded_mm_asid;

	if (!ctx->ctx_id || (!loaded && c->own.pcid.kernel_stale))
		return true;
	return (!loaded || c->own.is_lazy) && ctx->tlb_gen < s->gen[ctx->ctx_id - 1];
}

static bool debt(const struct cpu *c, unsigned int asid)
{
	unsigned int bit = pti_pcid_bit(asid + 1);

	if (bit == pti_pcid_bit(c->own.pcid.user_cr3) && on_user_table(c->own.pcid.user_cr3))
		return !(c->own.pcid.user_cr3 & CR3_NOFLUSH);
	return c->own.pcid.owed & bit;
}

/* What no translation of an ASID may be, if its mm is @mm: revoked, or another mm's. */
static inline u64 bad_bits(unsigned int mm)
{
	return EACH(REVOKED) | (mm < NR_MMS ? USER_BITS & ~MM_BITS(mm) : 0);
}

static const char *rules_pcids(const struct state *s, const struct cpu *c)
{
	u64 ignored = (u64)HELD << NMI_PAGE;
	unsigned int asid;

	for (asid = 0; asid < TLB_NR_DYN_ASIDS; asid++) {
		u64 bad = bad_bits(c->own.tlbstate.ctxs[asid].ctx_id - 1) & ~ignored;

		if (will_flush(s, c, asid))
			continue;
		if (c->tlb[KERNEL_TAG(asid)] & bad)
			return "a kernel PCID holds what was revoked, and nothing will flush it";
		if (c->tlb[USER_TAG(asid)] & bad && !debt(c, asid))
			return "a user PCID holds what was revoked, and is owed no flush";
	}
	return NULL;
}

/*
 * Does user mode run, on the kernel page table, or with a head for that, where it may not?
 * It may while its mm is opted out, and until whoever isolates it goes on.
 */
static const char *rules_opted_out(const struct state *s, unsigned int cpu)
{
	const struct cpu *c = &s->cpu[cpu];

	if (c->own.head && on_user_table(c->cr3))
		return "a head of the kernel page table has user mode on the user page table";
	if (!on_user_table(c->cr3) && !(s->out & 1U << c->own.task) && !s->cpu[!cpu].op)
		return "user mode runs on the kernel page table, and its mm is isolated";
	return NULL;
}

/* rules() - what is wrong in a state, or NULL */
static const char *rules(const struct state *s)
{
	unsigned int cpu, asid;
	const char *wrong;

	for (cpu = 0; cpu < CPUS; cpu++) {
		const struct cpu *c = &s->cpu[cpu];
		u64 held = c->tlb[tag_of(c->cr3)];
		u64 cr3;

		if (!(s->online & 1 << cpu))
			continue;
		for (asid = 0; asid < TLB_NR_DYN_ASIDS; asid++)
			if (c->tlb[USER_TAG(asid)] & KERNEL_BITS)
				return "a user PCID holds a translation of the kernel's";

		if (c->own.mode == USER && !c->op) {
			wrong = rules_opted_out(s, cpu);
			if (wrong)
				return wrong;
			cr3 = root_of(c->own.task);
			if (on_user_table(c->cr3))
				cr3 |= 1UL << PTI_USER_ROOT_BIT;
			if (features[X86_FEATURE_PTI_PCID])
				cr3 |= c->own.tlbstate.loaded_mm_asid + 1;
			if (features[X86_FEATURE_PTI_PCID] && on_user_table(c->cr3))
				cr3 |= 1UL << PTI_USER_PCID_BIT;
			if (s->masked && c->own.task == MM_A)
				cr3 |= X86_CR3_LAM_U57;
			if ((c->cr3 ^ cr3) & X86_CR3_LAM_U57)
				return "user mode has linear-address masking, or not, against its mm";
			if (c->cr3 != cr3)
				return "user mode runs on another CR3 than that of its mm and ASID";
			if (on_user_table(c->cr3) && held & KERNEL_BITS)
				return "user mode can use what its page table does not have";
			if (held & EACH(REVOKED) & USER_BITS)
				return "user mode can use a translation that was revoked";
			if (held & bad_bits(c->own.task))
				return "user mode can use another mm's translation";
			if (c->global & REVOKED)
				return "user mode can use a global translation that was revoked";
			continue;
		}
		if (on_user_table(c->cr3))
			continue;
		if (held & (u64)REVOKED << KERNEL_PAGE)
			return "the kernel can use a translation of its own that was revoked";
		if (c->op)
			continue;
		if (c->own.task < USER_MMS && held & bad_bits(c->own.task) & USER_BITS)
			return "the kernel can use what was revoked of user memory, or another mm's";
		if (features[X86_FEATURE_PTI_PCID] && !c->ipi.func) {
			wrong = rules_pcids(s, c);
			if (wrong)
				return wrong;
		}
	}
	return NULL;
}

#endif
