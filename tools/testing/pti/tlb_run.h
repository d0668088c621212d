/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How tlb_explore.c goes from one state to the next: run().
 *
 * Two CPUs do operations: what the scheduler, the memory management, interrupts and
 * the entry code ask of tlb.c (ops[]). An operation runs until it comes to an access
 * to what both CPUs share (point()): there the other CPU may go first, an interrupt
 * may ask for a flush, and at each of its steps an NMI may come.
 *
 * A state that stands in the middle of an operation holds what the CPU's own data were
 * when it began, and a log of what it read and what came in between. It goes on by
 * running again from its beginning, with the log for what it reads and without effects,
 * up to where it was. So no C code had to be taken apart.
 */
#ifndef TLB_RUN_H
#define TLB_RUN_H

#include <stdarg.h>

#include "tlb_kernel.h"

/* What tlb_kernel.h declares. */
bool features[NR_FEATURES];
struct tlb_state cpu_tlbstate;
unsigned int self;
bool irqs_off;
unsigned int preempt_count;
static struct task_struct the_task;
struct task_struct *current = &the_task;
struct cpuinfo cpu_info;

/* That of the kernel tree, with pti_tlb.h and pti_pcid.h beside it. */
#include TLB_C
#include OPT_OUT_C

struct pti_pcid pti_pcid;

/* enable_lam_func() of process_64.c and pti_enable_lam() of pti_tlb.c */
#include "enable_lam.c"

#include "tlb_machine.h"

struct mm_struct mms[NR_MMS];

/*
 * The run of one operation.
 */

static struct state *now;
static u64 own_cr3;
static u8 own_task, own_mode;
static bool own_head;
static bool live;		/* effects count: the log is used up */
static bool whole;		/* nothing comes in between */
static bool opt_outs;		/* processes of mm A opt out, and in */
static bool in_nmi_handler, nmi_mapped;
bool in_nmi(void)
{
	return in_nmi_handler;
}

static unsigned int log_pos;
static unsigned int choice;	/* how to go on when the log is used up; 0: not at all */
static unsigned int nmi_at, steps;
static void *suspended[5];
static const char *finding;

/* How an operation goes on; or'ed with the step at which an NMI comes, or with 0. */
#define GO		0x40
#define TAKE_IPI	0x80
#define NMI_STEPS	0x3f

/*
 * The story, when one is told.
 */
static bool telling;
static unsigned int line;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list args;

	if (!telling || !live)
		return;
	printf("%4u. CPU %u %s", ++line, self, in_nmi_handler ? "(NMI) " : "");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static const char *mm_name(unsigned int mm)
{
	static const char * const names[] = {
		"mm A", "mm B", "mm C", "init_mm", "no mm", "\"switching\""
	};

	return names[mm <= MM_SWITCHING ? mm : NR_MMS];
}

static const char *addr_name(unsigned long addr)
{
	switch (addr) {
	case USER_ADDR(PAGE_0): return "page 0";
	case USER_ADDR(PAGE_1): return "page 1";
	case KERNEL_ADDR: return "the kernel's page";
	case NMI_ADDR: return "the NMI's page";
	case GLOBAL_ADDR: return "the global page";
	}
	return "another page";
}

static void find(const char *what)
{
	if (live && !finding)
		finding = what;
}

void warned(const char *cond)
{
	static char text[200];

	snprintf(text, sizeof(text), "tlb.c warns: %s", cond);
	find(text);
}

static void put_log(u8 byte)
{
	struct cpu *c = &now->cpu[self];

	if (c->log_len == MAX_LOG) {
		fprintf(stderr, "tlb-explore: an operation of more than %u reads\n", MAX_LOG);
		exit(2);
	}
	c->log[c->log_len++] = byte;
	log_pos = c->log_len;
}

/* A value that is read where others write: @value now, the log's when run again. */
static u8 logged(u8 value)
{
	if (!live)
		return now->cpu[self].log[log_pos++];
	put_log(value);
	return value;
}

static void nmi(void);

/* Between two instructions: an NMI may come. */
static void step(void)
{
	if (!in_nmi_handler && own_mode != OFFLINE && ++steps == nmi_at)
		nmi();
}

static void receive(void);

/* Here the other CPU may do something first, or a flush may be asked for. */
static void point(void)
{
	unsigned int how;

	if (whole && live)
		return;
	for (;;) {
		if (log_pos < now->cpu[self].log_len) {
			how = now->cpu[self].log[log_pos++];
		} else if (choice) {
			how = choice;
			choice = 0;
			put_log(how);
			live = true;
		} else {
			now->cpu[self].irqs_off = irqs_off;
			now->cpu[self].preempt_off = preempt_count;
			__builtin_longjmp(suspended, 1);
		}
		nmi_at = how & NMI_STEPS;
		steps = 0;
		if (how & GO)
			break;
		say("is interrupted");
		receive();
	}
	step();
}

