/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading and writing the attribute files of a control group, and their text formats. */

#include <inttypes.h>

#include "runtime/cgroup-backend.h"
#include "shared/fd.h"
#include "shared/strutil.h"

#define ATTRIBUTE_SIZE_MAX (1024 * 1024)

/* "ID/FILE". */
#define PATH_SIZE (ID_LENGTH + 64)

int cgroup_parent_of(const Cgroup *cgroup, Controller controller) {
        int i = cgroup->tree->of[controller];

        return i < 0 ? -EBADF : cgroup->tree->parents[i];
}

int cgroup_write(const Cgroup *cgroup, Controller controller, const char *file, const char *value,
                 Error *e) {
        int parent = cgroup_parent_of(cgroup, controller), r;
        char path[PATH_SIZE];

        if (parent < 0)
                return error_set(e, EOPNOTSUPP, "cgroup", "this kernel has no controller for %s",
                                 file);
        snprintf(path, sizeof(path), "%s/%s", cgroup->id, file);
        r = fd_write_attribute_at(parent, path, value);
        if (r < 0)
                return error_set(e, r, "cgroup", "writing \"%s\" to %s of group %s", value, file,
                                 cgroup->path);
        return 0;
}

int cgroup_write_u64(const Cgroup *cgroup, Controller controller, const char *file, uint64_t value,
                     Error *e) {
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, value);
        return cgroup_write(cgroup, controller, file, text, e);
}

int cgroup_read(const Cgroup *cgroup, Controller controller, const char *file, char **ret) {
        int parent = cgroup_parent_of(cgroup, controller);
        char path[PATH_SIZE];

        if (parent < 0)
                return -EOPNOTSUPP;
        snprintf(path, sizeof(path), "%s/%s", cgroup->id, file);
        return fd_read_file_at(parent, path, ATTRIBUTE_SIZE_MAX, ret, NULL);
}

int cgroup_read_u64(const Cgroup *cgroup, Controller controller, const char *file, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;

        TRY(cgroup_read(cgroup, controller, file, &text));
        text[strcspn(text, "\n")] = '\0';
        if (streq(text, "max")) {
                *ret = UINT64_MAX;
                return 0;
        }
        return parse_u64(text, ret);
}

bool cgroup_find_key(const char *text, const char *key, uint64_t *ret) {
        size_t n = strlen(key);

        for (const char *line = text; *line;) {
                const char *end = strchrnul(line, '\n');

                if (strncmp(line, key, n) == 0 && line[n] == ' ')
                        return sscanf(line + n, " %" SCNu64, ret) == 1;
                line = *end ? end + 1 : end;
        }
        return false;
}

static uint64_t sum_after(const char *text, const char *word) {
        uint64_t sum = 0;

        for (const char *p = text; (p = strstr(p, word));) {
                p += strlen(word);
                sum += strtoull(p, NULL, 10);
        }
        return sum;
}

void cgroup_sum_words(const char *text, const char *read, const char *write, Stats *ret) {
        ret->read_bytes = sum_after(text, read);
        ret->written_bytes = sum_after(text, write);
}
