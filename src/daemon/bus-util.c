/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "daemon/bus-util.h"
#include "daemon/options.h"
#include "shared/log.h"

int append_strings(sd_bus_message *message, char type, char *const *strings) {
        char contents[2] = {type, '\0'};

        TRY(sd_bus_message_open_container(message, 'a', contents));
        for (; strings && *strings; strings++)
                TRY(sd_bus_message_append_basic(message, type, *strings));
        return sd_bus_message_close_container(message);
}

int append_entry(sd_bus_message *message, const char *key, const char *type, ...) {
        va_list ap;
        int r;

        TRY(sd_bus_message_open_container(message, 'e', "sv"));
        TRY(sd_bus_message_append_basic(message, 's', key));
        TRY(sd_bus_message_open_container(message, 'v', type));
        va_start(ap, type);
        r = sd_bus_message_appendv(message, type, ap);
        va_end(ap);
        if (r < 0)
                return r;
        TRY(sd_bus_message_close_container(message));
        return sd_bus_message_close_container(message);
}

int options_read_none(sd_bus_message *message, sd_bus_error *error) {
        return options_read(message, NULL, 0, NULL, error);
}

void reply_done_empty(sd_bus_message *message) {
        int r;

        if (!message)
                return;
        r = sd_bus_reply_method_return(message, NULL);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot reply to %s", sd_bus_message_get_member(message));
}
