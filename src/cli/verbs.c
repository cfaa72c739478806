/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verbs.h"

#include <string.h>

#include "shared/strutil.h"

const char *common_host;
bool common_no_pager, common_no_legend, common_no_ask_password;

const Option common_options[] = {
        {"H host", "[user@]host", "Work on another machine, over ssh", option_string, &common_host},
        {"no-pager", NULL, "Do not pipe output into a pager", option_bool, &common_no_pager},
        {"no-legend", NULL, "Do not print headers of tables", option_bool, &common_no_legend},
        {"no-ask-password", NULL, "Do not ask for a password", option_bool,
         &common_no_ask_password},
        {},
};

const Verb *const verbs[] = {
        &verb_run,      &verb_create,  &verb_start,  &verb_stop, &verb_restart, &verb_kill,
        &verb_pause,    &verb_unpause, &verb_wait,   &verb_rm,   &verb_rename,  &verb_update,
        &verb_exec,     &verb_attach,  &verb_logs,   &verb_top,  &verb_stats,   &verb_ps,
        &verb_port,     &verb_inspect, &verb_diff,   &verb_cp,   &verb_commit,  &verb_import,
        &verb_export,   &verb_images,  &verb_save,   &verb_load, &verb_pull,    &verb_push,
        &verb_login,    &verb_logout,  &verb_tag,    &verb_rmi,  &verb_history, &verb_system_prune,
        &verb_mount,    &verb_unmount, &verb_events, &verb_info, &verb_version, &verb_run_created,
        &verb_complete, NULL,
};

const GroupedVerb grouped_verbs[] = {
        {"container", "attach", &verb_attach},
        {"container", "commit", &verb_commit},
        {"container", "cp", &verb_cp},
        {"container", "create", &verb_create},
        {"container", "diff", &verb_diff},
        {"container", "exec", &verb_exec},
        {"container", "export", &verb_export},
        {"container", "inspect", &verb_inspect},
        {"container", "kill", &verb_kill},
        {"container", "logs", &verb_logs},
        {"container", "ls list ps", &verb_ps},
        {"container", "mount", &verb_mount},
        {"container", "pause", &verb_pause},
        {"container", "port", &verb_port},
        {"container", "prune", &verb_container_prune},
        {"container", "rename", &verb_rename},
        {"container", "restart", &verb_restart},
        {"container", "rm remove", &verb_rm},
        {"container", "run", &verb_run},
        {"container", "start", &verb_start},
        {"container", "stats", &verb_stats},
        {"container", "stop", &verb_stop},
        {"container", "top", &verb_top},
        {"container", "unmount umount", &verb_unmount},
        {"container", "unpause", &verb_unpause},
        {"container", "update", &verb_update},
        {"container", "wait", &verb_wait},
        {"image", "history", &verb_history},
        {"image", "import", &verb_import},
        {"image", "inspect", &verb_inspect},
        {"image", "load", &verb_load},
        {"image", "ls list", &verb_images},
        {"image", "prune", &verb_image_prune},
        {"image", "pull", &verb_pull},
        {"image", "push", &verb_push},
        {"image", "rm remove", &verb_rmi},
        {"image", "save", &verb_save},
        {"image", "tag", &verb_tag},
        {"system", "df", &verb_df},
        {"system", "events", &verb_events},
        {"system", "info", &verb_info},
        {"system", "prune", &verb_system_prune},
        {},
};

static bool has_word(const char *words, const char *word) {
        size_t n = strlen(word);

        for (const char *p = words; p && n > 0 && (p = strstr(p, word)); p++)
                if ((p == words || p[-1] == ' ') && (!p[n] || p[n] == ' '))
                        return true;
        return false;
}

const Verb *verb_find(const char *name) {
        for (const Verb *const *v = verbs; *v; v++)
                if (streq((*v)->name, name) || has_word((*v)->aliases, name))
                        return *v;
        return NULL;
}

const GroupedVerb *grouped_verb_find(const char *group, const char *name) {
        for (const GroupedVerb *g = grouped_verbs; g->group; g++)
                if (streq(g->group, group) && has_word(g->names, name))
                        return g;
        return NULL;
}

bool group_exists(const char *group) {
        for (const GroupedVerb *g = grouped_verbs; g->group; g++)
                if (streq(g->group, group))
                        return true;
        return false;
}
