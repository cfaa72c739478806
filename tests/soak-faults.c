/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes wrong in the soak test: processes are killed or stand still, the disk is full, descriptors run out, and in a
 * build with fault points (src/shared/fault.h) system calls fail and processes die in the middle of things. */

#include "soak.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILLER "%s/state/filler"

/* What ends at some time. */
typedef struct Lift {
        gint64 at;
        void (*end)(pid_t pid);
        pid_t pid;
} Lift;

typedef struct Stop {
        pid_t pid;
        gulong usec;
} Stop;

static GArray *lifts, *stops; /* Lift, GThread * */
static char **points;         /* all fault points; NULL in other builds */

static void lift_later(Soak *s, void (*end)(pid_t pid), pid_t pid, guint most_ms) {
        Lift lift = {g_get_monotonic_time() + (5 + soak_random(s, most_ms)) * 1000, end, pid};

        g_array_append_val(lifts, lift);
}

/* In a thread, for the soak test itself may wait for who stands still. */
static gpointer go_on(gpointer data) {
        const Stop *stop = data;

        g_usleep(stop->usec);
        (void)kill(stop->pid, SIGCONT);
        return data;
}

static void stand_still(Soak *s, pid_t pid) {
        Stop *stop;
        GThread *thread;

        if (pid <= 1 || kill(pid, SIGSTOP) < 0)
                return;
        stop = g_new(Stop, 1);
        *stop = (Stop){pid, 5000 + soak_random(s, 300000)};
        thread = g_thread_new("go-on", go_on, stop);
        g_array_append_val(stops, thread);
}

/* One of the processes in a control group of the sandbox's. */
static pid_t random_pid(Soak *s, const char *group, const char *name) {
        g_autofree char *out = NULL;
        g_auto(GStrv) pids = NULL;
        guint n;

        shell(&out, NULL,
              "for f in $(awk '$3 ~ /^cgroup/ { print $2 }' /proc/self/mounts); do"
              " cat \"$f%s%s/cgroup.procs\" 2>/dev/null && break; done | while read -r pid; do"
              " case $(cat /proc/$pid/comm 2>/dev/null) in %s) echo $pid ;; esac; done",
              sandbox_cgroup(), group, name);
        pids = g_strsplit(g_strchomp(out), "\n", -1);
        n = g_strv_length(pids);
        return n > 0 ? atoi(pids[soak_random(s, n)]) : 0;
}

static bool daemon_lives(void) {
        g_autofree char *path = g_strdup_printf("/proc/%d/exe", daemon_pid());

        /* A zombie has none. */
        return access(path, F_OK) == 0;
}

static void daemon_dies(Soak *s) {
        s->daemon_died = true;
        if (daemon_lives())
                daemon_kill(SIGKILL);
        if (soak_chance(s, 30))
                g_usleep(soak_random(s, 50000));
        daemon_start();
}

static void supervisor_dies(Soak *s) {
        pid_t pid = supervisor_pid();

        s->supervisor_died = true;
        if (pid > 1)
                (void)kill(pid, SIGKILL);
}

/* Nothing may be lost by that. */
static void supervisor_is_upgraded(Soak *s) {
        pid_t pid = supervisor_pid();

        if (pid > 1)
                (void)kill(pid, SIGHUP);
}

static void both_die(Soak *s) {
        supervisor_dies(s);
        daemon_dies(s);
}

static void daemon_stands_still(Soak *s) {
        stand_still(s, daemon_pid());
}

static void supervisor_stands_still(Soak *s) {
        stand_still(s, supervisor_pid());
}

static void worker_dies(Soak *s) {
        pid_t pid = random_pid(s, "-services", "mydocker-worker");

        if (pid > 1) {
                s->worker_died = true;
                (void)kill(pid, SIGKILL);
        }
}

static void worker_stands_still(Soak *s) {
        stand_still(s, random_pid(s, "-services", "mydocker-worker"));
}

static void process_dies(Soak *s) {
        Container *c;
        g_autofree char *group = NULL;
        pid_t pid;

        if (s->containers->len == 0)
                return;
        c = g_ptr_array_index(s->containers, soak_random(s, s->containers->len));
        group = g_strdup_printf("/%s", strrchr(c->path, '/') + 1);
        pid = random_pid(s, group, "*");
        if (pid <= 1)
                return;
        if (soak_chance(s, 30)) {
                stand_still(s, pid);
        } else {
                c->disturbed = true;
                register_write(&c->state, "down");
                (void)kill(pid, SIGKILL);
        }
}

static void command_dies(Soak *s) {
        GPid pid;

        if (s->commands->len == 0)
                return;
        pid = g_array_index(s->commands, GPid, s->commands->len - 1);
        g_array_set_size(s->commands, s->commands->len - 1);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
}

static void command_stands_still(Soak *s) {
        if (s->commands->len > 0)
                stand_still(s, g_array_index(s->commands, GPid, s->commands->len - 1));
}

/* With calls that nobody wants the answers of any more. */
static void client_goes(Soak *s) {
        GDBusConnection *connection = bus_connect_as(soak_chance(s, 50) ? 0 : 65534);

        for (guint i = 0; i < 4 && s->containers->len > 0; i++) {
                static const char *const methods[] = {"Wait", "OpenLogs", "Attach", "GetChanges"};
                Container *c = g_ptr_array_index(s->containers, soak_random(s, s->containers->len));

                g_dbus_connection_call(connection, MANAGER_NAME, c->path, "org.mydocker.Container",
                                       methods[i], g_variant_new_parsed("(@a{sv} {},)"), NULL,
                                       G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL, NULL);
        }
        g_dbus_connection_flush_sync(connection, NULL, NULL);
        g_dbus_connection_close_sync(connection, NULL, NULL);
        g_object_unref(connection);
}

