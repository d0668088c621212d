/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checker of the entry code: what its parts share.
 *
 * It follows every path from user mode into the kernel and back through the machine
 * code of a vmlinux, as the kernel would patch it for each set of CPU features, and
 * proves of each instruction what exposure.expected and the architecture demand: see
 * entry_check.c.  It interprets, with values that are known only as far as the entry
 * code depends on them; nothing looks for the shape of a macro.
 *
 *	entry_check.c		options, the sets of features, the verdict
 *	entry_check_image.c	vmlinux: memory, symbols, gates, exception table
 *	entry_check_alt.c	features, and the instruction that stands at an address
 *	entry_check_sets.c	the sets of features
 *	entry_check_roots.c	where paths begin, and in which state
 *	entry_check_state.c	registers, stacks and flags in the abstract
 *	entry_check_step.c	what an instruction does to them
 *	entry_check_flow.c	branches, calls of C, returns to where it came from
 *	entry_check_walk.c	all paths
 *	entry_check_policy.c	what may be touched and executed on the user page table
 *	entry_check_orc.c	whether the unwinder finds its way from there
 *	entry_check_labels.c	whether comments at labels say what is so
 *	entry_check_report.c	findings, each with the path that leads to it
 *	entry_check_mutate.c	planted breaks, each of which must be found
 */
#ifndef PTI_ENTRY_CHECK_H
#define PTI_ENTRY_CHECK_H

#include <capstone/capstone.h>

#include "walk.h"

#define MAX_FEATURES	1024
#define MAX_SLOTS	120
#define MAX_ROOTS	1024
#define TRAMPOLINE_BYTES 512

/* Ends the run with status 2, "could not tell" */
void __printf(1, 2) __attribute((noreturn)) cannot(const char *fmt, ...);
void *grow(void *array, size_t n, size_t size);

/* A table with bars: the rows of a file, without comments, each cut into its columns */
struct table {
	const char *name;
	FILE *f;
	char line[512];
};

bool table_row(struct table *t, char **field, size_t n);

/*
 * Values
 */
enum value_kind {
	V_JUNK,			/* whatever the kernel left there */
	V_NUMBER,		/* a constant that no path depends on */
	V_CONST,		/* n */
	V_IN,			/* what the interrupted program had; id: register or slot */
	V_PTR,			/* n bytes from where the stack "id" begins (its top) */
	V_CR3,			/* id: CR3_* bits below */
	V_GSBASE,		/* a GS base as it was read; id: enum gs */
	V_GSHIGH,		/* its upper half */
	V_PERCPU,		/* the base of this CPU's per-CPU memory */
	V_CS,			/* CS of a frame; id: 1 user mode, 0 kernel mode */
	V_RIP,			/* RIP of a frame, none of the addresses that are told apart */
	V_CALLER,		/* return address into C */
	V_LDTR,			/* LDTR, 0 where the process has no LDT */
	V_CR3_ROOT,		/* the byte of pti_pcid.user_cr3 that has bit 12 */
};

struct value {
	__u32 kind, id;
	__s64 n;
};

/* V_IN: of the 16 registers those that are named, and the words of pt_regs beside them */
enum {
	IN_RAX, IN_RCX, IN_RSP = 4, IN_RBP, IN_R8 = 8, IN_R11 = 11,
	IN_RIP = 16, IN_FLAGS, IN_SP, IN_SS, IN_ORIG_AX, IN_CS
};

/* Of a V_CR3 */
#define CR3_IS_USER	1	/* bit 12 */
#define CR3_IS_USER_PCID 2	/* bit 11 */
#define CR3_IS_NOFLUSH	4	/* bit 63 is set */
#define CR3_IS_KEPT	8	/* from pti_pcid.user_cr3, not from CR3 */
#define CR3_TABLE	(CR3_IS_USER | CR3_IS_USER_PCID)

/* And which bits those are */
#define CR3_BIT_USER	12
#define CR3_BIT_USER_PCID 11
#define CR3_BIT_NOFLUSH	63

/* Selectors (arch/x86/include/asm/segment.h) */
#define KERNEL_CS	0x10
#define USER32_CS	0x23
#define USER_DS		0x2b
#define USER_CS		0x33

enum gs { GS_USER, GS_KERNEL };
enum tri { NO, YES, MAYBE };

/* Memory that is known word by word */
enum region {
	R_NONE,
	R_ENTRY,		/* entry stack of this CPU */
	R_IST,			/* R_IST + n: stack n of the TSS, 1 to 7 */
	R_VC2 = R_IST + 6,	/* no stack of the TSS: the fallback of #VC */
	R_THREAD = R_IST + 8,	/* stack of the thread, from its top */
	R_FOUND,		/* the stack that kernel code was on when interrupted */
	R_ESPFIX_RW,		/* espfix page, as the kernel writes it */
	R_ESPFIX,		/* the same words, read-only */
	R_PERCPU,		/* n: address in the per-CPU section */
	R_TRAMPOLINE,		/* R_TRAMPOLINE + n: where IST entry n has the CPU push */
};

