/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sweep: an interrupt at every instruction of the ways into and out of the
 * kernel.  What its parts share.
 *
 * The sweep stops a running guest where a test program is about to enter the kernel
 * (or where the kernel is entered by an interrupt), goes on from there one
 * instruction at a time as far as the call of the C handler, and from its return
 * back to what was interrupted.  At each instruction it injects something that no
 * flag of the CPU holds back, sees where that was taken, lets the handler run, and
 * compares the machine with what it was.  The test programs judge the result.
 *
 *	sweep.c		options, the stops, the verdict
 *	sweep_paths.c	the ways in and out, and how each is recognised
 *	sweep_round.c	one way through a path, an instruction at a time
 *	sweep_inject.c	what is injected, and where it must arrive
 *	sweep_touch.c	the memory that an instruction touches
 *	sweep_debug.c	breakpoints on it, as far as the kernel allows them
 *	sweep_state.c	what must be the same afterwards
 *	sweep_reach.c	which text is swept
 *	sweep_text.c	and what it is, instruction by instruction
 *	sweep_cover.c	which instructions no path reached
 *	sweep_alt.c	what other machines would have patched in
 *	sweep_plant.c	breaks that it has to find
 *	sweep_machine.c	registers, memory, breakpoints, steps
 *
 * Below it are the walker's client of QEMU's gdbstub, its page tables and symbols.
 */
#ifndef PTI_SWEEP_H
#define PTI_SWEEP_H

#include "walk_remote.h"

#define MAX_BREAKS	128
#define MAX_RANGES	32
#define MAX_NOTES	64
#define MAX_STEPS	1024	/* of a round */
#define MAX_REQUESTS	8	/* that the emulator may have for a CPU */
#define MAX_TOUCHED	8	/* words, by an instruction */
#define MAX_PLANTED	64	/* bytes, as much as mem_write() takes */
#define STOP_MS		10000	/* how long a stop may take to come */
#define SIGNAL_MS	2000	/* and a signal that others have had, too */

#define EFLAGS_IF	BIT_ULL(9)
#define EFLAGS_ARITH	0x8d5ULL	/* CF, PF, AF, ZF, SF, OF */
#define SPEC_CTRL	0x48	/* an MSR */
#define SPEC_CTRL_IBRS	BIT_ULL(0)

/* The registers that are looked at one by one; all are compared */
enum cpu_reg { RAX, RBX, RCX, RDX, RSI, RDI, RSP, RIP, EFLAGS, CS, SS, CR3, CR4,
	       GS_BASE, KERNEL_GS_BASE, N_CPU_REGS };

struct regs {
	__u8 raw[REMOTE_MAX_BYTES];
	size_t n;
	__u64 v[N_CPU_REGS];
};

static inline int cpl(const struct regs *r)
{
	return r->v[CS] & 3;
}

/* What the CPU pushes (SDM 3A, "64-Bit Mode Stack Frame") */
struct frame {
	__u64 ip, cs, flags, sp, ss;
};

/* Kinds of rounds: what is injected; sweep_inject.c says what each does */
enum injection { K_TRACE, K_NMI, K_MCE, K_HELD, K_FAULT, K_INT3, K_NESTED, K_DB, N_KINDS };

struct range {
	__u64 from, to;
};

/* One instruction of the swept text, as it stands in memory */
struct insn {
	__u64 addr;
	char text[64];
	bool reached;
};

struct text {
	struct range range[MAX_RANGES];
	int n_ranges;
	struct insn *insn;
	size_t n;
};

/*
 * Where a round begins: in user mode, at the instructions that enter the kernel; where
 * an interrupt or exception from user or from kernel mode arrives; where the kernel
 * calls a function of the swept text, or jumps into it.
 */
enum trigger { AT_SITE, FROM_USER, FROM_KERNEL, CALLED, JUMPED };

struct path {
	const char *name;
	const char *program;	/* that takes this way; NULL: anything */
	/*
	 * AT_SITE: where the round begins; FROM_USER, FROM_KERNEL: what is interrupted,
	 * NULL: anything.  A symbol of the program or, with FROM_KERNEL, of the kernel.
	 */
	const char *site, *site_end;
	const char *entry;	/* kernel symbol of the first instruction */
	const char *via;	/* a symbol that the round must come by, or NULL */
	enum trigger trigger;
	enum cpu_reg reg;	/* if mask is not 0: what this register must hold there */
	__u64 mask, value;
	enum injection raise;	/* AT_SITE: the path is that of this injection ... */
	int raise_at;		/* ... at this step from the site */
	/*
	 * ... or where this is what is executed on the way out by this symbol: on the user
	 * page table, from where the way out is taken up again
	 */
	const char *raise_insn, *tail;
	const char *enters;	/* raise: where the site leads; NULL: SYSCALL's entry */
	bool owes;		/* PCIDs: the way out by via finds that it owes a flush */
	bool opted_out;		/* only where the process is, ... */
	bool isolated;		/* ... and there it is isolated where the path begins */