static void empty_disk(pid_t unused) {
        g_autofree char *path = g_strdup_printf(FILLER, sandbox_dir());

        (void)g_unlink(path);
}

static void fill_disk(Soak *s) {
        g_autofree char *path = g_strdup_printf(FILLER, sandbox_dir());
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        off_t size = 1 << 30;

        g_assert_cmpint(fd, >=, 0);
        s->scarce = true;
        /* All that there is, down to the last block. */
        for (off_t at = lseek(fd, 0, SEEK_END); size >= 4096; size /= 2)
                while (fallocate(fd, 0, at, size) == 0)
                        at += size;
        close(fd);
        lift_later(s, empty_disk, 0, 300);
}

/* Only the soft limit is changed; who may lift the other one not everybody is. */
static bool limit_descriptors(pid_t pid, rlim_t n) {
        struct rlimit limit;

        if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0)
                return false;
        limit.rlim_cur = MIN(n, limit.rlim_max);
        return prlimit(pid, RLIMIT_NOFILE, &limit, NULL) >= 0;
}

static void descriptors_return(pid_t pid) {
        (void)limit_descriptors(pid, RLIM_INFINITY);
}

/* A daemon that has no room for a call's descriptors ends. */
static void descriptors_run_out(Soak *s) {
        bool is_daemon = soak_chance(s, 50);
        pid_t pid = is_daemon ? daemon_pid() : supervisor_pid();
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        rlim_t used = 0;

        while (dir && g_dir_read_name(dir))
                used++;
        if (used > 0 && limit_descriptors(pid, used + soak_random(s, 6))) {
                s->scarce = true;
                s->daemon_died |= is_daemon;
                lift_later(s, descriptors_return, pid, 300);
        }
}

static void write_control(const char *name, const char *text) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "faults", name, NULL);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void arm_fault(Soak *s) {
        static const char *const actions[] = {"kill", "28", "5"};
        g_autofree char *armed = NULL;

        if (!points || !*points)
                return;
        armed = g_strdup_printf("%s %u %s\n", points[soak_random(s, g_strv_length(points))],
                                1 + soak_random(s, 3), actions[soak_random(s, 3)]);
        /* Whoever comes to it dies, be it the daemon, the supervisor or a worker. */
        s->scarce = s->daemon_died = s->supervisor_died = s->worker_died = true;
        write_control("reached", "");
        write_control("armed", armed);
}

static const struct {
        guint weight;
        void (*begin)(Soak *s);
} faults[] = {
        {3, daemon_dies},  {3, supervisor_dies},      {4, supervisor_is_upgraded},
        {1, both_die},     {3, daemon_stands_still},  {3, supervisor_stands_still},
        {3, worker_dies},  {2, worker_stands_still},  {5, process_dies},
        {3, command_dies}, {2, command_stands_still}, {2, client_goes},
        {1, fill_disk},    {2, descriptors_run_out},  {8, arm_fault},
};

void faults_begin(Soak *s) {
        g_autofree char *text = NULL;

        lifts = g_array_new(FALSE, FALSE, sizeof(Lift));
        stops = g_array_new(FALSE, FALSE, sizeof(GThread *));
        if (shell(&text, NULL,
                  "for program in mydockerd mydocker-supervisor mydocker-worker mydocker-worker-archive; do"
                  " readelf -p fault_points \"$(command -v $program)\" 2>/dev/null; done |"
                  " sed -n 's/^ *\\[ *[0-9a-f]*\\] *//p' | sort -u") == 0 &&
            *g_strchomp(text))
                points = g_strsplit(text, "\n", -1);
}

void soak_disturb(Soak *s) {
        guint sum = 0, chosen;

        for (guint i = 0; i < G_N_ELEMENTS(faults); i++)
                sum += faults[i].weight;
        chosen = soak_random(s, sum);
        for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
                if (chosen < faults[i].weight) {
                        s->n_faults++;
                        faults[i].begin(s);
                        return;
                }
                chosen -= faults[i].weight;
        }
}

static void lift(guint i) {
        Lift due = g_array_index(lifts, Lift, i);

        g_array_remove_index(lifts, i);
        due.end(due.pid);
}

void faults_tick(Soak *s) {
        if (s->daemon_died && !daemon_lives())
                daemon_start();
        for (guint i = lifts->len; i-- > 0;)
                if (g_get_monotonic_time() >= g_array_index(lifts, Lift, i).at)
                        lift(i);
}

void faults_lift(Soak *s) {
        while (lifts->len > 0)
                lift(0);
        for (guint i = 0; i < stops->len; i++)
                g_free(g_thread_join(g_array_index(stops, GThread *, i)));
        g_array_set_size(stops, 0);
        if (points) {
                shell(NULL, NULL, "rm -f %s/faults/armed %s/faults/reached", sandbox_dir(),
                      sandbox_dir());
        }
        daemon_start();
        /* And a supervisor that works. */
        WAIT_UNTIL(shell(NULL, NULL, "mydocker run --rm base true") == 0);
        while (s->commands->len > 0)
                command_dies(s);
}