/*
 * Memory that the CPUs share.
 */

static unsigned int mm_id(const struct mm_struct *mm)
{
	if (mm == LOADED_MM_SWITCHING)
		return MM_SWITCHING;
	return mm ? mm - mms : NR_MMS;
}

/* The mm of a cpumask, or NR_MMS if it is nobody else's business. */
static unsigned int mask_id(const struct cpumask *mask)
{
	unsigned int mm;

	for (mm = 0; mm < NR_MMS; mm++)
		if (mask == &mms[mm].cpumask)
			break;
	return mm;
}

static unsigned int gen_id(const atomic64_t *gen)
{
	unsigned int mm;

	for (mm = 0; gen != &mms[mm].context.tlb_gen; mm++)
		;
	return mm;
}

u64 shared_read_gen(const atomic64_t *gen)
{
	unsigned int mm = gen_id(gen);

	point();
	say("reads the generation of %s: %u", mm_name(mm), now->gen[mm]);
	return logged(now->gen[mm]);
}

u64 shared_inc_gen(atomic64_t *gen)
{
	unsigned int mm = gen_id(gen);

	point();
	if (live)
		now->gen[mm]++;
	say("makes the generation of %s %u", mm_name(mm), now->gen[mm]);
	return logged(now->gen[mm]);
}

void shared_set_cpu(unsigned int cpu, struct cpumask *mask)
{
	unsigned int mm = mask_id(mask);

	point();
	if (live)
		now->cpumask[mm] |= 1U << cpu;
	say("enters the CPUs of %s", mm_name(mm));
}

void shared_clear_cpu(unsigned int cpu, struct cpumask *mask)
{
	unsigned int mm = mask_id(mask);

	point();
	if (live)
		now->cpumask[mm] &= ~(1U << cpu);
	say("leaves the CPUs of %s", mm_name(mm));
}

/* Only of its own bit does a CPU ask, and nobody else changes that. */
bool shared_test_cpu(unsigned int cpu, const struct cpumask *mask)
{
	unsigned int mm = mask_id(mask);

	if (mm == NR_MMS)
		return mask->bits & 1UL << cpu;
	return logged(!!(now->cpumask[mm] & 1U << cpu));
}

unsigned long shared_read_mask(const struct cpumask *mask)
{
	unsigned int mm = mask_id(mask);

	if (mm == NR_MMS)
		return mask->bits;
	point();
	say("reads the CPUs of %s:%s%s", mm_name(mm), now->cpumask[mm] & 1 ? " 0" : "",
	    now->cpumask[mm] & 2 ? " 1" : "");
	return logged(now->cpumask[mm]);
}

void shared_write(const void *var, unsigned long val)
{
	if (var == &cpu_tlbstate.loaded_mm) {
		point();
		if (live)
			now->cpu[self].loaded_mm = mm_id((struct mm_struct *)val);
		say("has %s loaded, it says", mm_name(now->cpu[self].loaded_mm));
	} else if (var == &cpu_tlbstate_shared.is_lazy) {
		point();
		if (live)
			now->cpu[self].is_lazy = val;
		say("is %slazy, it says", val ? "" : "not ");
	}
}

unsigned long shared_read(unsigned int cpu, const void *var)
{
	unsigned int mm;

	if (var == &cpu_tlbstate_shared.is_lazy) {
		if (cpu == self)
			return cpu_tlbstate_shared.is_lazy;
		point();
		say("sees that CPU %u is %slazy", cpu, now->cpu[cpu].is_lazy ? "" : "not ");
		return logged(now->cpu[cpu].is_lazy);
	}
	if (cpu == self)
		return (unsigned long)cpu_tlbstate.loaded_mm;
	point();
	say("sees that CPU %u has %s loaded", cpu, mm_name(now->cpu[cpu].loaded_mm));
	mm = logged(now->cpu[cpu].loaded_mm);
	return (unsigned long)(mm == MM_SWITCHING ? LOADED_MM_SWITCHING : &mms[mm]);
}

/* What an interrupt says: a function, and a struct flush_tlb_info. */
static const ipi_func ipi_funcs[] = {
	NULL, flush_tlb_func, do_flush_tlb_all, do_kernel_range_flush, pti_load_current
};

static u8 pack_addr(unsigned long addr)
{
	if (addr == TLB_FLUSH_ALL)
		return 0xff;
	if (addr < KERNEL_ADDR)
		return addr >> PAGE_SHIFT;
	return 0x80 + ((addr - KERNEL_ADDR) >> PAGE_SHIFT);
}

static unsigned long unpack_addr(u8 packed)
{
	if (packed == 0xff)
		return TLB_FLUSH_ALL;
	return packed < 0x80 ? packed * PAGE_SIZE : KERNEL_ADDR + (packed - 0x80) * PAGE_SIZE;
}

