// SPDX-License-Identifier: GPL-2.0-only
/*
 * left: what the kernel leaves in memory that the user page table maps.
 *
 * Runs beside QEMU (run.sh --attach), which shares the guest's memory through a file and
 * offers its gdbstub on a socket, while guest/marker.c runs in the guest.  Stops it
 * again and again: in kernel mode it injects an NMI or a machine check, which is taken
 * there before the next instruction; in user mode it looks at what is mapped of the
 * kernel, for pointers into it and for the markers that only kernel mode has in registers.
 * The program makes #DBs in kernel mode meanwhile, and guest/left_df.c beside it #DFs.
 *
 * Exit status: 0 nothing is left, 1 something is, 2 could not tell, 3 the kernel lies where
 * it is linked: pointers in text are as in the image's file then, which tells nothing.
 */
#include <getopt.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/left_df.h"
#include "guest/marker.h"
#include "left.h"

#define MIN_USEC	200U
#define MAX_USEC	1200U
#define SECONDS_A_LINE	10
#define ALSO_USER	4	/* one of so many looks is followed by an injection, too */
#define PLANT_EVERY	500	/* looks */
#define MAX_NAMES	8

/* Bank 9: valid, uncorrected, enabled, signalled, of memory scrubbing; IP is valid */
#define RAISE_MCE	"mce 0 9 0xb1000000000000c0 0x5 0 0"
/* The same but deferred: without error recovery, AMD's CPUs go on after no other */
#define RAISE_MCE_AMD	"mce 0 9 0xb0001000000000c0 0x5 0 0"
#define RAISE_NMI	"nmi"

struct session {
	struct left left;
	struct vm *vm;
	__u64 page;		/* frame of the program's page, once it was met */
	struct marker_page said;	/* as it stood at the last stop */
	__u64 df_page;		/* the same of the program that takes #DFs */
	struct left_df_page df;
	__u32 df_before;	/* how many there had been at the last look */
	unsigned int df_looks;	/* that had some before them */
	bool learnt, enough, done, unmoved;
	unsigned int stops, kernel;
	unsigned int nmi[2], mce[2];	/* injected in kernel mode, in user mode */
	/* of the last injection: the round of the program, whether it was in user mode */
	__u32 round;
	bool user, over;
	const char *raise_mce;
	unsigned int events, doubles, looks, places;
	const char *text;	/* the list of pointers in text */
	const char *must[MAX_NAMES];
	int n_must;
};

static bool is_marker_page(const struct session *s, __u64 pa, struct marker_page *p)
{
	return guest_read(&s->left.audit.guest, pa, p, sizeof(*p)) &&
	       !memcmp(p->magic, MARKER_MAGIC, sizeof(p->magic));
}

/* A program's page, by the page table of a CPU that runs it in user mode */
static bool user_page(const struct session *s, const struct cpu_state *c, __u64 va, __u64 *pa)
{
	struct leaf leaf;

	if (c->cpl != 3 ||
	    !table_lookup(&s->left.audit.guest, paging_levels(c), c->cr3 & PTE_ADDR, va, &leaf) ||
	    leaf.size != PAGE_SIZE)
		return false;
	*pa = leaf.pa;
	return true;
}

static void find_page(struct session *s, const struct cpu_state *c)
{
	struct marker_page p;
	__u64 pa;

	if (user_page(s, c, MARKER_PAGE_VA, &pa) && is_marker_page(s, pa, &p)) {
		s->page = pa;
		s->round = p.round;
	}
}

static bool is_df_page(const struct session *s, __u64 pa, struct left_df_page *p)
{
	return guest_read(&s->left.audit.guest, pa, p, sizeof(*p)) &&
	       !memcmp(p->magic, LEFT_DF_MAGIC, sizeof(p->magic));
}

/* Whether the program that takes #DFs lives, if it has begun; what it counts */
static bool read_df_page(struct session *s, const struct cpu_state *c)
{
	struct left_df_page p;
	__u64 pa;

	if (s->df_page)
		return is_df_page(s, s->df_page, &s->df);
	if (user_page(s, c, LEFT_DF_VA, &pa) && is_df_page(s, pa, &p)) {
		s->df_page = pa;
		s->df = p;
	}
	return true;
}

