// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: switching it on and off in the running system, by debugfs
 * x86/pti_enabled.
 *
 * What boot has decided stays: mms have pairs of roots (X86_FEATURE_PTI), both of which
 * are kept as they have to be whether user mode runs on the second one or not: mirroring,
 * exposure, LDTs, and the flushes owed to user PCIDs. The kernel goes on without global
 * mappings. What changes is how CPUs get to and from user mode:
 *
 *	heads of system calls	MSRs of each CPU
 *	sites in entry text	patched to what the base has there, and back
 *	user half of the roots	executable in the kernel root or not (pgd_pair.c)
 *
 * All CPUs change together, in stop_machine(): each is in kernel mode then, in a thread
 * that the scheduler has switched to, so none is in a head or tail, and an NMI or #MC that
 * comes does not go to user mode. The sites are on the way to and from user mode only;
 * such an exception executes none of them. Its own head is the same at all times
 * (isolated_ist.S): with user mode on the kernel page table it finds nothing to switch, and
 * nothing to take up again, as pti_redo_start is behind all code.
 *
 * Nobody gets to user mode before all CPUs have flushed all translations, the global ones
 * and those of all PCIDs, and have executed a serialising instruction.
 */
#define pr_fmt(fmt) "Kernel/User page tables isolation: " fmt

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cpu.h>
#include <linux/cpufeature.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kprobes.h>
#include <linux/memory.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/security.h>
#include <linux/stop_machine.h>
#include <linux/string.h>
#include <linux/string_choices.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <linux/user-return-notifier.h>

#include <asm/cpu_entry_area.h>
#include <asm/ia32.h>
#include <asm/msr-index.h>
#include <asm/pgd_pair.h>
#include <asm/processor.h>
#include <asm/proto.h>
#include <asm/pti_entry.h>
#include <asm/pti_switch.h>
#include <asm/pti_sync.h>
#include <asm/sections.h>
#include <asm/switch_to.h>
#include <asm/sync_core.h>
#include <asm/text-patching.h>
#include <asm/tlbflush.h>

#include "pti_switch.h"

static_assert(sizeof(struct pti_site) == 8);

/*
 * The sites that are not in entry text, where a probe is refused anyway, are here and in
 * opted_out_SYSCALL_64, which is noinstr: none may patch them.
 */
NOKPROBE_SYMBOL(ret_from_fork_asm);

#define PTI_MAX_SITES		16
#define PTI_MAX_SITE_LEN	40

/* Both texts of each site, for a jump to stand at its place. Complete after boot. */
static struct pti_site_text {
	u8	on[PTI_MAX_SITE_LEN];
	u8	off[PTI_MAX_SITE_LEN];
} pti_site_texts[PTI_MAX_SITES] __ro_after_init;

bool pti_isolating __read_mostly;
unsigned long pti_redo_start __read_mostly;
DEFINE_STATIC_KEY_FALSE(pti_exit_serialises_key);

/* What the command line said. */
static bool pti_locked __ro_after_init;
static bool pti_switchable __ro_after_init;

/* Boot keeps the pairs, but wants no isolation. */
static bool pti_starts_off __ro_after_init;

/* The present state is not that of boot; changes under the mutex. */
static bool pti_switched;
static DEFINE_MUTEX(pti_switch_mutex);

/**
 * pti_switch_param() - what stands behind the mode in pti=MODE,OPTION
 * @option: the option; NULL if there is none, which undoes what an earlier parameter said
 *
 * Context: parsing of the command line.
 * Return: true if it is known; otherwise nothing has changed.
 */
bool __init pti_switch_param(const char *option)
{
	bool lock = option && !strcmp(option, "lock");
	bool switchable = option && !strcmp(option, "switchable");

	if (option && !lock && !switchable)
		return false;

	pti_locked = lock;
	pti_switchable = switchable;
	return true;
}

/**
 * pti_switch_keeps_pairs() - are pairs wanted where isolation is not?
 *
 * Context: boot, command line parsed.
 * Return: true if they are.
 */
bool __init pti_switch_keeps_pairs(void)
{
	return pti_switchable;
}

/**
 * pti_switch_decided() - the decision of boot, or that it cannot be had
 * @pairs: mms have pairs of roots
 * @isolate: user mode is wanted to run isolated
 *
 * The boot goes on isolated if there are pairs, until pti_switch_init() changes that.
 *
 * Context: boot, one CPU.
 */
void __init pti_switch_decided(bool pairs, bool isolate)
{
	pti_isolating = pairs;
	pti_starts_off = pairs && !isolate;
	pti_redo_start = (unsigned long)__entry_text_start;
	pgd_pairs_set_nx(pairs);
}

/**
 * pti_switch_starts_off() - is isolation going to be switched off at the end of the boot?
 *
 * Context: boot.
 * Return: true if it is.
 */
bool __init pti_switch_starts_off(void)
{
	return pti_starts_off;
}

/**
 * pti_why() - why user mode is isolated, or is not
 *
 * Context: any.
 * Return: a reason, for people to read.
 */