struct slot {
	__u32 region;
	__s32 off;
	struct value v;
};

/* pt_regs, from its start */
#define REGS_SIZE	168
#define REGS_R8		72
#define REGS_AX		80
#define REGS_CX		88
#define REGS_ORIG_AX	120
#define REGS_IP		128
#define REGS_CS		136
#define REGS_FLAGS	144
#define REGS_SP		152
#define REGS_SS		160
extern const int regs_order[15];	/* register number of each of its first words */

/* How user mode came in: what a system call has in its registers, no frame has */
enum via {
	VIA_GATE, VIA_SYSCALL = 1, VIA_SYSCALL32 = 2, VIA_SYSENTER = 4, VIA_ANY = 7
};

struct state {
	__u64 ip;
	struct value reg[16];	/* by hardware number */
	struct value cr3;
	__u8 gs;		/* enum gs */
	__u8 cf, zf, sf;	/* enum tri */
	__u8 on_mode;		/* the flags tell user from kernel mode */
	__u8 in_entry;		/* no C has run yet */
	__u8 fence;		/* speculation may have the wrong GS base */
	__u8 switches;		/* CR3 writes before C runs */
	__u8 said;		/* NOFLUSH was set in pti_pcid.user_cr3 */
	__u8 cr3_in, gs_in;	/* to be found again by an IRET to the kernel */
	__u8 via;		/* enum via, until C has run */
	__u8 of_kernel;		/* what was found in the registers is the kernel's */
	__u8 resumed;		/* it was interrupted, and the kernel page table is in CR3 */
	__u8 on_ldtr;		/* ZF is set if LDTR is 0 */
	__u8 ldt;		/* and it is not */
	__u8 on_owed;		/* SF is set if NOFLUSH is, in pti_pcid.user_cr3 */
	__u8 on_root;		/* ZF is set if the kernel root is in pti_pcid.user_cr3 */
	__u8 opted_out;		/* and it is: no CR3 write is needed */
	__u32 nslots;
	__u32 irqs;		/* enum tri */
	struct slot slot[MAX_SLOTS];
	/* not part of what is remembered */
	__u64 at;		/* the instruction that did last what it does */
	__u32 path;
};

/* entry_check_state.c */
static inline struct value val(enum value_kind kind, __u32 id, __s64 n)
{
	return (struct value){ .kind = kind, .id = id, .n = n };
}

static inline bool is_const(const struct value *v, __s64 n)
{
	return v->kind == V_CONST && v->n == n;
}

bool same_value(const struct value *a, const struct value *b);
const char *in_name(__u32 id);
const char *value_text(const struct value *v);
const char *region_name(__u32 region);
struct value slot_read(const struct state *st, __u32 region, __s64 off, int size);
void slot_write(struct state *st, __u32 region, __s64 off, int size, struct value v);
bool is_left_visible(__u32 region);
struct value settled(struct value v);
void slots_forget_below(struct state *st, __u32 region, __s64 off);
void slots_keep_only(struct state *st, __u32 r1, __s64 off1, __u32 r2, __s64 off2);
void flags_unknown(struct state *st);
__u64 state_hash(const struct state *st);

/*
 * The image
 */
struct section {
	const char *name;
	__u64 addr, size;
	__u8 *data;		/* NULL: nothing in the file */
	unsigned int index;
};

struct gate {
	char name[64];
	__u64 addr;
	int vector;		/* -1: not known */
	int ist;
	bool trap;		/* leaves interrupts as they are */
};

struct image {
	const char *file;
	struct symbols syms;
	struct section *sec;
	size_t nsec;
	__u64 text_start, text_end;	/* entry text */
	struct gate *gate;
	size_t ngates;
	/*
	 * Rows of three addresses, or NULL: what was interrupted on the user page table from
	 * the first to before the second goes on at the third, on the kernel page table.
	 */
	const __u64 *redo;
	size_t nredo;
	__u64 redo_at;			/* where the first one is */
	__u64 iret_from, iret, redo_iret;
	unsigned int stack_pages;	/* of an exception stack */
};

extern struct image img;

void image_read(const char *file);
const struct section *image_section(const char *name);
const void *image_at(__u64 addr, size_t size);		/* NULL: not there */
__u64 image_symbol(const char *name);			/* 0: none */
const char *place(__u64 addr);				/* SYMBOL+OFFSET */
const struct symbol *percpu_symbol(__u64 addr);
__u64 redo(__u64 ip);
bool extable_find(__u64 addr, __u64 *fixup);
void gates_find(void);

/*
 * Features, and instructions under them
 */
struct set {
	char name[96];
	__u8 has[MAX_FEATURES / 8];
	__u64 thunk;		/* 0: returns are plain */
	bool its;		/* only those in the lower half of a cache line are not */
	bool ibt;		/* where the CPU enters the kernel, ENDBR64 must stand */
	bool pti, pcid, fence;
	bool off;		/* isolation is switched off in the running system */
};

extern struct set *cur;		/* what the code is patched for */

