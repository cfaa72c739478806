/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker save */

#include "cli/archive.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

static const char *format = "oci-archive", *output;

static const Option options[] = {
        {"format", "string", "oci-archive (default), docker-archive, or rootfs (one flat tar)",
         option_string, &format},
        {"o output", "string", "Write to a file, instead of STDOUT", option_string, &output},
        {},
};

static int save_remotely(Client *client, const char *operand, const char *what) {
        _cleanup_strv_free_ char **words = NULL;

        if (remote_add(&words, "save", "--format", format, "--", operand, NULL) < 0)
                return report_errno(client, ENOMEM, "cannot go on");
        return archive_receive_remotely(client, words, what, output);
}

static int save(Client *client, char **operands) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL, *what = NULL;
        int fd, r = archive_check_output(client, output);

        if (r != 0)
                return r;
        what = strf("Saving %s", operands[0]);
        if (!what)
                return report_errno(client, ENOMEM, "cannot go on");
        if (client->host)
                return save_remotely(client, operands[0], what);
        r = client_find_image(client, operands[0], &path);
        if (r == 0)
                r = client_call(client, operands[0], path, IMAGE_INTERFACE, "Save", &reply, "a{sv}",
                                2, "format", "s", format, "name", "s", operands[0]);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return report_errno(client, r, "cannot read the daemon's answer");
        return archive_receive(client, fd, what, output);
}

const Verb verb_save = {
        .name = "save",
        .synopsis = "[OPTIONS] IMAGE",
        .summary = "Save an image to a tar archive (streamed to STDOUT by default)",
        .options = options,
        .min_operands = 1,
        .max_operands = 1,
        .first = OPERAND_IMAGE,
        .failure = 1,
        .run = save,
};
