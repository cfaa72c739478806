/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An image's configuration: the member "config" of the OCI image specification's configuration. */

#include "store/health-check.h"
#include "store/image-record.h"

/* What it says of a process, each NULL when it says nothing; borrowed from nobody. */
typedef struct ImageDefaults {
        char **env, **command, **entrypoint;
        char *workdir, *user;
        int stop_signal;    /* 0: none */
        HealthCheck health; /* durations may be unset */
        Json *labels;       /* borrowed from the configuration; NULL: none */
} ImageDefaults;

void image_defaults_done(ImageDefaults *defaults);

/* Return: 0, -EBADMSG when it does not have the specification's form, or -ENOMEM. */
int image_config_read(Json *config, ImageDefaults *ret);

/* Applies lines such as "CMD top", "ENV A=b", "ENTRYPOINT [\"/bin/sh\"]", "WORKDIR /srv",
 * "USER nobody", "LABEL a=b", "EXPOSE 80/tcp" to a configuration.
 * Return: 0 or a negative errno, stage "argument" for a line that is none of these. */
int image_config_change(Json *config, char *const *changes, Error *e);

/* The whole configuration for people: with time, architecture and history. Return: 0 or -ENOMEM. */
int image_config_describe(const ImageRecord *record, Json **ret);

/* Makes it say how health is checked, durations in full; `replaces`: the configuration has a check that counts for
 * nothing any more, also when there is no other. Return: 0 or -ENOMEM. */
int image_config_set_health(Json *config, const HealthCheck *check, bool replaces);

/* "SIGTERM", "TERM" or "15". Return: the number, or -EINVAL. */
int signal_parse(const char *s);
/* The name, or the number of one that has none. Return: a new string, or NULL when out of memory. */
char *signal_format(int number);
