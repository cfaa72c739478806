/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verbs, each in the file of its name, and the groups by which they can also be called. */

#include "cli/client.h"

extern const Verb verb_attach, verb_commit, verb_complete, verb_container_prune, verb_cp,
        verb_create, verb_df, verb_diff, verb_events, verb_exec, verb_export, verb_history,
        verb_image_prune, verb_images, verb_import, verb_info, verb_inspect, verb_kill, verb_load,
        verb_login, verb_logout, verb_logs, verb_mount, verb_pause, verb_port, verb_ps, verb_pull,
        verb_push, verb_rename, verb_restart, verb_rm, verb_rmi, verb_run, verb_run_created,
        verb_save, verb_start, verb_stats, verb_stop, verb_system_prune, verb_tag, verb_top,
        verb_unmount, verb_unpause, verb_update, verb_version, verb_wait;

/* All verbs, ended by NULL. */
extern const Verb *const verbs[];

/* "mydocker GROUP NAME" is `verb`. */
typedef struct GroupedVerb {
        const char *group;
        const char *names; /* words, the first is the one shown */
        const Verb *verb;
} GroupedVerb;

/* Ordered by group, ended by a NULL group. */
extern const GroupedVerb grouped_verbs[];

/* Return: NULL if there is none. */
const Verb *verb_find(const char *name);
const GroupedVerb *grouped_verb_find(const char *group, const char *name);
bool group_exists(const char *group);

/* Options that every verb takes; their values are global for the run of the command. */
extern const Option common_options[];
extern const char *common_host;
extern bool common_no_pager, common_no_legend, common_no_ask_password;
