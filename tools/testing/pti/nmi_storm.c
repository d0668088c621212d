// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injects NMIs into a guest of QEMU, by its monitor (QMP), until the guest's programs
 * have ended: into all CPUs at once, at intervals that differ, so that they hit places
 * which nothing else interrupts.  What they hit is left to chance.
 *
 * Usage: nmi_storm SOCKET MICROSECONDS LEAST LOG
 *
 * LOG is the guest's console, which says when they have ended.  The storm is over then,
 * and its last command answered, before the guest powers off: QEMU 7.2 may hang if
 * one comes while it ends (its dispatcher waits for the monitor, which is closed).
 *
 * Fewer NMIs than LEAST show nothing, and fail.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "nmi_storm: %s: too long for a socket\n", path);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path));
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	perror(path);
	return -1;
}

/*
 * How many answers have come since the last call; -1 once the guest is gone.  Each is a
 * line; so is what the monitor says by itself, which does no harm here.
 */
static int answers(int fd)
{
	char text[4096];
	int lines = 0;
	ssize_t n;

	for (;;) {
		n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? lines : -1;
		if (!n)
			return -1;
		while (n--)
			lines += text[n] == '\n';
	}
}

/* Whether what came to the log since the last call has the mark of the end */
static int programs_ended(int log)
{
	static char text[4096];
	static size_t kept;
	static const char mark[] = "PTI-RUN-END";
	ssize_t n;

	while ((n = read(log, text + kept, sizeof(text) - kept)) > 0) {
		kept += n;
		if (memmem(text, kept, mark, sizeof(mark) - 1))
			return 1;
		/* The mark may have come in part */
		n = kept < sizeof(mark) ? kept : sizeof(mark);
		memmove(text, text + kept - n, n);
		kept = n;
	}
	return 0;
}

static int tell(int fd, const char *command)
{
	size_t len = strlen(command);

	return send(fd, command, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	unsigned long n = 0, us = argc == 5 ? strtoul(argv[2], NULL, 0) : 0;
	unsigned long least = argc == 5 ? strtoul(argv[3], NULL, 0) : 0;
	unsigned long lines = 0;
	int fd, log, i, came = 0;
	double begun, took;

	if (!us || !least) {
		fprintf(stderr, "usage: nmi_storm SOCKET MICROSECONDS LEAST LOG\n");
		return 2;
	}
	log = open(argv[4], O_RDONLY);
	if (log < 0) {
		perror(argv[4]);
		return 2;
	}
	fd = connect_to(argv[1]);
	if (fd < 0 || !tell(fd, "{\"execute\":\"qmp_capabilities\"}\n"))
		return 2;
	begun = seconds();
	while (came >= 0 && !programs_ended(log) && tell(fd, "{\"execute\":\"inject-nmi\"}\n")) {
		n++;
		usleep(us / 2 + rand() % us);
		came = answers(fd);
		lines += came > 0 ? came : 0;
	}
	took = seconds() - begun;
	/* The greeting, and an answer a command, that of the capabilities too */
	for (i = 0; came >= 0 && lines < n + 2 && i < 500; i++) {
		usleep(1000);
		came = answers(fd);
		lines += came > 0 ? came : 0;
	}
	if (i == 500)
		fprintf(stderr, "nmi_storm: %lu commands, only %lu lines from QEMU\n", n, lines);
	printf("%lu NMIs injected in %.1f s, %.0f a second; %lu are demanded\n",
	       n, took, took > 0 ? n / took : 0, least);
	return i == 500 || n < least;
}
