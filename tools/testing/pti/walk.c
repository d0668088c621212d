// SPDX-License-Identifier: GPL-2.0-only
/*
 * walk: what user mode can reach of a running guest's kernel, seen from outside.
 *
 * Runs beside QEMU, which shares the guest's memory through a file and offers its
 * gdbstub on a socket, or beside Bochs, whose debugger reads commands from a pipe.
 * Stops the guest again and again while guest/victim.c goes through its phases, or, with
 * --load, whatever runs there until it ends, makes the checks of walk_check.c at each
 * stop, and says in the end what the user page table shows, and what it should not.
 *
 * Exit status: 0 nothing to object to, 1 differences, 2 could not tell.
 */
#include <getopt.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/beacon.h"
#include "walk.h"

#define MAX_PHASES	64
#define MIN_USEC	500U
#define MAX_USEC	12000
#define LOAD_PROBES	1000	/* comparisons between two rounds of probes */

struct phase {
	char name[BEACON_NAME + 1];
	unsigned int wanted, seen;
	bool dumped;
};

struct session {
	struct audit audit;
	struct vm *vm;
	struct phase phase[MAX_PHASES];
	unsigned int last_phase;	/* 0 until the program has said it */
	unsigned int wanted;		/* --load: comparisons, or 0 */
	unsigned int next_probes;	/* not before so many */
	unsigned int unread;		/* stops with a CPU outside of 64-bit mode */
	bool dump, dumped, want_pcids;
	int probes, overlooked;
	const char *out, *figures;
	const char *dumps;	/* directory for a dump of each phase */
};

/*
 * Frame of the program's page, if the CPU is in user mode in one of its processes, or 0. For a
 * dump it may be in the kernel, as QEMU does not show all registers of 32-bit code.
 */
static __u64 find_beacon(const struct session *s, const struct cpu_state *c)
{
	const struct audit *a = &s->audit;
	struct leaf leaf;
	struct beacon b;

	if ((c->cpl != 3 && !s->dumps) ||
	    !table_lookup(&a->guest, paging_levels(c), c->cr3 & PTE_ADDR, BEACON_VA, &leaf) ||
	    leaf.size != PAGE_SIZE || !guest_read(&a->guest, leaf.pa, &b, sizeof(b)))
		return 0;
	return memcmp(b.magic, BEACON_MAGIC, sizeof(b.magic)) ? 0 : leaf.pa;
}

/*
 * Whether the program may have I/O ports in this phase; with --dumps it says what it is when it
 * has them already.
 */
static bool has_ports(const struct session *s, __u64 frame)
{
	const struct audit *a = &s->audit;
	struct beacon b;

	return a->load || s->dumps || (guest_read(&a->guest, frame, &b, sizeof(b)) &&
			   !strncmp(b.name, "ioperm", strlen("ioperm")));
}

static enum vm_result count_phase(struct session *s, __u64 frame)
{
	struct phase *p;
	struct beacon b;

	if (!guest_read(&s->audit.guest, frame, &b, sizeof(b)) || b.phase < 1 ||
	    b.phase >= MAX_PHASES)
		return VM_OK;
	p = &s->phase[b.phase];
	memcpy(p->name, b.name, sizeof(b.name));
	p->wanted = b.wanted;
	p->seen++;
	if (b.last)
		s->last_phase = b.phase;
	return guest_store(&s->audit.guest, frame + offsetof(struct beacon, seen), b.seen + 1);
}

static void dump(struct session *s, const struct cpu_state *c)
{
	const struct guest *g = &s->audit.guest;
	bool nxe = c->efer & EFER_NXE;

	printf("user page table %llx\n", c->cr3 & PTE_ADDR);
	dump_root(stdout, g, paging_levels(c), c->cr3 & PTE_ADDR, nxe);
	printf("kernel page table %llx\n", c->cr3 & PTE_ADDR & ~CR3_USER);
	dump_root(stdout, g, paging_levels(c), c->cr3 & PTE_ADDR & ~CR3_USER, nxe);
	s->dumped = true;
}

/* Once a phase, of a process that has said what it is */
static void dump_phase(struct session *s, const struct cpu_state *c, __u64 frame)
{
	struct beacon b;
	char path[512];
	FILE *f;

	if (!s->dumps || !guest_read(&s->audit.guest, frame, &b, sizeof(b)) || b.phase < 1 ||
	    b.phase >= MAX_PHASES || s->phase[b.phase].dumped)
		return;
	snprintf(path, sizeof(path), "%s/%u.outside", s->dumps, b.phase);
	f = fopen(path, "w");
	if (f)
		dump_audit(&s->audit, c, s->phase[b.phase].name, f);
	if (!f || fclose(f)) {
		perror(path);
		exit(2);
	}
	s->phase[b.phase].dumped = true;
}

