// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: who may run without it, for how long, and what fork and exec make of
 * that. How it is done stands elsewhere (pti_opt_out.c).
 *
 * Requests come by prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, ...), which
 * seccomp and LSMs can refuse as they can any other. What each of them means is the table
 * pti_requests[]; why one is refused, and with which errno, the table pti_refusals[].
 * Documentation/arch/x86/pti.rst has both for people.
 *
 * Being isolated again is never refused. What was allowed once is kept, whatever becomes of the
 * sysctl, of lockdown or of the task's capabilities, until the mm goes: each fork and exec that
 * passes it on asks the first two again. What gains privileges by its exec does not get it, nor
 * does what is executed in another user namespace, whose root could trace it.
 *
 * Who can make such a process execute code of his reads the kernel's memory. So its mm is not
 * dumpable: to ptrace it or to write its memory takes the capability for that.
 */
#define pr_fmt(fmt) "Kernel/User page tables isolation: " fmt

#include <linux/array_size.h>
#include <linux/capability.h>
#include <linux/cpufeature.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/prctl.h>
#include <linux/printk.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/stat.h>
#include <linux/sysctl.h>
#include <linux/thread_info.h>
#include <linux/user_namespace.h>

#include <asm/pgd_pair.h>
#include <asm/pti_opt_out.h>
#include <asm/pti_switch.h>

/* kernel.pti_opt_out: the administrator lets privileged tasks ask. */
static int pti_opt_out_allowed;

/* pti_opt_out=never: nobody may, and no sysctl changes that. */
static bool pti_opt_out_never __ro_after_init;

static int __init pti_opt_out_param(char *arg)
{
	if (arg && !strcmp(arg, "never"))
		pti_opt_out_never = true;
	else
		pr_warn("pti_opt_out=%s is unknown and ignored; use never\n", arg ?: "");

	return 0;
}
early_param("pti_opt_out", pti_opt_out_param);

static int pti_opt_out_sysctl(const struct ctl_table *table, int write, void *buffer,
			      size_t *lenp, loff_t *ppos)
{
	if (write && (pti_opt_out_never || !capable(CAP_SYS_ADMIN)))
		return -EPERM;

	return proc_dointvec_minmax(table, write, buffer, lenp, ppos);
}

