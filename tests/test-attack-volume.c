/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Volumes: whoever may run containers gets at nothing with them that the user could not get at without. */

#include "attack.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATA "{'volume-fds': <[(handle 0, '/data', '')]>}"

/* Makes `name`, a directory of nobody's, with a secret of root's in it. */
static void make_data(const char *name) {
        expect(0, "", "",
               "mkdir -p %s && chown 65534:65534 %s && echo the-secret-of-root > %s/roots && chmod 600 %s/roots",
               name, name, name, name);
}

static void remove_data(const char *name) {
        expect(0, "", "", "rm -rf %s", name);
}

/* Root inside is the caller outside, and is nobody else. */
static void test_rights(void) {
        make_data("data");
        expect(0, "", "",
               "cd data && echo hers > hers && chown 1:1 hers && chmod 600 hers &&"
               " echo group > group && chown 0:65534 group && chmod 640 group &&"
               " echo other > other && chown 0:4 other && chmod 640 other");
        expect(0, "mine\n0:0\ngroup\n", "",
               AS_NOBODY
               "mydocker run --rm -v ./data:/data busybox sh -c 'cd /data && echo mine > mine &&"
               " cat mine && stat -c %%u:%%g mine && cat group'");
        expect(0, "65534:65534 644\n", "", "stat -c '%%u:%%g %%a' data/mine");

        /* What belongs to others, of whom the caller is not one, group or user. */
        for (const char *const *file = (const char *const[]){"roots", "hers", "other", NULL}; *file;
             file++) {
                expect(1, "", "*Permission denied*",
                       AS_NOBODY "mydocker run --rm -v ./data:/data busybox cat /data/%s", *file);
                expect(1, "", NULL,
                       AS_NOBODY "mydocker run --rm -v ./data:/data busybox chmod 644 /data/%s",
                       *file);
                expect(1, "", NULL,
                       AS_NOBODY "mydocker run --rm -v ./data:/data busybox chown 0:0 /data/%s",
                       *file);
        }
        /* A supplementary group of the caller's gives nothing inside. */
        expect(1, "", "*Permission denied*",
               "setpriv --reuid=65534 --regid=65534 --groups=4 mydocker run --rm -v ./data:/data"
               " busybox cat /data/other");
        /* No other id can be given away, taken, or made by somebody else inside. */
        for (const char *const *owner =
                     (const char *const[]){"1:0", "0:1", "1000:1000", "65534:65534", NULL};
             *owner; owner++)
                expect(1, "", NULL,
                       AS_NOBODY "mydocker run --rm -v ./data:/data busybox chown %s /data/mine",
                       *owner);
        expect(0, "", "", "chmod 777 data");
        expect(1, "", "*",
               AS_NOBODY "mydocker run --rm --user 1000 -v ./data:/data busybox touch /data/new");
        expect(0, "65534:65534 644\n", "", "stat -c '%%u:%%g %%a' data/mine");
        expect(2, "", NULL, "stat -c %%u data/new 2> /dev/null || exit 2");

        /* A directory that the user may not enter, by whatever name. */
        expect(0, "", "", "mkdir -m 700 data/closed; chown 0:0 data; chmod 755 data");
        expect(125, "", "*workspace.volume*",
               AS_NOBODY "mydocker --no-ask-password run --rm -v ./data/closed:/x busybox true");
        expect(125, "", "*workspace.volume*",
               AS_NOBODY "mydocker --no-ask-password run --rm -v /root:/x busybox true");
        expect(125, "", "*workspace.volume*",
               AS_NOBODY
               "mydocker --no-ask-password run --rm -v \"$MYDOCKER_SANDBOX/state:/x\" busybox true");
        remove_data("data");
}

