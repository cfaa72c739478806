/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/json-format.h"

#include <stdio.h>
#include <string.h>

#include "cli/report.h"
#include "cli/template.h"
#include "shared/strutil.h"

Json *json_add_new_object(Json *owner, const char *key) {
        Json *object = json_object_new_object();

        return json_add(owner, key, object) < 0 ? NULL : object;
}

static int lookup(void *userdata, const char *path, bool json, char **ret) {
        Json *value = userdata;

        while (*path) {
                _cleanup_free_ char *key = strndup(path, strcspn(path, "."));

                if (!key)
                        return -ENOMEM;
                if (!json_object_is_type(value, json_type_object) ||
                    !json_object_object_get_ex(value, key, &value))
                        return -ENOENT;
                path += strlen(key);
                path += *path == '.';
        }
        if (json || !json_object_is_type(value, json_type_string))
                *ret = strdup(
                        json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
        else
                *ret = strdup(json_object_get_string(value));
        return *ret ? 0 : -ENOMEM;
}

int json_print_formatted(const Client *client, Json *value, const char *format) {
        __attribute__((cleanup(template_done))) Template template = {};
        TemplateSource source = {.lookup = lookup, .userdata = value};
        _cleanup_free_ char *message = NULL, *text = NULL, *unknown = NULL;
        int r = template_parse(streq(format, "json") ? "{{json .}}" : format, &template, &message);

        if (r >= 0)
                r = template_fill(&template, &source, &text, &unknown);
        if (message)
                return report(client, "%s", message);
        if (unknown)
                return report(client, "there is no field \"%s\" for the format", unknown);
        if (r < 0)
                return report_errno(client, r, "cannot format the value");
        printf("%s\n", text);
        return 0;
}
