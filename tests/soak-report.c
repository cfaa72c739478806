/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the soak test says of something that never ends, while it is still there to be looked at. */

#include "soak.h"

#include <string.h>

/* The shell's functions for it: processes by their ids, and a container's control groups with all in them. */
#define SHOW                                                                                       \
        "exec 2>/dev/null;"                                                                        \
        "hierarchies=$(awk '$3 ~ /^cgroup/ { print $2 }' /proc/self/mounts);"                      \
        "show() { for pid; do cat /proc/$pid/comm;"                                                \
        " grep -E '^(Pid|State|PPid|NSpid|SigPnd|ShdPnd)' /proc/$pid/status | xargs;"              \
        " cat /proc/$pid/stack; done; };"                                                          \
        "show_group() { for f in $hierarchies; do"                                                 \
        " grep . $f$cgroup/$1/freezer.state $f$cgroup/$1/cgroup.events; done;"                     \
        " show $(for f in $hierarchies; do"                                                        \
        " find $f$cgroup/$1 -name cgroup.procs -exec cat {} +; done | sort -un); };"

void report_container(const Container *c) {
        const char *id = strrchr(c->path, '/') + 1;
        g_autofree char *text = NULL;

        shell(&text, NULL,
              "cgroup=%s;" SHOW "mydocker inspect %s; show_group %s;"
              "cat \"$MYDOCKER_SANDBOX\"/run/state/%s.json",
              sandbox_cgroup(), id, id, id);
        g_test_message("%s", text);
}

void report_service(void) {
        g_autofree char *text = NULL;

        shell(&text, NULL,
              "cgroup=%s;" SHOW "show %d %d; tail -n 100 \"$MYDOCKER_SANDBOX\"/daemon.log;"
              "for f in $hierarchies; do ls $f$cgroup; done |"
              " grep -x '[0-9a-f]\\{64\\}' | sort -u | while read -r id; do show_group $id; done",
              sandbox_cgroup(), daemon_pid(), supervisor_pid());
        g_test_message("%s", text);
}
