// SPDX-License-Identifier: GPL-2.0-only
/*
 * tlb-explore - every order in which two CPUs can switch, flush and be interrupted
 *
 * Explores the state machine of user PCIDs (pti_pcid.h), the hooks that call it and
 * the rest of tlb.c: the files of the kernel tree, compiled into this program
 * unchanged (tlb_kernel.h), on a machine that keeps in its TLBs all that a CPU may
 * keep (tlb_machine.h), one step of an operation after the other (tlb_run.h). Few
 * emulators show a flush that is missing, and none shows all orders.
 *
 * The search is breadth first in the number of events: operations and NMIs, but that
 * an NMI in the first step of an operation is one with it. Entries, exits and the
 * receiving of interrupts are free. So a story that ends in a finding has as few
 * events as any. States are told apart by 128 bits of hash. All states with so many
 * events are seen: there is no chance in it, two runs are the same. One that a signal,
 * --time or --memory ends early says so, and how far it came.
 *
 * SPIN would not do: a c_code statement that calls a function of tlb.c is one step to it,
 * with nothing in between. It would need a translation of tlb.c, or the functions taken
 * apart, and a state vector written by hand; and it is tlb.c as shipped that has to be run.
 *
 * A finding is what rules() of tlb_machine.h forbids, and a state from which a flush that
 * is waited for is never done.
 *
 * CPU 1 alone goes offline, step by step as any operation, and comes back in one.
 *
 * Usage: tlb-explore.sh --help
 */
#include <assert.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tlb_run.h"

/* What is known of each state that was seen. */
struct seen {
	u64		hash[2];
	u32		parent;
	struct move	move;
	u8		events;
};

/*
 * States that are to be looked at, first in, first out. Most of their bytes are zero,
 * and left out: of each word the bytes that are not, behind a byte that says which.
 */
struct chunk {
	struct chunk	*next;
	size_t		n, at;
	u8		bytes[1 << 20];
};

struct todos {
	struct chunk	*first, *last;
};

#define WORDS		(sizeof(struct state) / sizeof(u64))
#define MAX_PACKED	(sizeof(u32) + 9 * WORDS)

#define NO_PARENT	UINT32_MAX

static struct seen *seen;
static u32 *table;		/* number + 1, by hash */
static size_t nr_seen, seen_room, table_size;
static unsigned long transitions;
static struct todos this_level, next_level;

static unsigned int nr_mms = USER_MMS;
static bool nmis = true;

static const struct flavour {
	const char	*name, *what;
	bool		pcid, invpcid;
} modes[] = {
	{ "nopcid", "without PCID", false, true },
	{ "pcid", "PCID without INVPCID", true, false },
	{ "invpcid", "PCID and INVPCID", true, true },
};

#define MODES		(sizeof(modes) / sizeof(modes[0]))

/* What is explored, and how far: the lines at the end have it, whenever that is. */
static const struct flavour *mode;
static unsigned int level, max_events = 3;
static clock_t begun;
static unsigned long all_states, all_transitions;

static void mode_line(void)
{
	printf("%-22s %10zu states %10lu transitions %6.1f s of CPU\n", mode->what,
	       nr_seen, transitions, (double)(clock() - begun) / CLOCKS_PER_SEC);
	all_states += nr_seen;
	all_transitions += transitions;
}

static void last_line(void)
{
	printf("%lu distinct states, %lu transitions, ", all_states, all_transitions);
	printf("bound: %u events, %u mms, %u ASIDs, %u CPUs, %s", max_events, nr_mms,
	       TLB_NR_DYN_ASIDS, CPUS, nmis ? "NMIs" : "no NMIs");
	if (opt_outs)
		printf(", opting out");
}

/* The end, before all is seen: of this mode, all states with fewer events are. */
static _Noreturn void partial(const char *why)
{
	mode_line();
	last_line();
	printf("; PARTIAL, level %u of %s\n", level, mode->name);
	fflush(stdout);
	fprintf(stderr, "tlb-explore: %s\n", why);
	exit(2);
}

