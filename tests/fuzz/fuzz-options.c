/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes the options of Run, Create and Update: a dictionary is either refused, with an error for the caller, or has
 * only what the rest of the program relies on. The input is text, a line for each option: KEY TYPE VALUE, where
 * lists are separated by '|'. */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "daemon/errors.h"
#include "daemon/run-options.h"
#include "shared/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sd_bus *bus;
static int null_fd = -EBADF;

static void set_up(void) {
        int pair[2];

        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        CHECK(sd_bus_new(&bus) >= 0);
        CHECK(sd_bus_set_fd(bus, pair[0], pair[0]) >= 0);
        CHECK(sd_bus_negotiate_fds(bus, true) >= 0);
        CHECK(sd_bus_start(bus) >= 0);
        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        CHECK(null_fd >= 0);
}

/* A list of structures of `n` strings, the first one a descriptor if `fd`. What the library itself does not take
 * fails. */
static int append_list(sd_bus_message *m, const char *element, bool fd, size_t n, char *text) {
        char *item;

        TRY(sd_bus_message_open_container(m, 'a', element));
        while ((item = strsep(&text, "|"))) {
                if (n > 0)
                        TRY(sd_bus_message_open_container(m, element[0] == '{' ? 'e' : 'r',
                                                          n == 2 ? "ss" :
                                                          fd     ? "hss" :
                                                                   "sss"));
                for (size_t i = 0; i < MAX(n, (size_t)1); i++) {
                        const char *part = n > 0 ? strsep(&item, ":") : item;

                        TRY(fd && i == 0 ? sd_bus_message_append_basic(m, 'h', &null_fd) :
                                           sd_bus_message_append_basic(m, 's', part ?: ""));
                }
                if (n > 0)
                        TRY(sd_bus_message_close_container(m));
        }
        return sd_bus_message_close_container(m);
}

static int append_value(sd_bus_message *m, const char *type, char *text) {
        if (streq(type, "as"))
                return append_list(m, "s", false, 0, text);
        if (streq(type, "a{ss}"))
                return append_list(m, "{ss}", false, 2, text);
        if (streq(type, "a(sss)"))
                return append_list(m, "(sss)", false, 3, text);
        if (streq(type, "a(hss)"))
                return append_list(m, "(hss)", true, 3, text);
        switch (type[0]) {
        case 's':
                return sd_bus_message_append(m, "s", text);
        case 'b':
                return sd_bus_message_append(m, "b", text[0] == 't');
        case 'h':
                return sd_bus_message_append(m, "h", null_fd);
        case 'd':
                return sd_bus_message_append(m, "d", strtod(text, NULL));
        case 'q':
                return sd_bus_message_append(m, "q", (int)(uint16_t)strtoull(text, NULL, 0));
        case 'u':
        case 'i':
                return sd_bus_message_append(m, type, (uint32_t)strtoull(text, NULL, 0));
        default:
                return sd_bus_message_append(m, "t", (uint64_t)strtoull(text, NULL, 0));
        }
}

static int append_option(sd_bus_message *m, char *line) {
        static const char *const types[] = {"as", "a{ss}", "a(sss)", "a(hss)", "s", "b",
                                            "h",  "d",     "q",      "u",      "i"};
        const char *key = strsep(&line, " "), *given = strsep(&line, " "), *type = "t";
        char empty[] = "";

        for (size_t i = 0; given && i < ELEMENTSOF(types); i++)
                if (streq(given, types[i]))
                        type = types[i];
        TRY(sd_bus_message_open_container(m, 'e', "sv"));
        TRY(sd_bus_message_append(m, "s", key));
        TRY(sd_bus_message_open_container(m, 'v', type));
        TRY(append_value(m, type, line ?: empty));
        TRY(sd_bus_message_close_container(m));
        return sd_bus_message_close_container(m);
}

/* Return: 0, or a negative errno for what cannot be a message. */
static int build(char *text, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char *line;

        CHECK(sd_bus_message_new_method_call(bus, &m, "a.b", "/a", "a.b", "Run") >= 0);
        CHECK(sd_bus_message_append(m, "sas", "image", 1, "true") >= 0);
        CHECK(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
        while ((line = strsep(&text, "\n")))
                TRY(append_option(m, line));
        CHECK(sd_bus_message_close_container(m) >= 0);
        CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
        CHECK(sd_bus_message_rewind(m, true) >= 0);
        *ret = TAKE_PTR(m);
        return 0;
}

static void check_limits(const RunOptions *o, bool update) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(limits_done) Limits limits = {};
        int r = limits_apply(&o->limits, update, &limits, &error);

        CHECK((r < 0) == !!error.name);
        if (r >= 0)
                CHECK(limits.cpus >= 0);
}

static void check_options(const RunOptions *o) {
        for (size_t i = 0; i < o->volumes.n; i++)
                CHECK(o->volumes.items[i].target && o->volumes.items[i].mode &&
                      !o->volumes.items[i].source == (o->volumes.items[i].fd >= 0));
        CHECK(!o->name || container_name_is_valid(o->name));
        CHECK(!o->hostname || hostname_is_valid(o->hostname));
        CHECK(!o->workdir || o->workdir[0] == '/');
        check_limits(o, false);
        check_limits(o, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *)data, size);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        CHECK(text);
        if (!bus)
                set_up();
        if (build(text, &m) < 0)
                return 0;
        for (int create = 0; create < 2; create++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_(run_options_done) RunOptions o = {.streams = {-EBADF, -EBADF, -EBADF}};
                int r;

                CHECK(sd_bus_message_rewind(m, true) >= 0);
                r = run_options_read(m, create, &o, &error);
                CHECK((r < 0) == !!error.name);
                if (r < 0)
                        CHECK(streq(error.name, ERROR_INVALID_ARGS) &&
                              utf8_is_valid(error.message));
                else
                        check_options(&o);
        }
        return 0;
}