static void probe(struct session *s, const struct cpu_state *cpus, int n, int cpu)
{
	if (s->audit.stats.compared < s->next_probes || !can_probe(&s->audit, &cpus[cpu]))
		return;
	s->next_probes = s->wanted ? s->audit.stats.compared + LOAD_PROBES : ~0U;
	s->probes += probe_all(&s->audit, cpus, n, cpu, &s->overlooked);
}

/* One stop; the machine is stopped when this is called, and when it returns */
static enum vm_result one_stop(struct session *s, bool *started)
{
	static struct cpu_state cpus[MAX_CPUS];
	struct audit *a = &s->audit;
	__u64 beacon[MAX_CPUS];
	enum vm_result r;
	int n, i;

	guest_has_run(&a->guest);
	r = s->vm->ops->cpus(s->vm, cpus, &n, !a->facts.known);
	if (r)
		return r;
	for (i = 0; i < n; i++) {
		beacon[i] = find_beacon(s, &cpus[i]);
		if (beacon[i]) {
			*started = true;
			a->ports_may = has_ports(s, beacon[i]);
		}
		if (beacon[i] && s->dump && !s->dumped)
			dump(s, &cpus[i]);
	}
	if (!*started)
		return VM_OK;
	if (!a->facts.known)
		facts_learn(a, cpus, n);
	if (!a->facts.known || n != a->facts.ncpus) {
		s->unread += a->facts.known;
		return VM_OK;
	}
	check_stop(a, cpus, n);
	for (i = 0; !r && i < n; i++) {
		if (beacon[i])
			r = count_phase(s, beacon[i]);
		if (beacon[i])
			dump_phase(s, &cpus[i], beacon[i]);
		if (beacon[i] || s->wanted)
			probe(s, cpus, n, i);
	}
	return r;
}

/* Between two stops; for a dump of each phase, few are enough */
static unsigned int pause_usec(const struct session *s, bool started)
{
	if (!started)
		return s->vm->ops->boot_usec;
	return (MIN_USEC + rand() % (MAX_USEC - MIN_USEC)) * (s->dumps ? 4 : 1);
}

static enum vm_result watch(struct session *s, unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	enum vm_result r = VM_OK;
	bool started = s->wanted;

	while (!r && time(NULL) < end) {
		r = one_stop(s, &started);
		if (!r)
			r = s->vm->ops->run(s->vm, pause_usec(s, started));
		if (!r)
			r = s->vm->ops->stop(s->vm);
	}
	if (r != VM_GONE)
		s->vm->ops->close(s->vm);
	return r;
}

/* Says which PCIDs were met; whether there were some, in both modes */
static bool pcids_met(const struct stats *st, FILE *f)
{
	unsigned int i, user = 0, kernel = 0;

	fprintf(f, "PCIDs in user mode:");
	for (i = 0; i < ARRAY_SIZE(st->user_pcid); i++) {
		user += st->user_pcid[i];
		if (st->user_pcid[i])
			fprintf(f, " %x %u times,", i, st->user_pcid[i]);
	}
	fprintf(f, " in all %u; in kernel mode:", user);
	for (i = 0; i < ARRAY_SIZE(st->kernel_pcid); i++) {
		kernel += st->kernel_pcid[i];
		if (st->kernel_pcid[i])
			fprintf(f, " %x %u times,", i, st->kernel_pcid[i]);
	}
	fprintf(f, " in all %u\n", kernel);
	return user && kernel;
}