/* Of what the guest counts, what was taken in kernel mode at least */
static unsigned int in_kernel(const unsigned int *injected, __u32 counted)
{
	return counted > injected[1] ? counted - injected[1] : 0;
}

/*
 * An NMI or a machine check, if the last one is over: one more #MC would reset the machine,
 * and the IRET of an #MC on top of an NMI lets in the next NMI, where the first may not be
 * on its feet yet: no kernel survives that.  On this only CPU one that was taken in kernel
 * mode is over once user mode runs, and any once the program has gone on.
 */
static enum vm_result inject(struct session *s, bool user)
{
	bool nmi_due = in_kernel(s->nmi, s->said.nmi) < s->events;
	bool mce_due = in_kernel(s->mce, s->said.mce) < s->events;
	bool mce = mce_due && (!nmi_due || rand() % 2);

	if (!s->over || (!nmi_due && !mce_due))
		return VM_OK;
	s->over = false;
	s->round = s->said.round;
	s->user = user;
	(mce ? s->mce : s->nmi)[user]++;
	return s->vm->ops->monitor(s->vm, mce ? s->raise_mce : RAISE_NMI);
}

static bool had_enough(const struct session *s)
{
	return in_kernel(s->nmi, s->said.nmi) >= s->events &&
	       in_kernel(s->mce, s->said.mce) >= s->events &&
	       s->said.db >= s->events && s->df.taken >= s->doubles &&
	       s->left.looks >= s->looks;
}

static enum vm_result tell(struct session *s, size_t offset)
{
	return guest_store(&s->left.audit.guest, s->page + offset, 1);
}

static enum vm_result look(struct session *s, const struct cpu_state *c)
{
	if (!is_pair(&s->left.audit, c)) {
		fprintf(stderr, "left: no user page table: is this kernel isolated?\n");
		return VM_ERROR;
	}
	left_look(&s->left, c, 1, 0);
	s->df_looks += s->df.taken != s->df_before;
	s->df_before = s->df.taken;
	if (s->left.looks % PLANT_EVERY == 1)
		left_plant(&s->left, c, 1, 0);
	return VM_OK;
}

/* The machine is stopped, the program has begun */
static enum vm_result work(struct session *s, const struct cpu_state *c)
{
	enum vm_result r = VM_OK;
	bool user = c->cpl == 3;

	if (!is_marker_page(s, s->page, &s->said)) {
		fprintf(stderr, "left: the program in the guest has ended early\n");
		return VM_ERROR;
	}
	if (s->said.final) {
		s->done = true;
		return tell(s, offsetof(struct marker_page, seen));
	}
	if (!read_df_page(s, c)) {
		fprintf(stderr, "left: the program that takes #DFs has ended early\n");
		return VM_ERROR;
	}
	if (s->said.round != s->round || (user && !s->user))
		s->over = true;
	if (user)
		r = look(s, c);
	else
		s->kernel++;
	if (r || s->enough)
		return r;
	if (had_enough(s)) {
		s->enough = true;
		return tell(s, offsetof(struct marker_page, enough));
	}
	return user && rand() % ALSO_USER ? VM_OK : inject(s, user);
}

static enum vm_result one_stop(struct session *s)
{
	static struct cpu_state cpus[MAX_CPUS];
	struct audit *a = &s->left.audit;
	enum vm_result r;
	int n;

	guest_has_run(&a->guest);
	r = s->vm->ops->cpus(s->vm, cpus, &n, !a->facts.known);
	if (r || !n)
		return r;
	if (n != 1) {
		fprintf(stderr, "left: the guest has %d CPUs, and may have one\n", n);
		return VM_ERROR;
	}
	s->stops++;
	if (!s->page)
		find_page(s, cpus);
	if (!s->page)
		return VM_OK;
	if (!a->facts.known)
		facts_learn(a, cpus, n);
	if (!a->facts.known)
		return VM_OK;
	if (!a->facts.slide && !s->n_must) {
		s->unmoved = true;
		return VM_OK;
	}
	if (!s->learnt) {
		if (left_learn(&s->left, cpus))
			return VM_ERROR;
		s->learnt = true;
	}
	return work(s, cpus);
}

