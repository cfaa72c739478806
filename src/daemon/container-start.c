/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starting a container: its range of user ids, its volumes, and the request to the supervisor. */

#include <fcntl.h>

#include "daemon/container.h"
#include "daemon/quota.h"
#include "daemon/supervisor-client.h"
#include "daemon/volume-source.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/syscalls.h"

/* Volumes being opened, by a thread. */
typedef struct VolumeOpening {
        Container *container;
        const Volume *volumes; /* of the container's record, where they never change */
        size_t n;
        uid_t owner;
        int *fds;
        bool make;
        Error error;
        void (*callback)(Container *c, const int *fds, const Error *error, void *userdata);
        void *userdata;
} VolumeOpening;

static void open_in_thread(void *argument) {
        VolumeOpening *opening = argument;

        for (size_t i = 0; i < opening->n; i++) {
                const Volume *volume = &opening->volumes[i];

                if (opening->fds[i] >= 0)
                        continue;
                opening->fds[i] =
                        volume_source_open(volume, opening->owner, opening->make, &opening->error);
                if (opening->fds[i] < 0)
                        return;
        }
}

static void opening_done(void *argument) {
        VolumeOpening *opening = argument;
        const Error *error = opening->error.number != 0 ? &opening->error : NULL;

        opening->callback(opening->container, opening->fds, error, opening->userdata);
        if (opening->fds)
                fd_close_many(opening->fds, opening->n);
        free(opening->fds);
        container_unref(opening->container);
        free(opening);
}

void container_open_volumes(Container *c, bool make,
                            void (*callback)(Container *c, const int *fds, const Error *error,
                                             void *userdata),
                            void *userdata) {
        VolumeOpening *opening = calloc(1, sizeof(*opening));
        bool complete = true;
        Error e = ERROR_INIT;
        int r;

        if (!opening) {
                error_oom(&e);
                callback(c, NULL, &e, userdata);
                return;
        }
        *opening = (VolumeOpening){
                .container = container_ref(c),
                .volumes = c->record->spec->volumes,
                .owner = c->record->owner,
                .make = make,
                .callback = callback,
                .userdata = userdata,
                .fds = calloc(c->record->spec->n_volumes + 1, sizeof(int)),
        };
        if (!opening->fds) {
                error_oom(&opening->error);
                opening_done(opening);
                return;
        }
        for (; opening->n < c->record->spec->n_volumes; opening->n++) {
                int given = c->volume_fds ? c->volume_fds[opening->n] : -EBADF;

                opening->fds[opening->n] = given >= 0 ? fcntl(given, F_DUPFD_CLOEXEC, 3) : -EBADF;
                complete = complete && opening->fds[opening->n] >= 0;
        }
        if (complete) {
                opening_done(opening);
                return;
        }
        r = offload_run(c->manager->offload, c->record->owner, open_in_thread, opening_done,
                        opening);
        if (r < 0) {
                error_set(&opening->error, r, "volume", "too many volumes are being opened");
                opening_done(opening);
        }
}

typedef struct Start {
        void (*callback)(Container *c, const Error *error, void *userdata);
        void *userdata;
        Container *container;
} Start;

static void finish(Start *start, const Error *error) {
        Container *c = start->container;

        c->starting = false;
        container_drop_given(c);
        start->callback(c, error, start->userdata);
        free(start);
        if (!error)
                container_save(c);
        container_busy_end(c);
}

static void failed(Start *start, const Error *error) {
        Container *c = start->container;
        char text[640];

        ranges_release(&c->manager->ranges, c->record->spec->id_base);
        c->record->spec->id_base = 0;
        error_format(error, text, sizeof(text));
        if (free_and_strdup(&c->record->error, text) >= 0)
                container_changed(c, "Error", NULL);
        finish(start, error);
}