/* Descriptors that prove nothing, or are no directories. */
static void test_descriptors(void) {
        static const struct {
                const char *path;
                int flags;
        } cases[] = {
                {"/root", O_PATH | O_DIRECTORY}, /* anybody can have that */
                {"/etc/passwd", O_RDONLY},
                {"/dev/null", O_RDONLY},
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GUnixFDList) fds = attack_open(cases[i].path, cases[i].flags);
                g_autoptr(GError) error = NULL;
                g_autofree char *path = attack_run_container(nobody, fds, DATA, "true", &error),
                                *name = error ? g_dbus_error_get_remote_error(error) : NULL;

                check_text(cases[i].path, name, ERROR_ARGS);
        }
        /* File systems without owners of their own to map. */
        for (const char *const *source = (const char *const[]){"/proc", "/sys", "/dev/pts", NULL};
             *source; source++)
                expect(125, "", "*can't be mounted with other ids*",
                       AS_NOBODY "mydocker run --rm -v %s:/x busybox true", *source);
}

/* What is left in a volume, for somebody on the host to stumble over, has the caller's rights and no others'. */
static void test_left_behind(void) {
        make_data("data");
        expect(0, "", "", "cp /usr/bin/id data/id");
        expect(0, "", "",
               AS_NOBODY "mydocker run --rm -v ./data:/data busybox sh -c"
                         " 'cd /data; cp id su; chmod 6755 su; cp /bin/busybox busybox-caps'");
        expect(0, "yes\n", "", AS_NOBODY "mydocker run --rm -v ./data:/data busybox probe setcap");
        /* Run by another user, it makes that user the one who left it, as it always was. */
        expect(0, "65534:65534 6755\n", "", "stat -c '%%u:%%g %%a' data/su");
        expect(0, "65534\n", "", AS_SOMEBODY "data/su -u");
        /* Capabilities count in user namespaces of the caller's only. */
        expect(0, "CapEff:\t0000000000000000\n", "",
               AS_SOMEBODY "data/busybox-caps grep CapEff /proc/self/status");
        expect(0, "CapEff:\t0000000000000000\n", "",
               AS_NOBODY "data/busybox-caps grep CapEff /proc/self/status");
        /* Device nodes: not in the volume, not in the container's own file system, and none there works. */
        expect(1, "", "*not permitted*",
               AS_NOBODY "mydocker run --rm -v ./data:/data busybox mknod /data/null c 1 3");
        expect(1, "", "*not permitted*",
               AS_NOBODY "mydocker run --rm busybox mknod /tmp/null c 1 3");
        expect(0, "", "", "mknod -m 666 data/null c 1 3");
        expect(1, "", "*ermission denied*",
               AS_NOBODY "mydocker run --rm -v ./data:/data busybox cat /data/null");
        /* Set-user-id root programs of the volume give nothing inside. */
        expect(0, "", "", "cp rootfs/bin/busybox data/busybox-root; chmod 4755 data/busybox-root");
        expect(0, "1000\n", "",
               AS_NOBODY
               "mydocker run --rm --user 1000 -v ./data:/data busybox /data/busybox-root id -u");
        /* Another name for a file does not change whose it is. */
        expect(1, "", "*Permission denied*",
               AS_NOBODY "mydocker run --rm -v ./data:/data busybox sh -c"
                         " 'ln /data/roots /data/link 2> /dev/null; cat /data/link /data/roots'");
        remove_data("data");
}

