/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What arch/x86/mm/tlb.c and the pti_*.h beside it take from the kernel's headers,
 * for a program in user space: tlb_explore.c includes the very tlb.c, whose own
 * #includes find empty files.
 *
 * Per-CPU variables are plain ones, those of the CPU whose turn it is. What other
 * CPUs or the hardware see goes through functions of tlb_explore.c: shared_*() for
 * memory, hw_*() for the TLB. What isolation has no part in does nothing here:
 * branch prediction barriers, counters, tracing, the LDT, performance counters.
 */
#ifndef TLB_KERNEL_H
#define TLB_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define CONFIG_MITIGATION_PAGE_TABLE_ISOLATION	1
#define CONFIG_DEBUG_VM				1
#define CONFIG_PTI_OPT_OUT			1

/* Two ASIDs, so that three mms have to take them from each other. */
#define TLB_NR_DYN_ASIDS	2

/* The processor. */
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define TASK_SIZE_MAX		((1UL << 47) - PAGE_SIZE)
#define X86_CR3_PCID_BITS	12
#define X86_CR3_LAM_U48		(1UL << 62)
#define X86_CR3_LAM_U57_BIT	61
#define X86_CR3_LAM_U57		(1UL << X86_CR3_LAM_U57_BIT)
#define CR3_NOFLUSH		(1UL << 63)
#define CR3_PCID_MASK		0xfffUL
#define CR3_ADDR_MASK		0x000ffffffffff000UL
#define X86_CR4_PGE		(1UL << 7)
#define X86_CR4_PCE		(1UL << 8)
#define X86_CR4_PCIDE		(1UL << 17)

enum feature {
	X86_FEATURE_PGE,
	X86_FEATURE_PCID,
	X86_FEATURE_INVPCID,
	X86_FEATURE_PTI,
	X86_FEATURE_PTI_PCID,
	NR_FEATURES,
};

extern bool features[NR_FEATURES];

#define cpu_feature_enabled(feature)	(features[feature])
#define static_cpu_has(feature)		(features[feature])
#define boot_cpu_has(feature)		(features[feature])

unsigned long hw_read_cr3(void);
void hw_write_cr3(unsigned long cr3);
void hw_flush_global(void);
void hw_invlpg(unsigned long addr);
void hw_invpcid_one(unsigned long pcid, unsigned long addr);

#define __read_cr3()		hw_read_cr3()
#define __native_read_cr3()	hw_read_cr3()
#define read_cr3_pa()		(hw_read_cr3() & CR3_ADDR_MASK)
#define write_cr3(cr3)		hw_write_cr3(cr3)
#define native_write_cr3(cr3)	hw_write_cr3(cr3)
#define invlpg(addr)		hw_invlpg(addr)
#define invpcid_flush_one(pcid, addr)	hw_invpcid_one(pcid, addr)
#define invpcid_flush_all()	hw_flush_global()
#define __native_tlb_flush_global(cr4)	((void)(cr4), hw_flush_global())
#define cr4_read_shadow()	this_cpu_read(cpu_tlbstate.cr4)

/* The compiler's words, and the linker's. */
#define __init
#define __user
#define __read_mostly
#define __maybe_unused		__attribute__((unused))
#define noinline		__attribute__((noinline))
#define likely(cond)		(cond)
#define unlikely(cond)		(cond)
#define READ_ONCE(var)		(var)
#define WRITE_ONCE(var, val)	((var) = (val))
#define barrier()		do { } while (0)
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_GPL(name)
#define EXPORT_PER_CPU_SYMBOL(name)
#define IS_ENABLED(option)	1
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)

/* A warning of tlb.c is a finding, also one that needs CONFIG_DEBUG_VM or lockdep. */
void warned(const char *cond);
#define WARN_ON(cond)		({ bool warn_ = (cond); if (warn_) warned(#cond); warn_; })
#define WARN_ON_ONCE(cond)	WARN_ON(cond)
#define VM_WARN_ON(cond)	((void)WARN_ON(cond))
#define VM_WARN_ON_ONCE(cond)	VM_WARN_ON(cond)
#define VM_WARN_ONCE(cond, ...)	VM_WARN_ON(cond)
#define VM_BUG_ON(cond)		VM_WARN_ON(cond)
#define BUG_ON(cond)		VM_WARN_ON(cond)

