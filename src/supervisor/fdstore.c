/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "shared/strutil.h"
#include "supervisor/fdstore.h"
#include "supervisor/notify.h"

/* The first descriptor that is passed, as of sd_listen_fds(3). */
#define FIRST 3

#define TEXT_MAX (sizeof("FDSTOREREMOVE=1\nFDNAME=.terminal") + ID_LENGTH)

static const char *const kinds[] = {"terminal", "stdout", "stderr"};

struct FdStore {
        char **names;
        int *fds; /* -EBADF: taken */
        size_t n;
};

static void keep(const Container *container, const char *what, int fd) {
        char text[TEXT_MAX + sizeof("FDPOLL=0")];

        if (fd < 0)
                return;
        /* Not even a hangup ends that: what is in it hasn't been read yet. */
        snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s.%s", container->id, what);
        notify_with_fd(text, fd);
}

void fdstore_keep(const Container *container) {
        const Process *process = container->main;

        if (!getenv("NOTIFY_SOCKET"))
                return;
        for (size_t i = 0; i < ELEMENTSOF(process->outputs); i++)
                if (process->outputs[i])
                        keep(container,
                             process->tty ? "terminal" :
                             i == 0       ? "stdout" :
                                            "stderr",
                             output_fd(process->outputs[i]));
}

static void drop(const char *name) {
        char text[TEXT_MAX];

        snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
        notify(text);
}

void fdstore_drop(const char *id) {
        char name[ID_LENGTH + sizeof(".terminal")];

        if (!getenv("NOTIFY_SOCKET"))
                return;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                snprintf(name, sizeof(name), "%s.%s", id, kinds[i]);
                drop(name);
        }
}

/* What the environment says that is passed to this process. */
static uint32_t count_passed(void) {
        const char *pid = getenv("LISTEN_PID"), *number = getenv("LISTEN_FDS");
        uint64_t whose;
        uint32_t n;

        if (!pid || !number || parse_u64(pid, &whose) < 0 || whose != (uint64_t)getpid() ||
            parse_u32(number, &n) < 0)
                return 0;
        return MIN(n, (uint32_t)sysconf(_SC_OPEN_MAX));
}

static int receive(FdStore *store, size_t n) {
        const char *names = getenv("LISTEN_FDNAMES");

        store->names = strv_split(names ?: "", ':');
        store->fds = reallocarray(NULL, n, sizeof(int));
        if (!store->names || !store->fds)
                return -ENOMEM;
        for (; store->n < n; store->n++) {
                int fd = FIRST + (int)store->n;

                store->fds[store->n] = fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -EBADF : fd;
        }
        return 0;
}

int fdstore_receive(FdStore **ret) {
        size_t n = count_passed();
        FdStore *store = n > 0 ? calloc(1, sizeof(FdStore)) : NULL;
        int r = n > 0 && !store ? -ENOMEM : 0;

        if (store)
                r = receive(store, n);
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        if (r < 0) {
                fdstore_free(store);
                return r;
        }
        if (store)
                log_info("%zu descriptors were kept for us", n);
        *ret = store;
        return 0;
}

int fdstore_take(FdStore *store, const char *id, const char *what) {
        char name[ID_LENGTH + sizeof(".terminal")];

        snprintf(name, sizeof(name), "%s.%s", id, what);
        for (size_t i = 0; store && i < MIN(store->n, strv_length(store->names)); i++)
                if (store->fds[i] >= 0 && streq(store->names[i], name))
                        return TAKE_FD(store->fds[i]);
        return -EBADF;
}

FdStore *fdstore_free(FdStore *store) {
        if (!store)
                return NULL;
        for (size_t i = 0; i < store->n; i++)
                if (store->fds[i] >= 0 && i < strv_length(store->names))
                        drop(store->names[i]);
        fd_close_many(store->fds, store->n);
        strv_free(store->names);
        free(store->fds);
        free(store);
        return NULL;
}
