/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>

#include "protocol/message.h"
#include "shared/fd.h"

static const char *const request_names[_REQUEST_MAX] = {
        [REQUEST_HELLO] = "hello",         [REQUEST_START] = "start",
        [REQUEST_EXEC] = "exec",           [REQUEST_SIGNAL] = "signal",
        [REQUEST_KILL] = "kill",           [REQUEST_FREEZE] = "freeze",
        [REQUEST_THAW] = "thaw",           [REQUEST_UPDATE] = "update",
        [REQUEST_RESIZE] = "resize",       [REQUEST_ATTACH] = "attach",
        [REQUEST_VIEW] = "view",           [REQUEST_MOUNT] = "mount",
        [REQUEST_UNMOUNT] = "unmount",     [REQUEST_STATS] = "stats",
        [REQUEST_PROCESSES] = "processes",
};

static const char *const event_names[_EVENT_MAX] = {
        [EVENT_EXITED] = "exited",
        [EVENT_OOM] = "oom",
};

static const char *const attach_names[] = {"attach", "attach-stderr"};

const char *request_type_to_string(RequestType type) {
        return request_names[type];
}

void request_done(Request *request) {
        container_spec_free(request->spec);
        process_spec_done(&request->exec);
        limits_done(&request->limits);
        *request = (Request){};
}

int message_get_id(Json *json, const char *key, char ret[static ID_LENGTH + 1]) {
        const char *id;
        int r = json_peek_string(json, key, &id);

        if (r <= 0)
                return r;
        if (!id_is_valid(id))
                return -EBADMSG;
        memcpy(ret, id, ID_LENGTH + 1);
        return 1;
}

static int get_name(Json *json, const char *key, const char *const *names, int n, int *ret) {
        const char *name;
        int r = json_peek_string(json, key, &name);

        if (r < 0)
                return r;
        for (int i = 0; r > 0 && i < n; i++)
                if (streq(names[i], name)) {
                        *ret = i;
                        return 0;
                }
        return -EBADMSG;
}

int error_to_json(const Error *error, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "stage", error->stage));
        TRY(json_add_int(json, "errno", error->number));
        TRY(json_add_string(json, "text", error->text));
        *ret = TAKE_PTR(json);
        return 0;
}

int error_from_json(Json *json, Error *ret) {
        const char *stage = "unknown", *text = "";
        int number = EIO;

        TRY(json_peek_string(json, "stage", &stage));
        TRY(json_peek_string(json, "text", &text));
        TRY(json_get_int(json, "errno", &number));
        error_set(ret, number, stage, "%s", text);
        return 0;
}

int request_encode(const Request *request, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *part = NULL;

        if (!json)
                return -ENOMEM;
        TRY(json_add_u64(json, "version", PROTOCOL_VERSION));
        TRY(json_add_u64(json, "serial", request->serial));
        TRY(json_add_string(json, "request", request_names[request->type]));
        if (request->container[0])
                TRY(json_add_string(json, "container", request->container));
        if (request->process)
                TRY(json_add_u64(json, "process", request->process));
        if (request->signal)
                TRY(json_add_int(json, "signal", request->signal));
        if (request->rows || request->columns) {
                TRY(json_add_u64(json, "rows", request->rows));
                TRY(json_add_u64(json, "columns", request->columns));
        }
        for (size_t i = 0; i < ELEMENTSOF(attach_names); i++)
                if (request->attach[i])
                        TRY(json_add_u64(json, attach_names[i], request->attach[i]));
        if (request->running)
                TRY(json_add_bool(json, "running", true));
        if (request->no_upper)
                TRY(json_add_bool(json, "no-upper", true));
        if (request->spec) {
                TRY(container_spec_to_json(request->spec, &part));
                TRY(json_add(json, "spec", TAKE_PTR(part)));
        }
        if (request->type == REQUEST_EXEC) {
                TRY(process_spec_to_json(&request->exec, &part));
                TRY(json_add(json, "exec", TAKE_PTR(part)));
        }
        if (request->type == REQUEST_UPDATE) {
                TRY(limits_to_json(&request->limits, &part));
                TRY(json_add(json, "limits", TAKE_PTR(part)));
        }
        *ret = TAKE_PTR(json);
        return 0;
}