static struct ctl_table pti_opt_out_sysctls[] = {
	{
		.procname	= "pti_opt_out",
		.data		= &pti_opt_out_allowed,
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= pti_opt_out_sysctl,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
};

static int __init pti_opt_out_init(void)
{
	register_sysctl_init("kernel", pti_opt_out_sysctls);
	return 0;
}
late_initcall(pti_opt_out_init);

/* Is it possible at all, for anybody? */
static bool pti_opt_out_possible(void)
{
	return cpu_feature_enabled(X86_FEATURE_PTI) && !pti_opt_out_never;
}

/* What a request asks for. */
#define TO_ISOLATE	BIT(0)	/* the mm, from now on */
#define TO_OPT_OUT	BIT(1)	/* likewise */
#define TO_FORBID	BIT(2)	/* the task any further TO_OPT_OUT and TO_EXEC */
#define TO_EXEC		BIT(3)	/* have what it executes next opted out */
#define TO_INHERIT	BIT(4)	/* and, what is opted out, pass it on */

static const struct pti_request {
	unsigned long	ctrl;
	unsigned int	what;
} pti_requests[] = {
	{ PR_SPEC_DISABLE,			TO_ISOLATE },
	{ PR_SPEC_FORCE_DISABLE,		TO_ISOLATE | TO_FORBID },
	{ PR_SPEC_ENABLE,			TO_OPT_OUT },
	{ PR_SPEC_ENABLE | PR_SPEC_INHERIT,	TO_OPT_OUT | TO_INHERIT },
	{ PR_SPEC_ENABLE_EXEC,			TO_EXEC },
	{ PR_SPEC_ENABLE_EXEC | PR_SPEC_INHERIT, TO_EXEC | TO_INHERIT },
};

static bool pti_is_forbidden(void)
{
	return test_thread_flag(TIF_PTI_NEVER);
}

static bool pti_is_off_limits(void)
{
	return !READ_ONCE(pti_opt_out_allowed);
}

/* What closes /dev/mem closes this. */
static bool pti_is_locked_down(void)
{
	return security_locked_down(LOCKDOWN_DEV_MEM);
}

/* What was asked for once is not passed on any more. */
static bool pti_is_withdrawn(void)
{
	return pti_is_off_limits() || pti_is_locked_down();
}

/* In the initial user namespace, whichever the task is in. */
static bool pti_lacks_capability(void)
{
	return !capable(CAP_SYS_RAWIO);
}

/* The first one that applies is the answer. capable() comes late, since it is on record. */
static const struct pti_refusal {
	unsigned int	what;
	bool		(*applies)(void);
	int		error;
} pti_refusals[] = {
	{ TO_OPT_OUT | TO_EXEC,	pti_is_forbidden,	-EPERM },
	{ TO_OPT_OUT | TO_EXEC,	pti_is_off_limits,	-EPERM },
	{ TO_OPT_OUT | TO_EXEC,	pti_lacks_capability,	-EPERM },
	{ TO_OPT_OUT | TO_EXEC,	pti_is_locked_down,	-EPERM },
};

/* Whether the mm is shared, pti_opt_out() has to look itself. */
static int pti_may(unsigned int what)
{
	const struct pti_refusal *refusal;

	for (refusal = pti_refusals; refusal < pti_refusals + ARRAY_SIZE(pti_refusals); refusal++) {
		if ((refusal->what & what) && refusal->applies())
			return refusal->error;
	}
	return 0;
}

/*
 * Until it says otherwise itself, by PR_SET_DUMPABLE, or executes something. What dumps no core
 * at all, stays so.
 */
static int pti_opt_out_current(void)
{
	int error = pti_opt_out(current->mm);

	if (!error && get_dumpable(current->mm) == SUID_DUMP_USER)
		set_dumpable(current->mm, SUID_DUMP_ROOT);

	return error;
}

/*
 * For an mm that is not opted out, whose CPUs may not all know that yet. A switch without the
 * flag does not look, so the flag and what this CPU has go together.
 */
static void pti_forget_opt_out(void)
{
	local_irq_disable();
	clear_thread_flag(TIF_PTI_OPT_OUT);
	pti_opt_out_load(current);
	local_irq_enable();
}

/**
 * pti_opt_out_prctl_set() - a task asks for isolation, or to do without
 * @ctrl: one of those of pti_requests[]
 *
 * What it asked for earlier, of exec and of children, is void if this succeeds.
 *
 * Context: process, for the current task.
 * Return: 0; -ENXIO if nobody can ask, -ERANGE if there is no such request, -EBUSY if another
 * task shares an mm that is isolated, or why it is refused.
 */
int pti_opt_out_prctl_set(unsigned long ctrl)
{
	unsigned int i, what = 0;
	int error;

	if (!pti_opt_out_possible())
		return -ENXIO;

	for (i = 0; i < ARRAY_SIZE(pti_requests); i++) {
		if (pti_requests[i].ctrl == ctrl)
			what = pti_requests[i].what;
	}
	if (!what)
		return -ERANGE;

	error = pti_may(what);
	if (!error && (what & TO_OPT_OUT))
		error = pti_opt_out_current();
	if (error)
		return error;

	/*
	 * A flag that is left over takes INHERIT with it (pti_opt_out_load()). It must not where
	 * that is for what is executed next; it has to where another thread has isolated the mm
	 * since this one opted it out.
	 */
	if (!(what & TO_OPT_OUT) && !pti_is_opted_out(&current->mm->context))
		pti_forget_opt_out();
	assign_bit(TIF_PTI_EXEC, &current_thread_info()->flags, what & TO_EXEC);
	assign_bit(TIF_PTI_INHERIT, &current_thread_info()->flags, what & TO_INHERIT);
	pti_opt_out_reload();
	if (what & TO_FORBID)
		set_thread_flag(TIF_PTI_NEVER);
	if (what & TO_ISOLATE)
		pti_opt_in(current->mm);

	return 0;
}

/* What is to be said where nobody is isolated, and nobody can ask. */
static int pti_vulnerable(void)
{
	return boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN) ? PR_SPEC_ENABLE : PR_SPEC_NOT_AFFECTED;
}

/**
 * pti_opt_out_prctl_get() - the state of the current task
 *
 * Context: process.
 * Return: bits as for prctl(PR_GET_SPECULATION_CTRL).
 */
int pti_opt_out_prctl_get(void)
{
	int state = PR_SPEC_PRCTL;

	if (!cpu_feature_enabled(X86_FEATURE_PTI))
		return pti_vulnerable();
	if (pti_opt_out_never && pti_isolates())
		return PR_SPEC_DISABLE;
	if (pti_opt_out_never)
		return pti_vulnerable();

	if (!pti_isolates() || pti_is_opted_out(&current->mm->context))
		state |= PR_SPEC_ENABLE;
	else
		state |= test_thread_flag(TIF_PTI_NEVER) ? PR_SPEC_FORCE_DISABLE : PR_SPEC_DISABLE;
	if (test_thread_flag(TIF_PTI_EXEC))
		state |= PR_SPEC_ENABLE_EXEC;
	if (test_thread_flag(TIF_PTI_INHERIT))
		state |= PR_SPEC_INHERIT;

	return state;
}

