// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptictl show, ptictl list: which processes run without isolation, out of the line x86_PTI of
 * /proc/PID/status. ptictl run makes such processes.
 *
 * All is gathered first, then told: as a table for people, or as JSON. A process is what
 * the kernel has a directory for in /proc: threads share the state, which is the mm's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ptictl.h"

#define PROC	"/proc"

/* The number in "version" of the JSON: one more with each change that is no addition. */
#define JSON_VERSION	1

/* What the kernel's documentation has in the line, first and behind that. */
static const char *const states[] = { "isolated", "opted-out", "off", "none" };
static const char *const requests[] = { "exec", "inherit", "never" };

static bool is_known(const char *const *words, size_t nr, const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (strlen(words[i]) == len && !memcmp(words[i], word, len))
			return true;
	return false;
}

/* -- one process -------------------------------------------------------------- */

/* What a line has behind @name and a tab, or NULL. */
static char *value_of(char *line, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len) || line[len] != ':')
		return NULL;
	line += len + 1;
	return line + (*line == '\t');
}

/* The kernel writes \n for a newline in a name, and \\ for a backslash. */
static void take_name(struct process *p, const char *value)
{
	size_t len = 0;

	for (; *value && len < sizeof(p->name) - 1; value++) {
		if (*value == '\\' && (value[1] == 'n' || value[1] == '\\'))
			p->name[len++] = *++value == 'n' ? '\n' : '\\';
		else
			p->name[len++] = *value;
	}
	p->name[len] = 0;
}

/* Return: whether it can be such a line: a word, and perhaps others, in plain text. */
static bool take_state(struct process *p, char *value)
{
	size_t len = strcspn(value, " "), i;

	for (i = 0; value[i]; i++)
		if (value[i] < ' ' || value[i] > '~')
			return false;
	if (!len || len >= sizeof(p->state) || i - len > sizeof(p->asked))
		return false;
	memcpy(p->state, value, len);
	p->state[len] = 0;
	snprintf(p->asked, sizeof(p->asked), "%s", value + len + strspn(value + len, " "));
	return true;
}

/*
 * The next line, as much of it as is a value's: the list of groups may be longer, and @cut tells.
 * Return: whether there is one that ends and has no NUL; of what does not end, @line has as much.
 */
static bool next_line(FILE *file, char line[VALUE_SIZE], bool *cut)
{
	size_t len = 0;
	int c;

	*cut = false;
	while ((c = getc(file)) != EOF && c != '\n') {
		if (!c)
			return false;
		if (len < VALUE_SIZE - 1)
			line[len++] = c;
		else
			*cut = true;
	}
	line[len] = 0;
	return c == '\n';
}

/**
 * process_parse() - what a status file says
 * @p: set to that, but for what the file does not have
 * @file: at its beginning; any bytes
 *
 * Return: whether it is one, with its last line.
 */
bool process_parse(struct process *p, FILE *file)
{
	bool cut, whole = false, good = true;
	unsigned long long number;
	char line[VALUE_SIZE];
	char *value;

	*p = (struct process) { };
	while (next_line(file, line, &cut)) {
		value = value_of(line, "Name");
		if (value) {
			take_name(p, value);
			good &= !cut;
		}
		value = value_of(line, "Pid");
		if (value && parse_number(value, &number))
			p->pid = number;
		value = value_of(line, "Kthread");
		if (value)
			p->kernel = !strcmp(value, "1");
		if (value_of(line, "VmSize"))
			p->user = true;
		/* Each kernel has it, below what has the size of the memory */
		if (value_of(line, "nonvoluntary_ctxt_switches"))
			whole = true;
		value = value_of(line, "x86_PTI");
		if (value) {
			p->told = true;
			good &= !cut && take_state(p, value);
		}
		line[0] = 0;
	}
	return good && whole && !line[0] && feof(file);
}

enum found {
	FOUND,
	GONE,		/* there is no such process, any more */
	UNKNOWN,	/* a complaint has been made */
};

