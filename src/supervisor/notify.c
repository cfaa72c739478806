/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "shared/strutil.h"
#include "supervisor/notify.h"

void notify_with_fd(const char *state, int passed) {
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;
        socklen_t size;
        int r;

        if (!path || (path[0] != '/' && path[0] != '@') || !path[1] ||
            strlen(path) >= sizeof(address.sun_path))
                return;
        memcpy(address.sun_path, path, strlen(path));
        size = offsetof(struct sockaddr_un, sun_path) + strlen(path);
        if (path[0] == '@')
                address.sun_path[0] = '\0';
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        r = fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0 ?
                    -errno :
                    fd_send_message(fd, state, strlen(state), &passed, passed >= 0);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Can't tell the service manager %s", state);
}

void notify(const char *state) {
        notify_with_fd(state, -EBADF);
}

static void on_watchdog(void *data) {
        Watchdog *watchdog = data;

        notify("WATCHDOG=1");
        event_timer_set(watchdog->loop, &watchdog->timer, watchdog->msec, on_watchdog, watchdog);
}

void notify_ready(EventLoop *loop, Watchdog *watchdog) {
        const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
        uint64_t interval, whose;

        notify("READY=1");
        if (!usec || parse_u64(usec, &interval) < 0 || interval < 2000)
                return;
        /* It may be meant for whoever started us. */
        if (pid && (parse_u64(pid, &whose) < 0 || whose != (uint64_t)getpid()))
                return;
        watchdog->loop = loop;
        watchdog->msec = interval / 2000;
        /* At once: after an upgrade the last sign of life is the one of the program before. */
        on_watchdog(watchdog);
}