static void receive(void)
{
	struct ipi *ipi = &now->cpu[self].ipi;
	bool was_off = irqs_off, waited = now->cpu[self].waits;
	struct flush_tlb_info info = {
		.stride_shift = PAGE_SHIFT,
		.initiating_cpu = !self,
	};
	unsigned int func, mm;

	func = logged(ipi->func);
	mm = logged(ipi->mm);
	info.mm = mm < NR_MMS ? &mms[mm] : NULL;
	info.start = unpack_addr(logged(ipi->start));
	info.end = unpack_addr(logged(ipi->end));
	info.new_tlb_gen = logged(ipi->gen);
	info.freed_tables = logged(ipi->freed_tables);

	/* Who waits for another does not, while it does what it was asked for itself. */
	now->cpu[self].waits = false;
	irqs_off = true;
	ipi_funcs[func](ipi_funcs[func] == pti_load_current ? (void *)info.mm : &info);
	irqs_off = was_off;
	now->cpu[self].waits = waited;
	if (live)
		*ipi = (struct ipi) { 0 };
	say("has done what it was asked for");
}

static void send(unsigned int cpu, ipi_func func, const struct flush_tlb_info *info)
{
	unsigned int i;

	for (i = 1; ipi_funcs[i] != func; i++)
		;
	point();
	if (live) {
		now->cpu[cpu].ipi = (struct ipi) { .func = i };
		if (func == pti_load_current) {
			now->cpu[cpu].ipi.mm = mm_id((const void *)info);
		} else if (info) {
			now->cpu[cpu].ipi = (struct ipi) {
				i, mm_id(info->mm), pack_addr(info->start), pack_addr(info->end),
				info->new_tlb_gen, info->freed_tables
			};
		}
	}
	if (func == pti_load_current)
		say("asks CPU %u to isolate %s", cpu, mm_name(mm_id((const void *)info)));
	else
		say("asks CPU %u for a flush%s%s", cpu, info && info->mm ? " of " : "",
		    info && info->mm ? mm_name(mm_id(info->mm)) : "");
}

/* As smp_call_function_many_cond(), with its wait. It cannot be preempted: no CPU goes. */
void shared_call(bool (*cond)(int cpu, void *info), ipi_func func, void *info,
		 const struct cpumask *mask)
{
	unsigned long cpus = mask ? shared_read_mask(mask) : 3;
	unsigned int other = !self;
	bool sent = false, was_off = irqs_off;

	preempt_disable();
	cpus &= logged(now->online);
	if (cpus & 1UL << other && (!cond || cond(other, info))) {
		send(other, func, info);
		sent = true;
	}
	if (cpus & 1UL << self && (!cond || cond(self, info))) {
		irqs_off = true;
		func(info);
		irqs_off = was_off;
	}
	/* With interrupts off it takes none meanwhile, and the other may be asking it for one. */
	if (sent) {
		now->cpu[self].waits = true;
		point();
		now->cpu[self].waits = false;
	}
	preempt_enable();
}

/* The state of an mm that is opted out, or not. */
static unsigned int flags_id(const unsigned long *flags)
{
	unsigned int mm;

	for (mm = 0; flags != &mms[mm].context.flags; mm++)
		;
	return mm;
}

bool shared_test_bit(int nr, const unsigned long *flags)
{
	unsigned int mm = flags_id(flags);

	(void)nr;
	point();
	say("sees that %s is %s", mm_name(mm), now->out & 1U << mm ? "opted out" : "isolated");
	return logged(!!(now->out & 1U << mm));
}

bool shared_change_bit(int nr, unsigned long *flags, bool set)
{
	unsigned int mm = flags_id(flags);
	bool was;

	(void)nr;
	point();
	was = logged(!!(now->out & 1U << mm));
	if (live)
		now->out = set ? now->out | 1U << mm : now->out & ~(1U << mm);
	say("says that %s is %s", mm_name(mm), set ? "opted out" : "isolated");
	return was;
}

/* The top level of the kernel page table is executable, or is not any more. */
void shared_part(pgd_t *pgd)
{
	point();
	if (live)
		change(now, self, ITEM(mm_of((unsigned long)pgd), TABLE));
}

void hw_set_lstar(unsigned long head)
{
	step();
	own_head = head == opted_out_SYSCALL_64;
	say("has LSTAR lead to the head of %s", own_head ? "the opted out" : "the isolated");
	step();
}

/*
 * The hardware.
 */

unsigned long hw_read_cr3(void)
{
	return own_cr3;
}

static bool pcide(void)
{
	return cpu_tlbstate.cr4 & X86_CR4_PCIDE;
}