/* Memory that the CPUs share, which is sequentially consistent here. */
typedef struct { u64 counter; } atomic64_t;
#define ATOMIC64_INIT(i)	{ i }
#define smp_mb()		do { } while (0)
#define smp_rmb()		do { } while (0)

u64 shared_read_gen(const atomic64_t *gen);
u64 shared_inc_gen(atomic64_t *gen);
#define atomic64_read(gen)		shared_read_gen(gen)
#define atomic64_inc_return(gen)	shared_inc_gen(gen)

struct cpumask { unsigned long bits; };

void shared_set_cpu(unsigned int cpu, struct cpumask *mask);
void shared_clear_cpu(unsigned int cpu, struct cpumask *mask);
bool shared_test_cpu(unsigned int cpu, const struct cpumask *mask);
unsigned long shared_read_mask(const struct cpumask *mask);

#define nr_cpu_ids		2
#define cpumask_set_cpu(cpu, mask)	shared_set_cpu(cpu, mask)
#define cpumask_clear_cpu(cpu, mask)	shared_clear_cpu(cpu, mask)
#define cpumask_test_cpu(cpu, mask)	shared_test_cpu(cpu, mask)
#define cpumask_clear(mask)		((mask)->bits = 0)
#define cpumask_or(to, a, b)		((to)->bits = (a)->bits | shared_read_mask(b))

static inline unsigned int cpumask_any_but(const struct cpumask *mask, unsigned int cpu)
{
	unsigned long others = shared_read_mask(mask) & ~(1UL << cpu);

	return others ? (unsigned int)__builtin_ctzl(others) : nr_cpu_ids;
}

/* mms. */
typedef struct pgd pgd_t;
typedef struct { unsigned long pgprot; } pgprot_t;
enum page_cache_mode { PAGE_CACHE_MODE };

typedef struct {
	u64		ctx_id;
	atomic64_t	tlb_gen;
	unsigned long	lam_cr3_mask;
	unsigned long	next_trim_cpumask;
	int		perf_rdpmc_allowed;
	unsigned long	flags;
} mm_context_t;

struct mm_struct {
	pgd_t		*pgd;
	struct cpumask	cpumask;
	mm_context_t	context;
};

/* The mms that there are; the last two stand for what is no mm. */
enum mm_id { MM_A, MM_B, MM_C, MM_INIT, NR_MMS, MM_SWITCHING };

#define USER_MMS		MM_INIT

extern struct mm_struct mms[NR_MMS];
#define init_mm			(mms[MM_INIT])
#define mm_cpumask(mm)		(&(mm)->cpumask)
#define __sme_pa(pgd)		((unsigned long)(pgd))
#define __pa(pgd)		((unsigned long)(pgd))
#define __va(pa)		((pgd_t *)(pa))
#define mm_lam_cr3_mask(mm)	((mm)->context.lam_cr3_mask)
#define mm_untag_mask(mm)	((void)(mm), -1UL)
#define tlbstate_lam_cr3_mask()	((u64)this_cpu_read(cpu_tlbstate.lam) << X86_CR3_LAM_U57_BIT)
#define cpu_tlbstate_update_lam(mask, untag)	\
	((void)(untag), cpu_tlbstate.lam = (mask) >> X86_CR3_LAM_U57_BIT)
#define switch_ldt(prev, next)	((void)(prev), (void)(next))
#define mmu_notifier_arch_invalidate_secondary_tlbs(mm, start, end)	((void)(mm))

/* The state of a CPU, with the names of asm/tlbflush.h. */
#define LOADED_MM_SWITCHING	((struct mm_struct *)1UL)
#define TLB_FLUSH_ALL		(-1UL)
#define TLB_GENERATION_INVALID	0

struct tlb_context {
	u64	ctx_id;
	u64	tlb_gen;
};

struct tlb_state {
	struct mm_struct	*loaded_mm;
	unsigned long		cr4;
	struct tlb_context	ctxs[TLB_NR_DYN_ASIDS];
	u64			last_user_mm_spec;
	u16			loaded_mm_asid;
	u16			next_asid;
	u8			lam;
	u8			zero[3];
};

struct tlb_state_shared {
	bool	is_lazy;
};

struct flush_tlb_info {
	struct mm_struct	*mm;
	u64			new_tlb_gen;
	unsigned long		start, end;
	unsigned int		initiating_cpu;
	u8			stride_shift, freed_tables, trim_cpumask;
};

