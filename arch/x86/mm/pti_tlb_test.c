// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: KUnit tests of what tlb.c tells the PCID state, hook by
 * hook. What that state makes of it is tested on the host, beside a model.
 *
 * Two mms without a page are loaded as a context switch would, with interrupts
 * off from the first load to the last, so that nothing else flushes in between.
 * "Owed" is what an exit to user mode would pay: NOFLUSH clear in the user CR3.
 * Nothing here can see a translation, so a flush that INVPCID does at once is
 * only told from one that nobody does when INVPCID is off (noinvpcid).
 */
#include <kunit/resource.h>
#include <kunit/test.h>

#include <linux/cpufeature.h>
#include <linux/irqflags.h>
#include <linux/mmu_context.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include <asm/pgd_pair.h>
#include <asm/pti.h>
#include <asm/tlbflush.h>

#include "pti_tlb.h"

/* Any address of the kernel's, and one of user mode's. */
#define KERNEL_ADDR	((unsigned long)&pti_pcid)
#define USER_ADDR	PAGE_SIZE

/**
 * struct mms - what each test has
 * @a: an mm that has never been loaded
 * @b: another one
 * @home: what was loaded before the test
 * @flags: of interrupts, before it
 */
struct mms {
	struct mm_struct	*a;
	struct mm_struct	*b;
	struct mm_struct	*home;
	unsigned long		flags;
};

static void put_mm(void *mm)
{
	mmput(mm);
}

static struct mm_struct *new_mm(struct kunit *test)
{
	struct mm_struct *mm = mm_alloc();

	KUNIT_ASSERT_NOT_NULL(test, mm);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_mm, mm));
	return mm;
}

static int mms_init(struct kunit *test)
{
	struct mms *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->a = new_mm(test);
	m->b = new_mm(test);
	test->priv = m;

	return 0;
}

/* Nothing that can sleep, expectations included, stands between these two. */
static struct mms *begin(struct kunit *test)
{
	struct mms *m = test->priv;

	if (!cpu_feature_enabled(X86_FEATURE_PTI_PCID))
		kunit_skip(test, "isolation is off, or has no PCID");

	local_irq_save(m->flags);
	m->home = this_cpu_read(cpu_tlbstate.loaded_mm);
	return m;
}

static void load(struct mm_struct *mm)
{
	switch_mm_irqs_off(NULL, mm, current);
}

static void end(struct mms *m)
{
	load(m->home);
	local_irq_restore(m->flags);
}

static bool owed(void)
{
	return !(this_cpu_read(pti_pcid.user_cr3) & CR3_NOFLUSH);
}

/* As TO_USER_CR3 takes the value and sets the bit again. */
static bool pay(void)
{
	bool was = owed();

	this_cpu_or(pti_pcid.user_cr3, CR3_NOFLUSH);
	return was;
}

/* Both are up to date, neither is owed anything, and @m->a is loaded. */
static void settle(struct mms *m)
{
	load(m->b);
	pay();
	load(m->a);
	pay();
}

/* The user CR3 is that of the loaded mm, and an mm that is new gets a flush. */
static void loaded_mm(struct kunit *test)
{
	struct mms *m = begin(test);
	unsigned long cr3[3], user[3];
	u16 asid[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		load(i == 1 ? m->b : m->a);
		cr3[i] = __read_cr3();
		asid[i] = this_cpu_read(cpu_tlbstate.loaded_mm_asid);
		user[i] = this_cpu_read(pti_pcid.user_cr3);
		pay();
	}
	end(m);

	for (i = 0; i < 3; i++) {
		struct mm_struct *mm = i == 1 ? m->b : m->a;

		KUNIT_EXPECT_EQ(test, cr3[i], __sme_pa(mm->pgd) | (asid[i] + 1));
		KUNIT_EXPECT_EQ(test, user[i] & ~CR3_NOFLUSH, cr3[i] | PTI_USER_CR3_BITS);
		KUNIT_EXPECT_EQ(test, !!(user[i] & CR3_NOFLUSH), i == 2);
	}
	KUNIT_EXPECT_NE(test, asid[0], asid[1]);
	KUNIT_EXPECT_EQ(test, asid[0], asid[2]);
}

/*
 * Flush while @a is loaded and nothing is owed. @now: what is owed to @a by that;
 * @then_b, @then_a: what each of them is owed when it is loaded next. Nobody is
 * owed it twice.
 */
static void expect_owed(struct kunit *test, void (*flush)(struct mms *m), bool now,
			bool then_b, bool then_a)
{
	struct mms *m = begin(test);
	bool before, after, b, a, again;

	settle(m);
	before = owed();
	flush(m);
	after = owed();
	load(m->b);
	b = pay();
	load(m->a);
	a = pay();
	load(m->b);
	again = pay();
	end(m);

	KUNIT_EXPECT_FALSE(test, before);
	KUNIT_EXPECT_EQ(test, after, now);
	KUNIT_EXPECT_EQ(test, b, then_b);
	KUNIT_EXPECT_EQ(test, a, then_a);
	KUNIT_EXPECT_FALSE(test, again);
}

static void flush_all(struct mms *m)
{
	flush_tlb_local();
}

/* All that the loaded mm has: the debt outlives another mm, and is not that one's. */
static void full_flush(struct kunit *test)
{
	expect_owed(test, flush_all, true, false, true);
}

