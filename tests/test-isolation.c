/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a container sees, and what it cannot do. Each case is one that once got somebody out of a container. */

#include "harness.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a command prints in a container of default profile. */
static void check_inside(const char *options, const char *command, const char *pattern) {
        int status;
        g_autofree char *output = container_output(options, command, &status);

        check_text(command, output, pattern);
}

static void test_ids(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        g_autofree char *other = container_run(NULL, "sleep 1000");
        guint32 pid = bus_property_uint(path, "Pid"), other_pid = bus_property_uint(other, "Pid");
        g_autofree char *map = read_file("/proc/%u/uid_map", pid);
        g_autofree char *other_map = read_file("/proc/%u/uid_map", other_pid);
        g_autofree char *gid_map = read_file("/proc/%u/gid_map", pid);
        unsigned inside, outside, count, other_outside;

        g_assert_cmpint(sscanf(map, "%u %u %u", &inside, &outside, &count), ==, 3);
        CHECK(inside == 0 && outside >= 65536 && count == 65536);
        CHECK(strchr(g_strstrip(map), '\n') == NULL); /* one line: nobody else is mapped */
        check_text("gid_map", g_strstrip(gid_map), map);
        g_assert_cmpint(sscanf(other_map, "%u %u %u", &inside, &other_outside, &count), ==, 3);
        CHECK(other_outside >= outside + 65536 || outside >= other_outside + 65536);

        check_inside(NULL, "cat /proc/self/uid_map", "*0 * 65536\n");
        check_inside(NULL, "id -u; id -g; id -G", "0\n0\n0\n");
        container_remove(path);
        container_remove(other);
}

/* Owners on disk are as inside: an image's layers are shared without changing them. */
static void test_owners(void) {
        g_autofree char *path = container_run(
                NULL, "touch /root-made; su alice -c 'touch /tmp/alice-made'; sleep 1000");
        g_autofree char *upper = g_strconcat(sandbox_dir(), "/state/containers/",
                                             strrchr(path, '/') + 1, "/upper", NULL);
        g_autofree char *file = g_strconcat(upper, "/root-made", NULL), *text = NULL;
        GStatBuf st;

        WAIT_UNTIL(g_stat(file, &st) == 0);
        CHECK(st.st_uid == 0 && st.st_gid == 0);
        text = container_exec(path, "stat -c '%u:%g' /root /home/alice");
        check_text("owners inside", text, "0:0\n1000:1000\n");
        container_remove(path);
}

static void test_namespaces(void) {
        static const char *const names[] = {"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"};
        g_autofree char *path = container_run(NULL, "sleep 1000");
        guint32 pid = bus_property_uint(path, "Pid");

        for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *link = g_strdup_printf("/proc/%u/ns/%s", pid, names[i]);
                g_autofree char *ours = g_strdup_printf("/proc/self/ns/%s", names[i]);
                g_autofree char *theirs = g_file_read_link(link, NULL);
                g_autofree char *own = g_file_read_link(ours, NULL);

                g_assert_nonnull(theirs);
                if (g_str_equal(theirs, own))
                        test_fails("the container is in the host's %s namespace", names[i]);
        }
        container_remove(path);

        check_inside(NULL, "set -- /proc/[0-9]*; echo $$ $*", "1 /proc/1\n");
        check_inside(NULL, "ls /sys/class/net", "lo\n");
        check_inside(NULL, "cat /proc/net/dev | grep -c :", "1\n");
        check_inside(NULL, "ip link show lo | grep -c UP", "1\n");
        check_inside("{'hostname': <'box'>}", "hostname", "box\n");
        check_inside(NULL, "hostname", "????????????\n");
        check_inside(NULL, "cat /proc/1/cgroup | grep -v ':/$'", "");
}