struct arch_tlbflush_unmap_batch {
	struct cpumask	cpumask;
};

extern struct tlb_state cpu_tlbstate;
extern struct tlb_state_shared cpu_tlbstate_shared;
extern unsigned int self;

void shared_write(const void *var, unsigned long val);
unsigned long shared_read(unsigned int cpu, const void *var);

#define DECLARE_PER_CPU_ALIGNED(type, name)		extern type name
#define DEFINE_PER_CPU(type, name)			type name
#define DEFINE_PER_CPU_SHARED_ALIGNED(type, name)	type name
#define this_cpu_ptr(ptr)		(ptr)
#define this_cpu_read(var)		(var)
#define __this_cpu_read(var)		(var)
#define __this_cpu_write(var, val)	((var) = (val))
#define this_cpu_and(var, val)		((var) &= (val))
#define this_cpu_or(var, val)		((var) |= (val))
#define this_cpu_add_return(var, val)	((var) += (val))
#define this_cpu_inc_return(var)	(++(var))
#define this_cpu_dec(var)		((void)(--(var)))
#define this_cpu_write(var, val) do {			\
	typeof(var) val_ = (val);			\
	shared_write(&(var), (unsigned long)val_);	\
	(var) = val_;					\
} while (0)
#define per_cpu(var, cpu)		((typeof(var))shared_read(cpu, &(var)))
#define smp_processor_id()		(self)
extern unsigned int preempt_count;
#define get_cpu()			(preempt_count++, self)
#define put_cpu()			preempt_enable()
#define preempt_disable()		((void)preempt_count++)
#define preempt_enable()		((void)preempt_count--)
#define preemptible()			(!preempt_count && !irqs_off)
bool in_nmi(void);

/* Interrupts, and what CPUs ask of each other. */
extern bool irqs_off;
#define irqs_disabled()			(irqs_off)
#define local_irq_disable()		((void)(irqs_off = true))
#define local_irq_enable()		((void)(irqs_off = false))
#define local_irq_save(flags)		((void)((flags) = irqs_off, irqs_off = true))
#define local_irq_restore(flags)	((void)(irqs_off = (flags)))
#define raw_local_irq_save(flags)	local_irq_save(flags)
#define raw_local_irq_restore(flags)	local_irq_restore(flags)
#define lockdep_assert_irqs_enabled()	VM_WARN_ON(irqs_off)

typedef void (*ipi_func)(void *info);
void shared_call(bool (*cond)(int cpu, void *info), ipi_func func, void *info,
		 const struct cpumask *mask);
#define on_each_cpu(func, info, wait)		shared_call(NULL, func, info, NULL)
#define on_each_cpu_mask(mask, func, info, wait)	shared_call(NULL, func, info, mask)
#define on_each_cpu_cond_mask(cond, func, info, wait, mask)	\
	shared_call(cond, func, info, mask)

/* Nothing. */
#define jiffies				0UL
#define HZ				100
#define time_after(a, b)		((void)(a), (void)(b), false)
#define inc_irq_stat(what)		do { } while (0)
#define count_vm_tlb_event(what)	do { } while (0)
#define count_vm_tlb_events(what, n)	((void)(n))
#define trace_tlb_flush(reason, pages)	((void)(pages))

/* Mitigations for tasks that switch; no task is ever given. */
struct callback_head { void (*func)(struct callback_head *head); };

struct task_struct {
	struct mm_struct	*mm;
	unsigned long		thread_info;
	struct callback_head	l1d_flush_kill;
};

extern struct task_struct *current;
struct cpuinfo { bool smt_active; };
extern struct cpuinfo cpu_info;
#define TIF_SPEC_IB			9
#define TIF_SPEC_L1D_FLUSH		10
#define TWA_RESUME			0
#define SIGBUS				7
#define MSR_IA32_FLUSH_CMD		0
#define L1D_FLUSH			0
#define force_sig(sig)			do { } while (0)
#define clear_ti_thread_flag(ti, flag)	((void)(ti))
#define task_work_add(task, work, how)	((void)(task), (void)(work))
#define read_task_thread_flags(task)	((task)->thread_info)
#define static_branch_likely(key)	false
#define static_branch_unlikely(key)	false
#define indirect_branch_prediction_barrier()	do { } while (0)

