/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outside walker: what its parts share.
 *
 * The walker stops a running guest at many instants, reads the page tables of
 * each CPU from guest memory as the hardware would, and compares what user mode
 * could reach of the kernel with exposure.expected.  Nothing that the guest says
 * about itself is used, except where it paces the run (guest/beacon.h).
 *
 *	walk.c		options, the stops, the verdict
 *	walk_gdb.c	a guest under QEMU: by its gdbstub and its monitor
 *	walk_remote.c	client of the remote protocol, shared with the sweep
 *	walk_cpu.c	registers of all CPUs at a stop, from QEMU's monitor
 *	walk_bochs.c	a guest under Bochs: client of its debugger
 *	walk_table.c	guest memory and page tables
 *	walk_syms.c	symbols of the kernel image
 *	walk_facts.c	where the kernel put its per-CPU areas and itself
 *	walk_expect.c	exposure.expected and the pages that it stands for
 *	walk_check.c	the checks of one stop
 *	walk_dump.c	one page table in the format of the kernel's own audit
 *	walk_probe.c	whether these checks see what they should, in this guest
 *	walk_report.c	findings, figures, the table of rows
 *	walk_test.c	fabricated page tables that each check must object to
 */
#ifndef PTI_WALK_H
#define PTI_WALK_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT_ULL(n)	(1ULL << (n))
#define __printf(a, b)	__attribute((format(printf, a, b)))

#define MAX_CPUS	64
#define MAX_ROWS	48

#define PAGE_SHIFT	12
#define PAGE_SIZE	BIT_ULL(PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))

/* Page-table entries (SDM 3A, "Paging") */
#define PTE_PRESENT	BIT_ULL(0)
#define PTE_WRITE	BIT_ULL(1)
#define PTE_USER	BIT_ULL(2)
#define PTE_PWT		BIT_ULL(3)
#define PTE_PCD		BIT_ULL(4)
#define PTE_ACCESSED	BIT_ULL(5)
#define PTE_DIRTY	BIT_ULL(6)
#define PTE_PSE		BIT_ULL(7)
#define PTE_GLOBAL	BIT_ULL(8)
#define PTE_NX		BIT_ULL(63)
#define PTE_ADDR	0x000ffffffffff000ULL

#define CR3_USER	BIT_ULL(12)	/* selects the user page table */
#define CR3_USER_PCID	0x800ULL
#define CR3_PCID	0xfffULL
#define CR3_NOFLUSH	BIT_ULL(63)	/* in what is written, never in CR3 */
#define MAX_PCID	6		/* ASID + 1 */
#define CR4_LA57	BIT_ULL(12)
#define CR4_PCIDE	BIT_ULL(17)
#define EFER_NXE	BIT_ULL(11)

/* The kernel's address map (Documentation/arch/x86/x86_64/mm.rst) */
#define LDT_BASE_L4	0xffff880000000000ULL
#define LDT_BASE_L5	0xff10000000000000ULL
#define LDT_SLOT_BYTES	0x10000ULL	/* 8192 descriptors */
#define LDT_SLOTS	2
#define CEA_BASE	0xfffffe0000000000ULL
#define CEA_PER_CPU	(CEA_BASE + PAGE_SIZE)
#define CEA_PAGES	59		/* of one CPU, in the picture of exposure.expected */
#define CEA_STACKS	7		/* there: a guard page, */
#define CEA_STACK_PAGES	2		/* and a stack, six times */
#define CEA_N_STACKS	6
#define ESPFIX_BASE	0xffffff0000000000ULL
#define ESPFIX_END	0xffffff8000000000ULL
#define ESPFIX_ALIASES	65536
#define ESPFIX_ALIAS_BITS	0xffff0000ULL	/* of the address, user mode's own */

/* Permissions of a mapping, over all levels */
#define PERM_R		1
#define PERM_W		2
#define PERM_X		4
#define PERM_G		8
#define PERM_U		16

enum vm_result { VM_OK, VM_GONE, VM_ERROR };

struct vm;
struct cpu_state;

/* What an emulator can be asked; VM_GONE means that the guest has ended */
struct vm_ops {
	unsigned int boot_usec;	/* between stops until the program runs */
	enum vm_result (*stop)(struct vm *vm);
	/* let it run for a while */
	enum vm_result (*run)(struct vm *vm, unsigned int usec);
	/* n is 0 while a CPU is not in 64-bit mode yet; kernel_gs: fill in that, too */
	enum vm_result (*cpus)(struct vm *vm, struct cpu_state *cpus, int *n, bool kernel_gs);
	/* one page out of guest memory, one word into it; not needed if it is shared */
	enum vm_result (*fetch)(struct vm *vm, __u64 pa, void *to);
	enum vm_result (*store)(struct vm *vm, __u64 pa, __u32 value);
	/* a command for the emulator's monitor, which prints nothing; NULL: it has none */
	enum vm_result (*monitor)(struct vm *vm, const char *command);
	void (*close)(struct vm *vm);
};