static void test_host_namespaces(void) {
        g_autofree char *path =
                container_run("{'network': <'host'>, 'userns': <'host'>}", "sleep 1000");
        guint32 pid = bus_property_uint(path, "Pid");
        g_autofree char *link = g_strdup_printf("/proc/%u/ns/net", pid);
        g_autofree char *theirs = g_file_read_link(link, NULL);
        g_autofree char *own = g_file_read_link("/proc/self/ns/net", NULL);

        check_text("network namespace", theirs, own);
        g_free(link);
        link = g_strdup_printf("/proc/%u/ns/mnt", pid);
        g_free(theirs);
        theirs = g_file_read_link(link, NULL);
        g_free(own);
        own = g_file_read_link("/proc/self/ns/mnt", NULL);
        CHECK(!g_str_equal(theirs, own));
        container_remove(path);
}

/* The kernel's view of one process: capabilities, filters, privileges. */
static void check_status(const char *path, const char *what, const char *pattern) {
        g_autofree char *text = read_file("/proc/%u/status", bus_property_uint(path, "Pid"));
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++)
                if (g_str_has_prefix(*line, what)) {
                        check_text(what, g_strstrip(*line + strlen(what)), pattern);
                        return;
                }
        test_fails("no %s", what);
}

static void test_privileges(void) {
        static const struct {
                const char *options, *effective, *seccomp, *no_new_privs;
        } cases[] = {
                /* chown dac_override fowner fsetid kill net_bind_service setfcap setgid setpcap setuid sys_chroot */
                {NULL, "00000000800405fb", "2", "1"},
                {"{'cap-drop': <['ALL']>}", "0000000000000000", "2", "1"},
                {"{'cap-drop': <['ALL']>, 'cap-add': <['CHOWN']>}", "0000000000000001", "2", "1"},
                {"{'cap-drop': <['CAP_KILL']>}", "00000000800405db", "2", "1"},
                {"{'cap-add': <['NET_RAW']>}", "00000000800425fb", "2", "1"},
                {"{'seccomp': <'unconfined'>}", "00000000800405fb", "0", "1"},
                {"{'no-new-privileges': <false>}", "00000000800405fb", "2", "0"},
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *path = container_run(cases[i].options, "sleep 1000");

                check_status(path, "CapInh:", "0000000000000000");
                check_status(path, "CapAmb:", "0000000000000000");
                check_status(path, "CapEff:", cases[i].effective);
                check_status(path, "CapPrm:", cases[i].effective);
                check_status(path, "CapBnd:", cases[i].effective);
                check_status(path, "Seccomp:", cases[i].seccomp);
                check_status(path, "NoNewPrivs:", cases[i].no_new_privs);
                container_remove(path);
        }
        /* A user that is not root has none, but could get them by a program, were it not for no_new_privs. */
        check_inside("{'user': <'alice'>}",
                     "grep -E 'CapEff|CapPrm|CapAmb' /proc/self/status | cut -f2 | sort -u",
                     "0000000000000000\n");
        check_inside("{'user': <'alice:staff'>}", "id -u; id -g; id -G", "1000\n50\n50\n");
        check_inside("{'user': <'1234:4321'>}", "id -u; id -g; id -G", "1234\n4321\n4321\n");
}

/* An exec'ed process is as confined as the first. */
static void test_exec_privileges(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        g_autofree char *first = NULL, *second = NULL;
        const char *command =
                "grep -E '^(Cap|Seccomp:|NoNew|Groups)' /proc/%s/status; readlink /proc/%s/ns/*; "
                "cat /proc/%s/cgroup";
        g_auto(GStrv) pieces = g_strsplit(command, "%s", -1);
        g_autofree char *of_first = g_strjoinv("1", pieces), *of_self = g_strjoinv("self", pieces);

        first = container_exec(path, of_first);
        second = container_exec(path, of_self);
        check_text("the exec'ed process", second, first);
        container_remove(path);
}

