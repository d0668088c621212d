// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways into and out of the kernel that are swept: the one list of them.
 *
 * The selftests take each way again and again and check what comes of it.  A round is
 * recognised by where it begins; whether it went the way that the row means shows by a
 * symbol that it has to come by.  sweep.sh says which programs run on which machine.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"

#define GETPPID		110
#define GETPPID_32	64
#define KILL		62
#define SIGRETURN	15
#define SIGRETURN_32	173
#define PR_SPEC_ENABLE	BIT_ULL(1)	/* prctl(2): opts out, as that is the misfeature */
#define PR_SPEC_DISABLE	BIT_ULL(2)	/* isolates */
#define FLAGS_FIXED	(BIT_ULL(14) | BIT_ULL(18))	/* NT, AC: SYSENTER clears them */
#define SELECTOR_LDT	BIT_ULL(2)
#define FIRST_EXTERNAL_VECTOR	0x20
#define FIRST_SYSTEM_VECTOR	0xeb
#define VSYSCALL	0xffffffffff600000ULL

#define WITH(r, v)	.reg = r, .mask = ~0ULL, .value = v
#define SYSRET		"syscall_return_via_sysret"
#define IRET		"swapgs_restore_regs_and_return_to_usermode"
#define SYSRETL		"entry_SYSRETL_compat_unsafe_stack"
#define ESPFIX		"native_irq_return_ldt"
#define REDO_SYSRET	"isolated_sysret_redo"
#define REDO_SYSRETL	"isolated_sysretl_redo"
#define REDO_IRET	"isolated_redo_iret"
#define REDO_ESPFIX	"isolated_redo"

/* What comes in, and where: at this instruction of this way out */
#define NMI		.entry = "asm_exc_nmi", .raise = K_NMI
#define MCE		.entry = "asm_exc_machine_check", .raise = K_MCE
#define IN(insn, of)	.raise_insn = insn, .tail = of
#define AFTER(p, s)	.program = p, .site = s
#define IN_SYSRET	AFTER("entry_syscall_64", "site_syscall"), WITH(RAX, GETPPID), \
			IN("sysret", SYSRET), .via = REDO_SYSRET
#define BY_SIGRETURN	.program = "entry_syscall_64", .site = "site_syscall", WITH(RAX, SIGRETURN)
#define IN_IRET		.via = REDO_IRET, BY_SIGRETURN, IN("testb", IRET)
#define AT_IRET		.via = REDO_IRET, BY_SIGRETURN, IN("iret", IRET)
#define IN_ESPFIX	AFTER("espfix_64", "site_syscall"), WITH(RAX, SIGRETURN), \
			IN("pop    %rdi", ESPFIX), .via = REDO_ESPFIX
#define IN_SYSRETL	AFTER("entry_syscall_32", "site_sysenter"), IN("sysret", SYSRETL), \
			.via = REDO_SYSRETL, .enters = "entry_SYSENTER_compat", .vendor = 'i'
#define IN_REFUSED	AFTER("entry_syscall_64", "site_syscall_refused"), \
			IN("sysret", "entry_SYSCALL32_ignore"), \
			.enters = "entry_SYSCALL32_ignore", .vendor = 'a'
#define OUT_SYSRET	AFTER("entry_syscall_64", "site_syscall"), WITH(RAX, GETPPID), \
			IN("sysret", SYSRET), .opted_out = true

