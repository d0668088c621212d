// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code.
 *
 * Of each instruction between user mode and C, and back, for each set of CPU features,
 * it proves
 *
 *	text	 only code that is mapped runs on the user page table, and no branch leads
 *		 to what is not, thunks included
 *	branch	 no branch there is indirect; no path goes round in a circle or into INT3
 *	memory	 only memory that is mapped is touched there
 *	stack	 the stack in use is mapped, and is one
 *	fault	 nothing there can fault or trap, but for an IRET to user mode; with IBT,
 *		 ways in begin with an ENDBR64 that the kernel lets stand
 *	cr3	 CR3 is switched once on the way in and at last on the way out, to a value
 *		 that came from CR3 or from user_cr3, with the PCID of its page table; an
 *		 interrupted kernel finds the page table that it was on, or, with a table of
 *		 where to go on, the kernel's: each path is followed from there, too, as it
 *		 goes on after an interruption at each instruction on the user page table. It
 *		 is not switched on the way out if user_cr3 was found to have the kernel root
 *	user_cr3 a flush that is owed to the user PCID is paid, and once
 *	off	 without isolation CR3 is let alone
 *	gs	 per-CPU memory is touched, and C called, with the kernel's GS base; user
 *		 mode and an interrupted kernel get the one back that they had
 *	fence	 LFENCE, a CR3 write or a write of the GS base comes between the branch that
 *		 decides on SWAPGS and the first use of the GS base
 *	saved	 C finds each register and each word of the frame in its place in pt_regs,
 *		 as user mode or the interrupted kernel had it
 *	register user mode and an interrupted kernel get each register back as C or the
 *		 way in left it in pt_regs
 *	frame	 IRET finds a frame, and in it the words that belong there
 *	left	 nothing of the kernel's stays on a stack that the user page table maps, when
 *		 C runs or the path is over
 *	lacks	 no instruction is executed that the CPU has not
 *	reach	 each instruction of the entry text is on a path, of some set
 *	padding	 nothing but INT3 stands between functions of it, and NOPs where calls are
 *		 counted, right in front of one
 *	comment	 what the comment above a symbol of the series' own entry code says of
 *		 the page table, GS base, stack and interrupts is so (entry_check_labels.c)
 *	orc	 the unwinder has data, finds a frame where they say, and is told that the stack
 *		 ends only where no frame is, or none but user mode's
 *
 * Limits: C and what it calls are taken to keep the ABI; memory that several CPUs
 * write is no part of it.  A loop of entry code must count with constants.  C is taken to
 * return with interrupts as they were, and POPF to find flags that entry code pushed; and
 * do_syscall_64() to choose SYSRET only where that cannot fault, which it does with an RCX that
 * is not canonical (SDM 2B, "SYSRET").
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "entry_check.h"

static void usage(void)
{
	puts("Usage: entry_check [OPTION...] VMLINUX\n"
	     "  --expected FILE   what the user page table holds: exposure.expected\n"
	     "  --features FILE   the kernel's arch/x86/include/asm/cpufeatures.h\n"
	     "  --allow FILE      findings that may stay, each with the reason\n"
	     "  --sources DIR     the kernel tree with the comments of the entry code\n"
	     "  --mutants FILE    plant the breaks of that list, and see that each is found\n"
	     "  --every-cr3       demand that the list drops and doubles each CR3 write\n"
	     "  --all-sets        end with 2 if this kernel was built without what a set needs\n"
	     "  --help            this\n"
	     "Exit status: 0 clean, 1 a finding or a break that is not found, 2 could not tell");
}

