/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a sandbox holds, as a sorted list of lines, and the comparison of two such lists. */

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void add(GPtrArray *lines, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool without_trash;

void leaks_leave_out_trash(bool leave_out) {
        without_trash = leave_out;
}

static void add(GPtrArray *lines, const char *format, ...) {
        g_autofree char *line = NULL;
        va_list ap;

        va_start(ap, format);
        line = g_strdup_vprintf(format, ap);
        va_end(ap);
        if (!without_trash || (!strstr(line, "/state/trash/") && !strstr(line, "mydocker-worker")))
                g_ptr_array_add(lines, g_steal_pointer(&line));
}

static void add_mounts(GPtrArray *lines) {
        g_autofree char *text = read_file("/proc/self/mountinfo");
        g_auto(GStrv) mounts = g_strsplit(text, "\n", -1);

        for (char **mount = mounts; *mount; mount++)
                if (strstr(*mount, sandbox_dir())) {
                        g_auto(GStrv) fields = g_strsplit(*mount, " ", 6);

                        add(lines, "mount %s", fields[4]);
                }
}

/* Names in a directory and, down to `depth`, below it. */
static void add_tree(GPtrArray *lines, const char *what, const char *path, int depth) {
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

        for (const char *name; dir && (name = g_dir_read_name(dir));) {
                g_autofree char *child = g_build_filename(path, name, NULL);

                add(lines, "%s %s", what, child);
                if (depth > 0 && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
                        add_tree(lines, what, child, depth - 1);
        }
}

static void add_cgroups(GPtrArray *lines) {
        g_autofree char *text = read_file("/proc/self/mounts");
        g_auto(GStrv) mounts = g_strsplit(text, "\n", -1);

        for (char **mount = mounts; *mount; mount++) {
                g_auto(GStrv) fields = g_strsplit(*mount, " ", -1);
                g_autofree char *path = NULL;
                g_autoptr(GDir) dir = NULL;

                if (g_strv_length(fields) < 3 || !g_str_has_prefix(fields[2], "cgroup"))
                        continue;
                /* Directories only: each group is one, what else is in there are attributes. */
                path = g_strconcat(fields[1], sandbox_cgroup(), NULL);
                dir = g_dir_open(path, 0, NULL);
                for (const char *name; dir && (name = g_dir_read_name(dir));) {
                        g_autofree char *child = g_build_filename(path, name, NULL);

                        if (g_file_test(child, G_FILE_TEST_IS_DIR))
                                add(lines, "cgroup %s", child);
                }
        }
}

/* Process 1 or the supervisor collects it at its next occasion. */
static bool is_zombie(const char *pid) {
        g_autofree char *status = read_file("/proc/%s/stat", pid);

        return !status || strstr(status, ") Z ");
}

/* Who is in the services' control group, and so also every worker. */
static void add_processes(GPtrArray *lines) {
        g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
        g_autofree char *group = g_strconcat(sandbox_cgroup(), "-services\n", NULL);

        for (const char *pid; (pid = g_dir_read_name(dir));) {
                g_autofree char *groups = NULL, *name = NULL;

                if (!g_ascii_isdigit(*pid) || is_zombie(pid))
                        continue;
                groups = read_file("/proc/%s/cgroup", pid);
                name = read_file("/proc/%s/comm", pid);
                if (groups && name && strstr(groups, group))
                        add(lines, "process %s", g_strchomp(name));
        }
}

/* "socket:[1234]" */
static bool is_datagram_socket(const char *target) {
        g_autofree char *text = read_file("/proc/net/unix");
        g_auto(GStrv) sockets = g_strsplit(text, "\n", -1);
        unsigned long wanted, inode;
        unsigned type;

        if (sscanf(target, "socket:[%lu]", &wanted) != 1)
                return false;
        for (char **socket = sockets; *socket; socket++)
                if (sscanf(*socket, "%*s %*s %*s %*s %x %*s %lu", &type, &inode) == 2 &&
                    inode == wanted)
                        return type == SOCK_DGRAM;
        return false;
}

static void add_fds(GPtrArray *lines, const char *who, pid_t pid) {
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        /* The daemon makes a connection to the journal with its first record, and keeps it. */
        bool journal_seen = !g_str_equal(who, "daemon");

        for (const char *fd; dir && (fd = g_dir_read_name(dir));) {
                g_autofree char *link = g_build_filename(path, fd, NULL);
                g_autofree char *target = g_file_read_link(link, NULL);
                char *number = target ? strchr(target, '[') : NULL;

                if (target && !journal_seen && is_datagram_socket(target)) {
                        journal_seen = true;
                        continue;
                }
                if (number && !g_str_has_prefix(target, "anon_inode:"))
                        *number = '\0';
                /* An upgraded supervisor opens them in another mount namespace. */
                if (target && g_str_has_suffix(target, sandbox_cgroup()))
                        memmove(target, target + strlen(target) - strlen(sandbox_cgroup()),
                                strlen(sandbox_cgroup()) + 1);
                if (target)
                        add(lines, "%s's descriptor %s", who, target);
        }
}

static int compare(gconstpointer a, gconstpointer b) {
        return strcmp(*(char **)a, *(char **)b);
}

static char **take_snapshot(void) {
        g_autofree char *state = g_build_filename(sandbox_dir(), "state", NULL);
        g_autofree char *run = g_build_filename(sandbox_dir(), "run", NULL);
        GPtrArray *lines = g_ptr_array_new();

        add_mounts(lines);
        add_cgroups(lines);
        add_tree(lines, "state", state, 1);
        add_tree(lines, "state", run, 1);
        add_processes(lines);
        add_fds(lines, "daemon", daemon_pid());
        add_fds(lines, "supervisor", supervisor_pid());

        g_ptr_array_sort(lines, compare);
        g_ptr_array_add(lines, NULL);
        return (char **)g_ptr_array_free(lines, FALSE);
}

/* Reports what is in one sorted list only. */
static void report(char *const *before, char *const *after) {
        while (*before || *after) {
                int order = !*before ? 1 : !*after ? -1 : strcmp(*before, *after);

                if (order < 0)
                        g_test_message("is gone: %s", *before++);
                else if (order > 0)
                        g_test_message("is left: %s", *after++);
                else
                        before++, after++;
        }
}

/* Deleting goes on after the reply; what is in there before a test does not belong to it. */
static bool trash_is_empty(void) {
        g_autofree char *trash = g_build_filename(sandbox_dir(), "state/trash", NULL);
        g_autoptr(GDir) dir = g_dir_open(trash, 0, NULL);

        return !dir || !g_dir_read_name(dir);
}

char **leaks_baseline(void) {
        char **before, **after;

        WAIT_UNTIL(without_trash || trash_is_empty());
        /* And until whoever emptied it is gone, too. */
        for (before = take_snapshot();; before = after) {
                bool same;

                g_usleep(100000);
                after = take_snapshot();
                same = g_strv_equal((const char *const *)before, (const char *const *)after);
                g_strfreev(before);
                if (same)
                        return after;
        }
}

/* Whether each line of one sorted list is in the other: less may be there than before. */
static bool adds_nothing(char *const *before, char *const *after) {
        while (*after) {
                int order = *before ? strcmp(*before, *after) : 1;

                if (order > 0)
                        return false;
                if (order == 0)
                        after++;
                before++;
        }
        return true;
}

void leaks_check(char *const *before) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;

        for (;;) {
                g_auto(GStrv) after = take_snapshot();

                if (adds_nothing(before, after))
                        return;
                if (g_get_monotonic_time() > end) {
                        report(before, after);
                        test_fails("the test left something behind");
                        return;
                }
                g_usleep(20000);
        }
}
