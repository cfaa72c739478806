/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a container's life costs is given back at its end: after many of them there are as many descriptors, files, mounts,
 * control groups and ranges of user ids as before, and the daemons are as large as they were after the first few. The number is
 * $MYDOCKER_LEAK_ROUNDS, or as many as fit in half a minute. */

#include "harness.h"

#include <gio/gunixfdlist.h>
#include <stdlib.h>
#include <string.h>

/* Until each allocator has what it needs for one at a time. */
#define WARM_UP 30
#define SECONDS 30

/* How much larger they may be afterwards, in KiB: what an allocator has between blocks, not a number of lives. */
#define GROWTH_MAX 192

typedef struct Memory {
        long daemon, supervisor;
} Memory;

/* Its own memory, in KiB: what it shares with others is not its fault. */
static long memory_of(pid_t pid) {
        g_autofree char *text = read_file("/proc/%d/smaps_rollup", pid);
        const char *line = text ? strstr(text, "\nPrivate_Dirty:") : NULL;

        g_assert_nonnull(line);
        return atol(line + strlen("\nPrivate_Dirty:"));
}

static Memory memory(void) {
        return (Memory){memory_of(daemon_pid()), memory_of(supervisor_pid())};
}

/* Calls what returns descriptors, reads the first one to its end and closes all. */
static void read_all(const char *path, const char *method, const char *arguments) {
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = bus_try(bus, NULL, &fds, &error, path, method, arguments);

        g_assert_no_error(error);
        for (int i = 0; i < g_unix_fd_list_get_length(fds); i++) {
                int fd = g_unix_fd_list_get(fds, i, NULL);

                g_free(read_fd(fd, NULL));
        }
}

static void commit(const char *path, const char *name) {
        g_autoptr(GVariant) reply = bus_call(path, "Commit", "(%s, @a{sv} {})", name);
        g_autoptr(GVariant) results = NULL;
        const char *job;

        g_variant_get(reply, "(&o)", &job);
        results = job_finish(job, NULL);
}

static void call(const char *path, const char *method) {
        g_variant_unref(bus_call(path, method, "(@a{sv} {},)"));
}

static void live_once(void) {
        g_autofree char *path = container_run(
                "{'memory': <uint64 67108864>, 'labels': <{'some': 'label'}>, 'health-command': <['true']>}",
                "echo begins; trap 'exit 3' TERM; sleep 1000 & wait");
        g_autofree char *output = container_exec(path, "echo 1 > /one; echo done");

        check_text("exec", output, "done\n");
        read_all(path, "Exec", "(['echo', 'more'], @a{sv} {})");
        read_all(path, "OpenLogs", "(@a{sv} {},)");
        read_all(path, "CopyOut", "('/one', @a{sv} {})");
        bus_refused(bus, ERROR_MYDOCKER("CommandNotFound"), NULL, path, "ExecCollect",
                    "(['/none'], @a{sv} {})");
        call(path, "Pause");
        call(path, "Resume");
        call(path, "Mount");
        commit(path, "copied");
        call(path, "Stop");
        commit(path, "sealed");
        call(path, "Start");
        container_remove(path);
        image_remove("copied");
        image_remove("sealed");
        bus_refused(bus, ERROR_MYDOCKER("CommandNotFound"), NULL, NULL, "Run",
                    "('busybox', ['/none'], @a{sv} {})");
}

/* Files that grow instead of becoming more. */
static char *sizes(void) {
        char *out;

        expect(0, NULL, "", "test -s \"$MYDOCKER_SANDBOX\"/state/id-ranges");
        shell(&out, NULL,
              "cd \"$MYDOCKER_SANDBOX\" && find state run -type f -size +0 -exec wc -c {} + | sort");
        return out;
}

static void check_growth(const char *who, long before, long after) {
        g_test_message("%s: %ld kB, %ld kB in the end", who, before, after);
        if (!HARNESS_SANITIZED && after - before > GROWTH_MAX)
                test_fails("the %s has grown from %ld to %ld kB", who, before, after);
}

static void test_lives(void) {
        const char *text = g_getenv("MYDOCKER_LEAK_ROUNDS");
        int most = text ? atoi(text) : 1000, n;
        gint64 end = text ? G_MAXINT64 : g_get_monotonic_time() + SECONDS * G_USEC_PER_SEC;
        g_autofree char *files = NULL, *files_after = NULL;
        g_auto(GStrv) before = NULL;
        Memory first, last;

        for (n = 0; n < WARM_UP; n++)
                live_once();
        before = leaks_baseline();
        files = sizes();
        first = memory();
        for (; n < most && g_get_monotonic_time() < end; n++)
                live_once();
        leaks_check(before);
        last = memory();
        files_after = sizes();
        g_test_message("%d lives", n);
        check_text("sizes of files", files_after, files);
        check_growth("daemon", first.daemon, last.daemon);
        check_growth("supervisor", first.supervisor, last.supervisor);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/leaks/lives", test_lives);
        return harness_run();
}
