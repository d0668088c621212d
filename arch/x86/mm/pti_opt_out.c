// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: how a process runs without it. Who may is decided elsewhere
 * (pti_opt_out_policy.c).
 *
 * Opted out is an mm. Its user mode runs on the kernel page table: the user half of that
 * is executable (pgd_pair_part()), the CR3 with which a CPU goes to user mode is the kernel's
 * (pti_pcid_opt_out()), and LSTAR leads to a head that writes no CR3 (opted_out.S). The
 * latter two belong to a CPU, and change together, with interrupts off, in one function here:
 * that head would run into unmapped memory if user mode were isolated. The reverse is
 * always right, for an isolated head or tail does no harm on the kernel page table.
 *
 * A CPU has them only while a task is current that has TIF_PTI_OPT_OUT: a switch from such a
 * task, be it to a kernel thread that borrows the mm, takes them away. So a CPU in lazy
 * TLB mode has nothing to lose when the mm is isolated again, and no other task pays.
 *
 * While isolation is switched off for all, an mm stays opted out or not, but the head of
 * system calls is the base's for everyone.
 *
 * Whatever loads an mm elsewhere (tlb.c) makes user mode isolated: who then goes on as a task
 * that may be opted out calls pti_opt_out_load(), before user mode.
 */
#define pr_fmt(fmt) "Kernel/User page tables isolation: " fmt

#include <linux/bitops.h>
#include <linux/cpufeature.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/thread_info.h>

#include <asm/msr.h>
#include <asm/pgd_pair.h>
#include <asm/proto.h>
#include <asm/pti_entry.h>
#include <asm/pti_opt_out.h>
#include <asm/pti_switch.h>
#include <asm/tlbflush.h>

#include "pti_tlb.h"

/*
 * LSTAR may lead to opted_out_SYSCALL_64; where this is clear, it does not. syscall_init(), by a
 * switch of the system (pti_switch.c) or a resume, writes the head of isolated or of all
 * processes and leaves this: at worst a task has that until another one was current.
 */
static DEFINE_PER_CPU(bool, pti_opted_out_head);

/* Somebody counts on LSTAR to be what it was at boot. */
static bool pti_heads_kept;

static void pti_set_head(bool opted_out)
{
	if (__this_cpu_read(pti_opted_out_head) == opted_out)
		return;

	__this_cpu_write(pti_opted_out_head, opted_out);
	wrmsrl(MSR_LSTAR, opted_out ? (unsigned long)opted_out_SYSCALL_64 : pti_head(SYSCALL_64));
}

/**
 * pti_opt_out_load() - have this CPU go to user mode as a task's mm is
 * @task: the task that this CPU is going to run, or goes on with; its mm, if any, is loaded
 *
 * Writing LSTAR serialises, as the CR3 write of an isolated exit does: so
 * a switch from a kernel thread that borrowed the mm is what membarrier() asks for.
 *
 * The task keeps TIF_PTI_OPT_OUT. Only itself may clear that, while it is in no fork(): the
 * child's copies of the flag and of the mm's bit are older than what fork() looks at.
 * TIF_PTI_INHERIT goes here, if another task has isolated the mm: this one runs nothing behind
 * that, neither user code nor exec(), before it was here.
 *
 * Context: interrupts off. The mm is in this CPU's mm_cpumask() already, so that who
 * isolates it either is seen here or sends an IPI that comes behind this.
 */
void pti_opt_out_load(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	bool opted_out;

	lockdep_assert_irqs_disabled();
	opted_out = test_tsk_thread_flag(task, TIF_PTI_OPT_OUT) && mm &&
		    pti_is_opted_out(&mm->context);
	if (!opted_out && mm && test_tsk_thread_flag(task, TIF_PTI_OPT_OUT) &&
	    test_bit(MM_CONTEXT_PTI_OPTED_IN, &mm->context.flags))
		clear_tsk_thread_flag(task, TIF_PTI_INHERIT);
	if (opted_out)
		pti_pcid_opt_out(cpu_feature_enabled(X86_FEATURE_PTI_PCID));
	else
		pti_pcid_opt_in(cpu_feature_enabled(X86_FEATURE_PTI_PCID));
	pti_set_head(opted_out && pti_isolates() && !READ_ONCE(pti_heads_kept));
}

