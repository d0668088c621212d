// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test of the outside walker's checks: fabricates the memory of a machine with three
 * CPUs, whose page tables are as exposure.expected wants them, then breaks one thing
 * at a time and demands that exactly the findings that belong to it are made.
 *
 *	walk_test exposure.expected
 *
 * Prints TAP.
 */
#include <stdlib.h>
#include <string.h>

#include "walk.h"

#define MEM_BYTES	(8ULL << 20)
#define NCPUS		3
#define SLIDE		0x1e00000ULL
#define ENTRY		0xffffffff81401000ULL	/* __entry_text_start, on a page */
#define ENTRY_PAGES	2
#define TEXT		0xffffffff81000000ULL
#define IDT_TABLE	0xffffffff81b4c000ULL
#define VSYSCALL_PAGE	0xffffffff81804000ULL
#define VSYSCALL	0xffffffffff600000ULL
#define DIRECT		0xffff8cd140000000ULL	/* direct map, somewhere */
#define PERCPU(cpu)	(DIRECT + 0x200000 + (cpu) * 0x40000ULL)
#define PERCPU_PA(cpu)	(0x200000 + (cpu) * 0x40000ULL)
#define CEA(cpu)	(CEA_PER_CPU + (3 + 7 * (cpu)) * CEA_PAGES * PAGE_SIZE)
#define ESPFIX		(ESPFIX_BASE + (5ULL << 32) + 0x3000)
#define STRIDE		0x10000ULL		/* of espfix */
#define IMAGE_PA	0x400000ULL		/* of TEXT */
#define ENTRY_PA	(IMAGE_PA + PAGE_SIZE)	/* of ENTRY, in one 2 MiB leaf with it */
#define SHADOW		0xffffec0000000000ULL
#define USER_VA		0x400000ULL
#define KIND(k)		(1U << (k))

#define LEAF_RX		PTE_PRESENT
#define LEAF_RO		(PTE_PRESENT | PTE_NX)
#define LEAF_RW		(PTE_PRESENT | PTE_WRITE | PTE_NX)

static struct audit a;
static struct cpu_state cpus[NCPUS];
static int levels;
static __u64 next_frame;
static __u64 kernel_root, user_root;
static __u64 ldt_slot;
static void (*later)(void);	/* what a test changes when the walker knows where things are */

/* Offsets in per-CPU memory and pages in the CPU's entry area, independent of the rows */
#define OFF_DEBUG	0x1000
#define OFF_TSS		0x6000
#define OFF_GDT		0xb000
#define OFF_STACKS	0xc000
#define OFF_ENTRY_STACK	0x14000
#define OFF_PCID	0x16040
#define SECTION_PERCPU	7
#define SECTION_TEXT	1
#define SECTION_BSS	9

static struct symbol symbols[] = {
	{ "__per_cpu_start",		0,			0,	SECTION_PERCPU, 0 },
	{ "cpu_debug_store",		OFF_DEBUG,		4096,	SECTION_PERCPU, 0 },
	{ "cpu_tss_rw",			OFF_TSS,		20480,	SECTION_PERCPU, 0 },
	{ "gdt_page",			OFF_GDT,		4096,	SECTION_PERCPU, 0 },
	{ "exception_stacks",		OFF_STACKS,		32768,	SECTION_PERCPU, 0 },
	{ "entry_stack_storage",	OFF_ENTRY_STACK,	4096,	SECTION_PERCPU, 0 },
	{ "neighbour",			0x15000,		8,	SECTION_PERCPU, 0 },
	{ "pti_pcid",			OFF_PCID,		64,	SECTION_PERCPU, 0 },
	{ "srso_alias_untrain_ret",	ENTRY - PAGE_SIZE,	16,	SECTION_TEXT, 0 },
	{ "__entry_text_start",		ENTRY,			0,	SECTION_TEXT, 0 },
	{ "asm_exc_divide_error",	ENTRY + 0x930,		32,	SECTION_TEXT, 0 },
	{ "__entry_text_end",		ENTRY + 0x17b5,		0,	SECTION_TEXT, 0 },
	{ "__vsyscall_page",		VSYSCALL_PAGE,		4096,	2, 0 },
	{ "idt_table",			IDT_TABLE,		4096,	SECTION_BSS, 0 },
};

static struct symbol *symbol(const char *name)
{
	size_t i;

	for (i = 0; strcmp(symbols[i].name, name); i++)
		;
	return &symbols[i];
}

static __u64 frame(void)
{
	next_frame -= PAGE_SIZE;
	return next_frame;
}

static __u64 *entry_at(__u64 table, unsigned int index)
{
	return (__u64 *)(a.guest.base + table + index * 8);
}

/* The entry for an address at a level, making tables on the way down to it */
static __u64 *entry_for(__u64 root, __u64 va, int level)
{
	__u64 up = PTE_PRESENT | PTE_WRITE | (va >> 63 ? 0 : PTE_USER);
	__u64 table = root;
	__u64 *e;
	int l;

	for (l = levels;; l--) {
		e = entry_at(table, (va >> (12 + 9 * (l - 1))) % 512);
		if (l == level)
			return e;
		if (!*e)
			*e = frame() | up;
		table = *e & PTE_ADDR;
	}
}

static __u64 *pte(__u64 root, __u64 va)
{
	return entry_for(root, va, 1);
}

static void map(__u64 root, __u64 va, __u64 pa, __u64 flags)
{
	*pte(root, va) = pa | flags;
}

static void map_both(__u64 va, __u64 pa, __u64 flags)
{
	map(kernel_root, va, pa, flags);
	map(user_root, va, pa, flags);
}

static void put(__u64 pa, const void *data, size_t size)
{
	memcpy(a.guest.base + pa, data, size);
}

