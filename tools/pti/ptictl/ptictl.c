// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptictl - ask a running kernel about its page-table isolation, and run programs without
 *
 * The first argument is a command, the rest is its own. A command is a file with a
 * struct command, which commands[] lists. See ptictl(1).
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ptictl.h"

static const struct command *const commands[] = {
	&command_status,
	&command_run,
	&command_show,
	&command_list,
};

/* One line on stderr. */
void complain(const char *format, ...)
{
	va_list args;

	fputs("ptictl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* Behind the line that says what is wrong: what would not be. */
enum exit_status bad_usage(const struct command *command)
{
	fprintf(stderr, "Try 'ptictl %s%s--help'.\n", command ? command->name : "",
		command ? " " : "");
	return EXIT_USAGE;
}

static void print_help(void)
{
	size_t i;

	printf("Usage: ptictl COMMAND [OPTION...]\n"
	       "       ptictl --help | --version\n\n"
	       "Ask this kernel about its page-table isolation, and run programs without it.\n\n"
	       "Commands:\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n'ptictl COMMAND --help' says more of one.\n\n"
	       "Exit status: 0 well, 1 something could not be read or is wrong,\n"
	       "2 wrong arguments, 3 this kernel does not have it. That of run is the program's.\n");
}

static enum exit_status run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help",	no_argument, NULL, 'h' },
		{ "version",	no_argument, NULL, 'V' },
		{ }
	};
	size_t i;

	/* What stands behind the command is for it to look at. */
	switch (getopt_long(argc, argv, "+hV", options, NULL)) {
	case 'h':
		print_help();
		return EXIT_GOOD;
	case 'V':
		printf("ptictl %s\n", PTI_VERSION);
		return EXIT_GOOD;
	case '?':
		return bad_usage(NULL);
	}

	if (optind == argc) {
		complain("no command");
		return bad_usage(NULL);
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[optind], commands[i]->name)) {
			argv[optind] = argv[0];
			argc -= optind;
			argv += optind;
			/* 0 has getopt begin anew. */
			optind = 0;
			return commands[i]->run(argc, argv);
		}
	}
	complain("no command '%s'", argv[optind]);
	return bad_usage(NULL);
}

int main(int argc, char **argv)
{
	enum exit_status status = run(argc, argv);

	/* What did not arrive was not told. */
	if (fflush(stdout) || ferror(stdout)) {
		complain("cannot write the answer: %s", strerror(errno));
		return status == EXIT_GOOD ? EXIT_WRONG : status;
	}
	return status;
}
