/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker export */

#include "cli/archive.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

static const char *output;

static const Option options[] = {
        {"o output", "string", "Write to a file, instead of STDOUT", option_string, &output},
        {},
};

static int export_remotely(Client *client, const char *operand, const char *what) {
        _cleanup_strv_free_ char **words = NULL;

        if (remote_add(&words, "export", "--", operand, NULL) < 0)
                return report_errno(client, ENOMEM, "cannot go on");
        return archive_receive_remotely(client, words, what, output);
}

static int export(Client *client, char **operands) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL, *what = NULL;
        int fd, r = archive_check_output(client, output);

        if (r != 0)
                return r;
        what = strf("Exporting %s", operands[0]);
        if (!what)
                return report_errno(client, ENOMEM, "cannot go on");
        if (client->host)
                return export_remotely(client, operands[0], what);
        r = client_find_container(client, operands[0], &path);
        if (r == 0)
                r = client_call(client, operands[0], path, CONTAINER_INTERFACE, "Export", &reply,
                                "a{sv}", 0);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return report_errno(client, r, "cannot read the daemon's answer");
        return archive_receive(client, fd, what, output);
}

const Verb verb_export = {
        .name = "export",
        .synopsis = "[OPTIONS] CONTAINER",
        .summary = "Export a container's filesystem as a tar archive",
        .options = options,
        .min_operands = 1,
        .max_operands = 1,
        .first = OPERAND_CONTAINER,
        .failure = 1,
        .run = export,
};