	char vendor;		/* only on CPUs of this one, or 0 */

	/* From here on not in the table */
	__u64 site_addr, site_end_addr, entry_addr, via_addr, stub_addr;
	__u64 tail_addr, enters_addr;
	__u64 owes_addr;	/* where the way out reads whether it does */
	unsigned int insns;	/* steps of the round without injections */
	__u64 trace[MAX_STEPS];
	bool done[N_KINDS];
	unsigned int injected[N_KINDS];	/* in rounds that went this way */
	unsigned int tried[N_KINDS];	/* in the round that is under way */
	unsigned int failed[N_KINDS];
	unsigned int missed;	/* rounds that went another way */
};

/* What an instruction touches: aligned words of eight bytes */
struct touch {
	__u64 word[MAX_TOUCHED];
	int n;
	bool by_gs;
	__u64 next;	/* what is executed after it, or 0 */
};

#define ROOT_ENTRIES	512

/* What cannot be read is named in "unread", and is no state that equals another */
struct snapshot {
	struct regs regs;
	__u64 roots[2 * ROOT_ENTRIES];
	size_t n_roots;		/* entries, of one root or of a pair */
	__u64 below[ROOT_ENTRIES];	/* sums of what the entries of the user root lead to */
	__u8 stack[PAGE_SIZE];
	size_t stack_n;
	__u64 user_cr3;
	__u64 spec_ctrl;	/* of kernel mode, if IBRS is in use */
	const char *unread;
};

struct sweep {
	struct remote remote;
	struct guest guest;
	struct symbols syms;
	struct text text;
	struct path *paths;
	int n_paths;
	__u64 armed[MAX_BREAKS];
	int n_armed;
	char program[64];	/* of the guest that runs, "" if none of ours */
	bool kinds[N_KINDS];
	char vendor;		/* of the CPU: 'a' AMD, 'i' Intel */
	__u64 percpu;		/* base of CPU 0's area */
	bool isolated;		/* or should be: roots come in pairs */
	bool heads;		/* not isolated, but entered as if it were */
	bool opted_out;		/* isolated, but for the processes that are looked at */
	bool pcid;		/* PCIDs are in use */
	bool must_ibrs;		/* the kernel has to use IBRS */
	__u64 spec_ctrl;	/* what the kernel runs with if it uses that MSR, or 0 */
	__u64 rdmsr;		/* such an instruction of the swept text */
	int levels;
	__u64 root;		/* the kernel's page table, at the last snapshot */
	/* where the guest is, for when it does not come back */
	struct path *now;
	enum injection kind;
	__u64 now_addr;
	bool on_way_out;	/* the kernel page table was loaded since the last entry */
	__u64 user_sp;		/* of the program that entered the kernel, or 0 */
	int signals;		/* what can be read when the sweep is to end */
	unsigned int failures;
	char note[MAX_NOTES][256];
	int n_notes;
	/* symbols that the injections need (sweep_inject.c) */
	__u64 exec;		/* begin_new_exec(): a program begins */
	__u64 nmi, mce, nmi_body, mce_body, get_user, int3, int3_body, fault;
	__u64 repeat_nmi, end_repeat_nmi;
	__u64 db, db_body, db_user_body, bp_parse, bp_restore;
	__u64 debugreg, dr7, tss;	/* per CPU */
	unsigned int refused;		/* words that no breakpoint may be on */
};

/* The kernel's page table; the user's is the other one of a pair that is aligned as such */
static inline __u64 kernel_root(const struct sweep *s, const struct regs *r)
{
	__u64 root = r->v[CR3] & PTE_ADDR;

	return s->isolated ? root & ~CR3_USER : root;
}

