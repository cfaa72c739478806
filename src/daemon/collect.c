/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "daemon/collect.h"
#include "daemon/errors.h"
#include "daemon/supervisor-client.h"
#include "shared/fd.h"
#include "shared/log.h"

typedef struct CollectStream {
        int fd;
        sd_event_source *source;
        char *data;
        size_t size, allocated;
} CollectStream;

typedef struct Collect {
        Process *process;
        sd_bus_message *message;
        CollectStream streams[2];
        bool too_much;
} Collect;

static void collect_free(Collect *collect) {
        for (size_t i = 0; i < 2; i++) {
                sd_event_source_disable_unref(collect->streams[i].source);
                safe_close(collect->streams[i].fd);
                free(collect->streams[i].data);
        }
        sd_bus_message_unref(collect->message);
        free(collect);
}

/* What is there now. Return: 1, 0 at the end, -EAGAIN when there is nothing more for now, -E2BIG when it
 * is too much, or another negative errno. */
static int read_some(CollectStream *stream) {
        ssize_t n;

        if (stream->size == stream->allocated) {
                size_t grown = MAX(2 * stream->allocated, (size_t)4096);
                char *data;

                if (stream->size >= COLLECT_MAX)
                        return -E2BIG;
                data = realloc(stream->data, grown);
                if (!data)
                        return -ENOMEM;
                stream->data = data;
                stream->allocated = grown;
        }
        n = read(stream->fd, stream->data + stream->size, stream->allocated - stream->size);
        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        stream->size += (size_t)n;
        return n > 0;
}

static void stop_process(Collect *collect) {
        Process *p = collect->process;
        Request request = {.type = REQUEST_SIGNAL, .process = p->number, .signal = SIGKILL};
        Error e = ERROR_INIT;

        memcpy(request.container, p->container->record->spec->id, sizeof(request.container));
        if (supervisor_call(p->container->manager->supervisor, &request, NULL, 0, NULL, NULL, &e) <
            0)
                log_error_object(LOG_WARNING, &e, "Cannot kill a process");
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Collect *collect = userdata;
        CollectStream *stream = &collect->streams[collect->streams[0].fd == fd ? 0 : 1];
        int r = read_some(stream);

        if (r > 0 || r == -EAGAIN)
                return 0;
        stream->source = sd_event_source_disable_unref(stream->source);
        if (r < 0) {
                collect->too_much = true;
                stop_process(collect);
        }
        return 0;
}

static int answer(const Collect *collect, int status) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        TRY(sd_bus_message_new_method_return(collect->message, &reply));
        TRY(sd_bus_message_append(reply, "i", status));
        for (size_t i = 0; i < 2; i++)
                TRY(sd_bus_message_append_array(reply, 'y', collect->streams[i].data,
                                                collect->streams[i].size));
        return sd_bus_send(NULL, reply, NULL);
}

/* Others that it has begun may hold the pipes for long; what it has written itself is all there. */
static void on_exit_of(Process *p, void *userdata) {
        Collect *collect = userdata;
        int r = 1;

        for (size_t i = 0; i < 2 && !collect->too_much; i++) {
                while ((r = read_some(&collect->streams[i])) > 0)
                        ;
                collect->too_much = r == -E2BIG;
        }
        if (collect->too_much) {
                reply_error(collect->message, ERROR_LIMITS_EXCEEDED,
                            "The process wrote more than %d bytes", COLLECT_MAX);
        } else {
                r = answer(collect, p->status);
                reply_check(collect->message, r);
        }
        collect_free(collect);
}

int collect_begin(Process *p, int fds[static 2], sd_bus_message *message, Error *e) {
        Collect *collect = calloc(1, sizeof(*collect));
        int r = 0;

        if (!collect)
                return error_oom(e);
        collect->process = p;
        collect->message = sd_bus_message_ref(message);
        for (size_t i = 0; i < 2; i++) {
                CollectStream *stream = &collect->streams[i];

                stream->fd = TAKE_FD(fds[i]);
                if (r >= 0)
                        r = fd_set_nonblock(stream->fd, true);
                if (r >= 0)
                        r = sd_event_add_io(p->container->manager->event, &stream->source,
                                            stream->fd, EPOLLIN, on_readable, collect);
        }
        if (r < 0) {
                collect_free(collect);
                return error_set(e, r, "exec", "cannot read from the process");
        }
        p->on_exit = on_exit_of;
        p->userdata = collect;
        return 0;
}