static void pti_load_current(void *mm)
{
	if (!mm || current->mm == mm)
		pti_opt_out_load(current);
}

/**
 * pti_opt_out_unused() - opt an mm out that nobody uses yet
 * @mm: the mm; its user root exists
 *
 * Context: process; no other task knows @mm, and no CPU runs user mode on it.
 */
void pti_opt_out_unused(struct mm_struct *mm)
{
	spin_lock(&mm->page_table_lock);
	pgd_pair_part(mm->pgd);
	spin_unlock(&mm->page_table_lock);
	clear_bit(MM_CONTEXT_PTI_OPTED_IN, &mm->context.flags);
	set_bit(MM_CONTEXT_PTI_OPT_OUT, &mm->context.flags);
}

/**
 * pti_opt_out() - opt the mm of the current task out
 * @mm: current->mm
 *
 * Others would lose their isolation without having asked for that. Whoever isolates the mm holds
 * the lock, too, so that it is not taken for opted out still; and who is alone stays so.
 *
 * Context: process, may sleep. Nothing, if it is opted out already.
 * Return: 0, or -EBUSY if it is not, and another task shares it.
 */
int pti_opt_out(struct mm_struct *mm)
{
	mmap_write_lock(mm);
	if (!pti_is_opted_out(&mm->context)) {
		if (!current_is_single_threaded()) {
			mmap_write_unlock(mm);
			return -EBUSY;
		}
		pti_opt_out_unused(mm);
		/* Not only here: upper levels that are not executable may be in any TLB. */
		flush_tlb_mm(mm);
	}
	mmap_write_unlock(mm);

	set_thread_flag(TIF_PTI_OPT_OUT);
	local_irq_disable();
	pti_opt_out_load(current);
	local_irq_enable();
	if (READ_ONCE(pti_heads_kept))
		pr_notice_once("opted-out system calls write CR3, for the sake of KVM\n");

	return 0;
}

/**
 * pti_opt_in() - isolate the mm of the current task again
 * @mm: the mm; other tasks may share it, and run
 *
 * On return no CPU runs its user mode on the kernel page table any more, nor will: system calls
 * that are going on leave by IRET to the user page table. What user PCIDs hold of the time
 * before is flushed when they are next loaded, for they are owed it (pti_pcid.h).
 *
 * Context: process, may sleep. Nothing, if it is isolated already.
 */
void pti_opt_in(struct mm_struct *mm)
{
	mmap_write_lock(mm);
	if (pti_is_opted_out(&mm->context)) {
		set_bit(MM_CONTEXT_PTI_OPTED_IN, &mm->context.flags);
		clear_bit(MM_CONTEXT_PTI_OPT_OUT, &mm->context.flags);
		/*
		 * Between the bit and the mask. Pairs with switch_mm_irqs_off(), which sets the
		 * mask ahead of the CR3 write, and that is ahead of pti_opt_out_load().
		 */
		smp_mb__after_atomic();
		on_each_cpu_mask(mm_cpumask(mm), pti_load_current, mm, true);
		spin_lock(&mm->page_table_lock);
		pgd_pair_rejoin(mm->pgd);
		spin_unlock(&mm->page_table_lock);
		flush_tlb_mm(mm);
	}
	mmap_write_unlock(mm);

	clear_thread_flag(TIF_PTI_OPT_OUT);
}

/**
 * pti_opt_out_keep_heads() - LSTAR has to be what it was at boot, or need not any more
 * @keep: it has to
 *
 * For a hypervisor, which saves what LSTAR is for the host and restores that at a time of
 * its own, when another task may run. System calls of opted-out processes go by the
 * isolated head and tail meanwhile, which costs the CR3 writes.
 *
 * Context: process, interrupts on. On return it is so on each CPU.
 */
void pti_opt_out_keep_heads(bool keep)
{
	WRITE_ONCE(pti_heads_kept, keep);
	if (keep)
		on_each_cpu(pti_load_current, NULL, true);
}