static void build_cpu(int cpu)
{
	static const struct {
		unsigned int page, n, off;
		__u64 flags;
	} parts[] = {
		{ 0,	1,	OFF_GDT,		LEAF_RO },
		{ 1,	1,	OFF_ENTRY_STACK,	LEAF_RW },
		{ 2,	1,	OFF_TSS,		LEAF_RO },
	};
	__u64 base = CEA(cpu), top = base + 2 * PAGE_SIZE;
	__u16 no_ports = 0x4088;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		for (n = 0; n < parts[i].n; n++)
			map_both(base + (parts[i].page + n) * PAGE_SIZE,
				 PERCPU_PA(cpu) + parts[i].off + n * PAGE_SIZE,
				 parts[i].flags | PTE_GLOBAL);
	map(user_root, PERCPU(cpu) + OFF_TSS, PERCPU_PA(cpu) + OFF_TSS, LEAF_RW);

	put(PERCPU_PA(cpu) + OFF_TSS + 4, &top, 8);
	put(PERCPU_PA(cpu) + OFF_TSS + 102, &no_ports, 2);
	for (i = 0; i < 4; i++) {
		top = base + PAGE_SIZE + 512 * (i + 1);
		put(PERCPU_PA(cpu) + OFF_TSS + 36 + 8 * i, &top, 8);
	}
}

static void build_espfix(void)
{
	__u64 pa = frame(), pmd = 0, entry;
	unsigned int i;

	*entry_for(kernel_root, ESPFIX, 1) = 0;
	for (i = 0; i < 32; i++)
		*pte(kernel_root, ESPFIX + i * STRIDE) = pa | LEAF_RO;
	entry = *entry_for(kernel_root, ESPFIX, 2);
	for (i = 0; i < 512; i++)
		*entry_for(kernel_root, ESPFIX + i * 0x200000ULL, 2) = entry;
	pmd = *entry_for(kernel_root, ESPFIX, 3);
	for (i = 0; i < 4; i++)
		*entry_for(kernel_root, ESPFIX + i * 0x40000000ULL, 3) = pmd;
}

static void show_espfix(void)
{
	*entry_for(user_root, ESPFIX, 4) = *entry_for(kernel_root, ESPFIX, 4);
}

static void build_idt(void)
{
	__u64 handler = ENTRY + 0x930 + SLIDE;
	__u32 gate[4] = { (handler & 0xffff) | 0x100000, (handler & 0xffff0000) | 0x8e00,
			  handler >> 32, 0 };

	put(IMAGE_PA + IDT_TABLE - TEXT - 0x800000, gate, sizeof(gate));
}

/* Top-level entry shared with the kernel's copy, which gets NX */
static void share_user_half(void)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		__u64 e = *entry_at(user_root, i);

		*entry_at(kernel_root, i) = e ? e | PTE_NX : 0;
	}
}

/* What the kernel keeps for the exits of all CPUs */
static void keep_user_cr3(__u64 cr3)
{
	int cpu;

	for (cpu = 0; cpu < NCPUS; cpu++)
		put(PERCPU_PA(cpu) + OFF_PCID, &cr3, sizeof(cr3));
}

static void build(void)
{
	int cpu, i;

	memset(a.guest.base, 0, a.guest.size);
	next_frame = a.guest.size;
	user_root = frame();
	kernel_root = frame();
	ldt_slot = levels == 5 ? LDT_BASE_L5 : LDT_BASE_L4;

	/* the direct map: one leaf of each size, none global */
	*entry_for(kernel_root, DIRECT, 2) = LEAF_RW | PTE_PSE;
	for (i = 0; i < 512; i++)
		map(kernel_root, DIRECT + 0x200000 + i * PAGE_SIZE,
		    0x200000 + i * PAGE_SIZE, LEAF_RW);
	*entry_for(kernel_root, DIRECT + 0x40000000, 3) = LEAF_RW | PTE_PSE | 0x40000000;

	for (i = 0; i < ENTRY_PAGES; i++)
		map_both(ENTRY + SLIDE + i * PAGE_SIZE, ENTRY_PA + i * PAGE_SIZE, LEAF_RX);
	map(kernel_root, VSYSCALL_PAGE + SLIDE, IMAGE_PA + 0x10000, LEAF_RO);
	map(kernel_root, IDT_TABLE + SLIDE, IMAGE_PA + IDT_TABLE - TEXT - 0x800000, LEAF_RW);
	map_both(CEA_BASE, IMAGE_PA + IDT_TABLE - TEXT - 0x800000, LEAF_RO | PTE_GLOBAL);
	build_idt();
	for (cpu = 0; cpu < NCPUS; cpu++)
		build_cpu(cpu);
	build_espfix();

	for (i = 0; i < 4; i++)
		map(user_root, USER_VA + i * PAGE_SIZE, frame(), PTE_PRESENT | PTE_USER);
	share_user_half();

	memset(cpus, 0, sizeof(cpus));
	for (cpu = 0; cpu < NCPUS; cpu++) {
		cpus[cpu].cpl = cpu ? 0 : 3;
		cpus[cpu].rip = cpu ? TEXT + SLIDE + 0x1234 : USER_VA;
		cpus[cpu].cr3 = cpu ? kernel_root : user_root;
		cpus[cpu].cr4 = levels == 5 ? CR4_LA57 : 0;
		cpus[cpu].efer = EFER_NXE;
		cpus[cpu].gs_base = cpu ? PERCPU(cpu) : 0;
		cpus[cpu].kernel_gs_base = cpu ? 0 : PERCPU(cpu);
		cpus[cpu].gdt_base = CEA(cpu);
		cpus[cpu].tr_base = CEA(cpu) + 2 * PAGE_SIZE;
		cpus[cpu].idt_base = CEA_BASE;
	}
	keep_user_cr3(user_root);
}

/* What can be broken, one function each */
static __u64 *gdt_pte(__u64 root)
{
	return pte(root, CEA(1));
}

static void nothing(void)
{
}

static void extra_page(void)
{
	map_both(CEA(0) + 7 * PAGE_SIZE, PERCPU_PA(0), LEAF_RW);
}

static void extra_direct_map(void)
{
	map(user_root, PERCPU(0) + OFF_TSS + PAGE_SIZE, PERCPU_PA(0) + OFF_TSS + PAGE_SIZE,
	    LEAF_RW);
}

static void extra_large(void)
{
	*entry_for(user_root, DIRECT, 2) = LEAF_RW | PTE_PSE;
}

