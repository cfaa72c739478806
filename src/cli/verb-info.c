/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker info */

#include <inttypes.h>
#include <stdio.h>

#include "cli/json-format.h"
#include "cli/properties.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/strutil.h"

static const char *format;

static const Option options[] = {
        {"f format", "string", "Format output: json, or a template such as '{{.ServerVersion}}'",
         option_string, &format},
        {},
};

typedef struct Info {
        char *version, *storage_driver, *root_directory;
        char **features;
        uint32_t cgroup_version, containers, running, images;
} Info;

static const PropertyMap info_map[] = {
        {"Version", "s", offsetof(Info, version)},
        {"StorageDriver", "s", offsetof(Info, storage_driver)},
        {"RootDirectory", "s", offsetof(Info, root_directory)},
        {"Features", "as", offsetof(Info, features)},
        {"CgroupVersion", "u", offsetof(Info, cgroup_version)},
        {"ContainersCount", "u", offsetof(Info, containers)},
        {"RunningCount", "u", offsetof(Info, running)},
        {"ImagesCount", "u", offsetof(Info, images)},
        {},
};

static int to_json(const Info *info, Json *json) {
        _cleanup_free_ char *cgroup_version = strf("%" PRIu32, info->cgroup_version);

        if (!cgroup_version)
                return -ENOMEM;
        TRY(json_add_int(json, "Containers", info->containers));
        TRY(json_add_int(json, "ContainersRunning", info->running));
        TRY(json_add_int(json, "Images", info->images));
        TRY(json_add_string(json, "ServerVersion", info->version));
        TRY(json_add_string(json, "Driver", info->storage_driver));
        TRY(json_add_string(json, "CgroupVersion", cgroup_version));
        TRY(json_add_string(json, "DockerRootDir", info->root_directory));
        return json_add_strv(json, "Features", info->features);
}

static int print_formatted(Client *client, const Info *info) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json || to_json(info, json) < 0)
                return report_errno(client, ENOMEM, "cannot go on");
        return json_print_formatted(client, json, format);
}

static void print(const Info *info) {
        printf("Client:\n Version:  %s\n\nServer:\n", PACKAGE_VERSION);
        printf(" Containers: %" PRIu32 "\n  Running: %" PRIu32 "\n Images: %" PRIu32 "\n",
               info->containers, info->running, info->images);
        printf(" Server Version: %s\n Storage Driver: %s\n Cgroup Version: %" PRIu32 "\n",
               info->version ?: "", info->storage_driver ?: "", info->cgroup_version);
        printf(" Root Dir: %s\n Features:\n", info->root_directory ?: "");
        for (char **f = info->features; f && *f; f++)
                printf("  %s\n", *f);
}

static int info_verb(Client *client, char **operands) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        Info info = {};
        int r = client_call(client, NULL, MANAGER_PATH, PROPERTIES_INTERFACE, "GetAll", &reply, "s",
                            MANAGER_INTERFACE);

        if (r != 0)
                return r;
        r = properties_read(reply, info_map, &info);
        if (r < 0)
                r = report_errno(client, r, "cannot read the daemon's answer");
        else if (format)
                r = print_formatted(client, &info);
        else
                print(&info);
        properties_done(info_map, &info);
        return r;
}

const Verb verb_info = {
        .name = "info",
        .synopsis = "[OPTIONS]",
        .summary = "Display system-wide information",
        .options = options,
        .failure = 1,
        .run = info_verb,
};
