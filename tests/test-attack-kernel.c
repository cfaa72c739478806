/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's interfaces, from inside a container of somebody who may run containers and nothing more; and the ids,
 * descriptors and terminals that lead out of it. test-isolation.c tries what holds for everybody's containers. */

#include "attack.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_probes(const char *path, const char *const (*cases)[2], guint n) {
        for (guint i = 0; i < n; i++) {
                g_autofree char *command = g_strconcat("probe ", cases[i][0], NULL);
                g_autofree char *output = attack_exec(nobody, path, command);

                check_text(cases[i][0], g_strchomp(output), cases[i][1]);
        }
}

static void test_calls(void) {
        static const char *const cases[][2] = {
                {"move-mount", "EPERM"},
                {"mount-setattr", "EPERM"},
                {"fspick", "EPERM"},
                {"request-key", "EPERM"},
                {"io-uring-enter", "ENOSYS"},
                {"unshare-mounts", "EPERM"},
                {"unshare-net", "EPERM"},
                {"clone-mounts", "EPERM"},
                {"af-xdp", "EAFNOSUPPORT"},
                {"af-bluetooth", "EAFNOSUPPORT"},
                {"af-tipc", "EAFNOSUPPORT"},
                {"raw", "EPERM"},
                {"fanotify", "EPERM"},
                {"quotactl", "EPERM"},
                {"acct", "EPERM"},
                {"swapon", "EPERM"},
                {"syslog", "EPERM"},
                {"future-call", "ENOSYS"},
                {"x32", "EPERM"},
                {"foreign-abi", "EPERM"},
                {"raise-limit", "EPERM"},
                {"real-time", "EPERM"},
                {"nice", "EACCES"},
                {"oom-score", "EACCES"},
                {"lock-memory", "E*"},
                {"uid-map", "EPERM"},
                {"add-capability", "EPERM"},
                {"ambient", "EPERM"},
                {"new-privileges", "EINVAL"},
                {"domain-name", "EPERM"},
        };
        g_autoptr(GError) error = NULL;
        g_autofree char *path = attack_run_container(nobody, NULL, NULL, "sleep 1000", &error);

        g_assert_no_error(error);
        check_probes(path, cases, G_N_ELEMENTS(cases));
        attack_remove(nobody, path);
}

/* The process that becomes an exec'ed command is in the container before it is one of the container's. Somebody in
 * there waits for it (CVE-2016-9962), also with the host's ids. What has SYS_PTRACE beside these is the host's root. */
static void test_helpers(void) {
        static const char *const options[] = {
                NULL, "{'cap-add': <['SYS_PTRACE']>, 'seccomp': <'unconfined'>}",
                "{'userns': <'host'>, 'seccomp': <'unconfined'>}"};

        for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
                g_autofree char *path = container_run(options[i], "probe hunt"), *log = NULL;

                for (guint k = 0; k < 40; k++)
                        g_free(container_exec(path, "true"));
                /* It may end the container before it has itself ended. */
                g_variant_unref(
                        bus_call(path, "ExecCollect", "(['touch', '/tmp/stop'], @a{sv} {})"));
                CHECK(container_wait(path) == 0);
                log = container_log(path);
                check_text("a process of ours seen from inside", log, "EPERM\n");
                container_remove(path);
        }
}

static void test_writes(void) {
        static const char *const files[] = {"/proc/sys/kernel/core_pattern",
                                            "/proc/sys/kernel/modprobe",
                                            "/proc/sys/net/ipv4/ip_forward",
                                            "/proc/sys/vm/overcommit_memory",
                                            "/proc/sys/fs/protected_hardlinks",
                                            "/proc/sysrq-trigger",
                                            "/proc/irq/0/smp_affinity",
                                            "/proc/bus/pci/00/00.0",
                                            "/proc/self/oom_score_adj",
                                            "/proc/1/oom_score_adj",
                                            "/sys/kernel/uevent_helper",
                                            "/sys/power/state",
                                            "/sys/fs/cgroup/release_agent",
                                            "/sys/fs/cgroup/cgroup.procs",
                                            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                                            "/sys/kernel/mm/transparent_hugepage/enabled",
                                            "/sys/devices/system/cpu/cpu0/online",
                                            "/dev/kmsg",
                                            "/dev/mem",
                                            "/dev/kvm",
                                            "/dev/sda",
                                            "/dev/fuse"};
        g_autoptr(GError) error = NULL;
        g_autofree char *path = attack_run_container(nobody, NULL, NULL, "sleep 1000", &error);

        g_assert_no_error(error);
        for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
                g_autofree char *command = g_strdup_printf(
                        "[ ! -e %s ] || (echo -1000 > %s) 2> /dev/null && [ -e %s ] && echo written; true",
                        files[i], files[i], files[i]);
                g_autofree char *output = attack_exec(nobody, path, command);

                check_text(files[i], output, "");
        }
        {
                g_autofree char *keys =
                        attack_exec(nobody, path, "cat /proc/keys /proc/kcore | wc -c");
                g_autofree char *cgroup = attack_exec(
                        nobody, path,
                        "grep -E 'cgroup' /proc/self/mountinfo; cut -d: -f3 /proc/self/cgroup | sort -u");
                g_autofree char *control = attack_exec(
                        nobody, path,
                        "find /sys /proc/sys /proc/bus -writable -type f 2> /dev/null | head");

                check_text("keys and memory", keys, "0\n");
                check_text("control groups", cgroup, "*/\n");
                CHECK(!strstr(cgroup, "mydocker"));
                check_text("writable files", control, "");
        }
        attack_remove(nobody, path);
}

