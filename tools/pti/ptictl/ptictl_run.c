// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptictl run: run a program without isolation, isolated, or so that it can never do without.
 * The request is prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, ...) of the
 * kernel's Documentation/arch/x86/pti.rst, made ahead of execvp(): ptictl itself stays as it is.
 *
 * If it is refused, the errno does not say all: what else can be seen is looked at, in the order
 * in which the kernel does, for a message that has the way out.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ptictl.h"

/* The headers that ptictl is built with may be older than this. */
#ifndef PR_SPEC_PAGE_TABLE_ISOLATION
#define PR_SPEC_PAGE_TABLE_ISOLATION	3
#define PR_SPEC_ENABLE_EXEC		0x20UL
#define PR_SPEC_INHERIT			0x40UL
#endif

/* The user namespace that everything begins in: PROC_USER_INIT_INO of the kernel. */
#define FIRST_USER_NS		"user:[4026531837]"

static int set_isolation(unsigned long request)
{
	if (!prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, request, 0UL, 0UL))
		return 0;
	return errno;
}

static long get_isolation(void)
{
	return prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, 0UL, 0UL, 0UL);
}

/* -- why it is refused ---------------------------------------------------------- */

/* Names that begin at the root */
static const struct place anywhere = { AT_FDCWD, "" };

static bool is_off_limits(void)
{
	unsigned long long allowed;

	if (access("/proc/sys/kernel/pti_opt_out", R_OK))
		return false;
	return read_number(&anywhere, "/proc/sys/kernel/pti_opt_out", &allowed) && !allowed;
}

static bool lacks_capability(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { };

	return !syscall(SYS_capget, &head, caps) &&
	       !(caps[CAP_TO_INDEX(CAP_SYS_RAWIO)].effective & CAP_TO_MASK(CAP_SYS_RAWIO));
}

static bool is_elsewhere(void)
{
	char name[sizeof(FIRST_USER_NS) + 16];
	ssize_t len = readlink("/proc/self/ns/user", name, sizeof(name) - 1);

	if (len < 0)
		return false;
	name[len] = 0;
	return strcmp(name, FIRST_USER_NS);
}

static bool is_locked_down(void)
{
	char text[VALUE_SIZE];

	if (access("/sys/kernel/security/lockdown", R_OK))
		return false;
	return read_text(&anywhere, "/sys/kernel/security/lockdown", text) &&
	       !strstr(text, "[none]");
}

/* The state has no room for it while isolation is switched off; the status file has. */
static bool is_forbidden(void)
{
	long state = get_isolation();
	struct process self;
	bool forbidden;
	FILE *file;

	if (state >= 0 && (state & PR_SPEC_FORCE_DISABLE))
		return true;
	file = fopen("/proc/thread-self/status", "re");
	if (!file)
		return false;
	forbidden = process_parse(&self, file) && strstr(self.asked, "never");
	fclose(file);
	return forbidden;
}

static bool is_always_isolated(void)
{
	return get_isolation() == PR_SPEC_DISABLE;
}

static bool is_off(void)
{
	long state = get_isolation();

	return state == PR_SPEC_ENABLE || !state;
}

static bool is_so(void)
{
	return true;
}

/* The first that fits is told. What the kernel's pti_refusals[] has stands in that order. */
static const struct {
	int		error;
	bool		(*applies)(void);
	const char	*reason;
} refusals[] = {
	{ ENODEV, is_so, "this kernel has no CONFIG_PTI_OPT_OUT; boot one that has it" },
	{ EINVAL, is_so,
	  "this kernel does not know such requests; boot one with CONFIG_PTI_OPT_OUT" },
	{ ERANGE, is_so, "this kernel does not know this request; it may be older than ptictl" },
	{ ENXIO, is_always_isolated,
	  "the kernel was booted with pti_opt_out=never; boot without it" },
	{ ENXIO, is_off,
	  "isolation is off, and every program runs without it; 'ptictl status' tells why" },
	{ EPERM, is_forbidden,
	  "this process may not ask any more (ptictl run --never); start it from elsewhere" },
	{ EPERM, is_off_limits,
	  "the administrator has not allowed it: sysctl kernel.pti_opt_out=1 does" },
	{ EPERM, lacks_capability, "it takes CAP_SYS_RAWIO; run it as root" },
	{ EPERM, is_elsewhere,
	  "it takes CAP_SYS_RAWIO in the initial user namespace; run it outside of this one" },
	{ EPERM, is_locked_down,
	  "the kernel is locked down; boot without lockdown=, or without Secure Boot" },
	{ EPERM, is_so, "a security module or seccomp refuses it, which cannot be seen from here" },
};