/* SDM vol. 3, 4.10.4.1 */
void hw_write_cr3(unsigned long cr3)
{
	struct cpu *c = &now->cpu[self];
	unsigned int tag;

	step();
	own_cr3 = cr3 & ~CR3_NOFLUSH;
	if (live) {
		say("writes CR3: %s page table of %s, PCID %#lx, %s%s",
		    on_user_table(cr3) ? "user" : "kernel", mm_name(mm_of(cr3)),
		    cr3 & CR3_PCID_MASK, cr3 & CR3_NOFLUSH ? "no flush" : "flush",
		    cr3 & X86_CR3_LAM_U57 ? ", LAM" : "");
		if (mm_of(cr3) == NR_MMS)
			find("CR3 holds what is no page table");
		if (cr3 & CR3_NOFLUSH && !pcide())
			find("#GP: NOFLUSH while CR4.PCIDE is clear");
		if (pcide() && tag_of(cr3) == TAGS)
			find("CR3 holds a PCID that no ASID has");
		if (!pcide() && cr3 & CR3_PCID_MASK)
			find("CR3 holds a PCID while CR4.PCIDE is clear");
		if (finding)
			__builtin_longjmp(suspended, 1);
		c->cr3 = own_cr3;
		if (!pcide()) {
			memset(c->tlb, 0, sizeof(c->tlb[0]));
		} else {
			tag = tag_of(cr3);
			if (!(cr3 & CR3_NOFLUSH))
				c->tlb[tag] = 0;
		}
		fill(now, self, nmi_mapped);
	}
	step();
}

void hw_flush_global(void)
{
	struct cpu *c = &now->cpu[self];

	step();
	say("flushes everything");
	if (live) {
		memset(c->tlb, 0, sizeof(c->tlb));
		c->global = 0;
		fill(now, self, nmi_mapped);
	}
	step();
}

void hw_invlpg(unsigned long addr)
{
	struct cpu *c = &now->cpu[self];

	step();
	say("INVLPG of %s", addr_name(addr));
	if (live) {
		drop_page(c, tag_of(c->cr3), addr);
		if (addr == GLOBAL_ADDR && !(invlpg_keeps_globals && pcide()))
			c->global = 0;
		fill(now, self, nmi_mapped);
	}
	step();
}

void hw_invpcid_one(unsigned long pcid, unsigned long addr)
{
	step();
	say("INVPCID of %s of PCID %#lx", addr_name(addr), pcid);
	if (!features[X86_FEATURE_INVPCID])
		find("#UD: INVPCID on a CPU without it");
	if (!pcide() && pcid)
		find("#GP: INVPCID of a PCID while CR4.PCIDE is clear");
	if (tag_of(pcid) == TAGS)
		find("INVPCID of a PCID that no ASID has");
	if (live && !finding) {
		drop_page(&now->cpu[self], tag_of(pcid), addr);
		fill(now, self, nmi_mapped);
	}
	step();
}

/*
 * The entry code (arch/x86/entry/switch_cr3.S), and an NMI.
 */

static u64 noflush(void)
{
	return features[X86_FEATURE_PTI_PCID] ? CR3_NOFLUSH : 0;
}

static void use_nmi_page(void)
{
	u64 held = now->cpu[self].tlb[tag_of(own_cr3)];

	if (held & (u64)REVOKED << NMI_PAGE)
		find("an NMI uses a translation that it has revoked");
	/* Whom nobody asks for flushes may hold what has gone, and uses none of it. */
	if (held & (u64)REVOKED << KERNEL_PAGE && !on_user_table(own_cr3) &&
	    now->online & 1U << self)
		find("an NMI can use a translation of the kernel's that was revoked");
}

/*
 * The head of an NMI (isolated_ist.S), and APEI's way to map, use and unmap a page. There is
 * no way back to the user page table: what was interrupted makes its CR3 write again.
 */
static void nmi(void)
{
	u64 *tags;
	unsigned int tag;

	in_nmi_handler = true;
	preempt_disable();
	say("comes");
	if (on_user_table(own_cr3))
		hw_write_cr3((own_cr3 & ~(u64)PTI_USER_CR3_BITS) | noflush());

	nmi_mapped = true;
	if (live)
		fill(now, self, true);
	flush_tlb_one_kernel(NMI_ADDR);
	if (live)
		use_nmi_page();
	nmi_mapped = false;
	if (live) {
		tags = now->cpu[self].tlb;
		for (tag = 0; tag < TAGS; tag++)
			if (tags[tag] & (u64)CURRENT << NMI_PAGE)
				tags[tag] ^= (u64)(CURRENT | REVOKED) << NMI_PAGE;
	}
	flush_tlb_one_kernel(NMI_ADDR);
	say("is over");
	preempt_enable();
	in_nmi_handler = false;
}

static void op_enter(unsigned int mm)
{
	(void)mm;
	step();
	hw_write_cr3((own_cr3 & ~(u64)PTI_USER_CR3_BITS) | noflush());
	own_mode = KERNEL;
}