static void progress(const struct session *s)
{
	static time_t last;

	if (!last)
		last = time(NULL);
	if (time(NULL) - last < SECONDS_A_LINE)
		return;
	last = time(NULL);
	fprintf(stderr, "left: %u NMIs, %u machine checks, %u #DBs, %u #DFs, %u looks\n",
		s->said.nmi, s->said.mce, s->said.db, s->df.taken, s->left.looks);
}

static enum vm_result watch(struct session *s, unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	enum vm_result r = VM_OK;

	while (!r && time(NULL) < end) {
		r = one_stop(s);
		progress(s);
		if (s->done || s->unmoved)
			break;
		if (!r)
			r = s->vm->ops->run(s->vm, s->page ?
					    MIN_USEC + rand() % (MAX_USEC - MIN_USEC) :
					    s->vm->ops->boot_usec);
		if (!r)
			r = s->vm->ops->stop(s->vm);
	}
	if (r != VM_GONE)
		s->vm->ops->close(s->vm);
	return r;
}

static void complete_kind(const char *name, const unsigned int *injected, __u32 counted,
			  unsigned int events, bool *ok)
{
	unsigned int kernel = in_kernel(injected, counted);

	printf("%s: %u injected in kernel mode, %u in user mode, the guest counts %u\n", name,
	       injected[0], injected[1], counted);
	printf("    %u in kernel mode, %u are demanded\n", kernel, events);
	*ok = *ok && kernel >= events;
}

/* Whether the events came that the figures are about; says what did not */
static bool complete(const struct session *s)
{
	bool ok = s->done;

	printf("%u stops, %u of them in kernel mode\n", s->stops, s->kernel);
	complete_kind("NMIs", s->nmi, s->said.nmi, s->events, &ok);
	complete_kind("machine checks", s->mce, s->said.mce, s->events, &ok);
	printf("#DBs: the guest counts %u in kernel mode, %u are demanded\n", s->said.db,
	       s->events);
	printf("#DFs: the guest counts %u, and %u failing IRETs without one, %u are demanded\n",
	       s->df.taken, s->df.other, s->doubles);
	printf("    before %u looks, and %u times a mark of theirs where it is user mode's own\n",
	       s->df_looks, s->left.own);
	ok = ok && s->df.taken >= s->doubles && !s->df.other && s->df_looks && s->left.own;
	printf("plants: %u made, %u overlooked\n", s->left.plants, s->left.overlooked);
	if (!s->page)
		printf("the program was never met in user mode\n");
	else if (!s->done)
		printf("the program did not come to its end\n");
	if (s->said.db < s->events || !s->left.plants || s->left.overlooked)
		ok = false;
	if (s->left.looks < s->looks) {
		printf("%u looks, of %u\n", s->left.looks, s->looks);
		ok = false;
	}
	return ok;
}

/* Whether each row that must have something has a pointer and a marker; says which has not */
static bool as_expected(const struct session *s)
{
	bool ok = true;
	int i;

	for (i = 0; i < s->n_must; i++) {
		unsigned int pointers = left_row_hits(&s->left, s->must[i], false);
		unsigned int markers = left_row_hits(&s->left, s->must[i], true);

		printf("%s: %u pointers, %u markers\n", s->must[i], pointers, markers);
		ok = ok && pointers && markers;
	}
	return ok;
}

static int verdict(struct session *s)
{
	unsigned int sum = 0;
	int text = 0;
	bool ok, found;
	int i;

	if (s->learnt)
		left_report(&s->left, s->places, stdout);
	ok = complete(s);
	for (i = 0; i < N_LEFT_KINDS; i++)
		sum += s->left.hits[i];
	if (s->n_must) {
		found = s->learnt && as_expected(s);
		printf("left: %s\n", !ok ? "COULD NOT TELL" : found ? "FOUND, as expected" :
		       "NOT FOUND, and it should be");
		return !ok ? 2 : !found;
	}
	if (s->left.looks)
		text = left_text_judge(&s->left, s->text, stdout);
	if (text < 0)
		ok = false;
	else
		sum += text;
	if (sum)
		printf("left: FOUND %u\n", sum);
	else
		printf("left: %s\n", ok ? "NOTHING" : "COULD NOT TELL");
	return sum ? 1 : ok ? 0 : 2;
}

