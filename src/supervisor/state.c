/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "shared/error.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"
#include "supervisor/state.h"

/* Some hundred bytes for each container. */
#define SIZE_MAX_JSON (256 * 1024 * 1024)

struct State {
        Json *root;
        int bytes; /* file in memory */
        uint64_t n_bytes;
        /* Being written: all that it names. Received: each that nobody has taken yet at the index of its number. */
        int *fds;
        size_t n_fds;
        bool received;
};

static int make_file(const char *name) {
        int fd = memfd_create(name, MFD_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int state_new(State **ret) {
        _cleanup_(state_freep) State *state = calloc(1, sizeof(State));

        if (!state)
                return -ENOMEM;
        state->bytes = make_file("supervisor-bytes");
        if (state->bytes < 0)
                return state->bytes;
        state->root = json_object_new_object();
        if (!state->root)
                return -ENOMEM;
        TRY(json_add_string(state->root, "format", STATE_FORMAT));
        TRY(state_add_fd(state, state->root, "bytes", state->bytes));
        *ret = TAKE_PTR(state);
        return 0;
}

State *state_free(State *state) {
        if (!state)
                return NULL;
        safe_close(state->bytes);
        if (state->received)
                fd_close_many(state->fds, state->n_fds);
        free(state->fds);
        json_object_put(state->root);
        free(state);
        return NULL;
}

Json *state_root(const State *state) {
        return state->root;
}

int state_add_fd(State *state, Json *object, const char *key, int fd) {
        int *grown;

        if (fd < 0)
                return 0;
        grown = reallocarray(state->fds, state->n_fds + 1, sizeof(int));
        if (!grown)
                return -ENOMEM;
        state->fds = grown;
        state->fds[state->n_fds++] = fd;
        return json_add_int(object, key, fd);
}

int state_add_bytes(State *state, Json *object, const char *key, const void *data, size_t size) {
        _cleanup_json_ Json *place = NULL;

        if (size == 0)
                return 0;
        place = json_object_new_object();
        if (!place)
                return -ENOMEM;
        TRY(json_add_u64(place, "offset", state->n_bytes));
        TRY(json_add_u64(place, "size", size));
        TRY(fd_write_all(state->bytes, data, size));
        state->n_bytes += size;
        return json_add(object, key, TAKE_PTR(place));
}

static int pass_fds(const State *state, bool pass) {
        for (size_t i = 0; i < state->n_fds; i++)
                if (fcntl(state->fds[i], F_SETFD, pass ? 0 : FD_CLOEXEC) < 0)
                        return -errno;
        return 0;
}

void state_keep(State *state) {
        int r = pass_fds(state, false);

        if (r < 0)
                log_errno(LOG_ERR, r, "Can't take back descriptors");
}

static int write_json(const State *state, int fd) {
        const char *text;
        size_t size;

        text = json_object_to_json_string_length(state->root, JSON_C_TO_STRING_PLAIN, &size);
        if (!text)
                return -ENOMEM;
        TRY(fd_write_all(fd, text, size));
        return lseek(fd, 0, SEEK_SET) < 0 || fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
}

int state_pass(State *state) {
        _cleanup_close_ int fd = make_file("supervisor-state");
        _cleanup_json_ Json *fds = json_object_new_array();
        int r;

        if (fd < 0)
                return fd;
        if (!fds)
                return -ENOMEM;
        for (size_t i = 0; i < state->n_fds; i++)
                TRY(json_append(fds, json_object_new_int(state->fds[i])));
        TRY(json_add(state->root, "descriptors", TAKE_PTR(fds)));
        TRY(write_json(state, fd));
        r = pass_fds(state, true);
        if (r < 0) {
                state_keep(state);
                return r;
        }
        return TAKE_FD(fd);
}

/* Takes charge of the descriptors that were passed. */
static int receive_fds(State *state, Json *list) {
        size_t n = json_object_array_length(list), n_fds = 0;

        for (size_t i = 0; i < n; i++) {
                int fd = json_object_get_int(json_object_array_get_idx(list, i));

                /* Neither a standard one nor one that isn't there. */
                if (fd <= STDERR_FILENO || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                        return -EBADMSG;
                n_fds = MAX(n_fds, (size_t)fd + 1);
        }
        state->fds = reallocarray(NULL, n_fds, sizeof(int));
        if (n_fds > 0 && !state->fds)
                return -ENOMEM;
        for (size_t i = 0; i < n_fds; i++)
                state->fds[i] = -EBADF;
        state->n_fds = n_fds;
        for (size_t i = 0; i < n; i++) {
                int fd = json_object_get_int(json_object_array_get_idx(list, i));

                state->fds[fd] = fd;
        }
        return 0;
}

static int parse(int fd, State *state) {
        _cleanup_free_ char *text = NULL;
        const char *format = "";
        Json *fds;
        size_t size;
        int r;

        TRY(fd_read_all(fd, SIZE_MAX_JSON, &text, &size));
        TRY(json_parse(text, size, &state->root));
        TRY(json_peek_string(state->root, "format", &format));
        if (!streq(format, STATE_FORMAT))
                return -EPROTONOSUPPORT;
        r = json_get_array(state->root, "descriptors", &fds);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        TRY(receive_fds(state, fds));
        r = state_take_fd(state, state->root, "bytes", &state->bytes);
        return r == 0 ? -EBADMSG : r;
}

int state_read(int fd, State **ret) {
        State *state = calloc(1, sizeof(State));
        int r = -ENOMEM;

        if (state) {
                *state = (State){.bytes = -EBADF, .received = true};
                r = parse(fd, state);
        }
        safe_close(fd);
        if (r >= 0) {
                *ret = state;
                return 0;
        }
        state_free(state);
        (void)close_range(STDERR_FILENO + 1, ~0U, 0);
        return r;
}

int state_take_fd(State *state, Json *object, const char *key, int *ret) {
        uint32_t fd;
        int r = json_get_u32(object, key, &fd);

        if (r <= 0)
                return r;
        if (fd >= state->n_fds || state->fds[fd] < 0)
                return -EBADMSG;
        *ret = TAKE_FD(state->fds[fd]);
        return 1;
}

int state_get_bytes(const State *state, Json *object, const char *key, size_t max, char **ret,
                    size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        uint64_t offset = 0, size = 0;
        Json *place;
        int r = json_get_object(object, key, &place);

        if (r <= 0)
                return r;
        TRY(json_get_u64(place, "offset", &offset));
        TRY(json_get_u64(place, "size", &size));
        if (size > max || offset > INT64_MAX - size)
                return -EBADMSG;
        data = malloc(MAX(size, UINT64_C(1)));
        if (!data)
                return -ENOMEM;
        for (uint64_t done = 0; done < size;) {
                ssize_t n = pread(state->bytes, data + done, size - done, (off_t)(offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                done += n;
        }
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 1;
}
