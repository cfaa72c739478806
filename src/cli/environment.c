/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/environment.h"

#include <string.h>

#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

/* A variable that is not set here is left out, as docker does. */
static int add_variable(char ***env, const char *variable) {
        const char *value;

        if (strchr(variable, '='))
                return strv_extend(env, variable);
        value = getenv(variable);
        return value ? strv_consume(env, strf("%s=%s", variable, value)) : 0;
}

int lines_read(const char *name, char ***lines) {
        _cleanup_fclose_ FILE *file = fopen(name, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        ssize_t n;

        if (!file)
                return -errno;
        errno = 0;
        while ((n = getline(&line, &size, file)) >= 0) {
                char *text = line + strspn(line, " \t");

                line[strcspn(line, "\r\n")] = '\0';
                if (*text && *text != '#')
                        TRY(strv_extend(lines, text));
        }
        return errno > 0 ? -errno : 0;
}

static int add_file(char ***env, const char *name) {
        _cleanup_strv_free_ char **lines = NULL;

        TRY(lines_read(name, &lines));
        for (char **line = lines; line && *line; line++)
                TRY(add_variable(env, *line));
        return 0;
}

int environment_collect(char *const *files, char *const *variables, char ***ret,
                        const char **file) {
        _cleanup_strv_free_ char **env = NULL;

        for (; files && *files; files++) {
                *file = *files;
                TRY(add_file(&env, *files));
        }
        *file = NULL;
        for (; variables && *variables; variables++)
                TRY(add_variable(&env, *variables));
        *ret = TAKE_PTR(env);
        return 0;
}

int environment_add(Client *client, sd_bus_message *call, char *const *files,
                    char *const *variables) {
        _cleanup_strv_free_ char **env = NULL;
        const char *file;
        int r = environment_collect(files, variables, &env, &file);

        if (r < 0)
                return report_errno(client, r, file ?: "cannot collect the environment");
        if (env)
                r = options_add_strv(call, "env", env);
        return r < 0 ? report_errno(client, r, "cannot make a message") : 0;
}
