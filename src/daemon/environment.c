/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/environment.h"
#include "shared/error.h"
#include "shared/strutil.h"

bool env_is_valid(const char *assignment) {
        const char *equals = strchr(assignment, '=');

        return equals && equals != assignment;
}

int env_set(char ***env, const char *assignment) {
        size_t n = strcspn(assignment, "=") + 1;

        for (char **entry = *env; entry && *entry; entry++)
                if (strncmp(*entry, assignment, n) == 0)
                        return free_and_strdup(entry, assignment);
        return strv_extend(env, assignment);
}

int env_merge(char ***env, char *const *assignments) {
        for (; assignments && *assignments; assignments++)
                TRY(env_set(env, *assignments));
        return 0;
}