static struct path paths[] = {
	{ "SYSCALL, SYSRET exit", "entry_syscall_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", SYSRET, WITH(RAX, GETPPID) },
	{ "SYSCALL, IRET exit", "entry_syscall_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", IRET, WITH(RAX, SIGRETURN) },
	{ "int80, 64-bit code", "entry_syscall_64", "site_int80", NULL,
	  "asm_int80_emulation", IRET },
	{ "int80, 32-bit code", "entry_syscall_32", "site_int80", NULL,
	  "asm_int80_emulation", IRET, WITH(RAX, GETPPID_32) },
	{ "SYSENTER, SYSRET exit", "entry_syscall_32", "site_sysenter", NULL,
	  "entry_SYSENTER_compat", SYSRETL, .reg = EFLAGS, .mask = FLAGS_FIXED, .vendor = 'i' },
	{ "SYSENTER, flags to fix", "entry_syscall_32", "site_sysenter", NULL,
	  "entry_SYSENTER_compat", SYSRETL, .reg = EFLAGS, .mask = FLAGS_FIXED,
	  .value = FLAGS_FIXED, .vendor = 'i' },
	{ "SYSENTER, IRET exit", "entry_syscall_32", "site_sysenter_bare", NULL,
	  "entry_SYSENTER_compat", IRET, WITH(RAX, SIGRETURN_32), .vendor = 'i' },
	{ "32-bit SYSCALL, SYSRET exit", "entry_syscall_32", "site_syscall32", NULL,
	  "entry_SYSCALL_compat", SYSRETL, .vendor = 'a' },
	{ "32-bit SYSCALL, IRET exit", "entry_syscall_32", "site_syscall32_bare", NULL,
	  "entry_SYSCALL_compat", IRET, WITH(RAX, SIGRETURN_32), .vendor = 'a' },
	{ "refused 32-bit SYSCALL", "entry_syscall_64", "site_syscall_refused", NULL,
	  "entry_SYSCALL32_ignore", NULL, .vendor = 'a' },
	{ "signal delivery", "sigctx_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", IRET, WITH(RAX, KILL) },
	{ "signal return", "sigctx_64", "__restore_rt", NULL,
	  "entry_SYSCALL_64", IRET },
	{ "ptrace stop", "dbg_ptrace_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", IRET, WITH(RAX, GETPPID) },
	{ "fork's return", NULL, NULL, NULL,
	  "ret_from_fork_asm", IRET, JUMPED, WITH(RBX, 0) },

	{ "#PF", "entry_fault_64", "site_touch_read", NULL,
	  "asm_exc_page_fault", IRET },
	{ "#PF, vsyscall", "vsys_64", "site_touch_exec", NULL,
	  "asm_exc_page_fault", IRET, .reg = RSI, .mask = ~0xfffULL, .value = VSYSCALL },
	/* Not of a breakpoint on text: QEMU's step to it raises #DB whatever RF is */
	{ "#DB", "entry_fault_64", "site_touch_write_end", NULL,
	  "asm_exc_debug", IRET, FROM_USER },
	{ "#DB from kernel", "dbg_break_64", NULL, NULL,
	  "asm_exc_debug", "paranoid_exit", FROM_KERNEL },
	/* SYSENTER leaves TF set: on the user page table of an isolated kernel */
	{ "#DB, SYSENTER with TF", "dbg_step_32", "entry_SYSENTER_compat", NULL,
	  "asm_exc_debug", "paranoid_exit", FROM_KERNEL, .vendor = 'i' },
	{ "#DE", "entry_trap_64", "site_div", NULL, "asm_exc_divide_error", IRET },
	{ "int3", "entry_trap_64", "site_int3", NULL, "asm_exc_int3", IRET },
	{ "#OF", "entry_trap_64", "site_int4", NULL, "asm_exc_overflow", IRET },
	{ "#UD", "entry_trap_64", "site_ud2", NULL, "asm_exc_invalid_op", IRET },
	{ "#NP", "entry_trap_64", "site_fs", NULL, "asm_exc_segment_not_present", IRET },
	{ "#SS", "entry_trap_64", "site_ss", NULL, "asm_exc_stack_segment", IRET },
	{ "#GP", "entry_trap_64", "site_hlt", NULL, "asm_exc_general_protection", IRET },
	{ "#MF", "entry_trap_64", "site_fwait", NULL, "asm_exc_coprocessor_error", IRET },

	{ "timer from user", NULL, NULL, NULL, "asm_sysvec_apic_timer_interrupt", IRET, FROM_USER },
	{ "timer from kernel", NULL, NULL, NULL,
	  "asm_sysvec_apic_timer_interrupt", "restore_regs_and_return_to_kernel", FROM_KERNEL },
	{ "IPI from user", NULL, NULL, NULL, "asm_sysvec_irq_work", IRET, FROM_USER },
	{ "IPI from kernel", NULL, NULL, NULL,
	  "asm_sysvec_irq_work", "restore_regs_and_return_to_kernel", FROM_KERNEL },
	{ "device from user", "entry_irq_64", NULL, NULL, "asm_common_interrupt", IRET, FROM_USER },
	{ "device from kernel", NULL, NULL, NULL,
	  "asm_common_interrupt", "restore_regs_and_return_to_kernel", FROM_KERNEL },