void features_read(const char *header);
int feature(const char *name);			/* -1: the header has none */
const char *feature_name(int n);
void set_feature(struct set *s, int n);
bool set_has(const struct set *s, int n);
void alt_read(void);
bool alt_depends_on(int feature, __u64 from, __u64 to);
void fetch_forget(void);
const cs_insn *fetch(__u64 ip);			/* NULL: no instruction there */
cs_insn *disassemble(const __u8 **code, size_t *size, __u64 *ip);
const char *insn_text(const cs_insn *in);	/* AT&T syntax */
bool return_site(__u64 ip);
bool returns_in(__u64 from, __u64 size);	/* as compiled code does, by a thunk */
bool endbr_sealed(__u64 ip);
bool switch_sites(void);			/* the kernel has sites for that */
extern __u8 met[MAX_FEATURES / 8];		/* features that sites asked for since cleared */

/* entry_check_alt.c, for planted breaks: the replacements of an address range */
struct replacement {
	__u64 instr, repl;
	int feature, len;
};

__u64 origin(__u64 ip);		/* where the file has the bytes that stand there now */
size_t replacements(__u64 from, __u64 to, struct replacement *out, size_t max);

/* entry_check.c */
size_t check(struct set *sets, size_t n);	/* walks them all; returns how many differ */

/* entry_check_sets.c */
size_t sets_make(struct set **sets);
size_t sets_ways(void);				/* so many at the start: isolated or not */
size_t sets_left_out(void);			/* says which, returns how many choices */
bool set_knows(int feature);

/*
 * Paths
 */
struct fault_site {
	__u64 ip, resume;	/* resume: fixup of the exception table, or 0 */
	struct state st;
};

/* entry_check_roots.c */
void roots_need(void);
size_t roots_first(struct state *out, size_t max);
size_t roots_fault(const struct fault_site *f, struct state *out, size_t max);

/* entry_check_walk.c */
struct walk_stats {
	__u64 states;
	size_t insns;
};

extern struct walk_stats stats;
void walk_set(struct set *s);
void reach_check(void);
void reach_forget(void);
bool told_apart(__u64 addr);	/* an address of which entry code tests a frame's RIP */
void fault_here(const struct state *st, __u64 resume);

/* What became of a path: one way, two of them (st->ip and *other), or its end */
enum outcome { GO_ON, FORK, STOP };

/* entry_check_step.c */
enum outcome step(struct state *st, const cs_insn *in, __u64 *other);
bool on_user_table(const struct state *st);
bool stack_read(struct state *st, __s64 off, struct value *v);
bool stack_push(struct state *st, struct value v);
bool stack_pop(struct state *st, struct value *v);

/* entry_check_flow.c */
enum outcome flow(struct state *st, const cs_insn *in, __u64 *other);
enum outcome call_c(struct state *st);
void user_regs(struct state *st, __u32 region, __s64 at);

/* entry_check_policy.c */
enum access { A_READ, A_WRITE, A_EXEC };

void policy_read(const char *expected);
bool policy_exec(__u64 addr);
bool policy_region(__u32 region, __s64 off, int size, enum access how);
bool policy_percpu(__u64 addr, int size, enum access how);
bool policy_image(__u64 addr, int size, enum access how);
bool policy_cannot_fault(const cs_insn *in);
struct value policy_percpu_load(const struct state *st, __u64 addr, int size);
bool policy_followed(__u64 addr);
void policy_left(struct state *st);
bool policy_c_result(const char *name, struct state *st);

/* entry_check_orc.c */
#define ORC_BYTES	6

void orc_check(const struct state *st);
__u8 *orc_break(__u64 ip, const char *how, __u8 *old);

/* entry_check_labels.c */
void labels_read(const char *tree);
void labels_in(struct state *st, const cs_insn *in);
void labels_out(struct state *st);
void labels_switch(struct state *st, bool user, bool after);
void labels_check(void);
void labels_forget(void);
void labels_print(void);
char *labels_break(const char *name, const char *what, const char *how);
void labels_mend(const char *name, const char *what, char *text);

/* entry_check_report.c */
__u32 path_add(__u32 parent, __u64 ip, const char *what);
__u32 path_root(const char *what);
void paths_clear(void);
void __printf(3, 4) wrong(const struct state *st, const char *rule, const char *fmt, ...);
void __printf(3, 4) told(__u64 ip, const char *rule, const char *fmt, ...);
void unreached(__u64 ip, const char *what);
bool reach_allowed(__u64 ip);
bool padding_allowed(const struct symbol *before, __u64 ip);
void allow_read(const char *file);
void allow_print(void);
void findings_print(void);
void findings_clear(void);
size_t findings_count(void);
bool findings_match(const char *rule, const char *where);
extern bool quiet;	/* look only: nothing that is met is a finding */

/* entry_check_mutate.c */
int mutants_run(const char *file, struct set *sets, size_t nsets, bool every_cr3);
extern __u64 twice;	/* the instruction from there is executed two times; 0: none is */

#endif