static void missing_gdt(void)
{
	*gdt_pte(user_root) = 0;
	*gdt_pte(kernel_root) &= ~PTE_GLOBAL;
}

static void missing_entry_text(void)
{
	*pte(user_root, ENTRY + SLIDE + PAGE_SIZE) = 0;
}

static void missing_everywhere(void)
{
	*pte(user_root, CEA(0) + PAGE_SIZE) = 0;
	*pte(kernel_root, CEA(0) + PAGE_SIZE) = 0;
}

static void writable_gdt(void)
{
	*gdt_pte(user_root) |= PTE_WRITE;
	*gdt_pte(kernel_root) |= PTE_WRITE;
}

static void writable_in_user_only(void)
{
	*pte(user_root, ENTRY + SLIDE) |= PTE_WRITE | PTE_NX;
}

static void user_bit_in_leaf(void)
{
	*gdt_pte(user_root) |= PTE_USER;
	*gdt_pte(kernel_root) |= PTE_USER;
}

static void user_bit_on_all_levels(void)
{
	__u64 roots[] = { user_root, kernel_root };
	unsigned int i;
	int level;

	for (i = 0; i < 2; i++)
		for (level = 1; level <= levels; level++)
			*entry_for(roots[i], CEA(1), level) |= PTE_USER;
}

static void wx(void)
{
	*pte(user_root, ENTRY + SLIDE) |= PTE_WRITE;
	*pte(kernel_root, ENTRY + SLIDE) |= PTE_WRITE;
}

static void wx_user_mode_data(void)
{
	*pte(user_root, PERCPU(0) + OFF_TSS) &= ~PTE_NX;
	*pte(kernel_root, PERCPU(0) + OFF_TSS) &= ~PTE_NX;
}

static void wrong_frame(void)
{
	*pte(user_root, ENTRY + SLIDE) += PAGE_SIZE;
}

static void not_in_kernel(void)
{
	*pte(kernel_root, ENTRY + SLIDE) = 0;
}

static void cache_bits(void)
{
	*pte(user_root, ENTRY + SLIDE) |= PTE_PCD;
}

static void wrong_object(void)
{
	*gdt_pte(user_root) += 2 * PAGE_SIZE;
	*gdt_pte(kernel_root) += 2 * PAGE_SIZE;
}

static void global_user_only(void)
{
	*pte(user_root, ENTRY + SLIDE) |= PTE_GLOBAL;
}

static void global_both(void)
{
	*pte(user_root, ENTRY + SLIDE) |= PTE_GLOBAL;
	*pte(kernel_root, ENTRY + SLIDE) |= PTE_GLOBAL;
}

static void tlb_holds(__u64 va, __u64 pa, bool global)
{
	static struct tlb tlb;

	tlb.n = 1;
	tlb.v[0] = (struct tlb_entry){ .va = va, .pa = pa, .global = global };
	cpus[0].tlb = &tlb;
}

static void tlb_right(void)
{
	tlb_holds(ENTRY + SLIDE, ENTRY_PA, false);
}

static void tlb_user_half(void)
{
	tlb_holds(USER_VA + 16 * PAGE_SIZE, 0x5000, false);
}

static void tlb_direct_map(void)
{
	tlb_holds(DIRECT + 0x300000, 0x300000, true);
}

static void tlb_other_frame(void)
{
	tlb_holds(ENTRY + SLIDE, ENTRY_PA + PAGE_SIZE, false);
}

static void global_direct_map(void)
{
	*pte(kernel_root, DIRECT + 0x300000) |= PTE_GLOBAL;
}

static void global_large(void)
{
	*entry_for(kernel_root, DIRECT + 0x40000000, 3) |= PTE_GLOBAL;
}

static void global_not_in_user(void)
{
	*gdt_pte(user_root) = 0;
}

static void global_flags(void)
{
	*gdt_pte(kernel_root) |= PTE_WRITE;
}

/* A global 4 KiB leaf over a global 2 MiB leaf */
static void global_sizes(void)
{
	__u64 large = ENTRY + SLIDE;

	*entry_for(kernel_root, large, 2) = IMAGE_PA | PTE_PRESENT | PTE_PSE | PTE_GLOBAL;
	*pte(user_root, large) |= PTE_GLOBAL;
	*pte(user_root, large + PAGE_SIZE) |= PTE_GLOBAL;
}

/* The same without global: allowed */
static void sizes(void)
{
	*entry_for(kernel_root, ENTRY + SLIDE, 2) = IMAGE_PA | PTE_PRESENT | PTE_PSE;
}

static void status_bits(void)
{
	*gdt_pte(kernel_root) |= PTE_ACCESSED | PTE_DIRTY;
	*pte(kernel_root, ENTRY + SLIDE) |= PTE_ACCESSED;
}

static void half_not_mirrored(void)
{
	*entry_at(user_root, 200) = *entry_at(user_root, 0);
}

static void half_not_cleared(void)
{
	*entry_at(kernel_root, 200) = *entry_at(kernel_root, 0);
}

static void nx_missing(void)
{
	*entry_at(kernel_root, 0) &= ~PTE_NX;
}

static void nx_in_user(void)
{
	*entry_at(user_root, 0) |= PTE_NX;
}

static void supervisor_leaf(void)
{
	*pte(user_root, USER_VA + PAGE_SIZE) &= ~PTE_USER;
}

static void supervisor_above(void)
{
	*entry_for(user_root, USER_VA, 3) &= ~PTE_USER;
}

static void user_on_kernel_table(void)
{
	cpus[0].cr3 = kernel_root;
}

/* A single page which has bit 12 set by chance, as without isolation */
static void user_on_single_root(void)
{
	__u64 root = frame();

	if (!(root & CR3_USER))
		root = frame();
	memcpy(a.guest.base + root, a.guest.base + kernel_root, PAGE_SIZE);
	cpus[0].cr3 = root;
}

static void kernel_on_user_table(void)
{
	cpus[1].cr3 = user_root;
}

static void entry_on_user_table(void)
{
	cpus[1].cr3 = user_root;
	cpus[1].rip = ENTRY + SLIDE + 0x80;
}