	{ "espfix", "espfix_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", ESPFIX, WITH(RAX, SIGRETURN) },
	{ "espfix, no LDT", "noldt_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", ESPFIX, WITH(RAX, SIGRETURN) },
	/*
	 * Paid by the CR3 write.  On an exit to a stack segment of an LDT the first one pays all
	 * but what an NMI or #MC owes behind it.
	 */
	{ "SYSCALL, SYSRET, flush owed", "entry_syscall_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", SYSRET, WITH(RAX, GETPPID), .owes = true },
	{ "SYSCALL, IRET, flush owed", "entry_syscall_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", IRET, WITH(RAX, SIGRETURN), .owes = true },
	{ "SYSENTER, flush owed", "entry_syscall_32", "site_sysenter", NULL,
	  "entry_SYSENTER_compat", SYSRETL, .reg = EFLAGS, .mask = FLAGS_FIXED, .vendor = 'i',
	  .owes = true },
	{ "espfix, flush owed", "espfix_64", "site_syscall", NULL,
	  "entry_SYSCALL_64", ESPFIX, WITH(RAX, SIGRETURN), .owes = true },
	{ "espfix, #DF by IRET", "espfix_64", NULL, NULL,
	  "asm_exc_double_fault", IRET, FROM_KERNEL },
	{ "bad IRET, #GP", "sigctx_64", "native_irq_return_iret", NULL,
	  "asm_exc_general_protection", "fixup_bad_iret", FROM_KERNEL },
	{ "bad IRET, #NP", "sigctx_64", "native_irq_return_iret", NULL,
	  "asm_exc_segment_not_present", "fixup_bad_iret", FROM_KERNEL },
	{ "load of GS", NULL, NULL, NULL, "asm_load_gs_index", NULL, CALLED,
	  .reg = RDI, .mask = SELECTOR_LDT },
	{ "load of GS that faults", "dbg_ptrace_64", NULL, NULL,
	  "asm_load_gs_index", "asm_exc_general_protection", CALLED,
	  .reg = RDI, .mask = SELECTOR_LDT, .value = SELECTOR_LDT },

	/* What is injected is a way in, too: from user mode, on either page table */
	{ "NMI from user", "entry_syscall_64", "site_syscall", NULL,
	  "asm_exc_nmi", IRET, WITH(RAX, GETPPID), .raise = K_NMI },
	{ "NMI, user table", "entry_syscall_64", "site_syscall", NULL,
	  "asm_exc_nmi", "repeat_nmi", WITH(RAX, GETPPID), .raise = K_NMI, .raise_at = 1 },
	{ "NMI, kernel table", "entry_syscall_64", "site_syscall", NULL,
	  "asm_exc_nmi", "repeat_nmi", WITH(RAX, GETPPID), .raise = K_NMI, .raise_at = 16 },
	{ "#MC from user", "entry_syscall_64", "site_syscall", NULL,
	  "asm_exc_machine_check", IRET, WITH(RAX, GETPPID), .raise = K_MCE },
	{ "#MC, user table", "entry_syscall_64", "site_syscall", NULL,
	  "asm_exc_machine_check", "paranoid_exit", WITH(RAX, GETPPID),
	  .raise = K_MCE, .raise_at = 1 },
	{ "#MC, kernel table", "entry_syscall_64", "site_syscall", NULL,
	  "asm_exc_machine_check", "paranoid_exit", WITH(RAX, GETPPID),
	  .raise = K_MCE, .raise_at = 16 },

	/* On the way out, behind the switch: the rest of it is taken up again */
	{ "NMI in SYSRET exit", NMI, IN_SYSRET },
	{ "NMI in IRET exit", NMI, IN_IRET },
	{ "NMI at IRET", NMI, AT_IRET },
	{ "NMI in espfix", NMI, IN_ESPFIX },
	{ "NMI in SYSENTER, SYSRET exit", NMI, IN_SYSRETL },
	{ "NMI in refused SYSCALL", NMI, IN_REFUSED },
	{ "NMI in refused SYSCALL, owed", NMI, IN_REFUSED, .via = REDO_IRET, .owes = true },
	{ "#MC in SYSRET exit", MCE, IN_SYSRET },
	{ "#MC in IRET exit", MCE, IN_IRET },
	{ "#MC at IRET", MCE, AT_IRET },
	{ "#MC in espfix", MCE, IN_ESPFIX },
	{ "#MC in SYSENTER, SYSRET exit", MCE, IN_SYSRETL },
	{ "#MC in refused SYSCALL", MCE, IN_REFUSED },

