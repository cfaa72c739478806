/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a crash, a full disk or a broken one leaves behind, at every step of what changes the store. A build with fault
 * points (src/shared/fault.h) is told to have the system call at a point fail, or the process that is there die, or
 * another one while it is there. After it and a restart what was answered must be there, what was not must be gone or
 * complete, and nothing else may be left. All points that an operation comes to are tried, and one that no operation
 * comes to fails the test. */

#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A point that is reached more often in one operation is tried this often. */
#define TIMES_MAX 5
/* How long to wait for a point after the reply, in seconds: what is done later begins after one. */
#define AFTER_REPLY 10

typedef struct Operation {
        const char *name;
        /* Shell commands: what must be there before, and the operation. */
        const char *prepare, *operate;
        /* Succeed if it has been done, if it has not, and always after it. */
        const char *done, *undone, *always;
        const char *tidy;
        /* That it succeeds says nothing about what it is to do. */
        bool is_no_answer;
        /* Both errors, and the deaths of all processes, at each point. */
        bool is_thorough;
} Operation;

#define MAKE "echo 1 > /one; echo 2 > /two"
#define HAS(run) "[ \"$(" run " cat /one /two)\" = \"$(printf '1\\n2')\" ]"
#define READY "; until mydocker exec c test -e /ready; do sleep 0.05; done"
/* It stays until it is stopped, and when it is started again it ends at once. */
#define RUN_ONCE                                                                                   \
        "mydocker run -d --name c busybox sh -c '[ ! -e /ready ] || exit 0; " MAKE                 \
        "; touch /ready; exec sleep 1000'" READY
#define STILL_STARTS                                                                               \
        "mydocker start c >/dev/null && [ \"$(mydocker wait c)\" = 0 ] && mydocker export c | tar -xOf - one | grep -q 1"

static const Operation operations[] = {
        {
                .name = "import",
                .prepare = "mydocker tag busybox name",
                .operate = "mydocker import --replace small.tar name",
                .done = HAS("mydocker run --rm name"),
                .undone = "! mydocker run --rm name cat /one && mydocker run --rm name true",
                .tidy = "mydocker rmi name",
                .is_thorough = true,
        },
        {
                .name = "import-image",
                .prepare = "mydocker tag busybox name",
                .operate = "mydocker import --replace image.tar name",
                .done = HAS("mydocker run --rm name"),
                .undone = "! mydocker run --rm name cat /one && mydocker run --rm name true",
                .tidy = "mydocker rmi name",
        },
        {
                .name = "commit-sealed",
                .prepare = "mydocker tag busybox name && mydocker run --name c busybox sh -c '" MAKE
                           "'",
                .operate = "mydocker commit --replace c name",
                .done = HAS("mydocker run --rm name"),
                .undone = "! mydocker run --rm name cat /one && mydocker run --rm name true",
                .always = STILL_STARTS,
                .tidy = "mydocker rm -f c; mydocker rmi name",
                .is_thorough = true,
        },
        {
                .name = "commit-copied",
                .prepare = "mkdir -p volume && echo 3 > volume/three && mydocker run -d --name c"
                           " -v \"$PWD/volume:/volume\" busybox sh -c '" MAKE
                           "; touch /ready; exec sleep 1000'" READY,
                .operate = "mydocker commit c name",
                .done = HAS(
                        "mydocker run --rm name") " && mydocker run --rm name grep 3 /volume/three",
                .undone = "! mydocker inspect name",
                .always = HAS("mydocker exec c"),
                .tidy = "mydocker rm -f c; mydocker rmi name; rm -r volume",
                .is_thorough = true,
        },
        {
                .name = "rmi",
                .prepare = "mydocker import small.tar name",
                .operate = "mydocker rmi name",
                .done = "! mydocker inspect name",
                .undone = HAS("mydocker run --rm name"),
                .tidy = "mydocker rmi name",
                .is_thorough = true,
        },
        {
                .name = "create",
                .operate = "mydocker create --name c busybox true",
                .done = "mydocker start c && [ \"$(mydocker wait c)\" = 0 ]",
                .undone = "! mydocker inspect --type container c",
                .tidy = "mydocker rm -f c",
        },
        {
                .name = "run",
                .operate = "mydocker run -d --name c busybox sleep 1000",
                .done = "mydocker exec c true",
                .undone = "! mydocker inspect --type container c",
                .tidy = "mydocker rm -f c",
        },
        {
                .name = "stop",
                .prepare = RUN_ONCE,
                .operate = "mydocker stop -t 0 c",
                .done = "mydocker start c",
                .tidy = "mydocker rm -f c",
        },
        {
                .name = "rm",
                .prepare = RUN_ONCE,
                .operate = "mydocker rm -f c",
                .done = "! mydocker inspect --type container c",
                .undone = "mydocker stop -t 0 c && " STILL_STARTS,
                .tidy = "mydocker rm -f c",
                .is_thorough = true,
        },
        {
                .name = "trash",
                .prepare = "mydocker run --name c busybox sh -c '" MAKE "'",
                /* Until all is gone, or nothing more happens. */
                .operate =
                        "mydocker rm c && while [ -n \"$(ls -A \"$MYDOCKER_SANDBOX\"/state/trash)\" ] &&"
                        " { [ ! -e $MYDOCKER_FAULTS/taken ] || [ -e $MYDOCKER_FAULTS/armed ]; }; do sleep 0.05; done",
                .done = "! mydocker inspect --type container c",
                .undone = STILL_STARTS,
                .tidy = "mydocker rm -f c",
        },
        {
                /* Whether it is shown or not, nothing of it is left. */
                .name = "mount",
                .prepare = "mydocker create --name c busybox sh -c '" MAKE "'",
                .operate = "mydocker mount c; mydocker rm c",
                .done = "! mydocker inspect --type container c",
                .undone = STILL_STARTS,
                .tidy = "mydocker rm -f c",
        },
        {
                /* A crash while what an earlier one has left is put in order. */
                .name = "recovery",
                .prepare =
                        "mydocker run --name c busybox sh -c '" MAKE "' &&"
                        " : > $MYDOCKER_FAULTS/reached && echo image.record 1 kill > $MYDOCKER_FAULTS/armed &&"
                        " ! mydocker commit c name && rm $MYDOCKER_FAULTS/reached",
                .operate = "$MYDOCKER_SANDBOX/start-daemon",
                .done = HAS("mydocker run --rm name"),
                .undone = "! mydocker inspect name",
                .always = STILL_STARTS,
                .tidy = "mydocker rm -f c; mydocker rmi name",
                .is_no_answer = true,
        },
};

