/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>

#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/strutil.h"

#define FILE_MAX ((size_t)1024 * 1024)

/* The directory, held open, since a worker soon has another root. Return: a descriptor, or a negative errno. */
static int control_dir(void) {
        static int dir = -EBADF;
        const char *path = getenv("MYDOCKER_FAULTS");

        if (dir < 0 && path)
                dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return dir;
}

/* How often the point has been reached by now, this time included. */
static unsigned count_in(int dir, const char *name) {
        _cleanup_free_ char *text = NULL;
        char *state = NULL;
        unsigned n = 0;

        if (fd_read_file_at(dir, "reached", FILE_MAX, &text, NULL) < 0)
                return 0;
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
                n += streq(line, name);
        return n;
}

/* Adds a line to a file, if it is there. */
static void note(int dir, const char *file, const char *text) {
        _cleanup_close_ int fd = openat(dir, file, O_WRONLY | O_APPEND | O_CLOEXEC);
        char line[64];
        int n = snprintf(line, sizeof(line), "%s\n", text);

        if (fd >= 0)
                (void)fd_write_all(fd, line, (size_t)n);
}

/* Whether it is to happen now; *action then says what. */
static bool take(int dir, const char *name, char action[static 16]) {
        _cleanup_free_ char *text = NULL;
        char armed[64], who[64];
        unsigned n;

        if (fd_read_file_at(dir, "armed", 4096, &text, NULL) < 0 ||
            sscanf(text, "%63s %u %15s", armed, &n, action) != 3 || !streq(armed, name) ||
            count_in(dir, name) != n)
                return false;
        snprintf(who, sizeof(who), "%d %s", getpid(), program_invocation_short_name);
        note(dir, "taken", who);
        return unlinkat(dir, "armed", 0) >= 0;
}

/* Until somebody opens the other end. */
static void hold(int dir) {
        safe_close(openat(dir, "gate", O_RDONLY | O_CLOEXEC));
}

int fault_reach(const char *name) {
        int dir = control_dir(), saved = errno;
        char action[16] = "";
        bool happens = false;

        if (dir >= 0) {
                note(dir, "reached", name);
                happens = take(dir, name, action);
        }
        if (happens && streq(action, "kill"))
                raise(SIGKILL);
        if (happens && streq(action, "hold")) {
                hold(dir);
                happens = false;
        }
        errno = happens ? atoi(action) : saved;
        return happens ? -1 : 0;
}