	/*
	 * By a process that is opted out: the system calls in which that ends and begins, and its
	 * SYSRET, which is not taken up again
	 */
	{ "SYSCALL that isolates", "opt_change_64", "site_change", NULL,
	  "entry_SYSCALL_64", IRET, WITH(RDX, PR_SPEC_DISABLE), .opted_out = true },
	{ "SYSCALL that opts out", "opt_change_64", "site_change", NULL,
	  "isolated_SYSCALL_64", "isolated_sysret", WITH(RDX, PR_SPEC_ENABLE),
	  .opted_out = true, .isolated = true },
	{ "NMI in SYSRET exit, opted out", NMI, OUT_SYSRET, .via = "repeat_nmi" },
	{ "#MC in SYSRET exit, opted out", MCE, OUT_SYSRET, .via = "paranoid_exit" },
};

/* Address of a symbol of a guest's program, of either size, or 0 */
static __u64 program_symbol(const char *dir, const char *program, const char *name)
{
	static char text[1 << 20], of[64];
	char line[512], found[256];
	__u64 at;
	char *p;
	FILE *f;

	if (strcmp(of, program)) {
		snprintf(line, sizeof(line), "nm '%s/%s'", dir, program);
		f = popen(line, "r");
		if (!f)
			return 0;
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		if (pclose(f))
			return 0;
		snprintf(of, sizeof(of), "%s", program);
	}
	for (p = text; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (sscanf(p, "%llx %*c %255s", &at, found) == 2 && !strcmp(found, name))
			return at;
	}
	return 0;
}