/*
 * Processes that are opted out (pti_opt_out.c). A task of mm A may be: it has the flag that has a
 * switch look, all the time, as one may that was left over. Others have not.
 */
#define TIF_PTI_OPT_OUT			26
#define MM_CONTEXT_PTI_OPT_OUT		4
#define MSR_LSTAR			0xc0000082

/* The switch of the running system (pti_switch.c) is not in the model: isolation is on. */
#define pti_isolates()			true

void hw_set_lstar(unsigned long head);
bool shared_test_bit(int nr, const unsigned long *flags);
bool shared_change_bit(int nr, unsigned long *flags, bool set);
void shared_part(pgd_t *pgd);

#define wrmsrl(msr, val)		((msr) == MSR_LSTAR ? hw_set_lstar(val) : (void)0)
#define pti_head(name)			0UL
#define opted_out_SYSCALL_64		1UL
#define DEFINE_PER_CPU(type, name)	type name
#define test_tsk_thread_flag(task, flag)	((task)->mm == &mms[MM_A])
#define clear_thread_flag(flag)		do { } while (0)
#define test_thread_flag(flag)		test_tsk_thread_flag(current, flag)
#define set_thread_flag(flag)		do { } while (0)
/* Who inherits what is not of the model. */
#define TIF_PTI_INHERIT			18
#define MM_CONTEXT_PTI_OPTED_IN		5
#define clear_tsk_thread_flag(task, flag)	do { } while (0)
#define EBUSY				16
#define current_is_single_threaded()	true
#define pr_notice_once(...)		do { } while (0)
#define smp_mb__after_atomic()		do { } while (0)

#define test_bit(nr, flags)	((nr) == MM_CONTEXT_PTI_OPT_OUT && shared_test_bit(nr, flags))
#define set_bit(nr, flags)	((void)((nr) == MM_CONTEXT_PTI_OPT_OUT && \
				 shared_change_bit(nr, flags, true)))
#define clear_bit(nr, flags)	((void)((nr) == MM_CONTEXT_PTI_OPT_OUT && \
				 shared_change_bit(nr, flags, false)))
#define spin_lock(lock)			do { } while (0)
#define spin_unlock(lock)		do { } while (0)
#define mmap_write_lock(mm)		do { } while (0)
#define mmap_write_unlock(mm)		do { } while (0)
#define pgd_pair_part(pgd)		shared_part(pgd)
#define pgd_pair_rejoin(pgd)		shared_part(pgd)
#define flush_tlb_mm(mm)		flush_tlb_mm_range(mm, 0UL, TLB_FLUSH_ALL, 0UL, true)
#define lockdep_assert_irqs_disabled()	do { } while (0)

/* A file in debugfs. */
struct file;
typedef long loff_t_;
#define loff_t				loff_t_
#define ssize_t				long
#define EFAULT				14
#define EINVAL				22
#define S_IRUSR				0
#define S_IWUSR				0
#define min(a, b)			((a) < (b) ? (a) : (b))
struct file_operations {
	ssize_t (*read)(struct file *file, char *buf, size_t count, loff_t *ppos);
	ssize_t (*write)(struct file *file, const char *buf, size_t count, loff_t *ppos);
	void *llseek;
};
#define default_llseek			NULL
#define copy_from_user(to, from, len)	((void)(to), (void)(from), 0)
#define kstrtoint(buf, base, val)	(*(val) = 0)
#define simple_read_from_buffer(to, count, ppos, from, len)	((void)(len), 0)
#define debugfs_create_file(name, mode, dir, data, fops)	((void)(fops))
#define late_initcall(func)		extern int never_called_##func

void flush_tlb_mm_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			unsigned int stride_shift, bool freed_tables);
void switch_mm(struct mm_struct *prev, struct mm_struct *next, struct task_struct *tsk);
void switch_mm_irqs_off(struct mm_struct *prev, struct mm_struct *next, struct task_struct *tsk);
void flush_tlb_one_user(unsigned long addr);
void flush_tlb_one_kernel(unsigned long addr);
void flush_tlb_local(void);
void __flush_tlb_all(void);

static inline u64 inc_mm_tlb_gen(struct mm_struct *mm)
{
	return atomic64_inc_return(&mm->context.tlb_gen);
}

#endif