/* sweep_machine.c */
enum vm_result regs_read(struct sweep *s, struct regs *r);
enum vm_result regs_write(struct sweep *s, const struct regs *r);
void regs_set(struct sweep *s, struct regs *r, enum cpu_reg which, __u64 value);
enum vm_result mem_read(struct sweep *s, __u64 va, void *to, size_t n);
enum vm_result mem_write(struct sweep *s, __u64 va, const void *from, size_t n);
enum vm_result break_set(struct sweep *s, __u64 addr);
enum vm_result break_clear(struct sweep *s, __u64 addr);
enum vm_result run(struct sweep *s, struct regs *r, int ms);
enum vm_result step(struct sweep *s, struct regs *r);
enum vm_result machine_open(struct sweep *s, const char *gdb);
enum vm_result msr_read(struct sweep *s, __u32 msr, __u64 *value);

/* sweep_text.c */
int text_read(struct sweep *s);
int text_insn(struct text *t, __u64 addr, const char *text);
int text_add(struct text *t, const void *code, size_t n, __u64 addr);
int text_read_range(struct sweep *s, struct text *t, const struct range *range);
struct insn *text_in(const struct text *t, __u64 addr);
struct insn *text_at(const struct sweep *s, __u64 addr);
void text_reached(struct sweep *s, __u64 addr);
const char *where(const struct sweep *s, __u64 addr);
__u64 symbol_addr(const struct sweep *s, const char *name);
__u64 way_addr(const struct sweep *s, const char *name);

/* sweep_reach.c */
bool in_text(const struct sweep *s, __u64 addr);
int text_find(struct sweep *s);
void text_report(void);

/* sweep_paths.c */
int paths_find(struct sweep *s, const char *dir, const char *running, const char *only);
enum vm_result paths_arm(struct sweep *s);
enum vm_result program_begins(struct sweep *s, const struct regs *r);
struct path *path_at(struct sweep *s, const struct regs *r);
bool path_next(const struct sweep *s, const struct path *p, enum injection *kind);
const char *path_refuses(const struct sweep *s, enum injection kind);
bool path_takes(const struct sweep *s, const struct path *p, enum injection kind);
int paths_owe(struct sweep *s);
bool pays(const struct insn *insn);
enum vm_result path_frame(struct sweep *s, const struct path *p, const struct regs *r,
			  struct frame *f);

/* sweep_round.c */
enum vm_result round_run(struct sweep *s, struct path *p, enum injection kind, struct regs *r);

/* sweep_inject.c */
extern const char * const kind_name[N_KINDS];
enum vm_result inject(struct sweep *s, enum injection kind, struct path *p, struct regs *r);
enum vm_result inject_db(struct sweep *s, struct path *p, struct regs *r, bool *executed);
enum vm_result inject_raise(struct sweep *s, enum injection kind);
enum vm_result inject_arrives(struct sweep *s, enum injection kind, struct path *p,
			      const struct regs *at, __u64 addr, struct regs *r);
int inject_find(struct sweep *s);

/* sweep_touch.c */
enum vm_result touch_find(struct sweep *s, const struct regs *r, struct touch *t);

/* sweep_debug.c */
enum vm_result debug_arm(struct sweep *s, struct path *p, const struct regs *at, struct touch *t);
enum vm_result debug_disarm(struct sweep *s, const struct regs *at);

/* sweep_state.c */
void snapshot_take(struct sweep *s, struct snapshot *snap, const struct regs *r);
__u64 redo_addr(struct sweep *s, const struct regs *at);
bool same_stack(const struct sweep *s, const struct regs *at, const struct regs *r);
bool snapshot_switched(struct sweep *s, const struct snapshot *before,
		       const struct snapshot *after);
bool snapshot_same(struct sweep *s, const struct snapshot *before, const struct snapshot *after,
		   char *text, size_t size);

/* sweep_plant.c */
int plant(struct sweep *s, const char *what);

/* sweep_cover.c */
int cover_write(const struct sweep *s, const char *file);
int cover_report(struct sweep *s, const char *uncovered, const char *also, char **files, int n);

/* sweep_alt.c */
const void *image_at(const struct symbols *syms, __u64 addr, size_t n);
int alternatives_of(struct sweep *s, const struct range *range, struct text *t);
int alternatives_read(struct sweep *s, struct text *t);

/* sweep.c */
bool told_to_end(const struct sweep *s, int ms);
void __printf(2, 3) note(struct sweep *s, const char *fmt, ...);
void __printf(4, 5) failure(struct sweep *s, struct path *p, enum injection kind,
			    const char *fmt, ...);

#endif
