/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: processes that are opted out of it, as the rest of x86 sees them.
 *
 * The state is the mm's, MM_CONTEXT_PTI_OPT_OUT: all that share the mm have it. Of a task,
 *
 *	TIF_PTI_OPT_OUT		its mm may be opted out: a switch to or from it has to look
 *	TIF_PTI_EXEC		what it executes next is going to be opted out
 *	TIF_PTI_INHERIT		so is all that it executes or forks: as long as its mm is opted
 *				out, or with TIF_PTI_EXEC behind that
 *	TIF_PTI_NEVER		it may not opt out any more
 *
 * No task runs user code of an mm that is opted out without the first of them: who opts out
 * is alone with the mm, and who comes to share it has a copy. One that is left over harms
 * nothing: its switches look in vain, until it executes something or isolates itself.
 */
#ifndef _ASM_X86_PTI_OPT_OUT_H
#define _ASM_X86_PTI_OPT_OUT_H

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/thread_info.h>
#include <linux/types.h>

#include <asm/mmu.h>
#include <asm/pti.h>

struct mm_struct;
struct seq_file;
struct task_struct;

#ifdef CONFIG_PTI_OPT_OUT

/* pti_opt_out.c: mms, and the CPUs that run them */
int pti_opt_out(struct mm_struct *mm);
void pti_opt_in(struct mm_struct *mm);
void pti_opt_out_unused(struct mm_struct *mm);
void pti_opt_out_load(struct task_struct *task);
void pti_opt_out_keep_heads(bool keep);

/* pti_opt_out_policy.c: who may, and what becomes of it */
void pti_opt_out_fork(struct task_struct *child, unsigned long clone_flags);
void pti_opt_out_exec(void);
void pti_opt_out_secure_exec(void);
int pti_opt_out_prctl_set(unsigned long ctrl);
int pti_opt_out_prctl_get(void);
void pti_opt_out_status(struct seq_file *m, struct task_struct *task);

/**
 * pti_is_opted_out() - does user mode run on the kernel page table of an mm?
 * @context: of the mm
 *
 * Context: any. It may change at once, unless the mm is the caller's alone.
 * Return: true if it does, on each CPU that has noticed.
 */
static inline bool pti_is_opted_out(const mm_context_t *context)
{
	return test_bit(MM_CONTEXT_PTI_OPT_OUT, &context->flags);
}

/**
 * pti_opt_out_reload() - the mm of the current task is loaded again
 *
 * For those who load another one for a while.
 *
 * Context: any but NMI, ahead of user mode.
 */
static inline void pti_opt_out_reload(void)
{
	unsigned long flags;

	if (pti_may_be_opted_out()) {
		local_irq_save(flags);
		pti_opt_out_load(current);
		local_irq_restore(flags);
	}
}

#else

static inline void pti_opt_out_reload(void) { }
static inline void pti_opt_out_load(struct task_struct *task) { }
static inline void pti_opt_out_keep_heads(bool keep) { }
static inline void pti_opt_out_fork(struct task_struct *child, unsigned long clone_flags) { }
static inline void pti_opt_out_exec(void) { }
static inline void pti_opt_out_status(struct seq_file *m, struct task_struct *task) { }

static inline int pti_opt_out_prctl_set(unsigned long ctrl)
{
	return -ENODEV;
}

static inline int pti_opt_out_prctl_get(void)
{
	return -ENODEV;
}

#endif /* CONFIG_PTI_OPT_OUT */
#endif /* _ASM_X86_PTI_OPT_OUT_H */