static void op_exit(unsigned int mm)
{
	unsigned long cr3;

	(void)mm;
	irqs_off = true;
again:
	cr3 = pti_pcid.user_cr3;
	step();
	if (features[X86_FEATURE_PTI_PCID] && !(cr3 & CR3_NOFLUSH)) {
		pti_pcid.user_cr3 |= CR3_NOFLUSH;
		step();
	}
	hw_write_cr3(cr3);
	/* isolated_redo_table: from the read of the value, if an NMI came behind the write. */
	if (on_user_table(cr3) && !on_user_table(own_cr3)) {
		say("takes its way to user mode up again");
		goto again;
	}
	own_mode = USER;
	irqs_off = false;
}

/* A system call by the head that writes no CR3, and its end. */
static void op_call(unsigned int mm)
{
	(void)mm;
	own_mode = KERNEL;
}

static void op_return(unsigned int mm)
{
	(void)mm;
	irqs_off = true;
	/* Else it is IRET, which is op_exit(). */
	if (!on_user_table(pti_pcid.user_cr3))
		own_mode = USER;
	irqs_off = false;
}

/*
 * What the scheduler does.
 */

/* What is conditional in a switch: it looks where either task may be opted out. */
static void switch_extra(unsigned int mm)
{
	bool looks = opt_outs && (own_task == MM_A || mm == MM_A);

	own_task = mm;
	current->mm = mm < USER_MMS ? &mms[mm] : NULL;
	if (looks)
		pti_opt_out_load(current);
}

static void op_switch(unsigned int mm)
{
	irqs_off = true;
	switch_mm_irqs_off(NULL, &mms[mm], NULL);
	switch_extra(mm);
	irqs_off = false;
}

static void op_lazy(unsigned int mm)
{
	(void)mm;
	irqs_off = true;
	enter_lazy_tlb(NULL, NULL);
	switch_extra(MM_INIT);
	irqs_off = false;
}

static void op_leave(unsigned int mm)
{
	(void)mm;
	leave_mm();
}

/*
 * What changes page tables. go_on() is where whoever changed them may rely on it.
 */

static void change_user(unsigned int mm, unsigned int item)
{
	if (live)
		change(now, self, ITEM(mm, item));
}

static void gone_on(void)
{
	if (live)
		go_on(now, self);
	say("goes on: nobody may use it any more");
}

static void op_unmap(unsigned int mm)
{
	if (live)
		now->absent |= 1U << mm;
	change_user(mm, PAGE_0);
	flush_tlb_mm_range(&mms[mm], USER_ADDR(PAGE_0), USER_ADDR(PAGE_1), PAGE_SHIFT, false);
	gone_on();
}

static void op_map(unsigned int mm)
{
	if (live) {
		now->absent &= ~(1U << mm);
		fill(now, 0, false);
		fill(now, 1, false);
	}
}

static void op_protect(unsigned int mm)
{
	change_user(mm, PAGE_0);
	change_user(mm, PAGE_1);
	flush_tlb_mm_range(&mms[mm], USER_ADDR(PAGE_0), USER_ADDR(PAGE_1 + 1), PAGE_SHIFT, false);
	gone_on();
}

static void op_free(unsigned int mm)
{
	change_user(mm, PAGE_0);
	change_user(mm, PAGE_1);
	change_user(mm, TABLE);
	flush_tlb_mm_range(&mms[mm], 0, TLB_FLUSH_ALL, 0, true);
	gone_on();
}

static void op_reclaim(unsigned int mm)
{
	struct arch_tlbflush_unmap_batch batch = { { 0 } };

	change_user(mm, PAGE_1);
	inc_mm_tlb_gen(&mms[mm]);
	cpumask_or(&batch.cpumask, &batch.cpumask, mm_cpumask(&mms[mm]));
	arch_tlbbatch_flush(&batch);
	gone_on();
}

static void op_unmap_kernel(unsigned int mm)
{
	(void)mm;
	if (live)
		change(now, self, KERNEL_PAGE);
	flush_tlb_kernel_range(KERNEL_ADDR, KERNEL_ADDR + PAGE_SIZE);
	gone_on();
}

static void op_unmap_range(unsigned int mm)
{
	(void)mm;
	if (live) {
		change(now, self, KERNEL_PAGE);
		change_global(now, self);
	}
	flush_tlb_kernel_range(KERNEL_ADDR, TLB_FLUSH_ALL);
	gone_on();
}

static void op_unmap_global(unsigned int mm)
{
	(void)mm;
	if (live)
		change_global(now, self);
	flush_tlb_kernel_range(GLOBAL_ADDR, GLOBAL_ADDR + PAGE_SIZE);
	gone_on();
}

static void op_opt_out(unsigned int mm)
{
	pti_opt_out(&mms[mm]);
	gone_on();
}

static void op_opt_in(unsigned int mm)
{
	pti_opt_in(&mms[mm]);
	gone_on();
}