static void explain(const char *what, int error)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (refusals[i].error == error && refusals[i].applies()) {
			complain("cannot %s: %s: %s", what, strerror(error), refusals[i].reason);
			return;
		}
	}
	complain("cannot %s: %s", what, strerror(error));
}

/* -- the command ---------------------------------------------------------------- */

/* As execvp() finds it. Return: what the program ends with, as it could not. */
static enum exit_status start(char **argv)
{
	char name[ESCAPED_SIZE];
	int error;

	execvp(argv[0], argv);
	error = errno;
	complain("cannot execute '%s': %s", escape(name, argv[0]), strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTED;
}

static enum exit_status run_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help",	no_argument, NULL, 'h' },
		{ "inherit",	no_argument, NULL, 'i' },
		{ "isolated",	no_argument, NULL, 'I' },
		{ "never",	no_argument, NULL, 'n' },
		{ "try",	no_argument, NULL, 't' },
		{ }
	};
	const char *what = "opt out of isolation";
	bool inherit = false, try = false;
	unsigned long request = 0;
	int option, error;

	/* What stands behind the program is its own. */
	while ((option = getopt_long(argc, argv, "+hiInt", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(command_run.help, stdout);
			return EXIT_GOOD;
		case 'i':
			inherit = true;
			break;
		case 'I':
			request |= PR_SPEC_DISABLE;
			what = "run it isolated";
			break;
		case 'n':
			request |= PR_SPEC_FORCE_DISABLE;
			what = "forbid it to opt out";
			break;
		case 't':
			try = true;
			break;
		default:
			bad_usage(&command_run);
			return EXIT_NOT_RUN;
		}
	}
	if (request == (PR_SPEC_DISABLE | PR_SPEC_FORCE_DISABLE) || (request && (inherit || try))) {
		complain("--isolated, --never and the others do not go together");
		bad_usage(&command_run);
		return EXIT_NOT_RUN;
	}
	if (optind == argc) {
		complain("no program");
		bad_usage(&command_run);
		return EXIT_NOT_RUN;
	}

	error = set_isolation(request ?: PR_SPEC_ENABLE_EXEC | (inherit ? PR_SPEC_INHERIT : 0));
	/* Where nobody can opt out, nothing else was asked for. */
	if (error == ENXIO && request && is_always_isolated())
		error = 0;
	if (error) {
		explain(what, error);
		if (!try)
			return EXIT_NOT_RUN;
		complain("it runs as it is");
	}
	return start(argv + optind);
}

const struct command command_run = {
	.name		= "run",
	.summary	= "run a program without isolation, or isolated whoever starts it",
	.help		=
"Usage: ptictl run [--inherit] [--try] [--] PROGRAM [ARGUMENT...]\n"
"       ptictl run --isolated | --never [--] PROGRAM [ARGUMENT...]\n\n"
"Run a program without isolation. On a CPU that Meltdown affects it can read all\n"
"memory; so can whoever gets hold of it. It takes CAP_SYS_RAWIO, and the sysctl\n"
"kernel.pti_opt_out has to be 1. A program that gains privileges as it is executed,\n"
"a set-id one, is isolated.\n\n"
"  -i, --inherit   its children, and what they execute, run without isolation too\n"
"  -t, --try       if it is refused, say why and run the program as it is\n"
"  -I, --isolated  run it isolated, also if it would inherit something else\n"
"  -n, --never     the same, and neither it nor its children may ever opt out\n"
"  -h, --help      this\n\n"
"Exit status: the program's; 125 it was refused, or wrong arguments, 126 the program\n"
"cannot be executed, 127 there is no such program.\n",
	.run		= run_run,
};