/* Whether every phase was looked at often enough, on every CPU; says what was not */
static bool complete(const struct session *s, FILE *f)
{
	const struct stats *st = &s->audit.stats;
	bool ok = true;
	unsigned int i;
	int cpu;

	if (!s->audit.facts.known)
		fprintf(f, "never learnt where CPU areas, per-CPU memory and the image are\n");
	fprintf(f, "%u stops; CPUs in user mode %u times, in kernel mode %u times\n",
		st->stops, st->user, st->kernel);
	if (st->off)
		fprintf(f, "%u of the stops while isolation was switched off\n", st->off);
	if (s->wanted) {
		fprintf(f, "%u comparisons at random instants, of %u; %u more stops %s\n",
			st->compared, s->wanted, s->unread, "with a CPU outside of 64-bit mode");
		ok = st->compared >= s->wanted;
	}
	for (i = 1; i < MAX_PHASES; i++) {
		const struct phase *p = &s->phase[i];

		if (i > s->last_phase && !p->seen)
			break;
		fprintf(f, "    phase %2u %-20s %4u of %u\n", i, p->name, p->seen, p->wanted);
		if (!p->seen || p->seen < p->wanted)
			ok = false;
	}
	for (cpu = 0; cpu < s->audit.facts.ncpus; cpu++) {
		if (!st->user_on[cpu]) {
			fprintf(f, "CPU %d was never met in user mode\n", cpu);
			ok = false;
		}
	}
	if (s->want_pcids && !pcids_met(st, f))
		ok = false;
	if (s->audit.opted_out_to) {
		fprintf(f, "opted out, in user mode, %u times\n", st->opted_out);
		ok = ok && st->opted_out;
	}
	if (st->tlb_stops) {
		fprintf(f, "TLBs: looked at %u times, %u kernel addresses in them\n",
			st->tlb_stops, st->tlb_entries);
		ok = ok && st->tlb_entries;
	}
	fprintf(f, "probes: %d made, %d overlooked\n", s->probes, s->overlooked);
	if (!s->probes || s->overlooked)
		ok = false;
	if (!s->wanted && !s->last_phase) {
		fprintf(f, "the guest did not come to its last phase\n");
		ok = false;
	}
	return ok;
}

static void write_figures(const struct session *s, FILE *f)
{
	const struct audit *a = &s->audit;
	int i;

	fprintf(f, "cpus %d\nlevels %d\nstops %u\n", a->facts.ncpus, a->facts.levels,
		a->stats.stops);
	for (i = 0; i < a->rows.n; i++)
		if (a->stats.row[i].leaves)
			fprintf(f, "row %s pages %u leaves %u perms %s\n", a->rows.v[i].name,
				a->stats.row[i].pages, a->stats.row[i].leaves,
				perms_text(a->stats.row[i].perms));
	fprintf(f, "unlisted_pages %u\n", a->stats.row[MAX_ROWS].pages);
	fprintf(f, "executable_bytes %llu\n", a->stats.max_exec);
	fprintf(f, "writable_bytes %llu\n", a->stats.max_write);
	fprintf(f, "read_only_bytes %llu\n", a->stats.max_read);
	fprintf(f, "least_bytes %llu\n", a->stats.min_bytes);
	fprintf(f, "total_bytes %llu\n", a->stats.max_bytes);
	fprintf(f, "process_bytes %llu\n", a->stats.max_process);
	fprintf(f, "two_cpus_bytes %llu\n", a->stats.max_two);
	fprintf(f, "each_cpu_bytes %llu\n", a->stats.max_cpu);
	fprintf(f, "differences %d\n", a->n_found);
}

static int verdict(struct session *s, FILE *f)
{
	const struct audit *a = &s->audit;
	bool ok;
	int i;

	if (a->facts.known)
		report_table(a, f);
	ok = complete(s, f);
	report_findings(a, f);
	if (a->n_found) {
		fprintf(f, "audit: DIFFERENT: %d differences:", a->n_found);
		for (i = 0; i < N_FINDINGS; i++)
			if (a->of_kind[i])
				fprintf(f, " %s %u", finding_name(i), a->of_kind[i]);
		fputc('\n', f);
		return 1;
	}
	if (!ok) {
		fprintf(f, "audit: COULD NOT TELL\n");
		return 2;
	}
	fprintf(f, "audit: CLEAN\n");
	return 0;
}

static int finish(struct session *s)
{
	FILE *f = s->out ? fopen(s->out, "w") : stdout;
	int status;

	if (!f) {
		perror(s->out);
		return 2;
	}
	status = verdict(s, f);
	if (f != stdout && fclose(f)) {
		perror(s->out);
		return 2;
	}
	if (s->figures && s->audit.facts.known) {
		f = fopen(s->figures, "w");
		if (f)
			write_figures(s, f);
		if (!f || fclose(f)) {
			perror(s->figures);
			return 2;
		}
	}
	return status;
}