static __u64 find(const struct sweep *s, const char *dir, const char *program, const char *name,
		  bool *bad)
{
	__u64 addr;

	if (!name)
		return 0;
	addr = program ? program_symbol(dir, program, name) : way_addr(s, name);
	if (!addr) {
		fprintf(stderr, "sweep: no symbol %s in %s\n", name,
			program ? program : "the kernel");
		*bad = true;
	}
	return addr;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *p;

	for (p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

/* What an opted-out process has not: a SYSRET that is taken up again, and flushes to pay */
static bool goes_otherwise(const struct path *p)
{
	return p->owes || (p->via && !strcmp(p->via, REDO_SYSRET));
}

/**
 * paths_find() - choose the paths and find where they begin
 * @s:		the sweep; its paths are set
 * @dir:	where the programs of the guest are, with symbols
 * @running:	the programs that run, separated by blanks; NULL: all
 * @only:	patterns of names, separated by "|"
 *
 * Return: 0, or -1 after a complaint.
 */
int paths_find(struct sweep *s, const char *dir, const char *running, const char *only)
{
	bool has_redo = s->isolated && symbol_addr(s, "isolated_redo_table");
	bool bad = false;
	unsigned int i;

	s->paths = paths;
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		struct path p = paths[i];
		char pattern[1024];
		const char *of;

		snprintf(pattern, sizeof(pattern), "@(%s)", only);
		if (fnmatch(pattern, p.name, FNM_EXTMATCH) ||
		    (p.vendor && p.vendor != s->vendor) || (p.tail && !has_redo) ||
		    (p.opted_out && !s->opted_out) || (s->opted_out && goes_otherwise(&p)) ||
		    (p.owes && !(s->isolated && s->pcid)) ||
		    (p.program && running && !has_word(running, p.program)))
			continue;
		of = p.trigger == FROM_KERNEL ? NULL : p.program;
		p.site_addr = find(s, dir, of, p.site, &bad);
		p.site_end_addr = find(s, dir, of, p.site_end, &bad);
		p.entry_addr = find(s, dir, NULL, p.entry, &bad);
		p.via_addr = find(s, dir, NULL, p.via, &bad);
		p.tail_addr = find(s, dir, NULL, p.tail, &bad);
		if (p.raise)
			p.enters_addr = find(s, dir, NULL, p.enters ?: "entry_SYSCALL_64", &bad);
		if (p.site && !p.site_end)
			p.site_end_addr = p.site_addr;
		paths[s->n_paths++] = p;
	}
	if (!s->n_paths) {
		fprintf(stderr, "sweep: no path has such a name: %s\n", only);
		bad = true;
	}
	return bad ? -1 : 0;
}

/** pays() - whether an instruction sets NOFLUSH again, on a way out that owes a flush */
bool pays(const struct insn *insn)
{
	return insn && !strncmp(insn->text, "orb    $0x80,%gs:", 17);
}

/**
 * paths_owe() - find where ways out read whether they owe a flush, and where they pay it
 * @s:		the sweep; its text has been read
 *
 * A path that owes one has to come by where it is paid.
 *
 * Return: 0, or -1 after a complaint.
 */
int paths_owe(struct sweep *s)
{
	const struct insn *end = s->text.insn + s->text.n, *from, *pay;
	int i;

	for (i = 0; i < s->n_paths; i++) {
		struct path *p = &s->paths[i];

		if (!p->owes)
			continue;
		from = text_at(s, p->via_addr);
		pay = from;
		while (pay && pay < end && !pays(pay))
			pay++;
		p->via_addr = pay && pay < end ? pay->addr : 0;
		while (p->via_addr && pay > from && strncmp(pay->text, "mov    %gs:", 11))
			pay--;
		p->owes_addr = p->via_addr && pay > from ? pay->addr : 0;
		if (!p->owes_addr) {
			fprintf(stderr, "sweep: %s: nothing pays a flush there\n", p->name);
			return -1;
		}
	}
	return 0;
}

/** path_refuses() - why no path takes a kind that was asked for */
const char *path_refuses(const struct sweep *s, enum injection kind)
{
	if (kind == K_DB && !s->isolated)
		return "without isolation IRET reads what the entry of its #DB fills";
	return "none of these paths can take it";
}

/* What is interrupted there is taken up again elsewhere, on the kernel page table */
static bool is_redone(const struct path *p)
{
	return p->tail && !p->opted_out;
}

/** path_takes() - whether this kind of round is made on a path */
bool path_takes(const struct sweep *s, const struct path *p, enum injection kind)
{
	if (!s->kinds[kind])
		return false;
	/* IRET reads the thread's stack then, which the entry of its #DB fills (sweep_debug.c) */
	if (kind == K_DB && !s->isolated)
		return false;
	switch (p->raise) {
	case K_NMI:
		/*
		 * NMIs are held; one from user mode is on no stack that could nest.  In what is
		 * taken up again they are not held any more.
		 */
		if (is_redone(p) && (kind == K_NMI || kind == K_FAULT || kind == K_INT3))
			return true;
		return kind == K_TRACE || kind == K_MCE || kind == K_DB ||
		       (kind == K_HELD && !is_redone(p)) ||
		       (kind == K_NESTED && (p->raise_at || p->opted_out));
	case K_MCE:
		/* A second one in the first would be the machine's end */
		return kind != K_MCE;
	default:
		return true;
	}
}

/** path_next() - the next kind of round that a path needs; false: none */
bool path_next(const struct sweep *s, const struct path *p, enum injection *kind)
{
	for (*kind = K_TRACE; *kind < N_KINDS; (*kind)++)
		if (!p->done[*kind] && path_takes(s, p, *kind))
			return true;
	return false;
}

static __u64 begins_at(const struct path *p)
{
	return p->trigger == AT_SITE ? p->site_addr : p->entry_addr;
}

/* Whether the path can begin in the program that runs now */
static bool is_due(const struct sweep *s, const struct path *p)
{
	enum injection kind;

	return path_next(s, p, &kind) && (!p->program || !strcmp(p->program, s->program));
}

/* Whether the breakpoint that is needed there is there; its place in the list */
static bool is_armed(const struct sweep *s, __u64 addr, int *i)
{
	for (*i = 0; *i < s->n_armed; (*i)++)
		if (s->armed[*i] == addr)
			return true;
	return false;
}

/** paths_arm() - set the breakpoints where rounds begin, and no others */
enum vm_result paths_arm(struct sweep *s)
{
	enum vm_result r = VM_OK;
	int i, j;

	for (i = 0; !r && i < s->n_armed; i++) {
		bool needed = false;

		for (j = 0; j < s->n_paths; j++)
			if (begins_at(&s->paths[j]) == s->armed[i] && is_due(s, &s->paths[j]))
				needed = true;
		if (needed)
			continue;
		r = break_clear(s, s->armed[i]);
		s->armed[i--] = s->armed[--s->n_armed];
	}
	for (j = 0; !r && j < s->n_paths; j++) {
		__u64 addr = begins_at(&s->paths[j]);

		if (!is_due(s, &s->paths[j]) || is_armed(s, addr, &i))
			continue;
		if (s->n_armed == MAX_BREAKS)
			return VM_ERROR;
		r = break_set(s, addr);
		s->armed[s->n_armed++] = addr;
	}
	return r;
}

/**
 * program_begins() - the kernel begins to run a file: which of the guest's programs is it?
 * @s:	the sweep
 * @r:	the registers at begin_new_exec()
 *
 * The argument is a struct linux_binprm, and the one pointer in it to a text that begins
 * as the name of a program does is to its name.  Sites of other programs would be met all
 * the time: programs lie at the same addresses.
 */
enum vm_result program_begins(struct sweep *s, const struct regs *r)
{
	static const char dir[] = "/pti/";
	__u64 root = r->v[CR3] & PTE_ADDR, words[48];
	enum vm_result result = mem_read(s, r->v[RDI], words, sizeof(words));
	unsigned int i;

	s->levels = r->v[CR4] & CR4_LA57 ? 5 : 4;
	s->program[0] = '\0';
	for (i = 0; !result && i < ARRAY_SIZE(words); i++) {
		char text[sizeof(s->program)] = "";
		size_t n = PAGE_SIZE - words[i] % PAGE_SIZE;

		if (n > sizeof(text) - 1)
			n = sizeof(text) - 1;
		if (words[i] >> 63 &&
		    guest_read_va(&s->guest, s->levels, root, words[i], text, n) &&
		    !strncmp(text, dir, strlen(dir)))
			memcpy(s->program, text + strlen(dir), n + 1 - strlen(dir));
	}
	return result;
}

/** path_frame() - what the CPU has pushed when it took the exception of a path */
enum vm_result path_frame(struct sweep *s, const struct path *p, const struct regs *r,
			  struct frame *f)
{
	static const char * const with_code[] = {
		"asm_exc_page_fault", "asm_exc_general_protection", "asm_exc_double_fault",
		"asm_exc_segment_not_present", "asm_exc_stack_segment", "asm_common_interrupt",
	};
	unsigned int i, code = 0;

	/* The entry of a vector pushes what looks like one */
	if (r->v[RIP] == p->stub_addr)
		return mem_read(s, r->v[RSP], f, sizeof(*f));
	for (i = 0; i < ARRAY_SIZE(with_code); i++)
		if (!strcmp(p->entry, with_code[i]))
			code = sizeof(__u64);
	return mem_read(s, r->v[RSP] + code, f, sizeof(*f));
}

/*
 * Devices interrupt by way of an entry for their vector, one of a row of equal ones.  Which
 * it is the first interrupt tells; rounds begin there.  Whether that was just learnt.
 */
static bool learn_stub(struct sweep *s, struct path *p, const struct regs *r)
{
	__u64 first = symbol_addr(s, "irq_entries_start"), vector;
	__u64 end = symbol_addr(s, "spurious_entries_start"), size;

	if (p->stub_addr || strcmp(p->entry, "asm_common_interrupt") ||
	    mem_read(s, r->v[RSP], &vector, sizeof(vector)))
		return false;
	/* Rounded down: the row is padded at its end.  What is pushed is a signed byte. */
	size = (end - first) / (FIRST_SYSTEM_VECTOR - FIRST_EXTERNAL_VECTOR);
	p->stub_addr = first + ((vector & 0xff) - FIRST_EXTERNAL_VECTOR) * size;
	p->entry_addr = p->stub_addr;
	return true;
}

static bool begins(struct sweep *s, const struct path *p, const struct regs *r)
{
	bool at_site = p->trigger == AT_SITE, from_user = p->trigger == FROM_USER;
	struct frame f;

	if (r->v[RIP] != begins_at(p) || at_site != (cpl(r) == 3) ||
	    (p->mask && (r->v[p->reg] & p->mask) != p->value))
		return false;
	if (p->trigger != FROM_USER && p->trigger != FROM_KERNEL)
		return true;
	if (path_frame(s, p, r, &f) || from_user != ((f.cs & 3) == 3))
		return false;
	/* Others are isolated, on the same machine */
	if (from_user && s->opted_out && r->v[CR3] & CR3_USER)
		return false;
	return !p->site || (f.ip >= p->site_addr && f.ip <= p->site_end_addr);
}

/** path_at() - the path that begins where the machine has stopped, and needs a round */
struct path *path_at(struct sweep *s, const struct regs *r)
{
	int i;

	for (i = 0; i < s->n_paths; i++)
		if (is_due(s, &s->paths[i]) && begins(s, &s->paths[i], r) &&
		    !learn_stub(s, &s->paths[i], r))
			return &s->paths[i];
	return NULL;
}