/* Somebody loads an mm of his own for a while, with interrupts off, as text_poke() does. */
static void op_poke(unsigned int mm)
{
	struct mm_struct *was;

	(void)mm;
	irqs_off = true;
	was = cpu_tlbstate.loaded_mm;
	switch_mm_irqs_off(NULL, &mms[MM_B], NULL);
	switch_mm_irqs_off(NULL, was, NULL);
	pti_opt_out_reload();
	irqs_off = false;
}

/*
 * A CPU goes and comes back, and the machine sleeps. What a TLB held is there still,
 * but for global entries, which the way up through CR4.PGE drops.
 */

static void op_offline(unsigned int mm)
{
	(void)mm;
	irqs_off = true;
	if (live)
		now->online &= ~(1U << self);
	/* idle_task_exit(): others flush meanwhile, and do not ask this CPU. */
	if (cpu_tlbstate.loaded_mm != &init_mm)
		switch_mm(NULL, &init_mm, NULL);
	own_mode = OFFLINE;
}

static void wake(unsigned int mm)
{
	struct cpu *c = &now->cpu[self];

	/* Of what it reads, others write nothing. */
	whole = true;
	irqs_off = true;
	own_cr3 = root_of(mm);
	c->cr3 = own_cr3;
	c->tlb[tag_of(own_cr3)] = 0;
	c->global = 0;
	own_mode = KERNEL;
	c->own.mode = own_mode;
	fill(now, self, false);
	/* syscall_init() */
	own_head = false;
	step();
	if (features[X86_FEATURE_PCID])
		cpu_tlbstate.cr4 |= X86_CR4_PCIDE;
	step();
	initialize_tlbstate_and_flush();
	irqs_off = false;
}

static void op_online(unsigned int mm)
{
	(void)mm;
	cpu_tlbstate.cr4 = X86_CR4_PGE;
	wake(MM_INIT);
	now->online |= 1U << self;
}

static void op_resume(unsigned int mm)
{
	(void)mm;
	wake(mm_id(cpu_tlbstate.loaded_mm));
}

/* What mm_enable_lam() has each CPU do; whoever asks for it is its mm's only thread. */
static void op_mask(unsigned int mm)
{
	irqs_off = true;
	enable_lam_func(&mms[mm]);
	irqs_off = false;
}

static void op_nmi(unsigned int mm)
{
	(void)mm;
	nmi();
}

static void op_receive(unsigned int mm)
{
	(void)mm;
	receive();
}

/*
 * The operations: when a CPU can begin them, and what they count as.
 */

static bool is_user(const struct state *s, unsigned int cpu, unsigned int mm)
{
	(void)mm;
	return s->cpu[cpu].own.mode == USER;
}

static bool in_kernel(const struct state *s, unsigned int cpu, unsigned int mm)
{
	(void)mm;
	return s->cpu[cpu].own.mode == KERNEL;
}

static bool has_task(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return in_kernel(s, cpu, mm) && s->cpu[cpu].own.task < USER_MMS;
}

static bool has_other_task(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return in_kernel(s, cpu, mm) && s->cpu[cpu].own.task != mm;
}

/* Of processes that are opted out: mm A. */
static bool by_head(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return is_user(s, cpu, mm) && s->cpu[cpu].own.head;
}

static bool without_cr3(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return in_kernel(s, cpu, mm) && s->cpu[cpu].own.task == MM_A &&
		!on_user_table(s->cpu[cpu].own.pcid.user_cr3);
}

static bool is_of_a(const struct state *s, unsigned int cpu, unsigned int mm)
{
	(void)mm;
	return opt_outs && in_kernel(s, cpu, mm) && s->cpu[cpu].own.task == MM_A;
}

/* Nobody shares it, nor is about to. */
static bool is_alone(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return is_of_a(s, cpu, mm) && s->cpu[!cpu].own.task != MM_A && !s->cpu[!cpu].op;
}

static bool is_lazy(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return in_kernel(s, cpu, mm) && s->cpu[cpu].own.is_lazy;
}

static bool is_mapped(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return in_kernel(s, cpu, mm) && !(s->absent & 1U << mm);
}

static bool is_unmapped(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return in_kernel(s, cpu, mm) && s->absent & 1U << mm;
}

static bool is_asked(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return in_kernel(s, cpu, mm) && s->cpu[cpu].ipi.func;
}

/* CPU 1 goes when stop_machine() has CPU 0: not where that waits, or cannot be preempted. */
static bool can_go(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return cpu && in_kernel(s, cpu, mm) && s->cpu[cpu].own.task == MM_INIT &&
		!s->cpu[0].irqs_off && !s->cpu[0].preempt_off;
}

static bool can_come(const struct state *s, unsigned int cpu, unsigned int mm)
{
	(void)mm;
	return s->cpu[cpu].own.mode == OFFLINE;
}

/* tlb.c takes it that no CPU sleeps in an mm with linear-address masking. */
static bool can_resume(const struct state *s, unsigned int cpu, unsigned int mm)
{
	return in_kernel(s, cpu, mm) && s->cpu[!cpu].own.mode == OFFLINE && !s->masked;
}