/* The status file of a directory below @proc. */
static enum found read_status(const struct place *proc, const char *name, struct process *p)
{
	enum found found = UNKNOWN;
	char path[NAME_MAX];
	struct stat st;
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "%s/status", name);
	/* Something else than a file must not block. */
	fd = openat(proc->fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return GONE;
	if (fd < 0 || fstat(fd, &st)) {
		complain("cannot open %s/%s: %s%s", proc->path, path, strerror(errno),
			 errno == EACCES || errno == EPERM ?
			 "; anybody may, as the kernel has it: see how /proc is mounted" : "");
		if (fd >= 0)
			close(fd);
		return UNKNOWN;
	}
	file = S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
	if (!file) {
		complain("%s/%s is not a file", proc->path, path);
		close(fd);
		return UNKNOWN;
	}
	errno = 0;
	if (process_parse(p, file))
		found = FOUND;
	else if (!ferror(file))
		complain("%s/%s is cut off, or is no status file", proc->path, path);
	else if (errno == ESRCH)
		found = GONE;
	else
		complain("cannot read %s/%s: %s", proc->path, path, strerror(errno));
	fclose(file);
	return found;
}

/* A PID as the kernel names it: digits, of which the first is not 0. */
static bool is_pid(const char *name)
{
	unsigned long long pid;

	return *name != '0' && parse_number(name, &pid) && pid <= INT_MAX;
}

/*
 * Where the first thread has ended, another has what the process has. Return: whether no
 * complaint has been made.
 */
static bool ask_threads(const struct place *proc, const char *name, struct process *p)
{
	struct process thread;
	bool good = true;
	enum found found;
	struct dirent *entry;
	char path[NAME_MAX];
	DIR *stream;
	int fd;

	snprintf(path, sizeof(path), "%s/task", name);
	fd = openat(proc->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	while (!p->user && (entry = readdir(stream))) {
		if (!is_pid(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/task/%.16s", name, entry->d_name);
		found = read_status(proc, path, &thread);
		good &= found != UNKNOWN;
		if (found != FOUND || !thread.user)
			continue;
		p->user = true;
		memcpy(p->state, thread.state, sizeof(p->state));
		memcpy(p->asked, thread.asked, sizeof(p->asked));
	}
	closedir(stream);
	return good;
}

/* -- all that there is to tell -------------------------------------------------- */

/**
 * struct answer - what is told
 * @processes: of which
 * @nr: how many
 * @here: there is a process with a line about it
 * @missing: there is one without
 * @off: there is one that is not isolated because nobody is
 * @on: there is one that is
 * @good: nothing else was wrong
 */
struct answer {
	struct process	*processes;
	size_t		nr;
	bool		here, missing, off, on, good;
};

/* How the arguments would have it */
struct options {
	const char	*proc;
	bool		json;
	bool		all;
};

static void add_process(struct answer *a, const struct process *p)
{
	struct process *more = a->processes;

	/* The size doubles where it is a power of two. */
	if (!(a->nr & (a->nr - 1)))
		more = realloc(more, (a->nr ? 2 * a->nr : 1) * sizeof(*more));
	if (!more) {
		complain("no memory for so many processes");
		exit(EXIT_WRONG);
	}
	a->processes = more;
	more[a->nr++] = *p;
}

/* What is not known may mean anything. */
static void check_words(struct answer *a, const struct process *p)
{
	const char *word;
	size_t len;

	if (!is_known(states, ARRAY_SIZE(states), p->state, strlen(p->state))) {
		complain("the state of %llu is '%s', which this version does not know", p->pid,
			 p->state);
		a->good = false;
	}
	for (word = p->asked; *word; word += len + strspn(word + len, " ")) {
		len = strcspn(word, " ");
		if (is_known(requests, ARRAY_SIZE(requests), word, len))
			continue;
		complain("%llu has asked for '%.*s', which this version does not know", p->pid,
			 (int)len, word);
		a->good = false;
	}
}

/* Is it there, and does it say something of isolation? */
static enum found look(struct answer *a, const struct place *proc, const char *name,
		       struct process *p)
{
	enum found found = read_status(proc, name, p);

	if (found == UNKNOWN)
		a->good = false;
	if (found != FOUND)
		return found;
	if (!p->told) {
		if (!a->missing)
			complain("%s/%s/status has no x86_PTI; %s", proc->path, name,
				 "this kernel has no CONFIG_PTI_OPT_OUT");
		a->missing = true;
		return UNKNOWN;
	}
	a->here = true;
	if (!p->user && !p->kernel)
		a->good &= ask_threads(proc, name, p);
	a->off |= !strcmp(p->state, "off");
	a->on |= !strcmp(p->state, "isolated");
	return FOUND;
}

/* The way in. Return: whether there is one. */
static bool open_proc(struct place *proc, const char *path)
{
	struct statfs fs;

	proc->path = path;
	proc->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc->fd < 0) {
		complain("cannot open %s: %s", path, strerror(errno));
		return false;
	}
	if (!strcmp(path, PROC) && (fstatfs(proc->fd, &fs) || fs.f_type != PROC_SUPER_MAGIC)) {
		complain("%s is no procfs: mount it (mount -t proc none %s)", path, path);
		return false;
	}
	return true;
}

static void tell_people(const struct answer *a)
{
	char name[ESCAPED_SIZE];
	const struct process *p;

	printf("%10s  %-10s  %-18s  %s\n", "PID", "STATE", "ASKED", "NAME");
	for (p = a->processes; p < a->processes + a->nr; p++)
		printf("%10llu  %-10s  %-18s  %s\n", p->pid, p->state, p->asked[0] ? p->asked : "-",
		       escape(name, p->name));
}

/* Words as an array of strings */
static void json_words(const char *words)
{
	char word[VALUE_SIZE];
	bool first = true;
	size_t len;

	putchar('[');
	for (; *words; words += len + strspn(words + len, " ")) {
		len = strcspn(words, " ");
		if (!len)
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)len, words);
		printf("%s", first ? "" : ", ");
		json_string(word);
		first = false;
	}
	putchar(']');
}