/* Whether all members that this type of request needs are there. */
static int check_request(const Request *request, bool has_exec, bool has_limits) {
        bool needs_spec = request->type == REQUEST_START || request->type == REQUEST_VIEW ||
                          request->type == REQUEST_MOUNT;

        if (request->type != REQUEST_HELLO && !request->container[0])
                return -EBADMSG;
        if (needs_spec != !!request->spec ||
            (request->spec && !streq(request->spec->id, request->container)))
                return -EBADMSG;
        if ((request->type == REQUEST_EXEC) != has_exec ||
            (request->type == REQUEST_UPDATE) != has_limits)
                return -EBADMSG;
        if (request->type == REQUEST_EXEC && request->process == 0)
                return -EBADMSG;
        if (request->type == REQUEST_SIGNAL && (request->signal < 1 || request->signal > 64))
                return -EBADMSG;
        return 0;
}

int request_decode(Json *json, Request *ret) {
        uint32_t rows = 0, columns = 0;
        uint64_t version = 0;
        bool has_exec, has_limits;
        Json *part;
        int type, r;

        *ret = (Request){};
        TRY(json_get_u64(json, "serial", &ret->serial));
        TRY(json_get_u64(json, "version", &version));
        if (version != PROTOCOL_VERSION)
                return -EPROTONOSUPPORT;
        TRY(get_name(json, "request", request_names, _REQUEST_MAX, &type));
        ret->type = (RequestType)type;
        TRY(message_get_id(json, "container", ret->container));
        TRY(json_get_u64(json, "process", &ret->process));
        TRY(json_get_int(json, "signal", &ret->signal));
        TRY(json_get_u32(json, "rows", &rows));
        TRY(json_get_u32(json, "columns", &columns));
        if (rows > UINT16_MAX || columns > UINT16_MAX)
                return -EBADMSG;
        ret->rows = (uint16_t)rows;
        ret->columns = (uint16_t)columns;
        for (size_t i = 0; i < ELEMENTSOF(attach_names); i++)
                TRY(json_get_u32(json, attach_names[i], &ret->attach[i]));
        TRY(json_get_bool(json, "running", &ret->running));
        TRY(json_get_bool(json, "no-upper", &ret->no_upper));
        r = json_get_object(json, "spec", &part);
        if (r > 0)
                r = container_spec_from_json(part, &ret->spec);
        if (r < 0)
                return r;
        r = json_get_object(json, "exec", &part);
        has_exec = r > 0;
        if (r > 0)
                r = process_spec_from_json(part, &ret->exec);
        if (r < 0)
                return r;
        r = json_get_object(json, "limits", &part);
        has_limits = r > 0;
        if (r > 0)
                r = limits_from_json(part, &ret->limits);
        if (r < 0)
                return r;
        return check_request(ret, has_exec, has_limits);
}

int event_encode(const Event *event, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "event", event_names[event->type]));
        TRY(json_add_string(json, "container", event->container));
        TRY(json_add_u64(json, "process", event->process));
        TRY(json_add_int(json, "pid", event->pid));
        TRY(json_add_int(json, "status", event->status));
        TRY(json_add_bool(json, "oom-killed", event->oom_killed));
        TRY(json_add_u64(json, "finished-at", event->finished_at));
        *ret = TAKE_PTR(json);
        return 0;
}

int event_decode(Json *json, Event *ret) {
        int type, r;

        *ret = (Event){};
        TRY(get_name(json, "event", event_names, _EVENT_MAX, &type));
        ret->type = (EventType)type;
        r = message_get_id(json, "container", ret->container);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        TRY(json_get_u64(json, "process", &ret->process));
        TRY(json_get_int(json, "pid", &ret->pid));
        TRY(json_get_int(json, "status", &ret->status));
        TRY(json_get_bool(json, "oom-killed", &ret->oom_killed));
        TRY(json_get_u64(json, "finished-at", &ret->finished_at));
        return 0;
}

bool message_is_event(Json *json) {
        return json_object_is_type(json, json_type_object) &&
               json_object_object_get_ex(json, "event", NULL);
}

int message_send(int socket, Json *json, const int *fds, size_t n_fds) {
        const char *text;
        size_t size;

        text = json_object_to_json_string_length(
                json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (!text)
                return -ENOMEM;
        if (size > MESSAGE_SIZE_MAX)
                return -EMSGSIZE;
        return fd_send_message(socket, text, size, fds, n_fds);
}

int message_receive(int socket, Json **ret, int *fds, size_t *n_fds) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        r = fd_receive_message(socket, MESSAGE_SIZE_MAX, &text, &size, fds, n_fds);
        if (r < 0)
                return r;
        if (!text)
                return 0;
        r = json_parse(text, size, ret);
        if (r < 0) {
                fd_close_many(fds, *n_fds);
                *n_fds = 0;
                return r;
        }
        return 1;
}

int message_socket_prepare(int socket) {
        int size = 2 * MESSAGE_SIZE_MAX;

        /* FORCE, since wmem_max is often smaller than one large specification. */
        return setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0 ? -errno : 0;
}
