// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptaudit - what user page tables show of the kernel: as a table, as JSON, as a picture,
 * two of them compared, or one held to the kernel's policy. ptaudit(1) is its manual.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ptaudit.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define AUDIT_FILE	DEBUGFS "x86/pti_audit"
#define USER_TABLE	DEBUGFS "page_tables/current_user"
#define KERNEL_TABLE	DEBUGFS "page_tables/current_kernel"
#define MELTDOWN	"/sys/devices/system/cpu/vulnerabilities/meltdown"

enum action { TABLE, JSON, SVG, DIFF, CHECK };

static void usage(FILE *f)
{
	fputs("Usage: ptaudit [OPTION...] [DUMP...]\n"
	      "What the page table of user mode shows of the kernel: of this process, of another\n"
	      "one (-p), or of a saved dump (DUMP, - for standard input).\n"
	      "\n"
	      "  -p, --pid=PID     look at this process\n"
	      "  -P, --ptdump      read page_tables/current_user, as kernels without x86/pti_audit\n"
	      "                    have it too; of this process only\n"
	      "  -S, --symbols     with each range, the symbols in it\n"
	      "  -r, --raw         the kernel's text as it is: a dump to save\n"
	      "  -j, --json        as JSON (schema in ptaudit(1))\n"
	      "  -g, --svg         as a picture; of several dumps, side by side\n"
	      "  -d, --diff        compare two dumps, or one and now\n"
	      "  -x, --exact       with --diff, frames and flags too: of one boot\n"
	      "  -c, --check       hold it to the policy of the kernel\n"
	      "  -o, --output=FILE write there\n"
	      "  -h, --help        this text\n"
	      "  -V, --version     version of this program\n"
	      "\n"
	      "Exit status: 0 done, and with --diff or --check nothing differs; 1 something does;\n"
	      "2 could not tell.\n", f);
}