struct vm {
	const struct vm_ops *ops;
};

/*
 * Guest memory; physical address 0 is at base.  It is shared with the emulator, or
 * a copy, of which a page is fetched when it is first looked at after a stop.
 */
struct guest {
	__u8 *base;
	__u64 size;
	struct vm *vm;		/* where copies come from, or NULL */
	bool *fresh;		/* by frame: copied since the stop */
};

/* What a TLB holds, if the emulator shows it */
struct tlb_entry {
	__u64 va, pa;
	bool global;
};

#define MAX_TLB		8192

struct tlb {
	struct tlb_entry v[MAX_TLB];
	size_t n;
};

struct cpu_state {
	__u64 rip, cr3, cr4, efer;
	__u64 gs_base, kernel_gs_base;
	__u64 gdt_base, idt_base, tr_base, ldt_base;
	__u32 ldt_sel, ldt_limit;
	int cpl;
	const struct tlb *tlb;	/* NULL: not known */
};

struct leaf {
	__u64 va, pa, size;
	__u64 entry;		/* as it stands in the table */
	unsigned int perms;
};

struct leaves {
	struct leaf *v;
	size_t n, max;
	size_t bad;		/* tables outside guest memory, reserved bits */
	/*
	 * A table that entries in a row point to is walked once if no leaf below it is
	 * global: KASAN has terabytes of shadow that are one page.  Not so espfix.
	 */
	bool once;
};

struct symbol {
	const char *name;
	__u64 addr, size;
	unsigned int section;
	unsigned char type;
};

struct symbols {
	struct symbol *v;
	size_t n;
	void *file;		/* the names point into it */
};

/* Where things are in this boot of this kernel */
struct facts {
	int ncpus, levels;
	__u64 slide;		/* of the kernel image, against its link address */
	__u64 cea[MAX_CPUS];
	__u64 percpu[MAX_CPUS];
	bool known;
};

enum row_where { AT_IMAGE, AT_CEA, AT_PERCPU, AT_FIXED, AT_LDT, AT_ESPFIX };
enum row_scope { PER_SYSTEM, PER_CPU, PER_PROCESS };

struct row {
	char name[32];
	enum row_where where;
	enum row_scope scope;
	char from[64], to[64];	/* symbols: the start, or the range */
	__u64 from_addr, to_addr;
	__u64 addr;		/* AT_FIXED: the address, AT_CEA: page in the area */
	unsigned int pages;
	bool at_most;		/* "<=": pages is a bound */
	unsigned int perms;
	char when[32];
	char store[64];		/* symbol of what is mapped, "" if it has none */
	__u64 store_addr;	/* linked, of the first page */
	unsigned int store_section;
	unsigned int store_page;
	bool store_percpu;
	char holds[256];	/* other symbols that may lie in the pages */
	char reason[512];
	bool active;
};

struct rows {
	struct row v[MAX_ROWS];
	int n;
};

/* One 4 KiB page which the user page table must map */
struct want {
	__u64 va;
	__u64 store_pa;		/* frame that the row's store has, or NO_FRAME */
	int row, cpu;		/* cpu: if the row is each CPU's */
	bool hit;
};

#define NO_FRAME	(~0ULL)

struct wants {
	struct want *v;
	size_t n, max;
};

/* What can be wrong; walk_report.c has the texts */
enum finding {
	F_CR3, F_PCID, F_USER_CR3, F_EXTRA, F_MISSING, F_PERMS, F_USER, F_WX, F_FRAME, F_FLAGS,
	F_GLOBAL, F_TLB, F_PGD, F_NX, F_SUPER, F_STORE, F_SYMBOL, F_AREA, F_TABLE,
	N_FINDINGS
};

struct found {
	enum finding kind;
	char text[240];
	unsigned int times;
};

#define MAX_FOUND	512
#define MAX_FOUND_KIND	24

struct row_stats {
	unsigned int pages;	/* distinct frames, most at one stop */
	unsigned int leaves;
	unsigned int perms;	/* all that were seen */
	__u64 va;		/* the first */
};

struct stats {
	unsigned int stops, user, kernel;
	unsigned int off;		/* of the stops: while isolation was switched off */
	unsigned int opted_out;		/* CPUs in user mode on the kernel page table that may */
	unsigned int compared;		/* stops with a CPU in user mode on a pair */
	unsigned int user_on[MAX_CPUS];
	/* by PCID: CPUs in user mode on the user table, in kernel mode on the kernel's */
	unsigned int user_pcid[CR3_PCID + 1], kernel_pcid[CR3_PCID + 1];
	unsigned int tlb_stops, tlb_entries;	/* TLBs looked at, kernel addresses there */
	/* distinct bytes by frame, of one user page table, without per-process rows */
	__u64 min_bytes, max_bytes, max_exec, max_write;
	__u64 max_read;		/* neither executable nor writable */
	__u64 max_cpu;		/* of one CPU's rows */
	__u64 max_two;		/* as max_bytes, with the two CPUs that have the most */
	__u64 max_process;	/* of per-process rows */
	/* the last row stands for what no row allows */
	struct row_stats row[MAX_ROWS + 1];
};

