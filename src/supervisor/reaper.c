/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervisor/reaper.h"
#include "runtime/start.h"
#include "shared/log.h"
#include "shared/strutil.h"

/* Milliseconds between two attempts: doubled from the first to the last. */
#define DELAY_FIRST 1
#define DELAY_LAST 1000

/* From this delay on what is still in a group didn't just end. */
#define DELAY_KILL 32

typedef struct Corpse Corpse;
struct Corpse {
        Reaper *reaper;
        Cgroup *cgroup;
        EventTimer timer;
        uint64_t delay;
        LIST_LINKS(Corpse) corpses;
};

/* A child that ends by itself: one that was killed before it executed its command, or that holds the file system of a
 * container that is over. */
typedef struct Child Child;
struct Child {
        Reaper *reaper;
        int pidfd;
        EventSource source;
        LIST_LINKS(Child) children;
};

struct Reaper {
        EventLoop *loop;
        Corpse *corpses;
        Child *children;
};

int reaper_new(EventLoop *loop, Reaper **ret) {
        Reaper *reaper = calloc(1, sizeof(Reaper));

        if (!reaper)
                return -ENOMEM;
        reaper->loop = loop;
        *ret = reaper;
        return 0;
}

static void corpse_free(Corpse *corpse) {
        LIST_REMOVE(corpse->reaper->corpses, corpse, corpses);
        event_timer_cancel(&corpse->timer);
        cgroup_free(corpse->cgroup);
        free(corpse);
}

static void child_free(Child *child) {
        LIST_REMOVE(child->reaper->children, child, children);
        event_source_remove(&child->source);
        child_reap(child->pidfd);
        free(child);
}

static void on_child_ended(void *data, uint32_t events) {
        child_free(data);
}

void reaper_watch(Reaper *reaper, int pidfd) {
        Child *child = pidfd < 0 ? NULL : calloc(1, sizeof(Child));

        if (!child) {
                safe_close(pidfd); /* it stays a zombie as long as we live */
                return;
        }
        *child = (Child){.reaper = reaper, .pidfd = pidfd};
        LIST_PREPEND(reaper->children, child, children);
        if (event_source_add(reaper->loop, &child->source, pidfd, EPOLLIN, on_child_ended, child) <
            0)
                child_free(child);
}

Reaper *reaper_free(Reaper *reaper) {
        if (!reaper)
                return NULL;
        LIST_FOREACH(child, reaper->children, children)
        child_free(child);
        LIST_FOREACH(corpse, reaper->corpses, corpses)
        corpse_free(corpse);
        free(reaper);
        return NULL;
}

/* Return: whether it is gone. */
static bool try_remove(Corpse *corpse) {
        Error e = ERROR_INIT;
        int r = cgroup_remove(corpse->cgroup, &e);

        if (r < 0)
                log_error_object(LOG_WARNING, &e, "Can't remove a control group");
        if (r == 0)
                return false;
        corpse_free(corpse);
        return true;
}

static void on_timer(void *data) {
        Corpse *corpse = data;
        Error e = ERROR_INIT;

        if (corpse->delay >= DELAY_KILL && cgroup_kill(corpse->cgroup, &e) < 0)
                log_error_object(LOG_WARNING, &e, "Can't end what is left of a container");
        if (try_remove(corpse))
                return;
        if (corpse->delay < DELAY_LAST && corpse->delay * 2 >= DELAY_LAST)
                log_warning("Control group %s doesn't become empty", cgroup_path(corpse->cgroup));
        corpse->delay = MIN(corpse->delay * 2, (uint64_t)DELAY_LAST);
        event_timer_set(corpse->reaper->loop, &corpse->timer, corpse->delay, on_timer, corpse);
}

void reaper_add(Reaper *reaper, Cgroup *cgroup) {
        Corpse *corpse;
        Error e = ERROR_INIT;
        int r = cgroup_remove(cgroup, &e);

        if (r < 0)
                log_error_object(LOG_WARNING, &e, "Can't remove a control group");
        corpse = r == 0 ? calloc(1, sizeof(Corpse)) : NULL;
        if (!corpse) {
                if (r == 0)
                        log_warning("Control group %s is left behind: not enough memory",
                                    cgroup_path(cgroup));
                cgroup_free(cgroup);
                return;
        }
        *corpse = (Corpse){.reaper = reaper, .cgroup = cgroup, .delay = DELAY_FIRST};
        LIST_PREPEND(reaper->corpses, corpse, corpses);
        event_timer_set(reaper->loop, &corpse->timer, corpse->delay, on_timer, corpse);
}

bool reaper_has(Reaper *reaper, const char *path) {
        LIST_FOREACH(corpse, reaper->corpses, corpses)
        if (streq(cgroup_path(corpse->cgroup), path))
                return !try_remove(corpse);
        return false;
}

int reaper_save(const Reaper *reaper, State *state, Json **ret) {
        _cleanup_json_ Json *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        LIST_FOREACH(child, reaper->children, children) {
                Json *item = json_object_new_object();

                TRY(json_append(array, item));
                TRY(state_add_fd(state, item, "pidfd", child->pidfd));
        }
        *ret = TAKE_PTR(array);
        return 0;
}

int reaper_load(Reaper *reaper, State *state, Json *array) {
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                int pidfd = -EBADF;

                TRY(state_take_fd(state, json_object_array_get_idx(array, i), "pidfd", &pidfd));
                reaper_watch(reaper, pidfd);
        }
        return 0;
}