/* Our processes, by what a fault test calls them. */
typedef enum Process { WORKER, DAEMON, SUPERVISOR } Process;

static const char *const process_names[] = {"worker", "daemon", "supervisor"};

/* A point of an operation. */
typedef struct Point {
        char *name;
        unsigned n;      /* the how manieth time */
        Process process; /* who comes to it; known once it has been taken */
} Point;

static void point_free(Point *point) {
        g_free(point->name);
        g_free(point);
}

static GHashTable *hit;

static bool exists(const char *name) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "faults", name, NULL);

        return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void write_control(const char *name, const char *text) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "faults", name, NULL);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void remove_control(const char *name) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "faults", name, NULL);

        (void)unlink(path);
}

/* Runs one of an operation's commands. Return: whether it succeeded. */
static bool run(const char *command, char **ret_err) {
        return !command || shell(NULL, ret_err, "exec 2>&1 >&2; { %s; }", command) == 0;
}

/* What the operation comes to, as noted. */
static GPtrArray *read_points(void) {
        GPtrArray *points = g_ptr_array_new_with_free_func((GDestroyNotify)point_free);
        g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
        g_autofree char *text = read_file("%s/faults/reached", sandbox_dir());
        g_auto(GStrv) lines = g_strsplit(text ?: "", "\n", -1);

        for (char **line = lines; *line && **line; line++) {
                unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, *line)) + 1;
                Point *point;

                g_hash_table_insert(counts, *line, GUINT_TO_POINTER(n));
                if (n > TIMES_MAX)
                        continue;
                point = g_new(Point, 1);
                *point = (Point){.name = g_strdup(*line), .n = n};
                g_ptr_array_add(points, point);
        }
        return points;
}

static bool supervisor_listens(void) {
        int fd = supervisor_connect();

        return fd >= 0 && close(fd) == 0;
}

static pid_t parent_of(pid_t pid) {
        g_autofree char *status = read_file("/proc/%d/status", pid);
        const char *line = status ? strstr(status, "\nPPid:") : NULL;

        return line ? atoi(line + strlen("\nPPid:")) : 0;
}

/* Has everything start again that has died, and the daemon anyhow. It watches a supervisor that it has started
 * itself, which looks like a leak: then it is another daemon in the end. */
static void settle(void) {
        pid_t before = daemon_pid();

        daemon_start();
        WAIT_UNTIL(supervisor_listens());
        if (daemon_pid() == before || parent_of(supervisor_pid()) == daemon_pid()) {
                daemon_kill(SIGTERM);
                daemon_start();
        }
}

static bool prepare(const Operation *operation) {
        g_autofree char *err = NULL;

        if (run(operation->prepare, &err))
                return true;
        test_fails("%s: cannot prepare: %s", operation->name, err);
        return false;
}

