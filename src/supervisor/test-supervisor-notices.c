/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a service manager hears of the supervisor, and keeps for it beyond its death. As test-supervisor.c. */

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "shared/strutil.h"
#include "supervisor/test-client.h"

static void expect_notice(int fd, const char *beginning) {
        char text[256];
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

        text[MAX(n, (ssize_t)0)] = '\0';
        CHECK(startswith(text, beginning));
}

/* Receives "FDSTORE=1 … FDNAME=ID.WHAT" with its descriptor. Return: the descriptor. */
static int expect_kept(int fd, const char *id, const char *what) {
        _cleanup_free_ char *text = NULL, *name = strf("FDNAME=%s.%s", id, what);
        int fds[FD_PASS_MAX];
        size_t size, n;

        CHECK_INT(fd_receive_message(fd, 4096, &text, &size, fds, &n), 0);
        CHECK(startswith(text, "FDSTORE=1\n"));
        CHECK(name && strstr(text, name));
        CHECK_INT(n, 1);
        return fds[0];
}

static void expect_dropped(int fd, const char *id, const char *what) {
        _cleanup_free_ char *text = strf("FDSTOREREMOVE=1\nFDNAME=%s.%s", id, what);

        CHECK(text);
        expect_notice(fd, text);
}

/* A terminal, and a pipe that the main process has not open, outlive the death of the supervisor where a service
 * manager keeps them. */
static void test_kept(int notices) {
        _cleanup_(container_spec_freep) ContainerSpec *screen = client_spec(
                "trap 'exit 9' HUP; while read -r line; do stty size; echo \"<$line>\"; done; exit 6");
        _cleanup_(container_spec_freep) ContainerSpec *piped =
                client_spec("mkfifo /tmp/f; (read -r x < /tmp/f; echo later) & "
                            "exec > /tmp/out 2>&1; while :; do sleep 1; done");
        Request resize = {.type = REQUEST_RESIZE, .rows = 40, .columns = 50};
        _cleanup_free_ char *names = NULL, *log = NULL, *let_go = NULL;
        int fds[3];
        Reply reply;

        client_start_supervisor();
        expect_notice(notices, "READY=1");
        screen->process.tty = true;
        client_run(screen);
        fds[0] = expect_kept(notices, screen->id, "terminal");
        client_run(piped);
        fds[1] = expect_kept(notices, piped->id, "stdout");
        fds[2] = expect_kept(notices, piped->id, "stderr");
        let_go = strf("%s/state/containers/%s/upper/tmp/out", test_dir, piped->id);
        CHECK(let_go);
        client_await_file(let_go);
        client_stop_supervisor(SIGKILL);

        names = strf("%s.terminal:%s.stdout:%s.stderr", screen->id, piped->id, piped->id);
        client_pass(fds, 3, names);
        fd_close_many(fds, 3);
        client_start_supervisor();
        expect_notice(notices, "READY=1");
        memcpy(resize.container, screen->id, sizeof(resize.container));
        reply = client_ask(&resize, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        reply = client_do(REQUEST_ATTACH, screen->id);
        CHECK_STR(reply.streams[0], "tty");
        reply_done(&reply);
        CHECK_INT(write(client_fds[0], "again\n", 6), 6);
        client_expect(client_fds[0], "40 50\r\n<again>\r\n");
        CHECK_INT(write(client_fds[0], "\4", 1), 1);
        (void)client_exit(screen->id, 0); /* older kernels don't tell how */
        close(client_fds[0]);
        expect_dropped(notices, screen->id, "terminal");
        expect_dropped(notices, screen->id, "stdout");
        expect_dropped(notices, screen->id, "stderr");

        client_command(piped, 1, "echo > /tmp/f");
        log = client_await_log(piped->id, "later");
        CHECK_STR(log, "stdout F later\n");
        client_signal(piped->id, SIGKILL);
        client_exit(piped->id, 0);
        client_stop_supervisor(SIGTERM);
}

/* What the service manager hears. */
static void test_notices(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", test_dir);
        CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        setenv("NOTIFY_SOCKET", address.sun_path, true);
        setenv("WATCHDOG_USEC", "3600000000", true);
        client_start_supervisor();
        expect_notice(fd, "READY=1");
        expect_notice(fd, "WATCHDOG=1");
        client_upgrade();
        expect_notice(fd, "RELOADING=1\nMONOTONIC_USEC=");
        expect_notice(fd, "READY=1");
        expect_notice(fd, "WATCHDOG=1");
        client_stop_supervisor(SIGTERM);
        unsetenv("WATCHDOG_USEC");
        test_kept(fd);
        unsetenv("NOTIFY_SOCKET");
        close(fd);
}

int main(int argc, char **argv) {
        if (argc < 2 || !client_prepare(argv[1]))
                return 77;
        client_install(NULL, NULL);
        test_notices();
        client_clean_up();
        return 0;
}
