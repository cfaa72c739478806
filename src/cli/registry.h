/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Images of registries: skopeo(1) talks to them, with the user's own rights and credentials. Between it and the daemon
 * an image lies for a while as an OCI layout in a private directory. */

#include "cli/client.h"

typedef struct Registry {
        char *directory;      /* private */
        char *layout;         /* in it */
        char *digest_file;    /* in it; skopeo writes the image's digest there */
        const char *tls;      /* "true" or "false"; NULL: as skopeo is configured */
        const char *platform; /* OS[/ARCH[/VARIANT]]; NULL: this machine's */
        bool quiet;
} Registry;

/* Makes the directory. registry_done() removes it, also when this fails. */
int registry_init(Client *client, Registry *registry);
void registry_done(Registry *registry);
#define _cleanup_registry_ _cleanup_(registry_done)

/* The image's name as registries know it, or NULL with a report: with a tag, "latest" by default, or a digest. */
char *registry_reference(const Client *client, const char *operand);

/* Copies an image from a registry into the layout, or the other way round. */
int registry_pull(const Client *client, const Registry *registry, const char *reference);
int registry_push(const Client *client, const Registry *registry, const char *reference);

/* The digest of what was copied. Return: to be freed, or NULL. */
char *registry_digest(const Registry *registry);

/* Parses --tls-verify. */
int option_tls(const char *value, void *target);

/* Runs `skopeo` with these arguments in place of this program, where the containers are. Returns only on failure, with an exit status. */
int registry_exec(Client *client, char *const *argv);

/* Runs the verb, pull or push, on another machine. Returns as registry_exec() does. */
int registry_run_remotely(Client *client, const Registry *registry, char *const *operands);