static void after_entry_on_user_table(void)
{
	cpus[1].cr3 = user_root;
	cpus[1].rip = ENTRY + SLIDE + 0x17b5;
}

static void pcids(__u64 user, __u64 kernel)
{
	cpus[0].cr4 |= CR4_PCIDE;
	cpus[1].cr4 |= CR4_PCIDE;
	cpus[0].cr3 |= user;
	cpus[1].cr3 |= kernel;
	keep_user_cr3(cpus[0].cr3 | CR3_NOFLUSH);
}

static void pcid_right(void)
{
	pcids(0x803, 3);
}

static void pcid_user_without_bit(void)
{
	pcids(3, 3);
}

static void pcid_kernel_with_bit(void)
{
	pcids(0x806, 0x806);
}

static void pcid_zero(void)
{
	pcids(0x800, 1);
}

static void pcid_large(void)
{
	pcids(0x801, 7);
}

static void pcid_without_pcide(void)
{
	cpus[1].cr3 |= 1;
}

static void user_cr3_of_another(void)
{
	keep_user_cr3(user_root + 2 * PAGE_SIZE);
}

static void user_cr3_noflush(void)
{
	keep_user_cr3(user_root | CR3_NOFLUSH);
}

static void user_cr3_owes(void)
{
	pcids(0x803, 3);
	keep_user_cr3(cpus[0].cr3);
}

static void user_cr3_other_pcid(void)
{
	pcids(0x803, 3);
	keep_user_cr3((cpus[0].cr3 ^ 1) | CR3_NOFLUSH);
}

static void user_cr3_unknown(void)
{
	symbol("pti_pcid")->name = "other";
	keep_user_cr3(0);
}

static void neighbour(void)
{
	symbol("neighbour")->addr = OFF_TSS + 0x800;
}

static void neighbour_from_before(void)
{
	symbol("neighbour")->addr = OFF_ENTRY_STACK - 8;
	symbol("neighbour")->size = 16;
}

static void neighbour_elsewhere(void)
{
	symbol("neighbour")->addr = OFF_TSS + 0x800;
	symbol("neighbour")->section = SECTION_TEXT;
}

static void neighbour_in_entry_page(void)
{
	symbol("neighbour")->addr = ENTRY + 0x1f00;
	symbol("neighbour")->section = SECTION_TEXT;
}

static void allow(const char *names)
{
	int i;

	neighbour();
	for (i = 0; i < a.rows.n; i++)
		snprintf(a.rows.v[i].holds, sizeof(a.rows.v[i].holds), "%s", names);
}

static void neighbour_allowed(void)
{
	allow("no_neighbour,neighbour,neighbour_not");
}

static void neighbour_almost_allowed(void)
{
	allow("no_neighbour,neighbour_not,neigh");
}

static void long_entry_text(void)
{
	symbol("__entry_text_end")->addr = ENTRY + 0x3001;
}

static void rsp0_moved(void)
{
	__u64 top = PERCPU(0) + 0x8000;

	put(PERCPU_PA(0) + OFF_TSS + 4, &top, 8);
}

static void ist_moved(void)
{
	__u64 top = CEA(1) + 12 * PAGE_SIZE;

	put(PERCPU_PA(1) + OFF_TSS + 44, &top, 8);
}

/* A table between two root that points out of memory */
static void bad_table(void)
{
	*entry_for(user_root, DIRECT + 0x8000000000ULL, 4) = (1ULL << 40) | PTE_PRESENT;
}

static void ldt(unsigned int pages, __u64 flags)
{
	unsigned int i;

	cpus[0].ldt_sel = 0x50;
	cpus[0].ldt_base = ldt_slot + LDT_SLOT_BYTES;
	cpus[0].ldt_limit = pages * PAGE_SIZE - 1;
	for (i = 0; i < pages; i++)
		map_both(cpus[0].ldt_base + i * PAGE_SIZE, frame(), flags);
	show_espfix();
}

static void ldt_right(void)
{
	ldt(16, LEAF_RO);
}

static void ldt_writable(void)
{
	ldt(2, LEAF_RW);
}

static void ldt_user(void)
{
	ldt(1, LEAF_RO | PTE_USER);
}

static void ldt_short(void)
{
	ldt(2, LEAF_RO);
	*pte(user_root, cpus[0].ldt_base + PAGE_SIZE) = 0;
}

static void nobody_changes_the_ldt(void)
{
	int cpu;

	for (cpu = 1; cpu < NCPUS; cpu++) {
		cpus[cpu] = cpus[0];
		cpus[cpu].gdt_base = CEA(cpu);
		cpus[cpu].tr_base = CEA(cpu) + 2 * PAGE_SIZE;
		cpus[cpu].kernel_gs_base = PERCPU(cpu);
	}
}

static void ldt_left_behind(void)
{
	nobody_changes_the_ldt();
	ldt(1, LEAF_RO);
	*entry_for(user_root, ESPFIX, 4) = 0;
	cpus[0].ldt_sel = 0;
}

static void ldt_in_change(void)
{
	ldt(1, LEAF_RO);
	map_both(ldt_slot, frame(), LEAF_RO);
}

static void ldt_not_aliased(void)
{
	ldt(1, LEAF_RO);
	*pte(user_root, cpus[0].ldt_base) = 0;
	*pte(kernel_root, cpus[0].ldt_base) = 0;
	cpus[0].ldt_base = DIRECT + 0x3000;
}

static void espfix_without_ldt(void)
{
	nobody_changes_the_ldt();
	show_espfix();
}

static void espfix_ahead_of_ldt(void)
{
	show_espfix();
}

static void espfix_missing(void)
{
	ldt(1, LEAF_RO);
	*entry_for(user_root, ESPFIX, 4) = 0;
}

static void espfix_global(void)
{
	int i;

	for (i = 0; i < 32; i++)
		*pte(kernel_root, ESPFIX + i * STRIDE) |= PTE_GLOBAL;
}

static void espfix_global_with_ldt(void)
{
	ldt(1, LEAF_RO);
	espfix_global();
}

static void espfix_alias_missing(void)
{
	ldt(1, LEAF_RO);
	*entry_for(kernel_root, ESPFIX + 0x40000000, 3) = 0;
}