const char *pti_why(void)
{
	return pti_reason_texts[READ_ONCE(pti_switched) ? PTI_BY_SWITCH : pti_reason];
}

#if IS_ENABLED(CONFIG_KVM)
/**
 * pti_host_msr() - what an MSR that KVM gives to guests has to have in user mode
 * @msr: its number
 * @value: what it had there when KVM last asked
 *
 * KVM has guests' values in MSRs that only system calls use, puts the host's back when it
 * goes to user mode, and takes what it knows of them for what is in them. By then the head
 * may be another.
 *
 * Context: any; the value holds while this CPU is not left.
 * Return: the head of the present state for that of the other one; else @value.
 */
u64 pti_host_msr(u32 msr, u64 value)
{
	if (msr == MSR_LSTAR && cpu_feature_enabled(X86_FEATURE_PTI))
		return pti_head(SYSCALL_64);
	/* VMX is not Intel's alone, and others may have 32-bit SYSCALL with it. */
	if (msr == MSR_CSTAR && value && ia32_enabled() &&
	    (value == (unsigned long)isolated_SYSCALL_compat ||
	     value == (unsigned long)entry_SYSCALL_compat))
		return pti_head(SYSCALL_compat);

	return value;
}
EXPORT_SYMBOL_GPL(pti_host_msr);

/**
 * pti_host_sysenter() - a head for SYSENTER that serves in each state
 * @value: what MSR_IA32_SYSENTER_EIP has
 *
 * VMX loads it from the VMCS on each exit from a guest, where it is written once. The
 * isolated head does no harm where user mode has the kernel page table.
 *
 * Context: any.
 * Return: what to load.
 */
u64 pti_host_sysenter(u64 value)
{
	if (value && cpu_feature_enabled(X86_FEATURE_PTI))
		return (unsigned long)isolated_SYSENTER_compat;

	return value;
}
EXPORT_SYMBOL_GPL(pti_host_sysenter);
#endif

static void *pti_site_address(const struct pti_site *site)
{
	return (void *)&site->offset + site->offset;
}

/**
 * pti_switch_save() - keep what the base has at each site
 *
 * What does not fit here cannot be switched.
 *
 * Context: boot, before alternatives are applied.
 */
void __init pti_switch_save(void)
{
	struct pti_site_text *text = pti_site_texts;
	const struct pti_site *site;

	if (WARN_ON_ONCE(__stop___pti_sites - __start___pti_sites > PTI_MAX_SITES)) {
		pti_locked = true;
		return;
	}

	for (site = __start___pti_sites; site < __stop___pti_sites; site++, text++) {
		if (WARN_ON_ONCE(site->len > PTI_MAX_SITE_LEN)) {
			pti_locked = true;
			return;
		}
		memcpy(text->off, pti_site_address(site), site->len);
	}
}

/* Where the base has nothing stands padding, which is to be one instruction. */
static void __init pti_site_skip(const struct pti_site *site, u8 *text)
{
	static const u8 lfence[] __initconst = { 0x2e, 0x2e, 0x0f, 0xae, 0xe8 };

	if (site->fence && boot_cpu_has(X86_FEATURE_FENCE_SWAPGS_USER)) {
		memcpy(text, lfence, sizeof(lfence));
	} else if (site->len <= ASM_NOP_MAX) {
		memcpy(text, x86_nops[site->len], site->len);
	} else {
		memset(text, INT3_INSN_OPCODE, site->len);
		text[0] = JMP8_INSN_OPCODE;
		text[1] = site->len - JMP8_INSN_SIZE;
	}
}

/* Alternatives are applied: both texts of each site are known. */
static void __init pti_complete_sites(void)
{
	struct pti_site_text *text = pti_site_texts;
	const struct pti_site *site;

	for (site = __start___pti_sites; site < __stop___pti_sites; site++, text++) {
		memcpy(text->on, pti_site_address(site), site->len);
		if (text->off[0] == 0x90)
			pti_site_skip(site, text->off);
	}
}

/* No CPU can execute a site. text_mutex is the caller's of stop_machine(). */
static void pti_poke_sites(bool on)
{
	const struct pti_site_text *text = pti_site_texts;
	const struct pti_site *site;

	for (site = __start___pti_sites; site < __stop___pti_sites; site++, text++)
		text_poke_kgdb(pti_site_address(site), on ? text->on : text->off, site->len);
}

/*
 * The base leaves addresses of the kernel where user mode is going to see them: what a head
 * has called on the entry stack, and #DB and NMI from user mode on their trampolines. No
 * frame is there now, but for that of an exception which takes it away before this goes on:
 * so each CPU does it for itself.
 */
static void pti_clear_entry_stack(void)
{
	struct cpu_entry_area *cea = get_cpu_entry_area(smp_processor_id());

	memset(&cea->entry_stack_page, 0, sizeof(cea->entry_stack_page));
}

/**
 * pti_cpu_disable() - this CPU goes away, and does not come back to user mode before
 *
 * It is not there if isolation is switched on meanwhile. An NMI or #MC that it still has
 * comes in the kernel, and leaves nothing in either state.
 *
 * Context: this CPU, interrupts off.
 */