static void complain(void)
{
	fputs("Usage: left --expected FILE [option...], for run.sh --attach\n"
	      "  --expected FILE   names for what is exposed (exposure.expected)\n"
	      "  --text FILE       pointers that text must have (left-text.txt)\n"
	      "  --events N        NMIs, machine checks and #DBs in kernel mode, each (10000)\n"
	      "  --doubles N       #DFs of IRETs of espfix that fail (1000)\n"
	      "  --looks N         in user mode, at least (1000)\n"
	      "  --places N        show at most so many places of each row (24)\n"
	      "  --must ROW        demand a pointer and a marker in this row; may be repeated\n"
	      "  --time SECONDS    give up after this time (600)\n"
	      "  --seed N          for the times between the stops\n", stderr);
	exit(2);
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	if (value && *value)
		return value;
	fprintf(stderr, "left: no %s: run.sh --attach starts this, for a guest of QEMU\n", name);
	exit(2);
}

static unsigned int number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (!*text || *end || !value)
		complain();
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "expected", required_argument, NULL, 'e' },
		{ "text", required_argument, NULL, 'x' },
		{ "events", required_argument, NULL, 'n' },
		{ "doubles", required_argument, NULL, 'd' },
		{ "looks", required_argument, NULL, 'l' },
		{ "places", required_argument, NULL, 'p' },
		{ "must", required_argument, NULL, 'm' },
		{ "time", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ }
	};
	static struct session s = { .events = 10000, .doubles = 1000, .looks = 1000, .places = 24 };
	struct audit *a = &s.left.audit;
	const char *expected = NULL;
	unsigned int seconds = 600;
	int opt, i;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'e':
			expected = optarg;
			break;
		case 'x':
			s.text = optarg;
			break;
		case 'n':
			s.events = number(optarg);
			break;
		case 'd':
			s.doubles = number(optarg);
			break;
		case 'l':
			s.looks = number(optarg);
			break;
		case 'p':
			s.places = number(optarg);
			break;
		case 'm':
			if (s.n_must == MAX_NAMES)
				complain();
			s.must[s.n_must++] = optarg;
			break;
		case 't':
			seconds = number(optarg);
			break;
		case 's':
			srand(number(optarg));
			break;
		default:
			complain();
		}
	}
	if (!expected || !s.text || optind != argc)
		complain();

	signal(SIGPIPE, SIG_IGN);
	if (expect_read(&a->rows, expected))
		return 2;
	for (i = 0; i < s.n_must; i++) {
		if (!left_row_known(&s.left, s.must[i])) {
			fprintf(stderr, "left: no row %s, of which something is demanded\n",
				s.must[i]);
			return 2;
		}
	}
	/* They are for names only: whatever their condition */
	for (i = 0; i < a->rows.n; i++)
		a->rows.v[i].active = true;
	if (symbols_read(&a->syms, env("PTI_VMLINUX")) || expect_symbols(a))
		return 2;
	s.raise_mce = strncmp(env("PTI_MODEL"), "amd", 3) ? RAISE_MCE : RAISE_MCE_AMD;
	s.vm = gdb_open(env("PTI_GDB"));
	if (!s.vm) {
		fprintf(stderr, "left: no answer from %s\n", env("PTI_GDB"));
		return 2;
	}
	if (guest_map(&a->guest, env("PTI_MEM"), number(env("PTI_MEM_MB")))) {
		s.vm->ops->close(s.vm);
		return 2;
	}
	if (watch(&s, seconds) == VM_ERROR)
		fprintf(stderr, "left: gave up, or lost the emulator\n");
	if (s.unmoved) {
		fprintf(stderr, "left: the kernel lies where it is linked: no KASLR, or chance\n");
		return 3;
	}
	return verdict(&s);
}