static void flush_page(struct mms *m)
{
	flush_tlb_one_user(USER_ADDR);
}

/* One page: INVPCID drops it, else all that the user PCID has goes. */
static void one_page(struct kunit *test)
{
	bool debt = !cpu_feature_enabled(X86_FEATURE_INVPCID);

	expect_owed(test, flush_page, debt, false, debt);
}

static void flush_b(struct mms *m)
{
	inc_mm_tlb_gen(m->b);
}

/* An mm that is flushed while another is loaded. */
static void flushed_while_away(struct kunit *test)
{
	expect_owed(test, flush_b, false, true, false);
}

static void flush_kernel_page(struct mms *m)
{
	flush_tlb_one_kernel(KERNEL_ADDR);
	pay();
}

/*
 * A page of the kernel is dropped from the PCID that is loaded. No other may keep
 * it: each mm that is loaded then has its kernel PCID flushed, once, which goes
 * with its user PCID. The one that was loaded stays as it is.
 */
static void kernel_page(struct kunit *test)
{
	expect_owed(test, flush_kernel_page, false, true, false);
}

/* A CPU that comes back has ASID 0, and nothing that it had before. */
static void cpu_comes_back(struct kunit *test)
{
	struct mms *m = begin(test);
	unsigned long cr3, user;
	bool b;

	settle(m);
	initialize_tlbstate_and_flush();
	cr3 = __read_cr3();
	user = this_cpu_read(pti_pcid.user_cr3);
	pay();
	load(m->b);
	b = pay();
	end(m);

	KUNIT_EXPECT_EQ(test, cr3, __sme_pa(m->a->pgd) | 1);
	KUNIT_EXPECT_EQ(test, user, cr3 | PTI_USER_CR3_BITS);
	KUNIT_EXPECT_TRUE(test, b);
}

/* More mms than ASIDs: who loses its ASID has to be flushed when it is back. */
static void recycled_asids(struct kunit *test)
{
	struct mm_struct *others[TLB_NR_DYN_ASIDS];
	bool flushed = true, a;
	unsigned int i;
	struct mms *m;

	for (i = 0; i < TLB_NR_DYN_ASIDS; i++)
		others[i] = new_mm(test);

	m = begin(test);
	settle(m);
	for (i = 0; i < TLB_NR_DYN_ASIDS; i++) {
		load(others[i]);
		flushed &= pay();
	}
	load(m->a);
	a = pay();
	end(m);

	KUNIT_EXPECT_TRUE(test, flushed);
	KUNIT_EXPECT_TRUE(test, a);
}

#ifdef CONFIG_PTI_OPT_OUT
/*
 * User mode on the kernel page table: its user PCID is owed a flush from then on, whatever is
 * loaded or flushed meanwhile, once.
 */
static void opted_out(struct kunit *test)
{
	struct mms *m = begin(test);
	unsigned long cr3, out, flushed, back, in, again;
	bool b, a;

	settle(m);
	/* As a task that may be, or what looks after the state with DEBUG_VM would warn. */
	set_thread_flag(TIF_PTI_OPT_OUT);
	cr3 = __read_cr3();
	pti_pcid_opt_out(true);
	out = this_cpu_read(pti_pcid.user_cr3);
	flush_tlb_local();
	pay();
	flushed = this_cpu_read(pti_pcid.user_cr3);
	pti_pcid_opt_in(true);
	in = this_cpu_read(pti_pcid.user_cr3);
	pay();
	pti_pcid_opt_in(true);
	again = this_cpu_read(pti_pcid.user_cr3);

	/* Another mm comes and goes, and is owed nothing. */
	pti_pcid_opt_out(true);
	load(m->b);
	b = pay();
	load(m->a);
	back = this_cpu_read(pti_pcid.user_cr3);
	pti_pcid_opt_out(true);
	pti_pcid_opt_out(true);
	pti_pcid_opt_in(true);
	a = pay();
	load(m->b);
	load(m->a);
	a = a && !pay();
	clear_thread_flag(TIF_PTI_OPT_OUT);
	end(m);

	KUNIT_EXPECT_EQ(test, out, cr3 | CR3_NOFLUSH);
	KUNIT_EXPECT_EQ(test, flushed, cr3 | CR3_NOFLUSH);
	KUNIT_EXPECT_EQ(test, in, cr3 | PTI_USER_CR3_BITS);
	KUNIT_EXPECT_EQ(test, again, cr3 | PTI_USER_CR3_BITS | CR3_NOFLUSH);
	KUNIT_EXPECT_FALSE(test, b);
	KUNIT_EXPECT_EQ(test, back, cr3 | PTI_USER_CR3_BITS);
	KUNIT_EXPECT_TRUE(test, a);
}
#endif

static struct kunit_case tlb_cases[] = {
	KUNIT_CASE(loaded_mm),
	KUNIT_CASE(full_flush),
	KUNIT_CASE(one_page),
	KUNIT_CASE(flushed_while_away),
	KUNIT_CASE(kernel_page),
	KUNIT_CASE(cpu_comes_back),
	KUNIT_CASE(recycled_asids),
#ifdef CONFIG_PTI_OPT_OUT
	KUNIT_CASE(opted_out),
#endif
	{ }
};

static struct kunit_suite tlb_suite = {
	.name		= "pti_tlb",
	.init		= mms_init,
	.test_cases	= tlb_cases,
};

kunit_test_suite(tlb_suite);
