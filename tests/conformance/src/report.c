/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "report.h"

#include "cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int number, passed, failed, skipped;
static char name[256];
static char failures[4096];
static char skip_reason[512];
static bool absent;
static unsigned int checks;

static void hung(int signal)
{
	static const char text[] = "\nBail out! no progress for too long in: ";
	ssize_t ignored;

	(void)signal;
	ignored = write(STDOUT_FILENO, text, sizeof(text) - 1);
	ignored = write(STDOUT_FILENO, name, strlen(name));
	ignored = write(STDOUT_FILENO, "\n", 1);
	(void)ignored;
	_exit(1);
}

void case_alive(void)
{
	alarm(CASE_LIMIT_SECONDS);
}

bool case_begin(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	if (cli.only && !strstr(name, cli.only))
		return false;
	if (cli.list) {
		printf("%s\n", name);
		return false;
	}
	failures[0] = skip_reason[0] = '\0';
	absent = false;
	checks = 0;
	signal(SIGALRM, hung);
	case_alive();
	return true;
}

void case_fail(const char *format, ...)
{
	size_t used = strlen(failures);
	va_list args;

	if (used + 2 >= sizeof(failures))
		return;
	if (used)
		failures[used++] = '\n';
	va_start(args, format);
	vsnprintf(failures + used, sizeof(failures) - used, format, args);
	va_end(args);
}

void case_checked(void)
{
	checks++;
}

bool case_has_checked(void)
{
	return checks != 0;
}

void case_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(skip_reason, sizeof(skip_reason), format, args);
	va_end(args);
}

void case_absent(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(skip_reason, sizeof(skip_reason), format, args);
	va_end(args);
	absent = true;
}

void case_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

const char *case_failures(void)
{
	return failures;
}

const char *case_skip_reason(void)
{
	return skip_reason;
}

static void print_failures(void)
{
	char *rest = failures;
	char *line;

	while ((line = strsep(&rest, "\n")))
		printf("#   %s\n", line);
}

void case_end(void)
{
	alarm(0);
	number++;
	if (skip_reason[0] && !absent && !failures[0] && cli.no_skip)
		case_fail("a skip counts as a failure here: %s", skip_reason);
	if (!skip_reason[0] && !failures[0] && !case_has_checked())
		case_fail("the case ended without having checked anything");
	if (failures[0]) {
		failed++;
		printf("not ok %u - %s\n", number, name);
		print_failures();
	} else if (skip_reason[0]) {
		skipped++;
		printf("ok %u - %s # SKIP %s\n", number, name, skip_reason);
	} else {
		passed++;
		printf("ok %u - %s\n", number, name);
	}
	fflush(stdout);
}

void bail_out(const char *format, ...)
{
	va_list args;

	printf("Bail out! ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	exit(1);
}

int report_summary(void)
{
	if (cli.list)
		return 0;
	printf("1..%u\n", number);
	if (!passed && !failed)
		printf("# no case ran\n");
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed || !passed;
}