static void espfix_second_page(void)
{
	ldt(1, LEAF_RO);
	*pte(kernel_root, ESPFIX + PAGE_SIZE) = *pte(kernel_root, ESPFIX);
}

static void espfix_writable(void)
{
	int i;

	ldt(1, LEAF_RO);
	for (i = 0; i < 32; i++)
		*pte(kernel_root, ESPFIX + i * STRIDE) |= PTE_WRITE;
}

static void espfix_other_frame(void)
{
	ldt(1, LEAF_RO);
	*pte(kernel_root, ESPFIX + 31 * STRIDE) += PAGE_SIZE;
}

/* The way that the kernel maps it: user bits on all levels */
static void vsyscall(void)
{
	__u64 roots[] = { user_root, kernel_root };
	unsigned int i;
	int level;

	map_both(VSYSCALL, IMAGE_PA + 0x10000, LEAF_RO | PTE_USER);
	for (i = 0; i < 2; i++)
		for (level = 2; level <= levels; level++)
			*entry_for(roots[i], VSYSCALL, level) |= PTE_USER;
}

/* Terabytes of the kernel table that are one page, as KASAN has them */
static void shadow(void)
{
	__u64 pa = frame();
	unsigned int i;
	int level;

	for (i = 0; i < 512; i++)
		*pte(kernel_root, SHADOW + i * PAGE_SIZE) = pa | LEAF_RO;
	for (level = 2; level <= 4; level++)
		for (i = 1; i < (level == 4 ? 3 : 512); i++)
			*entry_for(kernel_root, SHADOW + ((__u64)i << (12 + 9 * (level - 1))),
				   level) = *entry_for(kernel_root, SHADOW, level);
}

static void shadow_in_user(void)
{
	shadow();
	map(user_root, SHADOW + (2ULL << 39), frame(), LEAF_RO);
}

/* What an alias that is left out must not hide */
static void shadow_global(void)
{
	*pte(kernel_root, SHADOW) = frame() | LEAF_RO | PTE_GLOBAL;
	*entry_for(kernel_root, SHADOW + 0x200000, 2) = *entry_for(kernel_root, SHADOW, 2);
	map(user_root, SHADOW, *pte(kernel_root, SHADOW) & PTE_ADDR, LEAF_RO | PTE_GLOBAL);
}

/* CPU 1, on its way back, and what is not on the way any more */
static void away(void)
{
	a.load = true;
	cpus[1].gdt_base = PERCPU(1) + OFF_GDT;
	cpus[1].idt_base = 0;
	cpus[1].tr_base = 0;
}

static void coming_up(void)
{
	later = away;
}

static void coming_up_with_pcids(void)
{
	pcids(0x803, 0);
	coming_up();
}

static void up_with_pcid_0(void)
{
	a.load = true;
	pcids(0x803, 0);
}

static void up_without_tss(void)
{
	a.load = true;
	cpus[1].tr_base = 0;
}

static void user_mode_away(void)
{
	a.load = true;
	cpus[0].gdt_base = PERCPU(0) + OFF_GDT;
}

static void user_mode_coming_up(void)
{
	later = user_mode_away;
}

static void not_coming_up(void)
{
	away();
	a.load = false;
}

static void gdt_moved(void)
{
	later = not_coming_up;
}

static void ldt_of_the_preempted(void)
{
	a.load = true;
	ldt_left_behind();
}

static void ldt_of_the_preempted_writable(void)
{
	a.load = true;
	ldt_left_behind();
	*pte(user_root, ldt_slot + LDT_SLOT_BYTES) |= PTE_WRITE;
	*pte(kernel_root, ldt_slot + LDT_SLOT_BYTES) |= PTE_WRITE;
}

static void debug_store(void)
{
	map_both(CEA(0) + 26 * PAGE_SIZE, PERCPU_PA(0) + OFF_DEBUG, LEAF_RW);
}

static void nmi_stack(void)
{
	map_both(CEA(0) + 12 * PAGE_SIZE, PERCPU_PA(0) + OFF_STACKS + 0x3000, LEAF_RW);
}

static void nmi_stack_global(void)
{
	map(kernel_root, CEA(0) + 12 * PAGE_SIZE, PERCPU_PA(0) + OFF_STACKS + 0x3000,
	    LEAF_RW | PTE_GLOBAL);
}

static void ports_of(int cpu, unsigned int pages, __u64 flags)
{
	unsigned int i;

	for (i = 1; i <= pages; i++)
		map_both(CEA(cpu) + (2 + i) * PAGE_SIZE,
			 PERCPU_PA(cpu) + OFF_TSS + i * PAGE_SIZE, LEAF_RO | flags);
}

static void ports_mapped(__u64 flags)
{
	int cpu;

	for (cpu = 0; cpu < NCPUS; cpu++)
		ports_of(cpu, 4, flags);
}

static void ports(void)
{
	ports_mapped(0);
}

static void ports_missing(void)
{
	__u16 first = 120;	/* behind the 0x68 bytes of the TSS and 16 of Linux' own */

	put(PERCPU_PA(0) + OFF_TSS + 102, &first, 2);
}

static void ports_used(void)
{
	ports();
	ports_missing();
}

static void ports_not_yet(void)
{
	a.ports_may = true;
}

static void ports_waiting(void)
{
	ports();
	a.ports_may = true;
}

static void ports_differ(void)
{
	ports_of(1, 4, 0);
	ports_of(2, 2, 0);
	a.ports_may = true;
}

static void ports_global(void)
{
	ports_mapped(PTE_GLOBAL);
	ports_missing();
}

enum { PLAIN, VSYSCALL_ROW };

