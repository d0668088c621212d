// SPDX-License-Identifier: GPL-2.0-only
/*
 * sweep: an interrupt at every instruction of the ways into and out of the kernel.
 *
 * Runs beside QEMU (run.sh --attach), which shares the guest's memory through a file and
 * offers its gdbstub on a socket.  The guest has one CPU, no KASLR, and runs selftests
 * of arch/x86/pti; sweep.h says what is done to it.
 *
 * Exit status: 0 nothing to object to, 1 findings, 2 could not tell.
 */
#include <getopt.h>
#include <linux/elf.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "sweep.h"

#define MAX_FAILURES	40
#define SCRIPT		"sweep.sh"	/* in the guest */

static struct sweep sweep;
static time_t deadline;

/** note() - keep a line for the end of the report */
void note(struct sweep *s, const char *fmt, ...)
{
	va_list ap;

	if (s->n_notes == MAX_NOTES)
		return;
	va_start(ap, fmt);
	vsnprintf(s->note[s->n_notes++], sizeof(s->note[0]), fmt, ap);
	va_end(ap);
}

/** failure() - what was found at the instruction that is being looked at */
void failure(struct sweep *s, struct path *p, enum injection kind, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->failed[kind]++;
	s->failures++;
	note(s, "FAIL %s, %s at %s: %s", p->name, kind_name[kind], where(s, s->now_addr), text);
}

/* Both tell themselves who they are in notes of the linker, and the guest has them mapped */
static bool same_kernel(struct sweep *s, const struct regs *r)
{
	const struct elf64_hdr *eh = s->syms.file;
	const struct elf64_shdr *sh = (const void *)((const char *)eh + eh->e_shoff);
	__u64 start = symbol_addr(s, "__start_notes");
	char notes[256];
	int i;

	for (i = 0; i < eh->e_shnum; i++) {
		size_t n = sh[i].sh_size < sizeof(notes) ? sh[i].sh_size : sizeof(notes);

		if (start && sh[i].sh_addr == start && sh[i].sh_type == SHT_NOTE)
			return guest_read_va(&s->guest, s->levels, kernel_root(s, r), start,
					     notes, n) &&
			       !memcmp(notes, (const char *)eh + sh[i].sh_offset, n);
	}
	return false;
}