static void tell_json(const struct answer *a)
{
	const struct process *p;

	printf("{\n  \"schema\": \"ptictl-processes\",\n  \"version\": %d,\n  \"available\": %s,\n",
	       JSON_VERSION, a->here ? "true" : "false");
	printf("  \"isolation\": %s,\n  \"processes\": [",
	       a->off ? "false" : a->on ? "true" : "null");
	for (p = a->processes; p < a->processes + a->nr; p++) {
		printf("%s\n    {\n      \"pid\": %llu,\n      \"state\": ",
		       p > a->processes ? "," : "", p->pid);
		json_string(p->state);
		printf(",\n      \"asked\": ");
		json_words(p->asked);
		printf(",\n      \"name\": ");
		json_string(p->name);
		printf("\n    }");
	}
	printf("%s]\n}\n", a->nr ? "\n  " : "");
}

/* Return: what the program ends with. */
static enum exit_status tell(const struct answer *a, const struct options *o)
{
	if (o->json)
		tell_json(a);
	else if (a->here)
		tell_people(a);
	if (!a->good || (a->missing && a->here))
		return EXIT_WRONG;
	return a->missing ? EXIT_NOT_HERE : EXIT_GOOD;
}

/* -- the commands --------------------------------------------------------------- */

/* Return: whether the arguments are right; if not, or if it was --help, @status is set. */
static bool take_options(const struct command *command, int argc, char **argv,
			 struct options *o, enum exit_status *status)
{
	static const struct option options[] = {
		{ "all",	no_argument, NULL, 'a' },
		{ "help",	no_argument, NULL, 'h' },
		{ "json",	no_argument, NULL, 'j' },
		{ "proc",	required_argument, NULL, 'p' },
		{ }
	};
	bool has_all = command == &command_list;
	int option;

	*o = (struct options) { .proc = PROC };
	while ((option = getopt_long(argc, argv, has_all ? "ahjp:" : "hjp:",
				     options + !has_all, NULL)) != -1) {
		switch (option) {
		case 'a':
			o->all = true;
			break;
		case 'h':
			fputs(command->help, stdout);
			*status = EXIT_GOOD;
			return false;
		case 'j':
			o->json = true;
			break;
		case 'p':
			o->proc = optarg;
			break;
		default:
			*status = bad_usage(command);
			return false;
		}
	}
	return true;
}

static enum exit_status run_show(int argc, char **argv)
{
	struct answer a = { .good = true };
	char text[ESCAPED_SIZE];
	enum exit_status status;
	struct process p;
	struct place proc;
	struct options o;
	int i;

	if (!take_options(&command_show, argc, argv, &o, &status))
		return status;
	if (optind == argc) {
		complain("no PID");
		return bad_usage(&command_show);
	}
	for (i = optind; i < argc; i++) {
		if (strcmp(argv[i], "self") && !is_pid(argv[i])) {
			complain("'%s' is no PID", escape(text, argv[i]));
			return bad_usage(&command_show);
		}
	}

