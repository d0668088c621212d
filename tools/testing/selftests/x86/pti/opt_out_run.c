// SPDX-License-Identifier: GPL-2.0-only
/*
 * opt_out_run - run another program of this directory without isolation
 *
 *	opt_out_run PROGRAM [ARGUMENT...]
 *
 * Register contents, signals, LDTs, breakpoints and threads are as much those of an
 * opted-out process as of any other: what tests them tests them there, too.  A kernel where
 * nobody can opt out, or with isolation off, runs the program as it is.
 */
#include "opt_out.h"

int main(int argc, char **argv)
{
	char path[256];
	int error;

	if (argc < 2) {
		ksft_print_header();
		ksft_exit_skip("usage: opt_out_run PROGRAM [ARGUMENT...]\n");
	}
	if (opt_get() >= 0 && pti_on()) {
		opt_sysctl("1");
		error = opt_set(PR_SPEC_ENABLE_EXEC | PR_SPEC_INHERIT);
		if (error)
			ksft_exit_fail_msg("cannot opt out: %s\n", strerror(error));
	}
	snprintf(path, sizeof(path), "%.*s%s",
		 strchr(argv[1], '/') || !strrchr(argv[0], '/') ? 0 :
		 (int)(strrchr(argv[0], '/') + 1 - argv[0]), argv[0], argv[1]);
	execv(path, argv + 1);
	ksft_exit_fail_msg("cannot execute %s: %m\n", path);
}