static const struct test {
	const char *name;
	void (*change)(void);
	unsigned int kinds;
	int rows;
} tests[] = {
	{ "nothing wrong", nothing, 0, PLAIN },
	{ "page more in the entry area", extra_page, KIND(F_EXTRA), PLAIN },
	{ "page more of the direct map", extra_direct_map, KIND(F_EXTRA), PLAIN },
	{ "2 MiB more of the direct map", extra_large, KIND(F_EXTRA), PLAIN },
	{ "GDT missing", missing_gdt, KIND(F_MISSING), PLAIN },
	{ "page of entry text missing", missing_entry_text, KIND(F_MISSING), PLAIN },
	{ "stack missing in both", missing_everywhere, KIND(F_MISSING), PLAIN },
	{ "debug store that nobody uses", debug_store, KIND(F_EXTRA), PLAIN },
	{ "stack of NMI", nmi_stack, KIND(F_EXTRA), PLAIN },
	{ "stack of NMI, global in the kernel's table", nmi_stack_global, KIND(F_GLOBAL), PLAIN },
	{ "I/O bitmaps that nobody uses", ports, KIND(F_EXTRA), PLAIN },
	{ "I/O bitmaps of one who runs", ports_used, 0, PLAIN },
	{ "I/O bitmap missing for one who runs", ports_missing, KIND(F_MISSING), PLAIN },
	{ "I/O bitmaps of one who waits", ports_waiting, 0, PLAIN },
	{ "I/O bitmaps not yet of one who waits", ports_not_yet, 0, PLAIN },
	{ "I/O bitmaps, global", ports_global, KIND(F_PERMS), PLAIN },
	{ "GDT writable", writable_gdt, KIND(F_PERMS), PLAIN },
	{ "more than the kernel allows", writable_in_user_only,
	  KIND(F_PERMS) | KIND(F_FLAGS), PLAIN },
	{ "user bit in a leaf", user_bit_in_leaf, KIND(F_USER), PLAIN },
	{ "user bit on all levels", user_bit_on_all_levels,
	  KIND(F_USER) | KIND(F_PERMS), PLAIN },
	{ "entry text W+X", wx, KIND(F_WX) | KIND(F_PERMS), PLAIN },
	{ "TSS W+X", wx_user_mode_data, KIND(F_WX) | KIND(F_PERMS), PLAIN },
	{ "wrong frame", wrong_frame, KIND(F_FRAME) | KIND(F_STORE), PLAIN },
	{ "not mapped by the kernel table", not_in_kernel, KIND(F_FRAME) | KIND(F_STORE), PLAIN },
	{ "other memory type", cache_bits, KIND(F_FLAGS), PLAIN },
	{ "wrong object in both tables", wrong_object, KIND(F_STORE), PLAIN },
	{ "global in the user table only", global_user_only,
	  KIND(F_GLOBAL) | KIND(F_PERMS), PLAIN },
	{ "global in both, not in the row", global_both, KIND(F_PERMS), PLAIN },
	{ "global page of the direct map", global_direct_map, KIND(F_GLOBAL), PLAIN },
	{ "global 1 GiB leaf", global_large, KIND(F_GLOBAL), PLAIN },
	{ "global leaf left out", global_not_in_user, KIND(F_GLOBAL) | KIND(F_MISSING), PLAIN },
	{ "global with other flags", global_flags, KIND(F_GLOBAL), PLAIN },
	{ "global in two sizes", global_sizes, KIND(F_GLOBAL) | KIND(F_PERMS), PLAIN },
	{ "two sizes without global", sizes, 0, PLAIN },
	{ "TLB entry of the entry text", tlb_right, 0, PLAIN },
	{ "TLB entry of the user half", tlb_user_half, 0, PLAIN },
	{ "TLB entry of the direct map", tlb_direct_map, KIND(F_TLB), PLAIN },
	{ "TLB entry with another frame", tlb_other_frame, KIND(F_TLB), PLAIN },
	{ "accessed and dirty bits differ", status_bits, 0, PLAIN },
	{ "top-level entry in the user root only", half_not_mirrored, KIND(F_PGD), PLAIN },
	{ "top-level entry in the kernel root only", half_not_cleared, KIND(F_PGD), PLAIN },
	{ "NX missing in the kernel root", nx_missing, KIND(F_NX), PLAIN },
	{ "NX in the user root", nx_in_user, KIND(F_PGD), PLAIN },
	{ "supervisor leaf in the user half", supervisor_leaf, KIND(F_SUPER), PLAIN },
	{ "supervisor table in the user half", supervisor_above, KIND(F_SUPER), PLAIN },
	{ "user mode on the kernel table", user_on_kernel_table, KIND(F_CR3), PLAIN },
	{ "user mode on a root without a pair", user_on_single_root, KIND(F_CR3), PLAIN },
	{ "kernel mode on the user table", kernel_on_user_table, KIND(F_CR3), PLAIN },
	{ "entry text on the user table", entry_on_user_table, 0, PLAIN },
	{ "behind the entry text on the user table", after_entry_on_user_table,
	  KIND(F_CR3), PLAIN },
	{ "right PCIDs", pcid_right, 0, PLAIN },
	{ "user PCID without bit 11", pcid_user_without_bit, KIND(F_PCID), PLAIN },
	{ "kernel PCID with bit 11", pcid_kernel_with_bit, KIND(F_PCID), PLAIN },
	{ "PCID 0", pcid_zero, KIND(F_PCID), PLAIN },
	{ "PCID 7", pcid_large, KIND(F_PCID), PLAIN },
	{ "PCID without PCIDE", pcid_without_pcide, KIND(F_PCID), PLAIN },
	{ "user CR3 of another mm", user_cr3_of_another, KIND(F_USER_CR3), PLAIN },
	{ "user CR3 with NOFLUSH, no PCIDs", user_cr3_noflush, KIND(F_USER_CR3), PLAIN },
	{ "user CR3 without NOFLUSH after an exit", user_cr3_owes, KIND(F_USER_CR3), PLAIN },
	{ "user CR3 of another PCID", user_cr3_other_pcid, KIND(F_USER_CR3), PLAIN },
	{ "a kernel without pti_pcid", user_cr3_unknown, 0, PLAIN },
	{ "neighbour in a per-CPU page", neighbour, KIND(F_SYMBOL), PLAIN },
	{ "neighbour that the row allows", neighbour_allowed, 0, PLAIN },
	{ "neighbour with another name", neighbour_almost_allowed, KIND(F_SYMBOL), PLAIN },
	{ "neighbour reaching into a page", neighbour_from_before, KIND(F_SYMBOL), PLAIN },
	{ "equal number in another section", neighbour_elsewhere, 0, PLAIN },
	{ "neighbour of the entry text", neighbour_in_entry_page, KIND(F_SYMBOL), PLAIN },
	{ "entry text of 4 pages", long_entry_text, KIND(F_EXTRA) | KIND(F_MISSING) |
	  KIND(F_STORE), PLAIN },
	{ "RSP0 elsewhere", rsp0_moved, KIND(F_AREA), PLAIN },
	{ "IST elsewhere", ist_moved, KIND(F_AREA), PLAIN },
	{ "table outside of memory", bad_table, KIND(F_TABLE), PLAIN },
	{ "LDT", ldt_right, 0, PLAIN },
	{ "LDT writable", ldt_writable, KIND(F_PERMS), PLAIN },
	{ "LDT with user bit", ldt_user, KIND(F_USER), PLAIN },
	{ "LDT page missing", ldt_short, KIND(F_MISSING), PLAIN },
	{ "LDT left behind", ldt_left_behind, KIND(F_EXTRA), PLAIN },
	{ "LDT being replaced", ldt_in_change, 0, PLAIN },
	{ "LDTR not at the alias", ldt_not_aliased, KIND(F_AREA), PLAIN },
	{ "espfix without an LDT", espfix_without_ldt, KIND(F_EXTRA), PLAIN },
	{ "espfix ahead of an LDT", espfix_ahead_of_ldt, 0, PLAIN },
	{ "LDT without espfix", espfix_missing, KIND(F_MISSING), PLAIN },
	{ "espfix global", espfix_global, KIND(F_GLOBAL), PLAIN },
	{ "espfix global, with an LDT", espfix_global_with_ldt, KIND(F_PERMS), PLAIN },
	{ "espfix aliases missing", espfix_alias_missing, KIND(F_MISSING), PLAIN },
	{ "espfix page too many", espfix_second_page, KIND(F_EXTRA), PLAIN },
	{ "espfix writable", espfix_writable, KIND(F_PERMS), PLAIN },
	{ "espfix alias of another frame", espfix_other_frame,
	  KIND(F_EXTRA) | KIND(F_MISSING), PLAIN },
	{ "vsyscall page, emulate mode", vsyscall, 0, VSYSCALL_ROW },
	{ "vsyscall page missing", nothing, KIND(F_MISSING), VSYSCALL_ROW },
	{ "vsyscall page in another mode", vsyscall, KIND(F_EXTRA) | KIND(F_USER), PLAIN },
	{ "shadow", shadow, 0, PLAIN },
	{ "shadow in the user table", shadow_in_user, KIND(F_EXTRA) | KIND(F_FRAME), PLAIN },
	{ "global page in a table that is met twice", shadow_global,
	  KIND(F_EXTRA) | KIND(F_GLOBAL), PLAIN },
	{ "CPU that is coming up", coming_up, 0, PLAIN },
	{ "the same with PCID 0", coming_up_with_pcids, 0, PLAIN },
	{ "PCID 0 of a CPU that is up", up_with_pcid_0, KIND(F_PCID), PLAIN },
	{ "coming up in user mode", user_mode_coming_up, KIND(F_AREA), PLAIN },
	{ "another GDT, where none comes up", gdt_moved, KIND(F_AREA), PLAIN },
	{ "CPU that is up, without TSS", up_without_tss, KIND(F_AREA), PLAIN },
	{ "LDT of one who was held up", ldt_of_the_preempted, 0, PLAIN },
	{ "LDT of one who was held up, writable", ldt_of_the_preempted_writable,
	  KIND(F_EXTRA), PLAIN },
};