/* Before the search, for where it starts */
static bool not_now(const struct state *s, unsigned int cpu, unsigned int mm)
{
	(void)s, (void)cpu, (void)mm;
	return false;
}

static const struct op {
	const char	*name;
	void		(*run)(unsigned int mm);
	bool		(*can)(const struct state *s, unsigned int cpu, unsigned int mm);
	bool		of_mm, free;
} ops[] = {
	{ "", NULL, NULL, false, false },
	{ "enters the kernel", op_enter, is_user, false, true },
	{ "leaves for user mode", op_exit, has_task, false, true },
	{ "takes an interrupt", op_receive, is_asked, false, true },
	{ "calls the kernel, opted out", op_call, by_head, false, true },
	{ "returns from that", op_return, without_cr3, false, true },
	{ "switches to a task of", op_switch, has_other_task, true, false },
	{ "switches to a kernel thread", op_lazy, has_task, false, false },
	{ "leaves the mm that it kept lazily", op_leave, is_lazy, false, false },
	{ "unmaps page 0 of", op_unmap, is_mapped, true, false },
	{ "maps page 0 of", op_map, is_unmapped, true, false },
	{ "changes permissions of both pages of", op_protect, in_kernel, true, false },
	{ "frees pages and page table of", op_free, in_kernel, true, false },
	{ "reclaims page 1 of", op_reclaim, in_kernel, true, false },
	{ "unmaps a page of the kernel", op_unmap_kernel, in_kernel, false, false },
	{ "unmaps much of the kernel", op_unmap_range, in_kernel, false, false },
	{ "unmaps the global page", op_unmap_global, in_kernel, false, false },
	{ "goes offline", op_offline, can_go, false, false },
	{ "comes back", op_online, can_come, false, false },
	{ "sleeps and resumes", op_resume, can_resume, false, false },
	{ "opts out", op_opt_out, is_alone, false, false },
	{ "opts in again", op_opt_in, is_of_a, false, false },
	{ "loads mm B for a while", op_poke, is_of_a, false, false },
	{ "gets an NMI", op_nmi, in_kernel, false, false },
	{ "is asked for linear-address masking of", op_mask, not_now, true, false },
};

#define OPS		(sizeof(ops) / sizeof(ops[0]))
#define OP_MM		32	/* an operation of an mm has its number behind this */

static unsigned int op_number(void (*run)(unsigned int mm))
{
	unsigned int op;

	for (op = 1; ops[op].run != run; op++)
		;
	return op;
}

/* A step of the search: CPU, operation if it begins one, and how it goes on. */
struct move {
	u8	cpu, op, how;
};

/* The generation of an mm at first: it has been flushed before. */
#define GEN		64

/* Small numbers again, when none is in a log: only differences matter to tlb.c. */
static void normalise(struct state *s)
{
	unsigned int cpu, asid, mm;

	if (s->cpu[0].op | s->cpu[1].op | s->cpu[0].ipi.func | s->cpu[1].ipi.func)
		return;
	for (cpu = 0; cpu < CPUS; cpu++) {
		for (asid = 0; asid < TLB_NR_DYN_ASIDS; asid++) {
			struct tlb_context *ctx = &s->cpu[cpu].own.tlbstate.ctxs[asid];

			if (!ctx->ctx_id)
				ctx->tlb_gen = 0;
			else if (ctx->ctx_id - 1 < USER_MMS)
				ctx->tlb_gen += GEN - s->gen[ctx->ctx_id - 1];
		}
	}
	for (mm = 0; mm < USER_MMS; mm++)
		s->gen[mm] = GEN;
}

/* run() - @s becomes the state after @m; returns the number of steps in it */
static unsigned int run(struct state *s, struct move m)
{
	struct cpu *c = &s->cpu[m.cpu];

	now = s;
	self = m.cpu;
	finding = NULL;
	log_pos = 0;
	live = false;
	whole = false;
	irqs_off = false;
	preempt_count = 0;
	flush_tlb_info_idx = 0;
	in_nmi_handler = false;
	nmi_mapped = false;
	choice = m.how;
	cpu_tlbstate = c->own.tlbstate;
	cpu_tlbstate_shared.is_lazy = c->own.is_lazy;
	pti_pcid = c->own.pcid;
	own_cr3 = c->own.cr3;
	own_task = c->own.task;
	own_mode = c->own.mode;
	own_head = c->own.head;
	pti_opted_out_head = c->own.head_known;
	current->mm = own_task < USER_MMS ? &mms[own_task] : NULL;
	mms[MM_A].context.lam_cr3_mask = s->masked ? X86_CR3_LAM_U57 : 0;
	c->waits = false;
	if (m.op) {
		c->op = m.op;
		if (telling) {
			const struct op *op = &ops[m.op % OP_MM];

			printf("%4u. CPU %u %s%s%s\n", ++line, m.cpu, op->name,
			       op->of_mm ? " " : "",
			       op->of_mm ? mm_name(m.op / OP_MM) : "");
		}
	}

	if (!__builtin_setjmp(suspended)) {
		point();
		ops[c->op % OP_MM].run(c->op / OP_MM);

		c->own.tlbstate = cpu_tlbstate;
		c->own.is_lazy = cpu_tlbstate_shared.is_lazy;
		c->own.pcid = pti_pcid;
		c->own.cr3 = own_cr3;
		c->own.task = own_task;
		c->own.mode = own_mode;
		c->own.head = own_head;
		c->own.head_known = pti_opted_out_head;
		c->op = 0;
		c->irqs_off = false;
		c->preempt_off = false;
		memset(c->log, 0, sizeof(c->log));
		c->log_len = 0;
		normalise(s);
	}
	if (!finding)
		finding = rules(s);
	return steps;
}