void cannot(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("entry_check: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* Room for one more element behind the nth, doubling */
void *grow(void *array, size_t n, size_t size)
{
	if (n & (n - 1) || (n && n < 16))
		return array;
	array = realloc(array, (n < 16 ? 16 : 2 * n) * size);
	if (!array)
		cannot("out of memory");
	return array;
}

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t");
	for (end = s + strlen(s); end > s && strchr(" \t\n", end[-1]); end--)
		;
	*end = '\0';
	return s;
}

bool table_row(struct table *t, char **field, size_t n)
{
	size_t i;

	if (!t->f)
		t->f = fopen(t->name, "r");
	if (!t->f)
		cannot("%s: %m", t->name);
	while (fgets(t->line, sizeof(t->line), t->f)) {
		char *p = trim(t->line);

		if (*p == '#' || !*p)
			continue;
		for (i = 0; i < n && p; i++)
			field[i] = trim(strsep(&p, "|"));
		if (i != n || p)
			cannot("%s: not %zu columns: %s", t->name, n, field[0]);
		return true;
	}
	fclose(t->f);
	t->f = NULL;
	return false;
}

/* What a walk depended on: another set that agrees in it gives the same walk */
struct walked {
	struct set set;
	__u8 met[MAX_FEATURES / 8];
};

static bool agrees(const struct walked *w, const struct set *s)
{
	size_t i;

	if (w->set.thunk != s->thunk || w->set.pti != s->pti || w->set.pcid != s->pcid ||
	    w->set.fence != s->fence || w->set.ibt != s->ibt || w->set.off != s->off)
		return false;
	for (i = 0; i < sizeof(w->met); i++)
		if ((w->set.has[i] ^ s->has[i]) & w->met[i])
			return false;
	return true;
}

size_t check(struct set *sets, size_t nsets)
{
	static __u8 all_met[MAX_FEATURES / 8];
	struct walked *walked = NULL;
	size_t n = 0, i, j, extra = 0;
	struct set *more;

	for (i = 0; i < nsets; i++) {
		for (j = 0; j < n && !agrees(&walked[j], &sets[i]); j++)
			;
		if (j < n)
			continue;
		walk_set(&sets[i]);
		walked = grow(walked, n, sizeof(*walked));
		walked[n].set = sets[i];
		memcpy(walked[n].met, met, sizeof(met));
		n++;
		for (j = 0; j < sizeof(met); j++)
			all_met[j] |= met[j];
	}
	/* What no set knows is tried by itself, with each way to isolate or not */
	more = calloc(MAX_FEATURES, sizeof(*more));
	for (i = 0; more && i < MAX_FEATURES; i++) {
		if (!(all_met[i / 8] & 1 << i % 8) || set_knows(i))
			continue;
		for (j = 0; j < sets_ways(); j++) {
			struct set *s = &more[extra < MAX_FEATURES - 1 ? extra++ : extra];
			size_t len;

			*s = sets[j];
			set_feature(s, i);
			len = strlen(s->name);
			snprintf(s->name + len, sizeof(s->name) - len, " %s", feature_name(i));
			walk_set(s);
			n++;
		}
	}
	free(walked);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "expected", required_argument, NULL, 'e' },
		{ "features", required_argument, NULL, 'f' },
		{ "allow", required_argument, NULL, 'a' },
		{ "sources", required_argument, NULL, 's' },
		{ "mutants", required_argument, NULL, 'm' },
		{ "every-cr3", no_argument, NULL, 'E' },
		{ "all-sets", no_argument, NULL, 'A' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *expected = NULL, *features = NULL, *mutants = NULL, *allow = NULL;
	const char *sources = NULL;
	struct timespec from, to;
	bool all_sets = false, every_cr3 = false;
	size_t nsets, i, n;
	struct set *sets;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'e':
			expected = optarg;
			break;
		case 'f':
			features = optarg;
			break;
		case 'a':
			allow = optarg;
			break;
		case 's':
			sources = optarg;
			break;
		case 'm':
			mutants = optarg;
			break;
		case 'E':
			every_cr3 = true;
			break;
		case 'A':
			all_sets = true;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return 2;
		}
	}
	if (!expected || !features || optind != argc - 1)
		cannot("--expected, --features and one vmlinux are needed (--help)");
	setvbuf(stdout, NULL, _IOLBF, 0);

	clock_gettime(CLOCK_MONOTONIC, &from);
	image_read(argv[optind]);
	features_read(features);
	alt_read();
	if (!alt_depends_on(feature("PTI"), img.text_start, img.text_end))
		cannot("%s: no X86_FEATURE_PTI in its entry text: without page-table isolation",
		       img.file);
	policy_read(expected);
	if (allow)
		allow_read(allow);
	gates_find();
	roots_need();
	labels_read(sources);
	nsets = sets_make(&sets);

	/* First of all, which addresses the entry code has to tell apart */
	quiet = true;
	for (i = 0; i < nsets && i < sets_ways(); i++)
		walk_set(&sets[i]);
	quiet = false;
	stats = (struct walk_stats){ .insns = stats.insns };

	if (mutants)
		return mutants_run(mutants, sets, nsets, every_cr3);
	n = check(sets, nsets);
	clock_gettime(CLOCK_MONOTONIC, &to);
	reach_check();
	labels_check();
	findings_print();
	printf("%zu gates, %zu sets of features, %zu of which differ, %zu instructions, ",
	       img.ngates, nsets, n, stats.insns);
	printf("%llu states, %.1f s\n", stats.states,
	       to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9);
	labels_print();
	i = sets_left_out();
	if (allow)
		allow_print();
	printf("%zu findings\n", findings_count());
	if (findings_count())
		return 1;
	if (i && all_sets)
		cannot("%s: %zu kinds of sets are left out, and --all-sets forbids that",
		       img.file, i);
	return 0;
}
