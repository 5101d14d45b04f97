/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "child.h"

#include "clock.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS (4 * WAIT_MS)

/* One letter for what it is, then the text: failed, skipped, passed, nothing checked. */
__attribute__((noreturn)) static void child_main(int out, void (*fn)(void *), void *arg)
{
	case_alive();
	fn(arg);
	if (case_failures()[0])
		dprintf(out, "F%s", case_failures());
	else if (case_skip_reason()[0])
		dprintf(out, "S%s", case_skip_reason());
	else
		dprintf(out, case_has_checked() ? "P" : "N");
	_exit(0);
}

/* All until the end of the pipe; false when that does not come in time. */
static bool read_all(int in, char *text, size_t size)
{
	long deadline = clock_ms() + PATIENCE_MS;
	struct pollfd pfd = { .fd = in, .events = POLLIN };
	size_t used = 0;
	ssize_t got;
	long left;

	while ((left = deadline - clock_ms()) > 0 && poll(&pfd, 1, (int)left) == 1) {
		got = read(in, text + used, size - 1 - used);
		if (got <= 0) {
			text[used] = '\0';
			return true;
		}
		used += (size_t)got;
	}
	text[used] = '\0';
	return false;
}

static void collect(pid_t pid, int in)
{
	char text[4096];
	bool ended = read_all(in, text, sizeof(text));
	int status;

	if (!ended)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (!ended)
		case_fail("the child process hung");
	else if (!WIFEXITED(status) || WEXITSTATUS(status) || !text[0])
		case_fail("the child process died, wait status %#x", status);
	else if (text[0] == 'F')
		case_fail("in a child process: %s", text + 1);
	else if (text[0] == 'S')
		case_skip("%s", text + 1);
	else if (text[0] == 'P')
		case_checked();
}

void run_in_child(void (*fn)(void *arg), void *arg)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0) {
		case_fail("pipe: %s", strerror(errno));
		return;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child_main(pipes[1], fn, arg);
	close(pipes[1]);
	if (pid < 0)
		case_fail("fork: %s", strerror(errno));
	else
		collect(pid, pipes[0]);
	close(pipes[0]);
}