static void print_kinds(const char *what, unsigned int kinds)
{
	int k;

	printf("# %s:", what);
	for (k = 0; k < N_FINDINGS; k++)
		if (kinds & KIND(k))
			printf(" %s", finding_name(k));
	printf("\n");
}

static unsigned int run(const struct test *t, const struct rows *rows)
{
	static struct symbol kept[ARRAY_SIZE(symbols)];
	struct audit *audit = &a;
	unsigned int kinds = 0;
	int k;

	memcpy(kept, symbols, sizeof(symbols));
	a.rows = *rows;
	memset(&a.facts, 0, sizeof(a.facts));
	memset(&a.stats, 0, sizeof(a.stats));
	memset(a.of_kind, 0, sizeof(a.of_kind));
	a.n_found = 0;
	a.more = 0;
	a.load = false;
	a.ports_may = false;
	later = NULL;
	if (t->rows == VSYSCALL_ROW)
		expect_when(&a.rows, "vsyscall=emulate");

	build();
	t->change();
	if (expect_symbols(audit))
		return ~0U;
	check_symbols(audit);
	facts_learn(audit, cpus, NCPUS);
	if (!a.facts.known || a.facts.slide != SLIDE)
		return ~0U;
	if (later)
		later();
	check_stop(audit, cpus, NCPUS);
	for (k = 0; k < N_FINDINGS; k++)
		if (findings_of(audit, k))
			kinds |= KIND(k);
	memcpy(symbols, kept, sizeof(symbols));
	return kinds;
}

static bool figures_right(void)
{
	/* entry text, IDT; per CPU GDT, entry stack and TSS */
	__u64 bytes = (ENTRY_PAGES + 1 + NCPUS * 3) * PAGE_SIZE;
	/* of these 3: entry stack and TSS */
	__u64 written = NCPUS * 2 * PAGE_SIZE;

	return a.stats.max_bytes == bytes && a.stats.min_bytes == bytes &&
	       a.stats.max_exec == ENTRY_PAGES * PAGE_SIZE &&
	       a.stats.max_write == written &&
	       a.stats.max_cpu == 3 * PAGE_SIZE && a.stats.max_two == bytes - 3 * PAGE_SIZE &&
	       a.stats.max_read == bytes - written - ENTRY_PAGES * PAGE_SIZE;
}

/* Of CPUs with 3, 7 and 5 pages: neither a mean nor what the first or last one has */
static bool cpus_counted(void)
{
	__u64 bytes = (ENTRY_PAGES + 1 + 7 + 5) * PAGE_SIZE;

	return a.stats.max_cpu == 7 * PAGE_SIZE && a.stats.max_two == bytes &&
	       a.stats.max_bytes == bytes + 3 * PAGE_SIZE;
}