/* While the container is made, the user swaps directories of the volume for links that lead out. */
static void test_swapped_links(void) {
        g_autofree char *here = g_get_current_dir();
        pid_t pid;

        make_data("data");
        expect(0, "", "", "mkdir victim; " AS_NOBODY "mkdir -p data/sub data/real");
        pid = fork();
        if (pid == 0) {
                g_autofree char *absolute = g_strdup_printf("%s/victim", here);

                if (chdir("data") < 0)
                        _exit(1);
                for (;;) {
                        (void)!rename("sub", "away");
                        (void)!symlink(absolute, "sub");
                        (void)!unlink("sub");
                        (void)!symlink("../../../../../../../../etc", "sub");
                        (void)!unlink("sub");
                        (void)!symlink("/proc/1/root", "sub");
                        (void)!unlink("sub");
                        (void)!rename("away", "sub");
                }
        }
        for (guint i = 0; i < 25; i++) {
                /* It may start or not. */
                int status = shell(NULL, NULL,
                                   AS_NOBODY
                                   "mydocker run --rm -v ./data:/data -v ./data/real:/data/sub/x"
                                   " -w /data/sub/y busybox touch /data/sub/x/made");

                CHECK(status == 0 || status == 1 || status == 125);
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        expect(0, "", "", "ls -A victim");
        expect(1, "", NULL, "ls -d /etc/x /etc/y /x /y 2> /dev/null | grep .");
        expect(1, "", NULL, "grep -F '%s/victim' /proc/self/mounts", here);
        bus_wait_property(NULL, "ContainersCount", "0");
        remove_data("data");
        expect(0, "", "", "rm -r victim");
}

/* A mount that is read-only stays it, at the first start and at later ones. */
static void test_read_only_mount(void) {
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *path = NULL, *output = NULL;

        expect(0, "", "",
               "mkdir -m 777 open; mkdir bound; mount --bind open bound; mount -o remount,bind,ro bound");
        fds = attack_open("bound", O_RDONLY | O_DIRECTORY);
        path = attack_run_container(nobody, fds, DATA, "sleep 1000", &error);
        g_assert_no_error(error);
        g_clear_object(&fds);
        for (guint i = 0; i < 2; i++) {
                output = attack_exec(nobody, path, "touch /data/new 2>&1; ls /data");
                check_text("a file on a read-only mount", output, "*Read-only file system\n");
                g_clear_pointer(&output, g_free);
                g_variant_unref(bus_call(path, "Restart", "({'timeout': <uint32 0>},)"));
        }
        expect(0, "", "", "ls open");
        attack_remove(nobody, path);
        expect(0, "", "", "umount bound; rmdir open bound");
}

/* A process of nobody's with user and mount namespaces of its own, and what it opened there. */
typedef struct Stranger {
        pid_t pid;
        int socket;
        int fd; /* -1 if that is not possible on this machine */
} Stranger;

static _Noreturn void stranger_main(int socket, int (*function)(const char *argument),
                                    const char *argument) {
        g_autoptr(GSocket) socket_object = NULL;
        g_autoptr(GUnixConnection) connection = NULL;
        char byte;
        int fd;

        if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
            unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || write(socket, "x", 1) != 1 ||
            read(socket, &byte, 1) != 1)
                _exit(1);
        fd = function(argument);
        socket_object = g_socket_new_from_fd(socket, NULL);
        connection =
                G_UNIX_CONNECTION(g_socket_connection_factory_create_connection(socket_object));
        if (fd < 0 || !g_unix_connection_send_fd(connection, fd, NULL, NULL))
                _exit(1);
        for (;;) /* keeps the namespaces */
                pause();
}

static Stranger stranger_begin(int (*function)(const char *argument), const char *argument) {
        Stranger stranger = {.fd = -1};
        int sockets[2];
        char byte;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
        stranger.pid = fork();
        if (stranger.pid == 0) {
                close(sockets[0]);
                stranger_main(sockets[1], function, argument);
        }
        close(sockets[1]);
        stranger.socket = sockets[0];
        if (read(sockets[0], &byte, 1) == 1) {
                g_autoptr(GSocket) socket = g_socket_new_from_fd(dup(sockets[0]), NULL);
                g_autoptr(GUnixConnection) connection =
                        G_UNIX_CONNECTION(g_socket_connection_factory_create_connection(socket));

                expect(0, "", "",
                       "echo 0 65534 1 > /proc/%d/uid_map; echo 0 65534 1 > /proc/%d/gid_map",
                       stranger.pid, stranger.pid);
                g_assert_cmpint(write(sockets[0], "x", 1), ==, 1);
                stranger.fd = g_unix_connection_receive_fd(connection, NULL, NULL);
        }
        return stranger;
}

static void stranger_end(const Stranger *stranger) {
        close(stranger->socket);
        kill(stranger->pid, SIGKILL);
        waitpid(stranger->pid, NULL, 0);
}

static int open_own_tmpfs(const char *directory) {
        if (mount("tmpfs", directory, "tmpfs", 0, NULL) < 0)
                return -1;
        return open(directory, O_RDONLY | O_DIRECTORY);
}

