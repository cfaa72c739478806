/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <math.h>

#include "daemon/errors.h"
#include "daemon/options.h"

#define LIST_LENGTH_MAX 10000

static const char *const signatures[_OPTION_TYPE_MAX] = {
        [OPTION_STRING] = "s",     [OPTION_STRV] = "as",        [OPTION_BOOL] = "b",
        [OPTION_U16] = "q",        [OPTION_U32] = "u",          [OPTION_U64] = "t",
        [OPTION_INT] = "i",        [OPTION_DOUBLE] = "d",       [OPTION_FD] = "h",
        [OPTION_LABELS] = "a{ss}", [OPTION_VOLUMES] = "a(sss)", [OPTION_VOLUME_FDS] = "a(hss)",
};

/* What one call may still bring. */
typedef struct Budget {
        size_t bytes;
        size_t items;
} Budget;

#define BUDGET_INIT ((Budget){ARGUMENTS_SIZE_MAX, LIST_LENGTH_MAX})

void volume_options_done(VolumeOptions *volumes) {
        for (size_t i = 0; i < volumes->n; i++) {
                free(volumes->items[i].source);
                safe_close(volumes->items[i].fd);
                free(volumes->items[i].target);
                free(volumes->items[i].mode);
        }
        free(volumes->items);
        *volumes = (VolumeOptions){};
}

/* Return: 0, -E2BIG when the call brings too much, or another negative errno. */
static int read_string(sd_bus_message *message, Budget *budget, const char **ret) {
        size_t size;
        int r = sd_bus_message_read_basic(message, 's', ret);

        if (r < 0)
                return r;
        size = strlen(*ret) + 1;
        if (size > budget->bytes || budget->items == 0)
                return -E2BIG;
        budget->bytes -= size;
        budget->items--;
        return 0;
}

static int read_strv(sd_bus_message *message, Budget *budget, char ***ret) {
        _cleanup_strv_free_ char **v = calloc(1, sizeof(char *));
        size_t n = 0, allocated = 1;

        if (!v)
                return -ENOMEM;
        TRY(sd_bus_message_enter_container(message, 'a', "s"));
        while (!sd_bus_message_at_end(message, false)) {
                const char *s;

                TRY(read_string(message, budget, &s));
                if (n + 1 >= allocated) {
                        char **grown = reallocarray(v, 2 * allocated + 8, sizeof(char *));

                        if (!grown)
                                return -ENOMEM;
                        allocated = 2 * allocated + 8;
                        v = grown;
                }
                v[n] = strdup(s);
                if (!v[n])
                        return -ENOMEM;
                v[++n] = NULL;
        }
        TRY(sd_bus_message_exit_container(message));
        strv_free(*ret);
        *ret = TAKE_PTR(v);
        return 0;
}

static int read_fd(sd_bus_message *message, int *ret) {
        int fd, copy;

        TRY(sd_bus_message_read_basic(message, 'h', &fd));
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        safe_close(*ret);
        *ret = copy;
        return 0;
}

static int read_labels(sd_bus_message *message, Budget *budget, Json **ret) {
        _cleanup_json_ Json *labels = json_object_new_object();

        if (!labels)
                return -ENOMEM;
        TRY(sd_bus_message_enter_container(message, 'a', "{ss}"));
        while (!sd_bus_message_at_end(message, false)) {
                const char *key, *value;

                TRY(sd_bus_message_enter_container(message, 'e', "ss"));
                TRY(read_string(message, budget, &key));
                TRY(read_string(message, budget, &value));
                if (isempty(key))
                        return -EINVAL;
                TRY(json_add_string(labels, key, value));
                TRY(sd_bus_message_exit_container(message));
        }
        TRY(sd_bus_message_exit_container(message));
        json_object_put(*ret);
        *ret = TAKE_PTR(labels);
        return 0;
}

static int read_volume(sd_bus_message *message, Budget *budget, bool by_fd, VolumeOption *volume) {
        const char *source, *target, *mode;

        if (by_fd) {
                TRY(read_fd(message, &volume->fd));
        } else {
                TRY(read_string(message, budget, &source));
                TRY(free_and_strdup(&volume->source, source));
        }
        TRY(read_string(message, budget, &target));
        TRY(read_string(message, budget, &mode));
        TRY(free_and_strdup(&volume->target, target));
        return free_and_strdup(&volume->mode, mode);
}