void pti_cpu_disable(void)
{
	if (cpu_feature_enabled(X86_FEATURE_PTI) && !pti_isolates())
		pti_clear_entry_stack();
}

/**
 * struct pti_change - one change, as all CPUs see it
 * @on: what user mode is to be
 * @arrived: how many CPUs have come
 * @done: what is the same for all CPUs has changed
 */
struct pti_change {
	bool		on;
	atomic_t	arrived;
	bool		done;
};

/*
 * In stop_machine(), on each CPU. The first that comes changes what all share; the others
 * flush behind that. Other users of the poking mm are kept out by text_mutex, and no CPU can
 * have it loaded, as kgdb knows of its own stop.
 */
static int pti_switch_cpu(void *data)
{
	struct pti_change *change = data;

	/* KVM gives back the host's: what it takes the MSRs to have follows (pti_host_msr()). */
	fire_user_return_notifiers();

	if (atomic_inc_return(&change->arrived) == 1) {
		pti_isolating = change->on;
		pti_redo_start = change->on ? (unsigned long)__entry_text_start : ~0UL;
		pgd_pairs_set_nx(change->on);
		pti_poke_sites(change->on);
		/* Pairs with the load below: a flush has to see what changed. */
		smp_store_release(&change->done, true);
	} else {
		/* Pairs with the store above. */
		while (!smp_load_acquire(&change->done))
			cpu_relax();
	}

	if (change->on)
		pti_clear_entry_stack();
	syscall_init();
	__flush_tlb_all();
	sync_core();

	return 0;
}

/* With the mutex held, but by the boot. */
static void pti_switch(bool on)
{
	struct pti_change change = { .on = on };

	if (!on)
		static_branch_disable(&pti_exit_serialises_key);

	/* A CPU that comes up has the heads of the state that it finds. */
	cpus_read_lock();
	mutex_lock(&text_mutex);
	stop_machine_cpuslocked(pti_switch_cpu, &change, cpu_online_mask);
	mutex_unlock(&text_mutex);
	cpus_read_unlock();

	if (on)
		static_branch_enable(&pti_exit_serialises_key);
}

/* May the state be changed to @on? Return: 0 or an errno, and the log has the reason. */
static int pti_may_switch(bool on)
{
	const char *why;
	int error = -EPERM;

	if (!cpu_feature_enabled(X86_FEATURE_PTI)) {
		error = -EOPNOTSUPP;
		why = pti_reason_texts[pti_reason];
	} else if (pti_locked) {
		why = "locked by pti=";
	} else if (!on && security_locked_down(LOCKDOWN_DEBUGFS)) {
		why = "kernel lockdown";
	} else {
		return 0;
	}

	pr_notice_ratelimited("cannot be switched %s by %s[%d] (%s)\n", str_on_off(on),
			      current->comm, task_pid_nr(current), why);
	return error;
}

static ssize_t pti_enabled_read(struct file *file, char __user *to, size_t count, loff_t *ppos)
{
	const char *state = pti_isolates() ? "1\n" : "0\n";

	return simple_read_from_buffer(to, count, ppos, state, 2);
}

/* One digit, with a line feed behind it or without, in one piece. */
static ssize_t pti_enabled_write(struct file *file, const char __user *from, size_t count,
				 loff_t *ppos)
{
	char text[2] = { 0, '\n' };
	int error;
	bool on;

	if (!count || count > sizeof(text) || *ppos)
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	if ((text[0] != '0' && text[0] != '1') || text[1] != '\n')
		return -EINVAL;
	/* Neither of who opened it alone, nor of who was made to write to it. */
	if (!capable(CAP_SYS_ADMIN) || !file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN))
		return -EPERM;

	on = text[0] == '1';
	error = pti_may_switch(on);
	if (error)
		return error;

	/* Who waits can be killed; who switches is not, until it is done. */
	if (mutex_lock_interruptible(&pti_switch_mutex))
		return -ERESTARTSYS;
	if (on != pti_isolates()) {
		pti_switch(on);
		WRITE_ONCE(pti_switched, on == pti_starts_off);
		pr_info("switched %s by %s[%d]\n", str_on_off(on), current->comm,
			task_pid_nr(current));
	}
	mutex_unlock(&pti_switch_mutex);

	return count;
}

static const struct file_operations pti_enabled_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= pti_enabled_read,
	.write	= pti_enabled_write,
	.llseek	= default_llseek,
};

static int __init pti_switch_init(void)
{
	if (cpu_feature_enabled(X86_FEATURE_PTI) && !pti_locked)
		pti_complete_sites();
	if (pti_starts_off && !pti_locked)
		pti_switch(false);
	else if (pti_isolates())
		static_branch_enable(&pti_exit_serialises_key);

	debugfs_create_file("pti_enabled", 0600, arch_debugfs_dir, NULL, &pti_enabled_fops);

	return 0;
}
late_initcall(pti_switch_init);