/* Shows `public`, a read-only mount, under the name of the directory behind it, which nobody but root can reach. */
static int open_pretended(const char *directory) {
        g_autofree char *hidden = g_strconcat(directory, "/hidden", NULL);
        g_autofree char *data = g_strconcat(hidden, "/data", NULL);
        g_autofree char *public = g_strconcat(directory, "/public", NULL);

        if (mount("tmpfs", hidden, "tmpfs", 0, "mode=755") < 0 || mkdir(data, 0755) < 0 ||
            mount(public, data, NULL, MS_BIND, NULL) < 0)
                return -1;
        return open(data, O_RDONLY | O_DIRECTORY);
}

/* In a mount namespace of one's own anything can lie at any path. */
static void test_own_namespace(void) {
        g_autofree char *here = g_get_current_dir();

        expect(0, "", "",
               "mkdir -m 777 own; mkdir -m 700 hidden; mkdir -m 777 hidden/data; mkdir public;"
               " mount --bind hidden/data public; mount -o remount,bind,ro public");
        for (guint i = 0; i < 2; i++) {
                Stranger stranger = i == 0 ? stranger_begin(open_own_tmpfs, "own") :
                                             stranger_begin(open_pretended, here);
                g_autoptr(GUnixFDList) fds = NULL;
                g_autoptr(GVariant) reply = NULL;
                g_autoptr(GError) error = NULL;
                g_autofree char *path = NULL, *created = NULL;

                if (stranger.fd < 0) {
                        g_test_skip("no user namespaces for users here");
                        stranger_end(&stranger);
                        continue;
                }
                fds = g_unix_fd_list_new_from_array(&stranger.fd, 1);
                path = attack_run_container(nobody, fds, DATA, "touch /data/new", &error);
                CHECK(!path);
                check_text("the error", error ? error->message : "",
                           "*not in the host's mount namespace*");
                g_clear_error(&error);
                /* A created one is opened by its path first, which leads elsewhere for the host's root. */
                reply = bus_try(nobody, fds, NULL, &error, NULL, "Create",
                                "('busybox', ['touch', '/data/new'], %@a{sv})",
                                g_variant_new_parsed(DATA));
                g_assert_no_error(error);
                g_variant_get(reply, "(o)", &created);
                CHECK(!attack_call(nobody, created, "Start", &error));
                check_text("the error", error ? error->message : "",
                           i == 0 ? "*not the directory that was given*" :
                                    "*user 65534 cannot open */hidden/data*");
                attack_remove(nobody, created);
                stranger_end(&stranger);
        }
        expect(0, "", "", "ls own hidden/data | grep -v : | grep . || true");
        expect(0, "", "", "umount public; rm -r own hidden public");
}

/* A start opens the directory again: only the same one, and only for who may reach it by then. */
static void test_later_starts(void) {
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *path = NULL;

        expect(0, "", "", "mkdir -p way/data && echo public > way/data/file");
        fds = attack_open("way/data", O_RDONLY | O_DIRECTORY);
        path = attack_run_container(nobody, fds, DATA, "cat /data/file", &error);
        g_assert_no_error(error);
        CHECK(container_wait(path) == 0);
        daemon_kill(SIGKILL);
        daemon_start();
        CHECK(attack_call(nobody, path, "Start", &error));
        g_assert_no_error(error);
        CHECK(container_wait(path) == 0);

        /* The user may not go there any more; root could. */
        for (guint i = 0; i < 2; i++) {
                expect(0, "", "", i == 0 ? "chmod 700 way" : "chmod 755 way; chmod 711 way/data");
                CHECK(!attack_call(nobody, path, "Start", &error));
                check_text("the error", error ? error->message : "",
                           "*user 65534 cannot open */way/data*");
                g_clear_error(&error);
        }
        expect(0, "", "", "chmod 755 way/data");
        CHECK(attack_call(nobody, path, "Start", &error));
        g_assert_no_error(error);
        CHECK(container_wait(path) == 0);

        /* Something else lies there. */
        expect(0, "", "", "mv way/data way/old; mkdir way/data; echo other > way/data/file");
        CHECK(!attack_call(nobody, path, "Start", &error));
        check_text("the error", error ? error->message : "", "*not the directory that was given*");
        g_clear_error(&error);
        expect(0, "", "", "rm -r way/data; ln -s /etc way/data");
        CHECK(!attack_call(nobody, path, "Start", &error));
        g_clear_error(&error);
        attack_remove(nobody, path);
        expect(0, "", "", "rm -r way");
}

