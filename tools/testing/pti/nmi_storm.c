// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injects NMIs into a guest of QEMU, by its monitor (QMP), until the guest ends:
 * into all CPUs at once, at intervals that differ, so that they hit places which
 * nothing else interrupts.  What they hit is left to chance.
 *
 * Usage: nmi_storm SOCKET MICROSECONDS LEAST
 *
 * Fewer NMIs than LEAST show nothing, and fail.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* Throws away what has come; false once the guest is gone */
static int drain(int fd)
{
	char text[4096];
	ssize_t n;

	for (;;) {
		n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!n)
			return 0;
	}
}

static int tell(int fd, const char *command)
{
	size_t len = strlen(command);

	return send(fd, command, len, MSG_NOSIGNAL) == (ssize_t)len;
}

int main(int argc, char **argv)
{
	unsigned long n = 0, us = argc == 4 ? strtoul(argv[2], NULL, 0) : 0;
	int fd;

	if (!us) {
		fprintf(stderr, "usage: nmi_storm SOCKET MICROSECONDS LEAST\n");
		return 2;
	}
	fd = connect_to(argv[1]);
	if (fd < 0 || !tell(fd, "{\"execute\":\"qmp_capabilities\"}\n"))
		return 2;
	while (drain(fd) && tell(fd, "{\"execute\":\"inject-nmi\"}\n")) {
		n++;
		usleep(us / 2 + rand() % us);
	}
	printf("%lu NMIs injected, %s are demanded\n", n, argv[3]);
	return n < strtoul(argv[3], NULL, 0);
}