static void *grow(void *old, size_t n, size_t size)
{
	void *new = realloc(old, n * size);

	if (!new)
		partial("out of memory: take fewer --events or --mms, or more --memory");
	return new;
}

static void hash(const struct state *s, u64 out[2])
{
	const u64 *word = (const u64 *)s;
	u64 a = 0x9e3779b97f4a7c15, b = 0xc2b2ae3d27d4eb4f;
	size_t i;

	static_assert(sizeof(*s) % sizeof(*word) == 0, "whole words");
	for (i = 0; i < WORDS; i++) {
		__uint128_t product = (__uint128_t)(a ^ word[i]) * 0xff51afd7ed558ccd;

		a = (u64)product ^ (u64)(product >> 64) ^ i;
		b = (b ^ word[i]) * 0xc4ceb9fe1a85ec53;
		b ^= b >> 29;
	}
	out[0] = a;
	out[1] = b;
}

static void fill_table(void)
{
	size_t i, at;

	memset(table, 0, table_size * sizeof(*table));
	for (i = 0; i < nr_seen; i++) {
		at = seen[i].hash[0] & (table_size - 1);
		while (table[at])
			at = (at + 1) & (table_size - 1);
		table[at] = i + 1;
	}
}

static void put(struct todos *todos, const struct state *s, u32 number)
{
	struct chunk *c = todos->last;
	const u8 *from = (const u8 *)s;
	unsigned int word, byte;
	u8 *mask;

	if (!c || c->n + MAX_PACKED > sizeof(c->bytes)) {
		c = grow(NULL, 1, sizeof(*c));
		c->next = NULL;
		c->n = 0;
		c->at = 0;
		if (todos->last)
			todos->last->next = c;
		else
			todos->first = c;
		todos->last = c;
	}
	memcpy(c->bytes + c->n, &number, sizeof(number));
	c->n += sizeof(number);
	for (word = 0; word < WORDS; word++, from += 8) {
		mask = &c->bytes[c->n++];
		*mask = 0;
		for (byte = 0; byte < 8; byte++) {
			if (from[byte]) {
				*mask |= 1U << byte;
				c->bytes[c->n++] = from[byte];
			}
		}
	}
}

static bool take(struct todos *todos, struct state *s, u32 *number)
{
	struct chunk *c = todos->first;
	u8 *to = (u8 *)s;
	unsigned int word, byte;
	u8 mask;

	while (c && c->at == c->n) {
		todos->first = c->next;
		if (!c->next)
			todos->last = NULL;
		free(c);
		c = todos->first;
	}
	if (!c)
		return false;
	memcpy(number, c->bytes + c->at, sizeof(*number));
	c->at += sizeof(*number);
	memset(s, 0, sizeof(*s));
	for (word = 0; word < WORDS; word++, to += 8) {
		mask = c->bytes[c->at++];
		for (byte = 0; byte < 8; byte++)
			if (mask & 1U << byte)
				to[byte] = c->bytes[c->at++];
	}
	return true;
}

/* A state was reached with @events: is it new, or was it seen with more of them only? */
static u32 reached(const struct state *s, u32 parent, struct move m, unsigned int events)
{
	u64 h[2];
	size_t at;
	u32 number;

	hash(s, h);
	at = h[0] & (table_size - 1);
	while (table[at]) {
		number = table[at] - 1;
		if (seen[number].hash[0] == h[0] && seen[number].hash[1] == h[1]) {
			if (seen[number].events <= events)
				return number;
			goto cheaper;
		}
		at = (at + 1) & (table_size - 1);
	}

	number = nr_seen;
	if (nr_seen == seen_room) {
		seen_room = seen_room ? seen_room * 3 / 2 : 1 << 16;
		seen = grow(seen, seen_room, sizeof(*seen));
	}
	nr_seen++;
	table[at] = number + 1;
cheaper:
	seen[number] = (struct seen) { { h[0], h[1] }, parent, m, events };
	if (2 * nr_seen > table_size) {
		table_size *= 2;
		table = grow(table, table_size, sizeof(*table));
		fill_table();
	}
	if (events == level)
		put(&this_level, s, number);
	else
		put(&next_level, s, number);
	return number;
}