/* The first of the host's ids that are a container's, seen from the host. */
static guint id_base(const char *path) {
        g_autofree char *map = read_file("/proc/%u/uid_map", bus_property_uint(path, "Pid"));
        guint inside, outside = 0, count;

        g_assert_nonnull(map);
        g_assert_cmpint(sscanf(map, "%u %u %u", &inside, &outside, &count), ==, 3);
        CHECK(inside == 0 && outside > 65535 && count == 65536);
        return outside;
}

/* With a directory of the host that the user handed in, processes of the container leave set-user-id programs outside.
 * The id that these give must never be another user's. */
static void test_ids_left_behind(void) {
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *mine = NULL, *theirs = NULL, *again = NULL, *roots = NULL, *owner = NULL,
                        *text = NULL;
        guint first;

        expect(0, "", "", "mkdir -m 1777 open");
        fds = attack_open("open", O_RDONLY | O_DIRECTORY);
        mine = attack_run_container(
                nobody, fds, "{'stdin': <handle 0>}",
                "cp /bin/probe /proc/self/fd/0/left; chmod 4755 /proc/self/fd/0/left; exec sleep 1000",
                &error);
        g_assert_no_error(error);
        first = id_base(mine);
        WAIT_UNTIL((g_free(text), text = NULL, shell(&text, NULL, "stat -c '%%u %%a' open/left"),
                    g_str_has_suffix(text, " 4755\n")));
        owner = g_strdup_printf("%u 4755\n", first);
        check_text("what was left", text, owner);
        attack_remove(nobody, mine);

        for (guint i = 0; i < 2; i++) {
                if (i == 1) {
                        daemon_kill(SIGKILL);
                        daemon_start();
                }
                g_clear_pointer(&theirs, g_free);
                g_clear_pointer(&roots, g_free);
                g_clear_pointer(&again, g_free);
                theirs = attack_run_container(somebody, NULL, NULL, "sleep 1000", &error);
                g_assert_no_error(error);
                roots = container_run(NULL, "sleep 1000");
                again = attack_run_container(nobody, NULL, NULL, "sleep 1000", &error);
                g_assert_no_error(error);
                CHECK(id_base(theirs) != first && id_base(roots) != first &&
                      id_base(theirs) != id_base(roots));
                CHECK(id_base(again) == first);
                attack_remove(somebody, theirs);
                attack_remove(nobody, again);
                container_remove(roots);
        }
        g_clear_object(&fds);
        expect(0, "", "", "rm -r open");
}

/* A directory of the container, handed out to the host through a socket in a volume. */
static void test_root_handed_out(void) {
        g_autoptr(GSocket) listener =
                g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);
        g_autoptr(GSocketAddress) address = g_unix_socket_address_new("data/socket");
        g_autoptr(GSocket) peer = NULL;
        g_autoptr(GSocketConnection) connection = NULL;
        g_autoptr(GUnixFDList) fds = NULL, root = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *path = NULL, *second = NULL, *created = NULL, *out = NULL;
        int fd, status;
        pid_t pid;

        expect(0, "", "", "mkdir -m 777 data");
        g_assert_true(g_socket_bind(listener, address, true, NULL));
        g_assert_true(g_socket_listen(listener, NULL));
        /* What belongs to others is not written to on such a volume, sockets too. */
        expect(0, "", "", "chown 65534:65534 data/socket");
        g_socket_set_timeout(listener, HARNESS_PATIENCE);
        fds = attack_open("data", O_RDONLY | O_DIRECTORY);
        path = attack_run_container(
                nobody, fds,
                "{'volume-fds': <[(handle 0, '/data', '')]>, 'no-new-privileges': <false>}",
                "cp /bin/probe /raise; chmod 4755 /raise; exec probe hand-out", &error);
        g_assert_no_error(error);
        peer = g_socket_accept(listener, NULL, &error);
        g_assert_no_error(error);
        connection = g_socket_connection_factory_create_connection(peer);
        fd = g_unix_connection_receive_fd(G_UNIX_CONNECTION(connection), NULL, &error);
        g_assert_no_error(error);
        CHECK(faccessat(fd, "raise", F_OK, 0) == 0);

        /* A set-user-id program of the container's gives nothing on the host. */
        pid = fork();
        if (pid == 0) {
                g_autofree char *program = g_strdup_printf("/proc/self/fd/%d/raise", fd);

                if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
                        _exit(100);
                execl(program, "probe", "raised", NULL);
                _exit(101);
        }
        waitpid(pid, &status, 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);

        /* As a volume it is refused, by descriptor and by the path that it seems to have. */
        root = g_unix_fd_list_new_from_array(&fd, 1);
        second = attack_run_container(nobody, root, "{'volume-fds': <[(handle 0, '/x', '')]>}",
                                      "ls /x", &error);
        CHECK(!second);
        g_clear_error(&error);
        reply = bus_try(nobody, root, NULL, &error, NULL, "Create",
                        "('busybox', ['ls', '/x'], {'volume-fds': <[(handle 0, '/x', '')]>})");
        if (reply) {
                g_variant_get(reply, "(o)", &created);
                CHECK(!attack_call(nobody, created, "Start", NULL));
                attack_remove(nobody, created);
        }
        attack_remove(nobody, path);
        g_clear_object(&fds);
        g_clear_object(&root);
        g_socket_close(listener, NULL);
        expect(0, "", "", "rm -r data");
}

int main(int argc, char *argv[]) {
        attack_init(&argc, &argv);
        /* So that a test which restarts it leaves the same descriptors. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/attack-kernel/calls", test_calls);
        harness_add("/attack-kernel/helpers", test_helpers);
        harness_add("/attack-kernel/writes", test_writes);
        harness_add("/attack-kernel/ids-left-behind", test_ids_left_behind);
        harness_add("/attack-kernel/root-handed-out", test_root_handed_out);
        return attack_run();
}