/**
 * pti_opt_out_fork() - the current task has a child
 * @child: the new task, which does not run yet, with all that it has of the current one
 * @clone_flags: how it was made
 *
 * A child that shares the mm shares its state. One with an mm of its own has a copy of the
 * current one's flag, but roots as those of any new mm.
 *
 * Context: process. Called if the current task has any of _TIF_PTI_WORK. It had the same since it
 * began to copy itself, whoever isolated the mm meanwhile: so no copy of the mm's bit
 * is left alone.
 */
void pti_opt_out_fork(struct task_struct *child, unsigned long clone_flags)
{
	bool inherits = test_tsk_thread_flag(child, TIF_PTI_INHERIT) && !pti_is_withdrawn();
	struct mm_struct *mm = child->mm;

	if (!inherits) {
		clear_tsk_thread_flag(child, TIF_PTI_INHERIT);
		clear_tsk_thread_flag(child, TIF_PTI_EXEC);
	}
	if (clone_flags & CLONE_VM)
		return;

	if (inherits && pti_is_opted_out(&mm->context)) {
		pti_opt_out_unused(mm);
		return;
	}

	clear_bit(MM_CONTEXT_PTI_OPT_OUT, &mm->context.flags);
	clear_tsk_thread_flag(child, TIF_PTI_OPT_OUT);
	if (!test_tsk_thread_flag(child, TIF_PTI_EXEC))
		clear_tsk_thread_flag(child, TIF_PTI_INHERIT);
}

/*
 * The mode of a file is enough: a mount that ignores it makes no exception. Capabilities of the
 * file are not looked for: that may wait for its file system, and here is no place to.
 */
static bool pti_executes_set_id(void)
{
	struct file *exe = get_mm_exe_file(current->mm);
	bool set_id = !exe || (file_inode(exe)->i_mode & (S_ISUID | S_ISGID));

	if (exe)
		fput(exe);

	return set_id;
}

/**
 * pti_opt_out_exec() - the current task executes something, in an mm that is new
 *
 * The thread has INHERIT only if it was opted out to the last (pti_opt_out_load()).
 *
 * Context: process, with current->mm the new one, before its user mode, and ahead of what may
 * let others trace it.
 */
void pti_opt_out_exec(void)
{
	bool goes_on = (test_thread_flag(TIF_PTI_EXEC) || test_thread_flag(TIF_PTI_INHERIT)) &&
		       !pti_is_withdrawn() && !pti_executes_set_id() &&
		       current_user_ns() == &init_user_ns;

	clear_thread_flag(TIF_PTI_EXEC);
	/* Nobody shares an mm that is this new. */
	if (goes_on && !pti_opt_out_current())
		return;

	clear_thread_flag(TIF_PTI_INHERIT);
	/* That is of the mm before. */
	pti_forget_opt_out();
}

/**
 * pti_opt_out_secure_exec() - what the current task executes gains privileges by that
 *
 * Context: process, ahead of pti_opt_out_exec().
 */
void pti_opt_out_secure_exec(void)
{
	if (!(read_thread_flags() & _TIF_PTI_WORK))
		return;

	clear_thread_flag(TIF_PTI_EXEC);
	clear_thread_flag(TIF_PTI_INHERIT);
}

/**
 * pti_opt_out_status() - the line about it in /proc/PID/status
 * @m: that file
 * @task: whose state; it may end meanwhile
 *
 * Context: process.
 */
void pti_opt_out_status(struct seq_file *m, struct task_struct *task)
{
	unsigned long flags = read_task_thread_flags(task);
	const char *state = "none";

	task_lock(task);
	if (!cpu_feature_enabled(X86_FEATURE_PTI))
		state = "off";
	else if (task->mm && !(task->flags & PF_KTHREAD))
		state = pti_is_opted_out(&task->mm->context) ? "opted-out" :
			pti_isolates() ? "isolated" : "off";
	task_unlock(task);

	seq_printf(m, "x86_PTI:\t%s%s%s%s\n", state,
		   flags & _TIF_PTI_EXEC ? " exec" : "",
		   flags & _TIF_PTI_INHERIT ? " inherit" : "",
		   flags & _TIF_PTI_NEVER ? " never" : "");
}

#ifndef CONFIG_X86_USER_SHADOW_STACK
/* Else cpu/proc.c has it. */
void arch_proc_pid_thread_features(struct seq_file *m, struct task_struct *task)
{
	pti_opt_out_status(m, task);
}
#endif