/*
 * Where a search starts. What takes several events to come to is among it, so that
 * what can go wrong from there is not far.
 */
enum start { BOOTED, SETTLED, OWING, ALONE, LAZY, MASKED, OUT, STARTS };

static const char * const starts[STARTS] = {
	[BOOTED] = "The machine has booted; each CPU is in the kernel, in a kernel thread.",
	[SETTLED] = "Each CPU has run mm A and mm B and is in the kernel, in a task of mm A.",
	[OWING] = "Each CPU runs mm B; CPU 1 owes mm A's user PCID a flush.",
	[ALONE] = "CPU 1 is offline; CPU 0 has run mm A and mm B and is in a task of mm A.",
	[LAZY] = "Each CPU has run mm A and mm B; CPU 1 keeps mm A in a kernel thread.",
	[MASKED] = "Each CPU is in a task of mm A, which has asked for linear-address masking.",
	[OUT] = "Each CPU has run user mode of mm A, which is opted out, and is in the kernel.",
};

static void start(struct state *s, enum start kind);

/* One operation, from its beginning to its end. */
static void run_whole(struct state *s, enum start kind, unsigned int cpu,
		      void (*op)(unsigned int mm), unsigned int mm)
{
	struct move m = { cpu, op_number(op) + OP_MM * mm, GO };

	do {
		run(s, m);
		m.op = 0;
	} while (s->cpu[cpu].op && !finding);

	if (finding && telling) {
		printf("%4u. FOUND: %s\n\n", line + 1, finding);
		exit(1);
	} else if (finding) {
		printf("\nOn the way to this: %s\n", starts[kind]);
		telling = true;
		start(s, kind);
	}
}

static void start(struct state *s, enum start kind)
{
	unsigned int cpu, mm;

	memset(s, 0, sizeof(*s));
	for (mm = 0; mm < NR_MMS; mm++) {
		mms[mm].pgd = (pgd_t *)root_of(mm);
		mms[mm].context.ctx_id = mm + 1;
		s->gen[mm] = mm < USER_MMS ? GEN : 1;
	}
	for (cpu = 0; cpu < CPUS; cpu++) {
		s->cpu[cpu].own.tlbstate.loaded_mm = &init_mm;
		s->cpu[cpu].own.task = MM_INIT;
		s->cpu[cpu].own.mode = OFFLINE;
		s->cpu[cpu].loaded_mm = MM_INIT;
	}

	for (cpu = 0; cpu < (kind == ALONE ? 1 : CPUS); cpu++)
		run_whole(s, kind, cpu, op_online, 0);
	for (cpu = 0; kind != BOOTED && cpu < (kind == ALONE ? 1 : CPUS); cpu++) {
		for (mm = MM_A; mm <= MM_B; mm++) {
			run_whole(s, kind, cpu, op_switch, mm);
			run_whole(s, kind, cpu, op_exit, 0);
			run_whole(s, kind, cpu, op_enter, 0);
		}
		if (kind != OWING || cpu)
			run_whole(s, kind, cpu, op_switch, MM_A);
	}
	if (kind == OWING) {
		run_whole(s, kind, 1, op_free, MM_A);
		run_whole(s, kind, 1, op_switch, MM_B);
	}
	if (kind == LAZY)
		run_whole(s, kind, 1, op_lazy, 0);
	if (kind == OUT) {
		run_whole(s, kind, 1, op_switch, MM_B);
		run_whole(s, kind, 0, op_opt_out, MM_A);
		run_whole(s, kind, 1, op_switch, MM_A);
		for (cpu = 0; cpu < CPUS; cpu++) {
			run_whole(s, kind, cpu, op_exit, 0);
			run_whole(s, kind, cpu, op_call, 0);
		}
	}
	if (kind == MASKED) {
		s->masked = true;
		for (cpu = 0; cpu < CPUS; cpu++)
			run_whole(s, kind, cpu, op_mask, MM_A);
	}
}

#endif