static void test_attempts(void) {
        static const struct {
                const char *attempt, *errors;
        } cases[] = {
                {"unshare-user", "EPERM"},
                {"clone-user", "EPERM"},
                {"clone3",
                 "ENOSYS"}, /* its flags cannot be filtered; a C library then takes clone */
                {"mount", "EPERM"},
                {"remount", "EPERM"},
                {"umount", "EPERM"},
                {"fsopen", "EPERM"},
                {"open-tree", "EPERM"},
                {"setns", "EPERM"},
                {"pivot-root", "EPERM"},
                {"bpf", "EPERM"},
                {"keyctl", "EPERM"},
                {"add-key", "EPERM"},
                {"io-uring", "ENOSYS"},
                {"userfaultfd", "EPERM"},
                {"perf", "EPERM"},
                {"af-alg", "E*"},
                {"af-vsock", "E*"},
                {"packet", "E*"},
                {"tiocsti", "E*"},
                {"mknod", "EPERM"},
                {"kexec", "EPERM"},
                {"module", "EPERM"},
                {"reboot", "EPERM"},
                {"settime", "EPERM"},
                {"handle", "EPERM"},
                {"sysctl", "E*"},
                {"sysrq", "E*"},
                {"exe", "E*"},
                {"setgroups", "E*"},
                {"foreign-abi", "EPERM"},
                /* and what must go on working */
                {"setuid", "yes"},
                {"fork", "yes"},
        };
        g_autofree char *path = container_run(NULL, "sleep 1000");
        g_autofree char *unconfined = container_run("{'seccomp': <'unconfined'>}", "sleep 1000");

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *command = g_strconcat("probe ", cases[i].attempt, NULL);
                g_autofree char *output = container_exec(path, command);

                check_text(cases[i].attempt, g_strchomp(output), cases[i].errors);
        }
        /* Without the filter the namespaces and capabilities alone hold. */
        for (const char *const *attempt =
                     (const char *const[]){"mount", "remount", "umount", "mknod", "module",
                                           "reboot", "kexec", "settime", "sysctl", "sysrq", "exe",
                                           NULL};
             *attempt; attempt++) {
                g_autofree char *command = g_strconcat("probe ", *attempt, NULL);
                g_autofree char *output = container_exec(unconfined, command);

                check_text(*attempt, g_strchomp(output), "E*");
        }
        container_remove(path);
        container_remove(unconfined);
}

static void test_proc_and_sys(void) {
        static const char *const masked[] = {"/proc/kcore", "/proc/keys", "/proc/latency_stats",
                                             "/proc/timer_list", "/proc/sched_debug"};
        static const char *const read_only[] = {"/proc/sys/kernel/domainname",
                                                "/proc/sysrq-trigger",
                                                "/proc/irq/default_smp_affinity"};
        g_autofree char *path = container_run(NULL, "sleep 1000");

        for (guint i = 0; i < G_N_ELEMENTS(masked); i++) {
                g_autofree char *command = g_strdup_printf(
                        "if [ -e %s ]; then cat %s; fi 2>&1 | wc -c", masked[i], masked[i]);
                g_autofree char *output = container_exec(path, command);

                check_text(masked[i], output, "0\n");
        }
        for (guint i = 0; i < G_N_ELEMENTS(read_only); i++) {
                g_autofree char *command =
                        g_strdup_printf("[ ! -e %s ] || (echo 1 > %s) 2>&1 | grep -o 'Read-only.*'",
                                        read_only[i], read_only[i]);
                g_autofree char *output = container_exec(path, command);

                check_text(read_only[i], output,
                           g_file_test(read_only[i], G_FILE_TEST_EXISTS) ?
                                   "Read-only file system\n" :
                                   "");
        }
        {
                g_autofree char *firmware = container_exec(path, "ls /sys/firmware | wc -l");
                g_autofree char *sys =
                        container_exec(path, "mkdir /sys/fs/cgroup/x 2>&1 | grep -c . || true");
                g_autofree char *mounts = container_exec(
                        path,
                        "awk '$2 ~ \"^/sys\" { print $4 }' /proc/mounts | grep -vc ^ro || true");
                g_autofree char *host = container_exec(path, "cat /proc/self/mountinfo");

                check_text("/sys/firmware", firmware, "0\n");
                check_text("a new control group", sys, "1\n");
                check_text("writable mounts below /sys", mounts, "0\n");
                /* Nothing of the host's directories shows. */
                CHECK(!strstr(host, sandbox_dir()));
        }
        container_remove(path);
}