/* How a state was come to, in words: all of it happens again. */
static void tell(u32 number, const char *what)
{
	u32 at, n = 0, i, *path;
	struct state s;

	for (at = number; seen[at].parent != NO_PARENT; at = seen[at].parent)
		n++;
	path = grow(NULL, n + 1, sizeof(*path));
	for (at = number, i = n; seen[at].parent != NO_PARENT; at = seen[at].parent)
		path[--i] = at;

	/* The first that are seen are the starts. */
	start(&s, at);
	printf("\n%s\n", starts[at]);
	telling = true;
	line = 0;
	for (i = 0; i < n; i++)
		run(&s, seen[path[i]].move);
	telling = false;
	printf("%4u. FOUND: %s\n\n", line + 1, what);
	free(path);
}

static struct move begin(unsigned int cpu, unsigned int op, unsigned int mm)
{
	return (struct move) { cpu, op + OP_MM * mm, GO };
}

/* All that can follow a state. Returns true if something is wrong with one of it. */
static bool expand(const struct state *from, u32 number)
{
	static struct state next;
	struct move moves[OPS * USER_MMS];
	unsigned int cpu, op, mm, i, n;
	bool waits = false, goes_on = false;

	for (cpu = 0; cpu < CPUS; cpu++) {
		const struct cpu *c = &from->cpu[cpu];

		n = 0;
		waits |= c->op && c->waits;
		if (c->op) {
			if (!c->waits || !from->cpu[!cpu].ipi.func)
				moves[n++] = (struct move) { cpu, 0, GO };
			if (!c->irqs_off && c->ipi.func)
				moves[n++] = (struct move) { cpu, 0, TAKE_IPI };
		} else {
			for (op = 1; op < OPS; op++)
				for (mm = 0; mm < (ops[op].of_mm ? nr_mms : 1); mm++)
					if ((ops[op].free || level < max_events) &&
					    ops[op].can(from, cpu, mm))
						moves[n++] = begin(cpu, op, mm);
		}

		goes_on |= n;
		for (i = 0; i < n; i++) {
			struct move m = moves[i];
			bool free = !m.op || ops[m.op % OP_MM].free;
			unsigned int at = 0, last;
			u32 to;

			do {
				next = *from;
				m.how = moves[i].how | at;
				last = run(&next, m);
				transitions++;
				to = reached(&next, number, m, level + (at || !free));
				if (finding) {
					tell(to, finding);
					return true;
				}
			} while (nmis && level < max_events && ++at <= last && at <= NMI_STEPS);
		}
	}
	/* The bound keeps back no move that would end a wait: to take an interrupt is free. */
	if (waits && !goes_on) {
		tell(number, "a CPU waits for a flush that is never done, as no CPU can go on");
		return true;
	}
	return false;
}

/* A line now and then, for who waits. */
static void progress(void)
{
	static time_t last;
	time_t t = time(NULL);

	if (!last)
		last = t;
	if (t - last < 10)
		return;
	last = t;
	fprintf(stderr, "tlb-explore: %s, %u events: %zu states\n", mode->what, level, nr_seen);
}

/* Why it is to end early: a signal, SIGALRM for --time. */
static volatile sig_atomic_t ended_by;

static void end_early(int sig)
{
	ended_by = sig;
}

/* explore() - everything within max_events; returns true if something is wrong */
static bool explore(void)
{
	struct move none = { 0, 0, 0 };
	unsigned int kind, n = 0;
	struct state s;
	u32 number;

	level = 0;
	nr_seen = 0;
	transitions = 0;
	table_size = 1 << 17;
	table = grow(table, table_size, sizeof(*table));
	fill_table();
	for (kind = 0; kind < (opt_outs ? STARTS : OUT); kind++) {
		start(&s, kind);
		reached(&s, NO_PARENT, none, 0);
	}

	for (; level <= max_events; level++) {
		while (take(&this_level, &s, &number)) {
			/* It may have been come to with fewer events since. */
			if (seen[number].events < level)
				continue;
			if (expand(&s, number))
				return true;
			if (ended_by)
				partial(ended_by == SIGALRM ? "the time of --time is over" :
					"ended by a signal");
			if (!(++n % 4096))
				progress();
		}
		this_level = next_level;
		next_level = (struct todos) { NULL, NULL };
	}
	return false;
}