static void check(const Operation *operation, bool answered, const char *when) {
        g_autofree char *done = NULL, *undone = NULL, *always = NULL;

        if (!run(operation->always, &always))
                test_fails("%s, %s: is not as before: %s", operation->name, when, always);
        if (run(operation->done, &done))
                return;
        if (answered && !operation->is_no_answer)
                test_fails("%s, %s: was answered and is not there: %s", operation->name, when,
                           done);
        else if (!operation->undone || !run(operation->undone, &undone))
                test_fails("%s, %s: is neither done nor undone: %s — %s", operation->name, when,
                           done, undone ?: "");
}

static void tidy(const Operation *operation, char *const *before) {
        g_autofree char *err = NULL;

        (void)run(operation->tidy, &err);
        leaks_check(before);
}

/* Goes through the operation undisturbed. Return: the points that it came to. */
static GPtrArray *trace(const Operation *operation, char *const *before) {
        g_autofree char *err = NULL;
        GPtrArray *points;
        bool answered;

        if (!prepare(operation))
                return g_ptr_array_new();
        write_control("reached", "");
        answered = run(operation->operate, &err);
        points = read_points();
        remove_control("reached");
        if (!answered)
                test_fails("%s: %s", operation->name, err);
        check(operation, true, "undisturbed");
        tidy(operation, before);
        return points;
}

/* An operation under way. */
typedef struct Attempt {
        const Operation *operation;
        bool answered;
        gint is_over;
} Attempt;

static void *attempt(void *data) {
        Attempt *attempt = data;
        g_autofree char *err = NULL;

        attempt->answered = run(attempt->operation->operate, &err);
        g_atomic_int_set(&attempt->is_over, true);
        return NULL;
}

static Process process_by_name(const char *name) {
        return strstr(name, "worker") ? WORKER : strstr(name, "supervisor") ? SUPERVISOR : DAEMON;
}

/* Waits until somebody comes to the point, also after the reply. Return: who, or 0. */
static pid_t wait_taken(Attempt *attempt, Process *ret) {
        g_autofree char *who = NULL;

        for (gint64 end = 0; exists("armed"); g_usleep(2000)) {
                gint64 now = g_get_monotonic_time();

                if (!g_atomic_int_get(&attempt->is_over))
                        continue;
                if (end == 0)
                        end = now + AFTER_REPLY * G_USEC_PER_SEC;
                else if (now > end)
                        return 0;
        }
        who = read_file("%s/faults/taken", sandbox_dir());
        *ret = process_by_name(who);
        return atoi(who);
}