static void test_dev(void) {
        check_inside(
                NULL, "cd /dev; ls | tr '\\n' ' '",
                "*fd *full *null *ptmx *pts *random *shm *stderr *stdin *stdout *tty *urandom *zero *");
        check_inside(
                NULL,
                "for d in null zero full random urandom tty; do stat -L -c %t:%T /dev/$d; done",
                "1:3\n1:5\n1:7\n1:8\n1:9\n5:0\n");
        check_inside(NULL, "ls /dev | grep -cE '^(sd|vd|nvme|kmsg|mem|kvm|fuse|loop)' ; true",
                     "0\n");
        check_inside(NULL, "echo x > /dev/null && head -c 4 /dev/zero | wc -c", "4\n");
        check_inside(NULL, "touch /dev/shm/x && ls /dev/shm", "x\n");
        check_inside(NULL, "ls /dev/pts", "ptmx\n");
        check_inside(NULL, "for l in fd stdin ptmx; do readlink /dev/$l; done",
                     "/proc/self/fd\n/proc/self/fd/0\n*pts/ptmx\n");
}

/* Neither descriptors nor variables nor the working directory of ours. */
static void test_inheritance(void) {
        g_autofree char *path = NULL, *output = NULL;

        check_inside(NULL, "exec probe descriptors", "EBADF\n");
        check_inside(NULL, "env | grep -v -E '^(PATH|HOME|SHLVL|PWD|HOSTNAME)='; true", "");
        check_inside(NULL, "pwd; readlink /proc/self/cwd; readlink /proc/1/root", "/\n/\n/\n");
        path = container_run(NULL, "sleep 1000");
        output = container_exec(path, "probe descriptors; readlink /proc/self/cwd");
        check_text("an exec'ed process", output, "EBADF\n/\n");
        container_remove(path);

        /* A link that leads back to the host through a descriptor of the runtime (CVE-2024-21626). */
        for (int fd = 3; fd < 20; fd++) {
                g_autofree char *workdir = g_strdup_printf("/proc/self/fd/%d", fd);

                bus_refused(bus, ERROR_MYDOCKER("RuntimeFailed"), NULL, NULL, "Run",
                            "('busybox', ['true'], {'workdir': <%s>})", workdir);
        }
}

static void test_limits_of_resources(void) {
        check_inside(NULL, "ulimit -c", "0\n");
        check_inside(NULL, "cat /proc/self/oom_score_adj", "?*");
}

/* Images whose directories are links that lead out. */
static void test_hostile_links(void) {
        static const char *const places[] = {"proc", "dev", "sys", "etc", "tmp"};

        for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
                g_autofree char *image = NULL, *error_name = NULL, *before = NULL, *after = NULL;
                g_autoptr(GVariant) reply = NULL;
                g_autoptr(GError) error = NULL;

                expect(0, "", "",
                       "rm -rf trap target && mkdir target && cp -a rootfs trap && rm -rf trap/%s &&"
                       " ln -s \"$PWD/target\" trap/%s && tar -C trap -cf trap.tar . && rm -rf trap",
                       places[i], places[i]);
                image = image_import("trap.tar", "trap", &error_name);
                g_assert_nonnull(image);
                reply = bus_try(bus, NULL, NULL, &error, NULL, "Run",
                                "('trap', ['sh', '-c', 'echo x > /dev/null; echo > /tmp/x; true'],"
                                " {'auto-remove': <true>, 'tmpfs': <['/tmp']>})");
                /* It may start or not; what counts is that nothing happened outside. */
                expect(0, "", "", "ls -A target");
                expect(0, "", "", "grep /target /proc/self/mounts || true");
                bus_wait_property(NULL, "ContainersCount", "0");
                image_remove("trap");
        }
        expect(0, "", "", "rm -rf target trap.tar");
}