/* How much memory there is, in MB: who takes more is killed, with all that it knows. */
static unsigned long available(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long kb = 0;
	char text[100];

	while (f && !kb && fgets(text, sizeof(text), f))
		if (sscanf(text, "MemAvailable: %lu", &kb) != 1)
			kb = 0;
	if (f)
		fclose(f);
	return kb / 1024;
}

static unsigned int number_of(const char *option, const char *text, unsigned int max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n < 1 || n > max) {
		fprintf(stderr, "tlb-explore: %s takes a number from 1 to %u, not \"%s\"\n",
			option, max, text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "events", required_argument, NULL, 'e' },
		{ "mms", required_argument, NULL, 'm' },
		{ "mode", required_argument, NULL, 'o' },
		{ "no-nmi", no_argument, NULL, 'n' },
		{ "opt-out", no_argument, NULL, 'x' },
		{ "invlpg-keeps-globals", no_argument, NULL, 'g' },
		{ "time", required_argument, NULL, 't' },
		{ "memory", required_argument, NULL, 'y' },
		{ }
	};
	static char output[BUFSIZ];
	struct sigaction early = { .sa_handler = end_early, .sa_flags = SA_RESTART };
	unsigned long memory = available();
	unsigned int seconds = 0;
	const struct flavour *only = NULL;
	struct rlimit limit;
	bool found = false;
	int opt;

	/* Before anything else: who ends it wants to hear how far it came. */
	sigaction(SIGALRM, &early, NULL);
	sigaction(SIGTERM, &early, NULL);
	sigaction(SIGINT, &early, NULL);
	sigaction(SIGHUP, &early, NULL);

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'e':
			max_events = number_of("--events", optarg, 200);
			break;
		case 'm':
			nr_mms = number_of("--mms", optarg, USER_MMS);
			break;
		case 'o':
			for (only = modes; only < modes + MODES; only++)
				if (!strcmp(only->name, optarg))
					break;
			if (only == modes + MODES) {
				fprintf(stderr,
					"tlb-explore: no mode \"%s\"; there are: nopcid pcid invpcid\n",
					optarg);
				return 2;
			}
			break;
		case 'n':
			nmis = false;
			break;
		case 'x':
			opt_outs = true;
			break;
		case 'g':
			invlpg_keeps_globals = true;
			break;
		case 't':
			seconds = number_of("--time", optarg, 10000000);
			break;
		case 'y':
			memory = number_of("--memory", optarg, 100000000);
			break;
		default:
			fprintf(stderr, "tlb-explore: --help lists the options\n");
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "tlb-explore: what is \"%s\"? --help lists the options\n",
			argv[optind]);
		return 2;
	}
	/* Not from a heap that may be full when the last line is due */
	setvbuf(stdout, output, _IOLBF, sizeof(output));
	limit.rlim_cur = memory << 20;
	limit.rlim_max = memory << 20;
	if (memory && setrlimit(RLIMIT_AS, &limit))
		perror("tlb-explore: memory is not limited");
	alarm(seconds);

	for (mode = modes; mode < modes + MODES && !found; mode++) {
		if (only && only != mode)
			continue;
		features[X86_FEATURE_PGE] = true;
		features[X86_FEATURE_PTI] = true;
		features[X86_FEATURE_PCID] = mode->pcid;
		features[X86_FEATURE_PTI_PCID] = mode->pcid;
		features[X86_FEATURE_INVPCID] = mode->invpcid;
		begun = clock();
		found = explore();
		mode_line();
	}
	last_line();
	printf("%s\n", found ? "; stopped at what was found" : "");
	return found;
}