static void on_started(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        Start *start = userdata;
        Container *c = start->container;
        ContainerRun run = {
                .pid = reply->pid,
                .cgroup = reply->cgroup,
                .started_at = reply->started_at,
        };
        Error e = ERROR_INIT;

        if (reply->error.number != 0) {
                failed(start, &reply->error);
                return;
        }
        if (container_running(c, &run) < 0) {
                error_oom(&e);
                failed(start, &e);
                return;
        }
        container_changed(c, "State", "Pid", "StartedAt", "CgroupPath", "ExitCode", "Error",
                          "OOMKilled", NULL);
        health_begin(c, true);
        finish(start, NULL);
}

/* Links in /dev lead to other names in it; those that lead out of it are no devices. */
static int open_device(const Device *device, Error *e) {
        _cleanup_close_ int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd = dev < 0 ? -1 :
                           sys_openat2(dev, device->source + strlen("/dev/"), O_PATH, 0,
                                       RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);

        return fd < 0 ? error_set(e, errno, "device", "cannot open %s", device->source) : fd;
}

/* Opened anew for each start: a number may mean another device by then. Return: 0 or a
 * negative errno. */
static int open_devices(const ContainerSpec *spec, int *fds, Error *e) {
        for (size_t i = 0; i < spec->n_devices; i++) {
                fds[i] = open_device(&spec->devices[i], e);
                if (fds[i] < 0) {
                        fd_close_many(fds, i);
                        return -e->number;
                }
        }
        return 0;
}

static int send_start(Start *start, const int *volumes, Error *e) {
        Container *c = start->container;
        ContainerSpec spec = *c->record->spec; /* lent */
        Request request = {
                .type = REQUEST_START,
                .spec = &spec,
                .attach = {(uint32_t)c->n_attached[0], (uint32_t)c->n_attached[1]},
        };
        int fds[FD_PASS_MAX], devices[FD_PASS_MAX], r;
        size_t n = 0;

        if (spec.n_volumes + spec.n_devices + 3 + c->n_attached[0] + c->n_attached[1] > FD_PASS_MAX)
                return error_set(e, E2BIG, "volume", "too many volumes and devices");
        memcpy(request.container, spec.id, sizeof(request.container));
        spec.log.name = c->record->name;
        spec.log.image = c->record->image;
        for (size_t i = 0; i < 3; i++)
                if (c->streams[i] >= 0) {
                        spec.process.streams[i] = STREAM_GIVEN;
                        fds[n++] = c->streams[i];
                }
        for (size_t i = 0; i < spec.n_volumes; i++)
                fds[n++] = volumes[i];
        TRY(open_devices(&spec, devices, e));
        for (size_t i = 0; i < spec.n_devices; i++)
                fds[n++] = devices[i];
        for (size_t i = 0; i < ELEMENTSOF(c->attached); i++)
                for (size_t j = 0; j < c->n_attached[i]; j++)
                        fds[n++] = c->attached[i][j];
        r = supervisor_call(c->manager->supervisor, &request, fds, n, on_started, start, e);
        fd_close_many(devices, spec.n_devices);
        return r;
}

static void on_volumes(Container *c, const int *fds, const Error *error, void *userdata) {
        Start *start = userdata;
        Error e = ERROR_INIT;

        if (!error && send_start(start, fds, &e) < 0)
                error = &e;
        if (error)
                failed(start, error);
}

void container_start(Container *c,
                     void (*callback)(Container *c, const Error *error, void *userdata),
                     void *userdata) {
        ContainerSpec *spec = c->record->spec;
        Start *start = calloc(1, sizeof(*start));
        Error e = ERROR_INIT;
        int r;

        if (!start) {
                error_oom(&e);
                callback(c, &e, userdata);
                return;
        }
        *start = (Start){callback, userdata, c};
        container_busy_begin(c);
        c->starting = true;
        r = quota_check_limits(c->manager, c->record->owner, c, &spec->limits, &e);
        if (r >= 0)
                r = quota_check_disk(c->manager, c->record->owner, &e);
        /* Two overlays must not share an upper directory. */
        if (r >= 0)
                r = container_end_mount(c, &e);
        if (r >= 0 && !spec->host_userns) {
                r = ranges_take(&c->manager->ranges, c->record->owner, &spec->id_base, &e);
        }
        if (r < 0) {
                failed(start, &e);
                return;
        }
        container_open_volumes(c, true, on_volumes, start);
}
