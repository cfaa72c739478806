/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker version */

#include <stdio.h>

#include "cli/json-format.h"
#include "cli/report.h"
#include "cli/verbs.h"

static const char *format;

static const Option options[] = {
        {"f format", "string", "Format output: json, or a template such as '{{.Server.Version}}'",
         option_string, &format},
        {},
};

static int server_version(Client *client, char **ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = client_connect(client);

        if (r != 0)
                return r;
        r = sd_bus_get_property_string(client->bus, BUS_NAME, MANAGER_PATH, MANAGER_INTERFACE,
                                       "Version", &error, ret);
        return r < 0 ? report_bus_error(client, &error, r, NULL) : 0;
}

static int print_json(Client *client, const char *server) {
        _cleanup_json_ Json *all = json_object_new_object();
        Json *client_part = all ? json_add_new_object(all, "Client") : NULL;
        Json *server_part = all ? json_add_new_object(all, "Server") : NULL;

        if (!client_part || !server_part ||
            json_add_string(client_part, "Version", PACKAGE_VERSION) < 0 ||
            json_add_string(server_part, "Version", server) < 0)
                return report_errno(client, ENOMEM, "cannot go on");
        return json_print_formatted(client, all, format);
}

static int version(Client *client, char **operands) {
        _cleanup_free_ char *server = NULL;
        int r;

        if (!format)
                printf("Client:\n Version:  %s\n", PACKAGE_VERSION);
        r = server_version(client, &server);
        if (r != 0)
                return r;
        if (format)
                return print_json(client, server);
        printf("\nServer:\n Version:  %s\n", server);
        return 0;
}

const Verb verb_version = {
        .name = "version",
        .synopsis = "[OPTIONS]",
        .summary = "Show the mydocker version information",
        .options = options,
        .failure = 1,
        .run = version,
};
