/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker inspect */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/inspect.h"
#include "cli/json-format.h"
#include "cli/pager.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

static const char *format, *type;

static const Option options[] = {
        {"f format", "string", "Format output: json, or a template such as '{{.State.Status}}'",
         option_string, &format},
        {"type", "string", "Only \"container\" or \"image\"", option_string, &type},
        {},
};

/* What GetConfig of an object tells, NULL if the caller is not allowed to know. */
static int get_config(Client *client, const char *path, const char *interface, const char *operand,
                      Json **ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        const char *text;
        int r = client_new_call(client, path, interface, "GetConfig", &call);

        if (r != 0)
                return r;
        /* Nobody is asked for a password only to see more. */
        r = sd_bus_message_append(call, "a{sv}", 0);
        if (r >= 0)
                r = sd_bus_call(client->bus, call, UINT64_MAX, &error, &reply);
        if (sd_bus_error_has_name(&error, SD_BUS_ERROR_ACCESS_DENIED) ||
            sd_bus_error_has_name(&error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return 0;
        if (r < 0)
                return report_bus_error(client, &error, r, operand);
        r = sd_bus_message_read(reply, "s", &text);
        if (r >= 0)
                r = json_parse(text, strlen(text), ret);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

static int get_container(Client *client, const char *path, const char *operand, Json **ret) {
        _cleanup_json_ Json *config = NULL;
        Container container = {};
        int r = container_get(client, path, operand, &container);

        if (r == 0)
                r = get_config(client, path, CONTAINER_INTERFACE, operand, &config);
        if (r == 0 && inspect_container(&container, config, ret) < 0)
                r = report_errno(client, ENOMEM, "cannot go on");
        container_done(&container);
        return r;
}

static int get_image(Client *client, const char *path, const char *operand, Json **ret) {
        _cleanup_json_ Json *config = NULL;
        Image image = {};
        int r = image_get(client, path, operand, &image);

        if (r == 0)
                r = get_config(client, path, IMAGE_INTERFACE, operand, &config);
        if (r == 0 && inspect_image(&image, config, ret) < 0)
                r = report_errno(client, ENOMEM, "cannot go on");
        image_done(&image);
        return r;
}

static int get(Client *client, const char *operand, Json **ret) {
        _cleanup_free_ char *path = NULL;
        int r = 0;

        if (!type || streq(type, "container")) {
                r = client_look_up(client, "GetContainer", "NoSuchContainer", operand, &path);
                if (r != 0 || path)
                        return r != 0 ? r : get_container(client, path, operand, ret);
        }
        if (!type || streq(type, "image")) {
                r = client_look_up(client, "GetImage", "NoSuchImage", operand, &path);
                if (r != 0 || path)
                        return r != 0 ? r : get_image(client, path, operand, ret);
        }
        return report(client, "No such %s: %s", type ?: "container", operand);
}

static void print_array(Json *array) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

        /* An empty list stays in one line. */
        if (json_object_array_length(array) > 0)
                flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
        printf("%s\n", json_object_to_json_string_ext(array, flags));
}

static int inspect_all(Client *client, char **operands, Json *array) {
        int status = 0;

        for (; *operands; operands++) {
                Json *value = NULL;
                int r = get(client, *operands, &value);

                if (r == 0 && format)
                        r = json_print_formatted(client, value, format);
                if (r == 0 && !format && json_object_array_add(array, json_object_get(value)) < 0) {
                        json_object_put(value);
                        r = report_errno(client, ENOMEM, "cannot go on");
                }
                json_object_put(value);
                status = r != 0 ? r : status;
        }
        return status;
}

static int inspect(Client *client, char **operands) {
        _cleanup_json_ Json *array = json_object_new_array();
        const char *group = startswith(client->title, "container ") ? "container" :
                            startswith(client->title, "image ")     ? "image" :
                                                                      NULL;
        int status;

        type = type ?: group;
        if (type && !streq(type, "container") && !streq(type, "image"))
                return report(client, "\"%s\" is not a valid value for --type", type);
        if (!array)
                return report_errno(client, ENOMEM, "cannot go on");
        status = inspect_all(client, operands, array);
        if (!format) {
                pager_open(client->pager);
                print_array(array);
        }
        return status;
}

const Verb verb_inspect = {
        .name = "inspect",
        .synopsis = "[OPTIONS] NAME|ID [NAME|ID...]",
        .summary = "Return low-level information on containers and images",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_OBJECT,
        .others = OPERAND_OBJECT,
        .failure = 1,
        .run = inspect,
};
