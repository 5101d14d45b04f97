/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sysctl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

void proc_ready(void)
{
	if (access("/proc/self/net", F_OK) == 0)
		return;
	mkdir("/proc", 0555);
	mount("proc", "/proc", "proc", 0, NULL);
}

static void path_of(const char *name, char *path, size_t size)
{
	snprintf(path, size, "/proc/sys/%s", name);
}

bool sysctl_has(const char *name)
{
	char path[256];

	path_of(name, path, sizeof(path));
	return access(path, F_OK) == 0;
}

bool sysctl_set(const char *name, const char *value)
{
	char path[256];
	bool written;
	int fd;

	path_of(name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return written;
}

/* The table is two lines: the names, and below them the numbers. */
static long column_value(char *names, char *values, const char *wanted)
{
	char *name, *value;

	while ((name = strsep(&names, " \n")) && (value = strsep(&values, " \n"))) {
		if (!strcmp(name, wanted))
			return atol(value);
	}
	return -1;
}

long tcpext_counter(const char *name)
{
	static char names[8192], values[8192];
	FILE *file = fopen("/proc/self/net/netstat", "re");
	long result = -1;

	if (!file)
		return -1;
	while (fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		if (!strncmp(names, "TcpExt:", 7)) {
			result = column_value(names, values, name);
			break;
		}
	}
	fclose(file);
	return result;
}