/* A rule names the directories that may be mounted with root's rights; who owns one makes it a link. */
static void test_authorized_paths(void) {
        g_autofree char *here = g_get_current_dir(), *path = NULL, *condition = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;

        expect(0, "", "",
               "mkdir -p home/data; mkdir -m 700 victim; echo secret > victim/file; chown -R 65534:65534 home");
        condition = g_strdup_printf(
                "action.id == 'org.mydocker.workspace.volume' && action.lookup('volume').indexOf('%s/home/') == 0",
                here);
        attack_allow(condition, NULL);
        WAIT_UNTIL(
                (g_clear_error(&error), reply = bus_try(nobody, NULL, NULL, &error, NULL, "Create",
                                                        "('busybox', ['cat', '/data/file'],"
                                                        " {'volumes': <[(%s, '/data', '')]>})",
                                                        g_strdup_printf("%s/home/data", here))));
        g_variant_get(reply, "(o)", &path);
        CHECK(attack_call(nobody, path, "Start", &error));
        CHECK(container_wait(path) == 1);

        for (guint i = 0; i < 2; i++) {
                expect(0, "", "",
                       i == 0 ? "rmdir home/data; ln -s ../victim home/data" :
                                "mv home moved; ln -s victim home");
                CHECK(!attack_call(nobody, path, "Start", &error));
                check_text("the error", error ? error->message : "",
                           i == 0 ? "*leads through a symbolic link*" : "*");
                g_clear_error(&error);
        }
        expect(0, "", "", "rm home; mv moved home; rm home/data; ln -s ../victim home/link");
        /* Nor is anything made through one. */
        expect(125, "", "*symbolic link*",
               AS_NOBODY "mydocker --no-ask-password run --rm -v %s/home/link/new:/x busybox true",
               here);
        expect(0, "file\n", "", "ls victim");
        attack_forbid(NULL);
        attack_remove(nobody, path);
        expect(0, "", "", "rm -r home victim");
}

/* A commit copies what lies in volumes: what the container could read there. */
static void commit_and_look(void) {
        int status = shell(NULL, NULL, AS_NOBODY "mydocker commit mine stolen");
        g_autofree char *image = image_find("stolen");

        CHECK((status == 0) == (image != NULL));
        if (image) {
                expect(1, "", NULL, "mydocker run --rm stolen cat /data/roots");
                image_remove("stolen");
        }
        expect(1, "", NULL, "grep -rqs the-secret-of-root \"$MYDOCKER_SANDBOX/state\"");
}

static void test_commit(void) {
        make_data("data");
        expect(0, NULL, "",
               AS_NOBODY "mydocker run -d --name mine -v ./data:/data busybox sleep 1000");
        attack_allow("action.id == 'org.mydocker.workspace.commit'",
                     "org.mydocker.workspace.commit");
        commit_and_look();
        expect(0, NULL, "", AS_NOBODY "mydocker stop -t 0 mine");
        commit_and_look();
        attack_forbid("org.mydocker.workspace.commit");
        expect(0, NULL, "", AS_NOBODY "mydocker rm -f mine");
        remove_data("data");
}

int main(int argc, char *argv[]) {
        attack_init(&argc, &argv);
        /* So that a test which restarts it leaves the same descriptors. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/attack-volume/rights", test_rights);
        harness_add("/attack-volume/descriptors", test_descriptors);
        harness_add("/attack-volume/left-behind", test_left_behind);
        harness_add("/attack-volume/swapped-links", test_swapped_links);
        harness_add("/attack-volume/read-only-mount", test_read_only_mount);
        harness_add("/attack-volume/own-namespace", test_own_namespace);
        harness_add("/attack-volume/later-starts", test_later_starts);
        harness_add("/attack-volume/authorized-paths", test_authorized_paths);
        harness_add("/attack-volume/commit", test_commit);
        return attack_run();
}
