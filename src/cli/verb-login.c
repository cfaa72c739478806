/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker login and logout: skopeo(1) keeps the credentials, for itself, podman(1) and buildah(1) too. */

#include "cli/registry.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

#define DEFAULT_REGISTRY "docker.io"

static const char *user, *password, *tls;
static bool password_stdin;

static const Option login_options[] = {
        {"p password", "string", "Password", option_string, &password},
        {"password-stdin", NULL, "Take the password from stdin", option_bool, &password_stdin},
        {"tls-verify", NULL, "Require HTTPS and verify certificates (default true)", option_tls,
         &tls},
        {"u username", "string", "Username", option_string, &user},
        {},
};

static int login(Client *client, char **operands) {
        char *argv[12] = {(char *)"skopeo", (char *)"login"};
        size_t n = 2;

        if (user) {
                argv[n++] = (char *)"--username";
                argv[n++] = (char *)user;
        }
        if (password) {
                argv[n++] = (char *)"--password";
                argv[n++] = (char *)password;
        }
        if (password_stdin)
                argv[n++] = (char *)"--password-stdin";
        if (tls)
                argv[n++] =
                        (char *)(streq(tls, "true") ? "--tls-verify=true" : "--tls-verify=false");
        argv[n++] = (char *)"--";
        argv[n++] = operands[0] ?: (char *)DEFAULT_REGISTRY;
        return registry_exec(client, argv);
}

static int logout(Client *client, char **operands) {
        char *argv[] = {(char *)"skopeo", (char *)"logout", (char *)"--",
                        operands[0] ?: (char *)DEFAULT_REGISTRY, NULL};

        return registry_exec(client, argv);
}

const Verb verb_login = {
        .name = "login",
        .synopsis = "[OPTIONS] [SERVER]",
        .summary = "Log in to a registry",
        .options = login_options,
        .max_operands = 1,
        .failure = 1,
        .run = login,
};

const Verb verb_logout = {
        .name = "logout",
        .synopsis = "[SERVER]",
        .summary = "Log out from a registry",
        .max_operands = 1,
        .failure = 1,
        .run = logout,
};