struct audit {
	struct guest guest;
	struct symbols syms;
	struct facts facts;
	/*
	 * The guest runs a load, not victim.c: CPUs come and go, and a process may wait in
	 * the middle of a change of its LDT.
	 */
	bool load;
	/* A process may have I/O ports now; one that runs in user mode has some */
	bool ports_may, ports_must;
	/* User mode may run there, and nowhere else, on the kernel page table */
	__u64 opted_out_from, opted_out_to;
	struct rows rows;
	unsigned int stack_pages;	/* of an exception stack in this kernel */
	struct stats stats;
	struct found found[MAX_FOUND];
	int n_found;
	unsigned int of_kind[N_FINDINGS];	/* kept */
	unsigned int more;	/* findings beyond MAX_FOUND_KIND of a kind */
	/* scratch of walk_check.c */
	struct leaves user, kernel;
	struct wants wants;
	__u32 *frame_stamp;
	__u32 stamp;
};

/* walk_gdb.c: NULL if there is no answer */
struct vm *gdb_open(const char *where);

/* walk_bochs.c: NULL if there is no answer */
struct vm *bochs_open(const char *where);

/* walk_cpu.c */
int cpu_parse(char *text, struct cpu_state *cpus, int max);

/* walk_table.c */
static inline int paging_levels(const struct cpu_state *cpu)
{
	return cpu->cr4 & CR4_LA57 ? 5 : 4;
}

static inline bool in_espfix(__u64 va)
{
	return va >= ESPFIX_BASE && va < ESPFIX_END;
}

int guest_map(struct guest *g, const char *file, __u64 megabytes);
int guest_copy(struct guest *g, struct vm *vm, __u64 megabytes);
void guest_has_run(struct guest *g);
__u8 *guest_at(const struct guest *g, __u64 pa);
enum vm_result guest_store(struct guest *g, __u64 pa, __u32 value);
bool guest_read(const struct guest *g, __u64 pa, void *to, size_t size);
void leaves_collect(const struct guest *g, int levels, __u64 root, bool kernel_half,
		    bool nxe, struct leaves *out);
bool table_lookup(const struct guest *g, int levels, __u64 root, __u64 va, struct leaf *leaf);
bool table_sum(const struct guest *g, int levels, __u64 root, unsigned int slot, __u64 *sum);
bool guest_read_va(const struct guest *g, int levels, __u64 root, __u64 va,
		   void *to, size_t size);
const char *perms_text(unsigned int perms);
void dump_root(FILE *f, const struct guest *g, int levels, __u64 root, bool nxe);

/* walk_syms.c */
int symbols_read(struct symbols *s, const char *vmlinux);
const struct symbol *symbol_find(const struct symbols *s, const char *name);
const struct symbol *symbol_at(const struct symbols *s, __u64 addr);

/* walk_facts.c */
void facts_learn(struct audit *a, const struct cpu_state *cpus, int n);
void facts_hold(struct audit *a, const struct cpu_state *cpus, int n);
bool cpu_comes_up(const struct audit *a, const struct cpu_state *c, int cpu);
bool ports_in_use(const struct audit *a, const struct cpu_state *cpus, int n);

/* walk_expect.c */
int expect_parse(struct rows *rows, FILE *f, const char *name);
int expect_read(struct rows *rows, const char *file);
int expect_when(struct rows *rows, const char *condition);
int expect_symbols(struct audit *a);
unsigned int cea_page(const struct audit *a, unsigned int page);
unsigned int stack_pages(__u64 storage);
void expect_build(struct audit *a, const struct cpu_state *cpu, struct wants *w);

/* walk_check.c */
bool is_pair(const struct audit *a, const struct cpu_state *cpu);
void check_stop(struct audit *a, const struct cpu_state *cpus, int n);
void check_symbols(struct audit *a);

/* walk_dump.c */
void dump_audit(struct audit *a, const struct cpu_state *c, const char *name, FILE *f);

/* walk_probe.c */
bool can_probe(const struct audit *a, const struct cpu_state *c);
int probe_all(struct audit *a, const struct cpu_state *cpus, int n, int cpu, int *overlooked);

/* walk_report.c */
void __printf(3, 4) finding(struct audit *a, enum finding kind, const char *fmt, ...);
unsigned int findings_of(const struct audit *a, enum finding kind);
const char *finding_name(enum finding kind);
void report_table(const struct audit *a, FILE *f);
void report_findings(const struct audit *a, FILE *f);

#endif
