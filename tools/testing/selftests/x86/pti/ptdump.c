// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptdump - the kernel's own dump of the user page table, read critically
 *
 * debugfs page_tables/current_user shows the user page table of the reader,
 * x86/pti_exposure the policy table that it was built from.  The kernel half
 * must have no leaf for user mode but the vsyscall page in emulate mode, none
 * that can be written and executed, and, where the policy table can be read,
 * exactly the pages that it names, no page more and none less.
 *
 * What it catches: a row that maps more than it says, pages that something
 * mapped past the table or that were left behind, an mm that got its kernel
 * half from a stale copy, and the dump showing the other page table.  A walk
 * from outside does not depend on this dump; this test keeps it honest.
 */
#include <sys/wait.h>
#include "ldt.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define USER_TABLE	DEBUGFS "page_tables/current_user"
#define KERNEL_TABLE	DEBUGFS "page_tables/current_kernel"
#define POLICY		DEBUGFS "x86/pti_exposure"
#define VSYSCALL	0xffffffffff600000UL
#define ESPFIX		0xffffff0000000000UL
#define ESPFIX_END	0xffffff8000000000UL
#define MAX_RANGES	4096
#define LDT_BYTES	(LDT_ENTRIES * LDT_ENTRY_SIZE)

struct range {
	unsigned long from, to;
	bool user, write, exec, global;
};

struct table {
	unsigned int n;
	struct range r[MAX_RANGES];
};

static struct table user, kernel, policy;

/* Present leaves of the kernel half, in the order of addresses. */
static bool read_dump(const char *path, struct table *t)
{
	char line[256];
	FILE *f;

	f = fopen(path, "r");
	if (!f)
		return false;
	t->n = 0;
	while (fgets(line, sizeof(line), f) && t->n < MAX_RANGES) {
		struct range *r = &t->r[t->n];
		int used = 0;

		if (sscanf(line, "0x%lx-0x%lx %*s%n", &r->from, &r->to,
			   &used) != 2 || !used)
			continue;
		r->user = pti_has_word(line + used, "USR");
		r->write = pti_has_word(line + used, "RW");
		r->exec = pti_has_word(line + used, "x");
		r->global = pti_has_word(line + used, "GLB");
		/* A line without "RW" or "ro" is a hole. */
		if (!(r->from >> 63) ||
		    (!r->write && !pti_has_word(line + used, "ro")))
			continue;
		t->n++;
	}
	fclose(f);
	if (t->n == MAX_RANGES)
		ksft_exit_fail_msg("%s has too many ranges\n", path);
	return true;
}

static bool in_espfix(const struct range *r)
{
	return r->from >= ESPFIX && r->to <= ESPFIX_END;
}

/* Lines of the policy table: "from-to pages rwxgu name : reason". */
static bool read_policy(unsigned long *pages, unsigned long *total)
{
	unsigned long from, to, count;
	char line[512], perms[16];
	FILE *f;

	f = fopen(POLICY, "r");
	if (!f)
		return false;
	policy.n = 0;
	*pages = 0;
	*total = 0;
	while (fgets(line, sizeof(line), f) && policy.n < MAX_RANGES) {
		struct range *r = &policy.r[policy.n];

		if (sscanf(line, "%lx-%lx %lu %15s", &from, &to, &count,
			   perms) == 4) {
			*pages += count;
			r->from = from;
			r->to = to;
			r->user = strchr(perms, 'u');
			r->write = strchr(perms, 'w');
			r->exec = strchr(perms, 'x');
			r->global = strchr(perms, 'g');
			policy.n++;
		} else if (!strncmp(line, "total ", 6)) {
			*total = strtoul(line + 6, NULL, 10);
		}
	}
	fclose(f);
	return policy.n;
}

static const struct range *find(const struct table *t, unsigned long page)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (page >= t->r[i].from && page < t->r[i].to)
			return &t->r[i];
	return NULL;
}

static bool same_perms(const struct range *a, const struct range *b)
{
	return a->user == b->user && a->write == b->write &&
	       a->exec == b->exec && a->global == b->global;
}

/* The dump leaves most of espfix out, and all of it is alike. */
static const struct range *find_espfix(const struct table *t)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (in_espfix(&t->r[i]))
			return &t->r[i];
	return NULL;
}

/* The first page of @a that @b has not, or has with other permissions. */
static bool covered(const char *what, const struct table *a,
		    const struct table *b)
{
	unsigned long page;
	unsigned int i;

	for (i = 0; i < a->n; i++) {
		if (in_espfix(&a->r[i])) {
			const struct range *r = find_espfix(b);

			if (r && same_perms(r, &a->r[i]))
				continue;
			ksft_print_msg("%s: espfix\n", what);
			return false;
		}
		for (page = a->r[i].from; page < a->r[i].to; page += PTI_PAGE) {
			const struct range *r = find(b, page);

			if (r && same_perms(r, &a->r[i]))
				continue;
			ksft_print_msg("%s: page %lx\n", what, page);
			return false;
		}
	}
	return true;
}

static unsigned long count_pages(const struct table *t)
{
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (!in_espfix(&t->r[i]))
			pages += (t->r[i].to - t->r[i].from) / PTI_PAGE;
	return pages;
}

static void test_user_bit(void)
{
	const char *param = pti_bootparam("vsyscall");
	bool emulate = param && !strcmp(param, "emulate");
	unsigned int i, n = 0;
	bool good = true;

	for (i = 0; i < user.n; i++) {
		if (!user.r[i].user)
			continue;
		n++;
		if (user.r[i].from == VSYSCALL &&
		    user.r[i].to == VSYSCALL + PTI_PAGE && !user.r[i].write)
			continue;
		ksft_print_msg("user mode may use %lx-%lx\n", user.r[i].from,
			       user.r[i].to);
		good = false;
	}
	ksft_test_result(good && n == emulate,
			 "pages for user mode: %u\n", n);
}

