// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: KUnit tests of opting out, of moments that user mode hardly ever meets.
 *
 * The thread of the test borrows an mm of its own, and opts that out as a task would. It has
 * no user mode, so that what a CPU would go there with can be wrong, and looked at.
 */
#include <kunit/resource.h>
#include <kunit/test.h>

#include <linux/bitops.h>
#include <linux/cpufeature.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/prctl.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/spinlock.h>

#include <asm/msr.h>
#include <asm/pgd_pair.h>
#include <asm/proto.h>
#include <asm/pti_opt_out.h>

#include "pti_tlb.h"

/* What this CPU would go to user mode with, and come back by. */
struct way {
	bool		isolated;
	unsigned long	head;
};

static struct way way_now(void)
{
	struct way way;

	local_irq_disable();
	way.isolated = pti_pcid_isolated();
	rdmsrl(MSR_LSTAR, way.head);
	local_irq_enable();
	return way;
}

static void put_mm(void *mm)
{
	mmput(mm);
}

/*
 * Another thread has isolated the mm, and its IPI has not been here yet, when this one asks for
 * the same. It must not lose the flag without what goes with it: a switch would leave
 * both to whoever is next, and the head is not mapped where that one runs.
 */
static void asked_ahead_of_ipi(struct kunit *test)
{
	struct way before, out, in;
	struct mm_struct *mm;
	int error, asked;
	bool flag;

	if (!cpu_feature_enabled(X86_FEATURE_PTI))
		kunit_skip(test, "there is nothing to opt out of");
	mm = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, mm);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_mm, mm));

	kthread_use_mm(mm);
	migrate_disable();
	before = way_now();
	error = pti_opt_out(mm);
	out = way_now();
	set_bit(MM_CONTEXT_PTI_OPTED_IN, &mm->context.flags);
	clear_bit(MM_CONTEXT_PTI_OPT_OUT, &mm->context.flags);
	asked = pti_opt_out_prctl_set(PR_SPEC_DISABLE);
	flag = test_thread_flag(TIF_PTI_OPT_OUT);
	in = way_now();

	/* As the IPI and what is behind it, whatever was wrong. */
	local_irq_disable();
	clear_thread_flag(TIF_PTI_OPT_OUT);
	pti_opt_out_load(current);
	local_irq_enable();
	if (!error) {
		spin_lock(&mm->page_table_lock);
		pgd_pair_rejoin(mm->pgd);
		spin_unlock(&mm->page_table_lock);
	}
	migrate_enable();
	kthread_unuse_mm(mm);

	KUNIT_EXPECT_EQ(test, error, 0);
	KUNIT_EXPECT_EQ(test, asked, 0);
	KUNIT_EXPECT_TRUE(test, before.isolated);
	KUNIT_EXPECT_FALSE(test, out.isolated);
	KUNIT_EXPECT_EQ(test, out.head, (unsigned long)opted_out_SYSCALL_64);
	KUNIT_EXPECT_FALSE(test, flag);
	KUNIT_EXPECT_TRUE(test, in.isolated);
	KUNIT_EXPECT_EQ(test, in.head, before.head);
}

static struct kunit_case opt_out_cases[] = {
	KUNIT_CASE(asked_ahead_of_ipi),
	{ }
};

static struct kunit_suite opt_out_suite = {
	.name		= "pti_opt_out",
	.test_cases	= opt_out_cases,
};

kunit_test_suite(opt_out_suite);