static int read_volumes(sd_bus_message *message, Budget *budget, bool by_fd,
                        VolumeOptions *volumes) {
        TRY(sd_bus_message_enter_container(message, 'a', by_fd ? "(hss)" : "(sss)"));
        while (!sd_bus_message_at_end(message, false)) {
                VolumeOption *grown;

                grown = reallocarray(volumes->items, volumes->n + 1, sizeof(VolumeOption));
                if (!grown)
                        return -ENOMEM;
                volumes->items = grown;
                grown[volumes->n++] = (VolumeOption){.fd = -EBADF};
                TRY(sd_bus_message_enter_container(message, 'r', by_fd ? "hss" : "sss"));
                TRY(read_volume(message, budget, by_fd, &grown[volumes->n - 1]));
                TRY(sd_bus_message_exit_container(message));
        }
        return sd_bus_message_exit_container(message);
}

/* Reads the value, whose type has been checked. */
static int read_value(sd_bus_message *message, const Option *option, Budget *budget, void *out) {
        void *target = (char *)out + option->offset;
        const char *s;
        int b;

        switch (option->type) {
        case OPTION_STRING:
                TRY(read_string(message, budget, &s));
                return free_and_strdup(target, s);
        case OPTION_STRV:
                return read_strv(message, budget, target);
        case OPTION_BOOL:
                TRY(sd_bus_message_read_basic(message, 'b', &b));
                *(bool *)target = b;
                return 0;
        case OPTION_FD:
                return read_fd(message, target);
        case OPTION_LABELS:
                return read_labels(message, budget, target);
        case OPTION_VOLUMES:
        case OPTION_VOLUME_FDS:
                return read_volumes(message, budget, option->type == OPTION_VOLUME_FDS, target);
        case OPTION_U64:
                TRY(sd_bus_message_read_basic(message, 't', target));
                /* Larger ones are no sizes, times or numbers, and our records cannot hold them. */
                return *(uint64_t *)target > INT64_MAX ? -ERANGE : 0;
        case OPTION_DOUBLE:
                TRY(sd_bus_message_read_basic(message, 'd', target));
                return isfinite(*(double *)target) ? 0 : -ERANGE;
        default:
                return sd_bus_message_read_basic(message, signatures[option->type][0], target);
        }
}

static int read_option(sd_bus_message *message, const Option *option, Budget *budget, void *out,
                       sd_bus_error *error) {
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(message, &type, &contents);
        if (r < 0)
                return r;
        if (!streq(contents, signatures[option->type]))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS, "Option %s has type %s, not %s",
                                         option->key, signatures[option->type], contents);
        TRY(sd_bus_message_enter_container(message, 'v', contents));
        r = read_value(message, option, budget, out);
        if (r == -E2BIG)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS, "Option %s is too long",
                                         option->key);
        if (r == -EINVAL || r == -ERANGE)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS, "Option %s is not valid",
                                         option->key);
        if (r < 0)
                return bus_failure(error, r, option->key);
        return sd_bus_message_exit_container(message);
}

int options_read(sd_bus_message *message, const Option *table, size_t n, void *out,
                 sd_bus_error *error) {
        Budget budget = BUDGET_INIT;
        uint64_t seen = 0;

        TRY(sd_bus_message_enter_container(message, 'a', "{sv}"));
        while (!sd_bus_message_at_end(message, false)) {
                const char *key;
                size_t i = 0;

                TRY(sd_bus_message_enter_container(message, 'e', "sv"));
                TRY(sd_bus_message_read_basic(message, 's', &key));
                while (i < n && !streq(table[i].key, key))
                        i++;
                if (i == n)
                        return bus_error_setf(error, ERROR_INVALID_ARGS, "Unknown option %.64s",
                                              key);
                if (seen & (1ULL << i))
                        return sd_bus_error_setf(error, ERROR_INVALID_ARGS,
                                                 "Option %s is given twice", key);
                seen |= 1ULL << i;
                TRY(read_option(message, &table[i], &budget, out, error));
                TRY(sd_bus_message_exit_container(message));
        }
        return sd_bus_message_exit_container(message);
}

int argument_read_strv(sd_bus_message *message, const char *name, size_t min, char ***ret,
                       sd_bus_error *error) {
        Budget budget = BUDGET_INIT;
        int r = read_strv(message, &budget, ret);

        if (r == -E2BIG)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS, "Argument %s is too long",
                                         name);
        if (r < 0)
                return bus_failure(error, r, name);
        if (strv_length(*ret) < min)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS, "Argument %s is empty", name);
        return 0;
}