static void test_wx(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < user.n; i++) {
		if (!user.r[i].write || !user.r[i].exec)
			continue;
		n++;
		ksft_print_msg("%lx-%lx\n", user.r[i].from, user.r[i].to);
	}
	ksft_test_result(!n, "writable and executable ranges: %u\n", n);
}

/* Isolation that shows nearly everything is none. */
static void test_small(void)
{
	unsigned long u = count_pages(&user), k = count_pages(&kernel);

	ksft_test_result(u && u < k / 8,
			 "size: %lu pages in the user page table, %lu in the kernel's\n",
			 u, k);
}

/* What the user page table has, the kernel's has at the same place. */
static void test_subset(void)
{
	unsigned long page;
	unsigned int i;
	bool good = true;

	for (i = 0; good && i < user.n; i++) {
		if (in_espfix(&user.r[i]))
			continue;
		for (page = user.r[i].from; good && page < user.r[i].to;
		     page += PTI_PAGE) {
			const struct range *r = find(&kernel, page);

			good = r && r->write >= user.r[i].write &&
			       r->exec >= user.r[i].exec;
			if (!good)
				ksft_print_msg("page %lx\n", page);
		}
	}
	ksft_test_result(good, "subset of the kernel page table\n");
}

/* The last CPU of a list of CPUs as sysfs has them; 0 if there is no such list. */
static unsigned int cpu_list_end(const char *path)
{
	char text[64];
	const char *last;

	if (pti_read_file(path, text, sizeof(text)) <= 0)
		return 0;
	last = strrchr(text, '-');
	if (!last)
		last = strrchr(text, ',');
	return strtoul(last ? last + 1 : text, NULL, 10);
}

/*
 * Whether the table of lock prefixes has to stay: the kernel has taken them out for one
 * CPU, and another may come.
 */
static bool locks_stay(void)
{
	const char *max = pti_bootparam("maxcpus");

	return cpu_list_end("/sys/devices/system/cpu/possible") &&
	       (!cpu_list_end("/sys/devices/system/cpu/present") ||
		pti_bootparam("nosmp") || (max && strtoul(max, NULL, 0) <= 1));
}

/* Parts of the image that are free memory by now: only the direct map has them. */
static void test_freed(void)
{
	static const struct {
		const char *start, *end;
		bool gap, locks;
	} freed[] = {
		{ "__init_begin", "__init_end" },
		{ "__smp_locks", "__smp_locks_end", .locks = true },
		{ "_etext", "__start_rodata", .gap = true },
		{ "__end_rodata", "_sdata", .gap = true },
	};
	unsigned long page, end, pages = 0, mapped = 0;
	unsigned int i;

	if (!find(&kernel, pti_symbol("_text"))) {
		ksft_test_result_skip("freed image: no addresses in /proc/kallsyms\n");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(freed); i++) {
		/* They are only freed when the others are protected. */
		if (freed[i].gap && pti_bootparam("rodata"))
			continue;
		if (freed[i].locks && locks_stay())
			continue;
		page = (pti_symbol(freed[i].start) + PTI_PAGE - 1) & -PTI_PAGE;
		end = pti_symbol(freed[i].end) & -PTI_PAGE;
		if (!page || !end) {
			ksft_test_result_skip("freed image: no %s in /proc/kallsyms\n",
					      page ? freed[i].end : freed[i].start);
			return;
		}
		for (; page < end; page += PTI_PAGE) {
			pages++;
			if (!find(&kernel, page))
				continue;
			mapped++;
			ksft_print_msg("%lx is mapped, behind %s\n", page, freed[i].start);
		}
	}
	ksft_test_result(pages && !mapped, "freed image: %lu pages, %lu mapped\n",
			 pages, mapped);
}

static void test_policy(void)
{
	unsigned long pages, total;

	if (!read_policy(&pages, &total)) {
		ksft_test_result_skip("policy table: no " POLICY "\n");
		return;
	}
	/* A frame that is mapped twice stands in the total once. */
	ksft_test_result(total <= pages && total > pages / 2 &&
			 covered("mapped, not in the table", &user, &policy) &&
			 covered("in the table, not mapped", &policy, &user),
			 "policy table: %lu pages in %u ranges\n", total,
			 policy.n);
}

/* Rows of the LDT come with modify_ldt() and are the process's own; espfix comes along. */
static void test_ldt(void)
{
	struct user_desc desc = {
		.entry_number = LDT_ENTRIES - 1, .limit = 0xfffff,
	};
	unsigned long before = count_pages(&user), after;
	bool early = find_espfix(&user);
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc)))
			_exit(2);
		if (!read_dump(USER_TABLE, &user))
			_exit(3);
		_exit(count_pages(&user) == before + LDT_BYTES / PTI_PAGE &&
		      find_espfix(&user) && !find_espfix(&user)->global ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
		ksft_test_result_skip("LDT: no modify_ldt()\n");
		return;
	}
	read_dump(USER_TABLE, &user);
	after = count_pages(&user);
	ksft_test_result(!status && after == before && !early && !find_espfix(&user),
			 "LDT and espfix: in the user page table of the process only\n");
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
	if (!pti_on())
		ksft_exit_skip("isolation is off\n");
	if (!read_dump(KERNEL_TABLE, &kernel) || !read_dump(USER_TABLE, &user))
		ksft_exit_skip("no page-table dumps in " DEBUGFS "\n");
	ksft_set_plan(7);
	test_user_bit();
	test_wx();
	test_small();
	test_subset();
	test_freed();
	test_policy();
	test_ldt();
	ksft_finished();
}