	if (!open_proc(&proc, o.proc))
		return EXIT_WRONG;
	for (i = optind; i < argc; i++) {
		switch (look(&a, &proc, argv[i], &p)) {
		case FOUND:
			if (strcmp(argv[i], "self"))
				p.pid = strtoull(argv[i], NULL, 10);
			check_words(&a, &p);
			add_process(&a, &p);
			break;
		case GONE:
			complain("there is no process %s", argv[i]);
			a.good = false;
			break;
		case UNKNOWN:
			break;
		}
	}
	return tell(&a, &o);
}

/* Does it run without isolation, as far as is known, or has it asked for something? */
static bool is_special(const struct process *p)
{
	if (!strcmp(p->state, "isolated") || !strcmp(p->state, "off"))
		return p->asked[0];
	/* What has ended, and is a zombie, asks for nothing any more. */
	return strcmp(p->state, "none");
}

static int by_pid(const void *a, const void *b)
{
	unsigned long long x = ((const struct process *)a)->pid;
	unsigned long long y = ((const struct process *)b)->pid;

	return x < y ? -1 : x > y;
}

static enum exit_status run_list(int argc, char **argv)
{
	struct answer a = { .good = true };
	enum exit_status status;
	struct dirent *entry;
	struct process p;
	struct place proc;
	struct options o;
	size_t seen = 0;
	DIR *stream;

	if (!take_options(&command_list, argc, argv, &o, &status))
		return status;
	if (optind < argc) {
		complain("'%s' is one argument too many", argv[optind]);
		return bad_usage(&command_list);
	}

	if (!open_proc(&proc, o.proc))
		return EXIT_WRONG;
	stream = fdopendir(proc.fd);
	if (!stream) {
		complain("cannot read %s: %s", proc.path, strerror(errno));
		return EXIT_WRONG;
	}
	for (errno = 0; (entry = readdir(stream)); errno = 0) {
		if (!is_pid(entry->d_name))
			continue;
		seen++;
		if (look(&a, &proc, entry->d_name, &p) != FOUND)
			continue;
		p.pid = strtoull(entry->d_name, NULL, 10);
		if (!is_special(&p) && !(o.all && p.user))
			continue;
		check_words(&a, &p);
		add_process(&a, &p);
	}
	if (errno) {
		complain("cannot read %s: %s", proc.path, strerror(errno));
		a.good = false;
	} else if (!seen) {
		complain("%s has no processes", proc.path);
		a.good = false;
	}
	if (a.nr)
		qsort(a.processes, a.nr, sizeof(*a.processes), by_pid);
	if (a.off && !o.json)
		printf("Isolation is off: every process runs without it.\n\n");
	return tell(&a, &o);
}

#define COMMON_OPTIONS								\
"  -j, --json      the same as JSON, for programs\n"				\
"  -p, --proc=DIR  look there instead of in /proc\n"				\
"  -h, --help      this\n\n"

#define COMMON_STATUS								\
"3 this kernel lets no process run without isolation (CONFIG_PTI_OPT_OUT).\n"

const struct command command_show = {
	.name		= "show",
	.summary	= "tell whether processes run isolated, and what they asked for",
	.help		=
"Usage: ptictl show [--json] [--proc=DIR] PID...\n\n"
"Tell whether each process is isolated or opted out, and what it asked for: exec\n"
"(what it executes next is opted out), inherit (what is opted out hands that on),\n"
"never (it may not ask any more). 'self' as a PID is ptictl's own: what is told of\n"
"it holds for whatever is executed as ptictl was.\n\n"
COMMON_OPTIONS
"Exit status: 0 all was told, 1 there is no such process, or what it is cannot be\n"
"told, 2 wrong arguments,\n" COMMON_STATUS,
	.run		= run_show,
};

const struct command command_list = {
	.name		= "list",
	.summary	= "list the processes that are opted out, or asked for something",
	.help		=
"Usage: ptictl list [--all] [--json] [--proc=DIR]\n\n"
"List the processes that run without isolation because they, or who started them,\n"
"asked for that, and those that asked for anything else: see 'ptictl show --help'.\n\n"
"  -a, --all       all processes but the kernel's own\n"
COMMON_OPTIONS
"Exit status: 0 all was told, 1 something could not be read or is wrong, 2 wrong\n"
"arguments, " COMMON_STATUS,
	.run		= run_list,
};