static int __printf(1, 2) fail(const char *fmt, ...)
{
	va_list args;

	fputs("ptaudit: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_UNKNOWN;
}

/* What a dump of page_tables does not say, and is known of the system that runs */
static void know_system(struct dump *d)
{
	FILE *f = fopen(MELTDOWN, "re");
	char line[128], kernel[512];
	struct utsname u;

	if (f && fgets(line, sizeof(line), f))
		d->isolation = !!strstr(line, "PTI");
	if (f)
		fclose(f);
	d->user_root = d->isolation;
	if (!uname(&u)) {
		snprintf(kernel, sizeof(kernel), "%s %s", u.release, u.version);
		d->kernel = dump_name(d, kernel);
	}
	d->online = sysconf(_SC_NPROCESSORS_ONLN);
	d->possible = sysconf(_SC_NPROCESSORS_CONF);
	d->pid = getpid();
	d->comm = dump_name(d, "ptaudit");
}

static const char *live_file(bool ptdump)
{
	if (!ptdump)
		return AUDIT_FILE;
	/* Without isolation, there is one table, and one file */
	return access(USER_TABLE, F_OK) ? KERNEL_TABLE : USER_TABLE;
}

/* Of the system that runs */
static int read_live(struct dump *d, const char *pid, bool ptdump)
{
	if (!ptdump && access(AUDIT_FILE, F_OK)) {
		if (errno == ENOENT && !access(DEBUGFS "page_tables", F_OK)) {
			if (pid)
				return fail("no %s, so no other process (--ptdump: ptaudit itself)",
					    AUDIT_FILE), -1;
			fail("no " AUDIT_FILE ": reading page_tables instead (--ptdump)");
			ptdump = true;
		} else {
			return fail("%s: %s; is debugfs mounted, and are you root?", AUDIT_FILE,
				    strerror(errno)), -1;
		}
	}
	if (ptdump && pid)
		return fail("page_tables has this process only, so not -p"), -1;
	if (dump_read(d, live_file(ptdump), ptdump ? NULL : pid ? pid : "self"))
		return -1;
	if (ptdump)
		know_system(d);
	return 0;
}

/* As it comes, in whatever format */
static int copy_raw(const char *file, const char *pid, FILE *to)
{
	struct input in;
	int got;

	if (input_open(&in, file, pid))
		return EXIT_UNKNOWN;
	while ((got = input_line(&in)) > 0)
		fprintf(to, "%s\n", in.text);
	input_close(&in);
	return got ? EXIT_UNKNOWN : 0;
}

static int act(enum action action, struct dump *d, int n, bool symbols, bool exact, FILE *f)
{
	const struct dump *all[MAX_DUMPS];
	int i, status = 0;

	for (i = 0; i < n; i++)
		all[i] = &d[i];
	switch (action) {
	case TABLE:
		for (i = 0; !status && i < n; i++) {
			fputs(i ? "\n" : "", f);
			status = table_write(all[i], f, symbols);
		}
		break;
	case JSON:
		status = json_write(all[0], f);
		break;
	case SVG:
		status = svg_write(all, n, f);
		break;
	case DIFF:
		return diff_write(all[0], all[1], exact, f);
	case CHECK:
		return check_write(all[0], f);
	}
	return status ? EXIT_UNKNOWN : 0;
}

/* How many dumps an action takes: a complaint, or NULL */
static const char *count_wrong(enum action action, int n)
{
	if (n > MAX_DUMPS)
		return "at most eight dumps";
	if (action == DIFF && n != 2)
		return "--diff compares two dumps, or one and this system";
	if ((action == JSON || action == CHECK) && n != 1)
		return "one dump, for this";
	return NULL;
}

/* The dumps, and last the system that runs if @live */
static int read_all(struct dump *d, char **files, int n, bool live, const char *pid, bool ptdump)
{
	int i;

	for (i = 0; i < n; i++)
		if (dump_read(&d[i], files[i], NULL))
			return -1;
	return live ? read_live(&d[n], pid, ptdump) : 0;
}

static int run(enum action action, char **files, int n, const char *pid, bool ptdump,
	       bool symbols, bool exact, FILE *out)
{
	static struct dump d[MAX_DUMPS];
	bool live = !n || pid || ptdump || (action == DIFF && n == 1);
	const char *wrong = count_wrong(action, n + live);
	int i, status = EXIT_UNKNOWN;

	if (wrong)
		return fail("%s (--help explains)", wrong);
	if (!read_all(d, files, n, live, pid, ptdump))
		status = act(action, d, n + live, symbols, exact, out);
	for (i = 0; i < n + live; i++)
		dump_free(&d[i]);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "ptdump", no_argument, NULL, 'P' },
		{ "symbols", no_argument, NULL, 'S' },
		{ "raw", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "svg", no_argument, NULL, 'g' },
		{ "diff", no_argument, NULL, 'd' },
		{ "exact", no_argument, NULL, 'x' },
		{ "check", no_argument, NULL, 'c' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	bool ptdump = false, symbols = false, raw = false, exact = false;
	const char *pid = NULL, *output = NULL;
	enum action action = TABLE;
	FILE *out = stdout;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "p:PSrjgdxco:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'p':
			pid = optarg;
			break;
		case 'P':
			ptdump = true;
			break;
		case 'S':
			symbols = true;
			break;
		case 'r':
			raw = true;
			break;
		case 'j':
			action = JSON;
			break;
		case 'g':
			action = SVG;
			break;
		case 'd':
			action = DIFF;
			break;
		case 'x':
			exact = true;
			break;
		case 'c':
			action = CHECK;
			break;
		case 'o':
			output = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("ptaudit " PTAUDIT_VERSION);
			return 0;
		default:
			usage(stderr);
			return EXIT_UNKNOWN;
		}
	}
	argv += optind;
	argc -= optind;
	if (raw && argc > 1)
		return fail("one dump, for this (--help explains)");
	if (output) {
		out = fopen(output, "we");
		if (!out)
			return fail("%s: %s", output, strerror(errno));
	}
	if (raw)
		status = copy_raw(argc ? *argv : live_file(ptdump),
				  argc || ptdump ? NULL : pid ? pid : "self", out);
	else
		status = run(action, argv, argc, pid, ptdump, symbols, exact, out);
	if (fclose(out))
		return fail("%s: %s", output ? output : "standard output", strerror(errno));
	return status;
}