/* A volume's target that is a link in the image: resolved inside, and never outside. */
static void test_hostile_volume_targets(void) {
        g_autofree char *here = g_get_current_dir(), *image = NULL;

        expect(0, "", "",
               "mkdir victim data && echo data > data/file && cp -a rootfs trap &&"
               " ln -s \"$PWD/victim\" trap/absolute && ln -s ../../../../../../../../..\"$PWD/victim\" trap/dots &&"
               " ln -s ../../../../var trap/inside && ln -s /proc/1/root trap/magic &&"
               " tar -C trap -cf trap.tar . && rm -rf trap");
        image = image_import("trap.tar", "trap", NULL);
        /* A link to what is in the image is followed there. */
        expect(0, "data\n", "", "mydocker run --rm -v %s/data:/inside trap cat /var/file", here);
        expect(0, "data\n", "", "mydocker run --rm -v %s/data:/inside/sub trap cat /var/sub/file",
               here);
        /* One that leads to nothing there may be refused, but never leads anywhere else. */
        for (const char *const *target =
                     (const char *const[]){"/absolute", "/dots", "/absolute/sub", NULL};
             *target; target++) {
                int status = shell(NULL, NULL, "mydocker run --rm -v %s/data:%s trap cat %s/file",
                                   here, *target, *target);

                CHECK(status == 0 || status == 125);
                expect(0, "", "", "ls -A victim");
                expect(1, "", NULL, "grep -F '%s/victim' /proc/self/mounts", here);
        }
        expect(125, "", "?*", "mydocker run --rm -v %s/data:/magic/etc trap true", here);
        expect(125, "", "?*", "mydocker run --rm -v %s/data:/proc/x busybox true", here);
        bus_check_property(NULL, "ContainersCount", "0");
        image_remove("trap");
        expect(0, "", "", "rm -r victim data trap.tar");
}

/* On a volume set-user-id bits and devices have no effect, and files belong to whom they belong to. */
static void test_volume_flags(void) {
        g_autofree char *here = g_get_current_dir();

        expect(0, "", "",
               "mkdir data && cp rootfs/bin/busybox data/id && chmod 4755 data/id && mknod data/null c 1 3 && chmod 666 data/null");
        expect(0, "1000\n", "",
               "mydocker run --rm --user alice -v %s/data:/data busybox /data/id -u", here);
        expect(0, "*Permission denied*", "",
               "mydocker run --rm -v %s/data:/data busybox sh -c 'cat /data/null 2>&1 || true'",
               here);
        expect(0, "0:0\n", "",
               "mydocker run --rm -v %s/data:/data busybox sh -c 'touch /data/new'; stat -c %%u:%%g data/new",
               here);
        expect(0, "1000:1000\n", "",
               "chmod 777 data; mydocker run --rm --user alice -v %s/data:/data busybox touch /data/hers;"
               " stat -c %%u:%%g data/hers",
               here);
        expect(0, "", "", "rm -r data");
}

static void test_two_containers(void) {
        g_autofree char *first = container_run(NULL, "sleep 1000");
        g_autofree char *second = container_run(NULL, "sleep 1000");
        g_autofree char *third = NULL, *output = NULL;

        g_free(container_exec(
                first, "echo first > /etc/motd; rm /etc/group; mkdir /new; echo x > /tmp/x"));
        output = container_exec(second,
                                "ls /etc/motd /new /tmp/x 2>/dev/null | wc -l; ls /etc/group");
        check_text("the second container", output, "0\n/etc/group\n");
        third = container_run(NULL, "sleep 1000");
        g_free(output);
        output = container_exec(third,
                                "ls /etc/motd /new /tmp/x 2>/dev/null | wc -l; ls /etc/group");
        check_text("a later container", output, "0\n/etc/group\n");
        container_remove(first);
        container_remove(second);
        container_remove(third);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/isolation/ids", test_ids);
        harness_add("/isolation/owners", test_owners);
        harness_add("/isolation/namespaces", test_namespaces);
        harness_add("/isolation/host-namespaces", test_host_namespaces);
        harness_add("/isolation/privileges", test_privileges);
        harness_add("/isolation/exec-privileges", test_exec_privileges);
        harness_add("/isolation/attempts", test_attempts);
        harness_add("/isolation/proc-and-sys", test_proc_and_sys);
        harness_add("/isolation/dev", test_dev);
        harness_add("/isolation/inheritance", test_inheritance);
        harness_add("/isolation/resources", test_limits_of_resources);
        harness_add("/isolation/hostile-links", test_hostile_links);
        harness_add("/isolation/hostile-volume-targets", test_hostile_volume_targets);
        harness_add("/isolation/volume-flags", test_volume_flags);
        harness_add("/isolation/two-containers", test_two_containers);
        return harness_run();
}