static void complain(void)
{
	fputs("Usage: walk --expected FILE [option...]\n"
	      "  --expected FILE   what may be mapped (exposure.expected)\n"
	      "  --when CONDITION  rows with this condition apply; may be repeated\n"
	      "  --gdb WHERE       socket or HOST:PORT of the gdbstub ($PTI_GDB)\n"
	      "  --bochs WHERE     or Bochs' debugger: WHERE.in, .out and .pid ($PTI_BOCHS)\n"
	      "  --pcid            the machine has PCIDs: it counts as not told if none is met\n"
	      "  --mem FILE        the guest's memory, under QEMU ($PTI_MEM)\n"
	      "  --mem-mb N        its size ($PTI_MEM_MB)\n"
	      "  --vmlinux FILE    the kernel with its symbols ($PTI_VMLINUX)\n"
	      "  --time SECONDS    give up after this time (300)\n"
	      "  --load N          not victim.c, but a load runs in the guest: compare until it\n"
	      "                    ends; fewer than N times counts as not told\n"
	      "  --opted-out FROM-TO  user mode may be on the kernel page table with RIP there, and\n"
	      "                    has to be met so\n"
	      "  --seed N          for the times between the stops\n"
	      "  --out FILE        write the report there, not to standard output\n"
	      "  --report FILE     write the figures there\n"
	      "  --dumps DIR       write what is shown in each phase there, in the format of x86/pti_audit\n"
	      "  --dump            print both page tables at the first stop in user mode\n",
	      stderr);
	exit(2);
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "expected", required_argument, NULL, 'e' },
		{ "when", required_argument, NULL, 'w' },
		{ "gdb", required_argument, NULL, 'g' },
		{ "bochs", required_argument, NULL, 'b' },
		{ "pcid", no_argument, NULL, 'p' },
		{ "mem", required_argument, NULL, 'm' },
		{ "mem-mb", required_argument, NULL, 'M' },
		{ "vmlinux", required_argument, NULL, 'v' },
		{ "time", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "opted-out", required_argument, NULL, 'x' },
		{ "load", required_argument, NULL, 'l' },
		{ "out", required_argument, NULL, 'o' },
		{ "report", required_argument, NULL, 'r' },
		{ "dump", no_argument, NULL, 'd' },
		{ "dumps", required_argument, NULL, 'D' },
		{ }
	};
	const char *gdb = env("PTI_GDB"), *bochs = env("PTI_BOCHS");
	const char *mem = env("PTI_MEM"), *mb = env("PTI_MEM_MB");
	const char *vmlinux = env("PTI_VMLINUX"), *expected = NULL, *when[8];
	static struct session s;
	unsigned int seconds = 300;
	int opt, n_when = 0;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'e':
			expected = optarg;
			break;
		case 'w':
			if (n_when == ARRAY_SIZE(when))
				complain();
			when[n_when++] = optarg;
			break;
		case 'g':
			gdb = optarg;
			break;
		case 'b':
			bochs = optarg;
			break;
		case 'p':
			s.want_pcids = true;
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
		case 's':
			srand(strtoul(optarg, NULL, 0));
			break;
		case 'x':
			if (sscanf(optarg, "%llx-%llx", &s.audit.opted_out_from,
				   &s.audit.opted_out_to) != 2)
				complain();
			break;
		case 'l':
			s.wanted = strtoul(optarg, NULL, 0);
			s.audit.load = true;
			s.audit.ports_may = true;
			if (!s.wanted)
				complain();
			break;
		case 'o':
			s.out = optarg;
			break;
		case 'r':
			s.figures = optarg;
			break;
		case 'D':
			s.dumps = optarg;
			s.audit.ports_may = true;
			break;
		case 'd':
			s.dump = true;
			break;
		default:
			complain();
		}
	}
	if (!expected || optind != argc || !(*bochs || (*gdb && *mem)) || !*mb || !*vmlinux)
		complain();

	signal(SIGPIPE, SIG_IGN);
	if (expect_read(&s.audit.rows, expected))
		return 2;
	while (n_when--) {
		if (expect_when(&s.audit.rows, when[n_when])) {
			fprintf(stderr, "walk: no row has the condition %s\n", when[n_when]);
			return 2;
		}
	}
	if (symbols_read(&s.audit.syms, vmlinux) || expect_symbols(&s.audit))
		return 2;
	check_symbols(&s.audit);
	s.vm = *bochs ? bochs_open(bochs) : gdb_open(gdb);
	if (!s.vm) {
		fprintf(stderr, "walk: no answer from %s\n", *bochs ? bochs : gdb);
		return 2;
	}
	if (*bochs ? guest_copy(&s.audit.guest, s.vm, strtoull(mb, NULL, 0)) :
		     guest_map(&s.audit.guest, mem, strtoull(mb, NULL, 0))) {
		s.vm->ops->close(s.vm);
		return 2;
	}
	if (watch(&s, seconds) == VM_ERROR)
		fprintf(stderr, "walk: lost the emulator\n");
	return finish(&s);
}