static bool parses_registers(void)
{
	char text[] =
		"\r\nCPU#0\r\nRAX=0000000000000000 RBX=0000000000000000\r\n"
		"RIP=0000000000401234 RFL=00000202 [-------] CPL=3 II=0 A20=1 SMM=0 HLT=0\r\n"
		"GS =0000 0000000000000000 ffffffff 00c00000\r\n"
		"LDT=0050 ffff880000010000 00000fff 00008200 DPL=0 LDT\r\n"
		"TR =0040 fffffe0000003000 00004087 00008b00 DPL=0 TSS64-busy\r\n"
		"GDT=     fffffe0000001000 0000007f\r\nIDT=     fffffe0000000000 00000fff\r\n"
		"CR0=80050033 CR2=00000000004aaaa0 CR3=0000000001234000 CR4=000006f0\r\n"
		"DR0=0000000000000000\r\nEFER=0000000000000d01\r\n";
	struct cpu_state c[2];

	return cpu_parse(text, c, 2) == 1 && c[0].cpl == 3 && c[0].rip == 0x401234 &&
	       c[0].cr3 == 0x1234000 && c[0].cr4 == 0x6f0 && c[0].efer == 0xd01 &&
	       c[0].ldt_sel == 0x50 && c[0].ldt_base == LDT_BASE_L4 + 0x10000 &&
	       c[0].ldt_limit == 0xfff && c[0].gdt_base == CEA_PER_CPU &&
	       c[0].idt_base == CEA_BASE && c[0].tr_base == CEA_PER_CPU + 0x2000;
}

/* The picture of exposure.expected with stacks of four pages, as KASAN has them */
static bool places_large_stacks(void)
{
	struct audit large = { .stack_pages = 4 };
	/* guard, stacks of #DF, NMI, #DB, #MC, the last guard, debug store, buffers, end */
	static const unsigned int page[] = { 7, 8, 11, 14, 17, 25, 26, 27, 59 };
	static const unsigned int at[] = { 7, 8, 13, 18, 23, 37, 38, 39, 71 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(page); i++)
		if (cea_page(&large, page[i]) != at[i])
			return false;
	return true;
}

/* Without and with #VC's stacks, without and with KASAN */
static bool sizes_stacks(void)
{
	return stack_pages(4 * 2 * PAGE_SIZE) == 2 && stack_pages(6 * 2 * PAGE_SIZE) == 2 &&
	       stack_pages(4 * 4 * PAGE_SIZE) == 4 && stack_pages(6 * 4 * PAGE_SIZE) == 4;
}

/* A row that is not understood must not be taken for one that is not there */
static bool refuses(const char *text)
{
	FILE *f = fmemopen((char *)text, strlen(text), "r");
	static struct rows rows;
	bool refused;

	if (!f)
		return false;
	refused = expect_parse(&rows, f, "test");
	fclose(f);
	return refused;
}

static const char * const bad_rows[] = {
	"# nothing\n",
	"gdt cea:0 1 cpu r--g- always -\n",
	"gdt cea:0 1 cpu r--g- always - - -\n",
	"gdt cea:x 1 cpu r--g- always - -\n",
	"gdt nowhere 1 cpu r--g- always - -\n",
	"gdt cea:0 0 cpu r--g- always - -\n",
	"gdt cea:0 1 world r--g- always - -\n",
	"gdt cea:0 1 cpu rg--- always - -\n",
	"gdt cea:0 1 cpu r--g- always gdt_page -\n",
	"text image:_text 1 system r-x-- always - -\n",
};

int main(int argc, char **argv)
{
	static const struct test differ = { "CPUs that differ", ports_differ, 0, PLAIN };
	static struct rows rows;
	unsigned int i, n = 0, failed = 0;

	if (argc != 2 || expect_read(&rows, argv[1])) {
		fprintf(stderr, "usage: walk_test exposure.expected\n");
		return 2;
	}
	a.guest.size = MEM_BYTES;
	a.guest.base = malloc(MEM_BYTES);
	if (!a.guest.base)
		return 2;
	a.syms.v = symbols;
	a.syms.n = ARRAY_SIZE(symbols);

	printf("TAP version 13\n1..%zu\n", 2 * ARRAY_SIZE(tests) + 7 + ARRAY_SIZE(bad_rows));
	for (levels = 4; levels <= 5; levels++) {
		for (i = 0; i < ARRAY_SIZE(tests); i++) {
			unsigned int kinds = run(&tests[i], &rows);
			bool ok = kinds == tests[i].kinds;

			printf("%sok %u %s, %d levels\n", ok ? "" : "not ", ++n, tests[i].name,
			       levels);
			if (!ok) {
				print_kinds("expected", tests[i].kinds);
				print_kinds("found", kinds);
				report_findings(&a, stdout);
				failed++;
			}
		}
		run(&tests[0], &rows);
		printf("%sok %u figures, %d levels\n", figures_right() ? "" : "not ", ++n, levels);
		failed += !figures_right();
		run(&differ, &rows);
		printf("%sok %u %s, %d levels\n", cpus_counted() ? "" : "not ", ++n, differ.name,
		       levels);
		failed += !cpus_counted();
	}
	if (!parses_registers()) {
		printf("not ");
		failed++;
	}
	printf("ok %u registers from the monitor\n", ++n);
	if (!places_large_stacks()) {
		printf("not ");
		failed++;
	}
	printf("ok %u stacks of four pages\n", ++n);
	if (!sizes_stacks()) {
		printf("not ");
		failed++;
	}
	printf("ok %u stacks by their storage\n", ++n);
	if (!freopen("/dev/null", "w", stderr))
		return 2;
	for (i = 0; i < ARRAY_SIZE(bad_rows); i++) {
		bool ok = refuses(bad_rows[i]);

		printf("%sok %u bad row %u\n", ok ? "" : "not ", ++n, i + 1);
		failed += !ok;
	}
	printf("# %u of %u failed\n", failed, n);
	return failed ? 1 : 0;
}
