/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the I/O bitmaps behind the TSSs are in the user page tables
 * while a task has one, which is while it has TIF_IO_BITMAP.
 */
#ifndef _ASM_X86_PTI_IO_BITMAP_H
#define _ASM_X86_PTI_IO_BITMAP_H

#include <linux/percpu.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <asm/io_bitmap.h>
#include <asm/pti.h>

#if defined(CONFIG_MITIGATION_PAGE_TABLE_ISOLATION) && defined(CONFIG_X86_IOPL_IOPERM)

/**
 * pti_get_io_bitmap() - a task is going to have an I/O bitmap
 * @tsk: the task, current or one that does not run yet; it may have one already
 *
 * The caller sets TIF_IO_BITMAP behind this; nobody else does for @tsk.
 *
 * Context: process, may sleep.
 */
static inline void pti_get_io_bitmap(struct task_struct *tsk)
{
	if (!test_tsk_thread_flag(tsk, TIF_IO_BITMAP))
		pti_use(PTI_IO_BITMAP);
}

/**
 * pti_put_io_bitmap() - a task has lost its I/O bitmap
 * @tsk: the task, current or one that never ran; it may have had none
 *
 * The TSS must not point to the bitmap when a task without one is switched to: the flag
 * and the TSS change without a switch in between.
 *
 * Context: process, may sleep.
 */
static inline void pti_put_io_bitmap(struct task_struct *tsk)
{
	bool had;

	preempt_disable();
	had = test_and_clear_tsk_thread_flag(tsk, TIF_IO_BITMAP);
	if (had && tsk == current)
		tss_update_io_bitmap();
	preempt_enable();

	if (had)
		pti_unuse(PTI_IO_BITMAP);
}

/**
 * pti_forget_io_bitmap() - take the last bitmap out of a TSS
 * @cpu: whose TSS
 *
 * The bitmap begins in the page of the TSS, which user page tables have at all times.
 * Its sequence number stays: no other bitmap gets that one.
 *
 * Context: no task has an I/O bitmap, and none gets one before this is over.
 */
static inline void pti_forget_io_bitmap(int cpu)
{
	struct x86_io_bitmap *io = &per_cpu(cpu_tss_rw, cpu).io_bitmap;

	memset(io->bitmap, 0xff, io->prev_max);
}

#else

static inline void pti_forget_io_bitmap(int cpu) { }

static inline void pti_get_io_bitmap(struct task_struct *tsk) { }
static inline void pti_put_io_bitmap(struct task_struct *tsk) { }

#endif
#endif /* _ASM_X86_PTI_IO_BITMAP_H */