/* SIGTERM and SIGINT can be read, as a file, and interrupt nothing */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/** told_to_end() - whether a signal comes in this time that wants the sweep to end */
bool told_to_end(const struct sweep *s, int ms)
{
	struct pollfd p = { .fd = s->signals, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

static int left_ms(void)
{
	time_t left = deadline - time(NULL);

	return left > 0 ? left * 1000 : 0;
}

static void progress(const struct sweep *s)
{
	static time_t last;
	unsigned int injected = 0, paths = 0;
	enum injection kind;
	int i;

	if (!last)
		last = time(NULL);
	if (time(NULL) < last + 10)
		return;
	last = time(NULL);
	for (i = 0; i < s->n_paths; i++) {
		paths += !path_next(s, &s->paths[i], &kind);
		for (kind = 0; kind < N_KINDS; kind++)
			injected += s->paths[i].injected[kind];
	}
	fprintf(stderr, "sweep: %u of %d paths, %u injections, %u failures\n", paths, s->n_paths,
		injected, s->failures);
}

static bool finished(const struct sweep *s)
{
	enum injection kind;
	int i;

	for (i = 0; i < s->n_paths; i++)
		if (path_next(s, &s->paths[i], &kind))
			return false;
	return true;
}

/* What came of a machine that is no longer there, or does not answer */
static void lost(struct sweep *s, enum vm_result result)
{
	struct regs r;

	/* Who ends the sweep ends the emulator, too, which may be quicker */
	if (told_to_end(s, result == VM_GONE ? SIGNAL_MS : 0)) {
		if (s->now)
			note(s, "ended by a signal at %s of %s, %s",
			     where(s, s->now_addr), s->now->name, kind_name[s->kind]);
		else
			note(s, "ended by a signal");
		return;
	}
	if (!s->now) {
		if (result == VM_GONE && s->remote.said_exit)
			note(s, "the guest ended before all paths were seen");
		else if (result == VM_GONE)
			note(s, "the emulator is gone");
		else
			note(s, "no path began in time, or the emulator does not answer");
		return;
	}
	if (result == VM_GONE && !s->remote.said_exit) {
		note(s, "the emulator is gone, at %s of %s, %s", where(s, s->now_addr),
		     s->now->name, kind_name[s->kind]);
		return;
	}
	if (result == VM_GONE) {
		failure(s, s->now, s->kind, "the guest died of it");
		return;
	}
	/* It may have stopped, and failed; or run on */
	if (regs_read(s, &r) && (remote_interrupt(&s->remote) || regs_read(s, &r)))
		note(s, "the emulator does not answer, at %s of %s, %s", where(s, s->now_addr),
		     s->now->name, kind_name[s->kind]);
	else
		failure(s, s->now, s->kind, "the guest does not come back, it is at %s",
			where(s, r.v[RIP]));
}

/*
 * In user mode.  Bit 12 of CR3 alone says nothing: without isolation roots lie anywhere.  A
 * kernel root beside it maps what runs, and not to be executed.
 */
static bool isolated(const struct sweep *s, const struct regs *r)
{
	struct leaf leaf;

	return r->v[CR3] & CR3_USER &&
	       table_lookup(&s->guest, s->levels, r->v[CR3] & PTE_ADDR & ~CR3_USER, r->v[RIP],
			    &leaf) && !(leaf.perms & PERM_X);
}

/*
 * In user mode.  The kernel root of a pair: it maps what runs to be executed, and so does the
 * user root beside it.
 */
static bool opted_out(const struct sweep *s, const struct regs *r)
{
	__u64 root = r->v[CR3] & PTE_ADDR;
	struct leaf leaf, beside;

	return !(root & CR3_USER) &&
	       table_lookup(&s->guest, s->levels, root, r->v[RIP], &leaf) &&
	       table_lookup(&s->guest, s->levels, root | CR3_USER, r->v[RIP], &beside) &&
	       leaf.perms & beside.perms & PERM_X;
}

static bool state_fits(const struct sweep *s, const struct path *p, const struct regs *r)
{
	return s->opted_out && !p->isolated ? opted_out(s, r) : isolated(s, r) == s->isolated;
}

static enum vm_result look(struct sweep *s)
{
	enum vm_result result = VM_OK;
	struct path *p;
	enum injection kind;
	struct regs r;

	result = regs_read(s, &r);
	if (!result)
		result = step(s, &r);
	while (!result && !finished(s) && s->failures < MAX_FAILURES) {
		result = paths_arm(s);
		/* Until a path begins it may be long */
		s->remote.wake = s->signals;
		if (!result)
			result = run(s, &r, left_ms());
		s->remote.wake = -1;
		if (!result && r.v[RIP] == s->exec)
			result = program_begins(s, &r);
		p = result ? NULL : path_at(s, &r);
		if (p && cpl(&r) == 3 && !state_fits(s, p, &r)) {
			note(s, "the guest is %sisolated: CR3 is %#llx in user mode",
			     isolated(s, &r) ? "" : "not ", r.v[CR3]);
			return VM_OK;
		}
		if (p && path_next(s, p, &kind))
			result = round_run(s, p, kind, &r);
		if (!result)
			result = step(s, &r);
		if (!result && !left_ms()) {
			note(s, "time is up");
			break;
		}
		progress(s);
	}
	return result;
}

/* A round without one injection is none, but where a path may have nothing to inject at */
static bool was_done(const struct path *p, enum injection kind)
{
	return p->done[kind] && (p->injected[kind] || kind == K_TRACE || kind == K_DB);
}

static bool is_missing(const struct sweep *s, const struct path *p, enum injection kind)
{
	return path_takes(s, p, kind) && !was_done(p, kind) && !p->failed[kind];
}

/* A path may touch nothing that the kernel lets anyone watch */
static void report_db(const struct sweep *s, FILE *f)
{
	int i;

	for (i = 0; i < s->n_paths; i++) {
		const struct path *p = &s->paths[i];

		if (p->done[K_DB] && !p->injected[K_DB])
			fprintf(f, "%s touches nothing that a breakpoint may be on\n", p->name);
	}
	if (s->kinds[K_DB])
		fprintf(f, "words touched on which the kernel allows no breakpoint: %u\n",
			s->refused);
}

/* What a machine cannot take, or was told to do without, is said: no column means nothing */
static void report_kinds(const struct sweep *s, FILE *f)
{
	const char *between = "not injected (--kinds): ";
	enum injection kind;
	bool taken;
	int i;

	for (kind = K_NMI; kind < N_KINDS; kind++) {
		if (s->kinds[kind])
			continue;
		fprintf(f, "%s%s", between, kind_name[kind]);
		between = ", ";
	}
	if (*between == ',')
		fprintf(f, "\n");
	for (kind = K_NMI; kind < N_KINDS; kind++) {
		for (i = 0, taken = !s->kinds[kind]; !taken && i < s->n_paths; i++)
			taken = path_takes(s, &s->paths[i], kind);
		if (!taken)
			fprintf(f, "no %s: %s\n", kind_name[kind], path_refuses(s, kind));
	}
}

/* A table of what was done; whether that was all */
static bool report(const struct sweep *s, FILE *f)
{
	unsigned int passed = 0, failed = 0, missing = 0;
	enum injection kind;
	int i;

	for (i = 0; i < s->n_paths; i++)
		for (kind = K_TRACE; kind < N_KINDS; kind++)
			missing += is_missing(s, &s->paths[i], kind);
	if (missing || !finished(s))
		fprintf(f, "PARTIAL: what was not done, and why, is told at the end\n");
	fprintf(f, "%-30s %6s", "path", "insns");
	for (kind = K_NMI; kind < N_KINDS; kind++)
		if (s->kinds[kind])
			fprintf(f, " %6s", kind_name[kind]);
	fprintf(f, " failed\n");
	for (i = 0; i < s->n_paths; i++) {
		const struct path *p = &s->paths[i];
		unsigned int bad = 0;

		if (!path_takes(s, p, K_TRACE))
			continue;
		fprintf(f, "%-30s %6u", p->name, p->insns);
		for (kind = K_TRACE; kind < N_KINDS; kind++) {
			bad += p->failed[kind];
			if (kind != K_TRACE && s->kinds[kind])
				fprintf(f, " %6u", p->injected[kind]);
			if (p->failed[kind])
				failed++;
			else if (was_done(p, kind))
				passed++;
		}
		fprintf(f, " %6u\n", bad);
	}
	for (i = 0; i < s->n_paths; i++) {
		for (kind = K_TRACE; kind < N_KINDS; kind++) {
			const struct path *p = &s->paths[i];

			if (!is_missing(s, p, kind))
				continue;
			fprintf(f, "not done: %s, %s ", p->name, kind_name[kind]);
			if (p->done[kind])
				fprintf(f, "(a round in which nothing was injected)\n");
			else
				fprintf(f, "(%u rounds went another way)\n", p->missed);
		}
	}
	report_kinds(s, f);
	report_db(s, f);
	for (i = 0; i < s->n_notes; i++)
		fprintf(f, "%s\n", s->note[i]);
	fprintf(f, "%u passed, %u failed, %u not done\n", passed, failed, missing);
	return !missing;
}

static void complain(void)
{
	fputs("Usage: sweep --programs DIR [option...]\n"
	      "   or: sweep --report --vmlinux FILE --uncovered FILE [--also COVER] COVER...\n"
	      "  --programs DIR    the guest's programs, with symbols\n"
	      "  --run LIST        those that run, parted by blanks (all)\n"
	      "  --paths PATTERN   only paths with such names; several are parted by |\n"
	      "  --kinds LIST      of nmi,mce,held,fault,int3,nested,db (all); trace: none\n"
	      "  --not-isolated    the guest is not, and has one page table a process\n"
	      "  --given-up        the same, but it was to be and enters the kernel so\n"
	      "  --opted-out       it is, but for the processes that take these paths\n"
	      "  --pcid            the guest has PCIDs in use\n"
	      "  --ibrs            the kernel has IBRS in use\n"
	      "  --model NAME      of the machine, models.txt ($PTI_MODEL)\n"
	      "  --gdb SOCKET      of the gdbstub ($PTI_GDB)\n"
	      "  --mem FILE        the guest's memory ($PTI_MEM)\n"
	      "  --mem-mb N        its size ($PTI_MEM_MB)\n"
	      "  --vmlinux FILE    the kernel with its symbols ($PTI_VMLINUX)\n"
	      "  --time SECONDS    give up after this time (300)\n"
	      "  --out FILE        write the report there\n"
	      "  --plant BREAK     SYMBOL|INSTRUCTION|BYTES: change that instruction of the guest\n"
	      "  --cover FILE      write there which instructions were reached\n"
	      "  --report          put such files together, say what none reached\n"
	      "  --also COVER      such a file, of a kernel with the same entry code elsewhere\n"
	      "  --uncovered FILE  why some need not be (sweep-uncovered.txt)\n",
	      stderr);
	exit(2);
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static void choose_kinds(struct sweep *s, char *list)
{
	char *word, *save;
	enum injection kind;

	memset(s->kinds, 0, sizeof(s->kinds));
	s->kinds[K_TRACE] = true;
	for (word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		for (kind = K_TRACE; kind < N_KINDS && strcmp(kind_name[kind], word); kind++)
			;
		if (kind == N_KINDS)
			complain();
		s->kinds[kind] = true;
	}
}

/*
 * What the kernel has in the MSR SPEC_CTRL while it runs.  All that is looked at of IBRS hangs
 * on it, so where there has to be some, its absence is no reason to look at none.
 */
static int find_spec_ctrl(struct sweep *s, const struct regs *r)
{
	__u64 current = symbol_addr(s, "x86_spec_ctrl_current");
	size_t i;

	for (i = 0; !s->rdmsr && i < s->text.n; i++)
		if (!strcmp(s->text.insn[i].text, "rdmsr"))
			s->rdmsr = s->text.insn[i].addr;
	if (current && s->rdmsr &&
	    !guest_read_va(&s->guest, s->levels, kernel_root(s, r), s->percpu + current,
			   &s->spec_ctrl, sizeof(s->spec_ctrl))) {
		fprintf(stderr, "sweep: cannot read the guest's x86_spec_ctrl_current\n");
		return -1;
	}
	if (!s->must_ibrs || s->spec_ctrl & SPEC_CTRL_IBRS)
		return 0;
	if (!current)
		fprintf(stderr, "sweep: no IBRS: the kernel has no x86_spec_ctrl_current\n");
	else if (!s->rdmsr)
		fprintf(stderr, "sweep: no IBRS: no RDMSR in the entry code to read it by\n");
	else
		fprintf(stderr, "sweep: no IBRS: the guest's x86_spec_ctrl_current is %#llx\n",
			s->spec_ctrl);
	return -1;
}

/*
 * To where the script begins that runs the programs: by then the kernel has patched its
 * text.  0, or -1 after a complaint.
 */
static int prepare(struct sweep *s, const char *vmlinux, const char *breaks)
{
	enum vm_result result = break_set(s, s->exec);
	struct regs r;

	s->remote.wake = s->signals;
	do {
		if (!result)
			result = run(s, &r, left_ms());
		if (!result)
			result = program_begins(s, &r);
		if (!result && strcmp(s->program, SCRIPT))
			result = step(s, &r);
	} while (!result && strcmp(s->program, SCRIPT));
	s->remote.wake = -1;
	if (told_to_end(s, 0)) {
		fprintf(stderr, "sweep: ended by a signal before %s began\n", SCRIPT);
		return -1;
	}
	if (result) {
		fprintf(stderr, "sweep: the guest %s before %s began%s\n",
			result == VM_GONE ? "ended" : "went on",
			SCRIPT, result == VM_GONE ? "" :
			"; its kernel has to be that of --vmlinux, without KASLR (nokaslr)");
		return -1;
	}
	/* In C of an isolated kernel it never is; in that of others it may not be by chance */
	if (s->isolated && r.v[CR3] & CR3_USER) {
		fprintf(stderr, "sweep: the guest is not isolated: CR3 is %#llx in the kernel\n",
			r.v[CR3]);
		return -1;
	}
	if (!same_kernel(s, &r)) {
		fprintf(stderr,
			"sweep: the guest runs another kernel than %s, or with KASLR (nokaslr)\n",
			vmlinux);
		return -1;
	}
	s->percpu = r.v[GS_BASE];
	if ((breaks && plant(s, breaks)) || text_read(s) || paths_owe(s) ||
	    find_spec_ctrl(s, &r) || break_set(s, s->nmi) || break_set(s, s->mce))
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "programs", required_argument, NULL, 'p' },
		{ "run", required_argument, NULL, 'R' },
		{ "out", required_argument, NULL, 'O' },
		{ "paths", required_argument, NULL, 'o' },
		{ "kinds", required_argument, NULL, 'k' },
		{ "not-isolated", no_argument, NULL, 'N' },
		{ "given-up", no_argument, NULL, 'G' },
		{ "opted-out", no_argument, NULL, 'U' },
		{ "pcid", no_argument, NULL, 'i' },
		{ "ibrs", no_argument, NULL, 'I' },
		{ "model", required_argument, NULL, 'n' },
		{ "gdb", required_argument, NULL, 'g' },
		{ "mem", required_argument, NULL, 'm' },
		{ "mem-mb", required_argument, NULL, 'M' },
		{ "vmlinux", required_argument, NULL, 'v' },
		{ "time", required_argument, NULL, 't' },
		{ "plant", required_argument, NULL, 'P' },
		{ "cover", required_argument, NULL, 'c' },
		{ "report", no_argument, NULL, 'r' },
		{ "uncovered", required_argument, NULL, 'u' },
		{ "also", required_argument, NULL, 'a' },
		{ }
	};
	const char *gdb = env("PTI_GDB"), *mem = env("PTI_MEM"), *mb = env("PTI_MEM_MB");
	const char *vmlinux = env("PTI_VMLINUX"), *model = env("PTI_MODEL");
	const char *programs = NULL, *only = "*", *running = NULL, *out = NULL;
	const char *cover = NULL, *uncovered = NULL, *also = NULL, *breaks = NULL;
	struct sweep *s = &sweep;
	enum vm_result result;
	bool complete, reporting = false;
	unsigned int seconds = 300;
	int opt;

	memset(s->kinds, true, sizeof(s->kinds));
	s->isolated = true;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'p':
			programs = optarg;
			break;
		case 'R':
			running = optarg;
			break;
		case 'O':
			out = optarg;
			break;
		case 'o':
			only = optarg;
			break;
		case 'k':
			choose_kinds(s, optarg);
			break;
		case 'N':
			s->isolated = false;
			break;
		case 'G':
			s->isolated = false;
			s->heads = true;
			break;
		case 'U':
			s->opted_out = true;
			break;
		case 'i':
			s->pcid = true;
			break;
		case 'I':
			s->must_ibrs = true;
			break;
		case 'n':
			model = optarg;
			break;
		case 'g':
			gdb = optarg;
			break;
		case 'm':
			mem = optarg;
			break;
		case 'M':
			mb = optarg;
			break;
		case 'v':
			vmlinux = optarg;
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 'P':
			breaks = optarg;
			break;
		case 'c':
			cover = optarg;
			break;
		case 'r':
			reporting = true;
			break;
		case 'u':
			uncovered = optarg;
			break;
		case 'a':
			also = optarg;
			break;
		default:
			complain();
		}
	}
	if (reporting) {
		if (!uncovered || !*vmlinux || optind == argc)
			complain();
		if (symbols_read(&s->syms, vmlinux))
			return 2;
		return cover_report(s, uncovered, also, argv + optind, argc - optind);
	}
	if (!programs || optind != argc || !*gdb || !*mem || !*mb || !*vmlinux)
		complain();

	signal(SIGPIPE, SIG_IGN);
	s->signals = open_signals();
	if (s->signals < 0) {
		perror("sweep: signals");
		return 2;
	}
	s->vendor = strncmp(model, "amd", 3) ? 'i' : 'a';
	deadline = time(NULL) + seconds;
	/* Before all that takes time: the guest is stopped at once */
	if (guest_map(&s->guest, mem, strtoull(mb, NULL, 0)) || machine_open(s, gdb)) {
		fprintf(stderr, "sweep: no answer from %s\n", gdb);
		return 2;
	}
	if (symbols_read(&s->syms, vmlinux) || inject_find(s) ||
	    paths_find(s, programs, running, only) || prepare(s, vmlinux, breaks))
		return 2;
	result = look(s);
	if (result)
		lost(s, result);
	if (result != VM_GONE)
		remote_close(&s->remote);
	if (out && !freopen(out, "w", stdout)) {
		perror(out);
		return 2;
	}
	complete = report(s, stdout);
	if (cover && cover_write(s, cover))
		return 2;
	return s->failures ? 1 : complete ? 0 : 2;
}