/* Lets whoever waits at the gate go on, unless it has been killed, too. */
static void open_gate(pid_t pid) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "faults/gate", NULL);
        int fd = -1;

        WAIT_UNTIL(process_is_gone(pid) ||
                   (fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
        if (fd >= 0)
                close(fd);
}

/* An operation during which `action` happens at the point; "hold" is for `victim` to die meanwhile. */
static void disturb(const Operation *operation, Point *point, const char *action, Process victim,
                    char *const *before) {
        g_autofree char *armed = g_strdup_printf("%s %u %s\n", point->name, point->n, action);
        bool is_kill = g_str_equal(action, "kill"), is_hold = g_str_equal(action, "hold");
        g_autofree char *when = g_strdup_printf(
                "%s at %s (%u)", is_hold ? process_names[victim] : action, point->name, point->n);
        Attempt its = {.operation = operation};
        GThread *thread;
        pid_t pid;

        if (!prepare(operation))
                return;
        write_control("reached", "");
        write_control("taken", "");
        write_control("armed", armed);
        thread = g_thread_new("operation", attempt, &its);
        pid = wait_taken(&its, &point->process);
        if (pid != 0)
                g_hash_table_add(hit, g_strdup(point->name));
        else
                g_test_message("%s: not this time: %s", operation->name, when);
        if (pid != 0 && is_kill)
                WAIT_UNTIL(process_is_gone(pid));
        if (pid != 0 && is_hold) {
                if (victim == DAEMON)
                        daemon_kill(SIGKILL);
                else
                        supervisor_kill();
                open_gate(pid);
        }
        g_thread_join(thread);
        remove_control("armed");
        remove_control("reached");
        remove_control("taken");
        settle();
        /* Its own files are put in order by the next supervisor. */
        if (g_str_has_prefix(point->name, "state.")) {
                supervisor_kill();
                settle();
        }
        check(operation, its.answered, when);
        tidy(operation, before);
}

/* All that can happen at a point. */
static void try_point(const Operation *operation, Point *point, bool odd, char *const *before) {
        static const Process others[] = {DAEMON, SUPERVISOR};

        disturb(operation, point, "kill", 0, before);
        if (point->n > 1)
                return;
        for (int i = 0; i < 2 && !g_test_failed(); i++)
                if (operation->is_thorough || odd == i)
                        disturb(operation, point, i == 0 ? "28" : "5", 0, before); /* ENOSPC, EIO */
        for (size_t i = 0; i < G_N_ELEMENTS(others) && !g_test_failed(); i++)
                if (operation->is_thorough && others[i] != point->process)
                        disturb(operation, point, "hold", others[i], before);
}

static void test_operation(gconstpointer data) {
        const Operation *operation = data;
        g_auto(GStrv) before = NULL;
        g_autoptr(GPtrArray) points = NULL;

        leaks_leave_out_trash(true);
        before = leaks_baseline();
        points = trace(operation, before);
        g_test_message("%s: %u points", operation->name, points->len);
        for (guint i = 0; i < points->len && !g_test_failed(); i++)
                try_point(operation, g_ptr_array_index(points, i), i % 2, before);
        leaks_leave_out_trash(false);
}

/* An import that is canceled in its second half: the whole of an image has been read, its first layer is being
 * unpacked. */
static void test_cancel(void) {
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
        g_autoptr(GVariant) reply = NULL, results = NULL;
        g_autofree char *job = NULL, *error_name = NULL;
        g_autoptr(GError) error = NULL;
        int fd = open("image.tar", O_RDONLY | O_CLOEXEC);

        write_control("reached", "");
        write_control("armed", "extract.file 1 hold\n");
        g_assert_cmpint(g_unix_fd_list_append(fds, fd, &error), ==, 0);
        close(fd);
        reply = bus_try(bus, fds, NULL, &error, NULL, "Import", "('canceled', {'source': <@h 0>})");
        g_assert_no_error(error);
        g_variant_get(reply, "(o@a{sv})", &job, NULL);
        WAIT_UNTIL(!exists("armed"));
        remove_control("reached");
        bus_check_property(job, "State", "'running'");
        g_variant_unref(bus_call(job, "Cancel", "(@a{sv} {},)"));
        results = job_finish(job, &error_name);
        CHECK(!results);
        check_text("the job's error", error_name, ERROR_MYDOCKER("Cancelled"));
        expect(1, NULL, "*No such*", "mydocker inspect canceled");
}

/* A process that is killed before it was told to go on; by then it has a control group of its own. */
static void test_killed_before_release(void) {
        write_control("reached", "");
        write_control("armed", "process.release 1 hold\n");
        write_control("taken", "");
        expect(0, "", "", "mydocker run --name c busybox true > said 2>&1 &");
        WAIT_UNTIL(!exists("armed"));
        remove_control("reached");
        expect(0, "", "", "kill -KILL $(pgrep -n -P %d)", supervisor_pid());
        open_gate(supervisor_pid());
        WAIT_UNTIL(shell(NULL, NULL, "grep -q 'the new process was killed' said") == 0);
        remove_control("taken");
        expect(0, "", "", "rm said; mydocker ps -aq");
}

/* All points there are, as the programs list them. */
static void test_all_hit(void) {
        g_autofree char *text = NULL;
        g_auto(GStrv) names = NULL;

        g_assert_cmpint(
                shell(&text, NULL,
                      "for program in mydockerd mydocker-supervisor mydocker-worker mydocker-worker-archive; do"
                      " readelf -p fault_points \"$(command -v $program)\"; done |"
                      " sed -n 's/^ *\\[ *[0-9a-f]*\\] *//p' | sort -u"),
                ==, 0);
        names = g_strsplit(g_strchomp(text), "\n", -1);
        g_assert_cmpuint(g_strv_length(names), >, 20);
        for (char **name = names; *name; name++)
                if (!g_hash_table_contains(hit, *name))
                        test_fails("no operation comes to %s", *name);
}

int main(int argc, char *argv[]) {
        g_autofree char *gate = NULL;

        harness_init(&argc, &argv);
        hit = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        expect(0, "", "",
               "mkdir -p small/bin small/dev small/proc small/sys small/etc small/tmp;"
               "cp rootfs/bin/busybox small/bin; for name in sh cat true grep; do ln -s busybox small/bin/$name; done;"
               "echo 1 > small/one; echo 2 > small/two; tar -C small -cf small.tar .");
        expect(0, NULL, "",
               "mydocker import small.tar small && mydocker save --format docker-archive -o image.tar small &&"
               " mydocker rmi small");
        settle();
        gate = g_build_filename(sandbox_dir(), "faults/gate", NULL);
        g_assert_cmpint(mkfifo(gate, 0600), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
                g_autofree char *name = g_strdup_printf("/faults/%s", operations[i].name);

                harness_add_data(name, test_operation, &operations[i]);
        }
        harness_add("/faults/cancel", test_cancel);
        harness_add("/faults/killed", test_killed_before_release);
        harness_add("/faults/all-hit", test_all_hit);
        return harness_run();
}
