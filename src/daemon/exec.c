/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/exec.h"
#include "daemon/environment.h"
#include "daemon/supervisor-client.h"
#include "shared/fd.h"

void exec_options_done(ExecOptions *options) {
        strv_free(options->env);
        free(options->workdir);
        free(options->user);
        fd_close_many(options->streams, 3);
}

/* A process on its way. */
typedef struct Exec Exec;
struct Exec {
        LIST_LINKS(Exec) links;
        Manager *manager;
        Container *container;
        uid_t uid;
        uint64_t number;
        char **command;
        bool tty;
        ExecCallback callback;
        void *userdata;
};

static Exec *exec_free(Exec *exec) {
        if (!exec)
                return NULL;
        LIST_REMOVE(exec->manager->execs, exec, links);
        container_unref(exec->container);
        strv_free(exec->command);
        free(exec);
        return NULL;
}
DEFINE_CLEANUP(Exec *, exec_free)

unsigned exec_count(const Manager *m, uid_t uid) {
        unsigned n = 0;

        LIST_FOREACH(exec, m->execs, links)
        n += exec->uid == uid;
        return n;
}

static void on_begun(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(exec_freep) Exec *exec = userdata;
        Error *e = &reply->error;
        Process *p;

        if (e->number == 0 && exec->container->forgotten)
                error_set(e, ESRCH, "exec", "the container has gone");
        if (e->number == 0 && n_fds != strv_length(reply->streams))
                error_set(e, EBADMSG, "supervisor", "unexpected reply");
        p = e->number == 0 ? process_new(exec->container, exec->number) : NULL;
        if (e->number == 0 && !p)
                error_oom(e);
        if (!p) {
                exec->callback(NULL, e, NULL, NULL, 0, exec->userdata);
                return;
        }
        p->pid = reply->pid;
        p->tty = exec->tty;
        p->command = TAKE_PTR(exec->command);
        exec->callback(p, NULL, reply->streams, fds, n_fds, exec->userdata);
}

/* The process has what the container's has, but for what was asked for. */
static int make_spec(const Container *c, char *const *command, const ExecOptions *o,
                     ProcessSpec *ret) {
        const ProcessSpec *main = &c->record->spec->process;

        ret->argv = strv_copy(command);
        ret->env = strv_copy(main->env);
        ret->capabilities = strv_copy(main->capabilities);
        ret->ulimits = strv_copy(main->ulimits);
        if (!ret->argv || !ret->env || !ret->capabilities || !ret->ulimits)
                return -ENOMEM;
        if (o->tty)
                TRY(env_set(&ret->env, "TERM=xterm"));
        TRY(env_merge(&ret->env, o->env));
        TRY(free_and_strdup(&ret->cwd, o->workdir ?: main->cwd));
        TRY(free_and_strdup(&ret->user, o->user ?: main->user));
        ret->tty = o->tty;
        ret->rows = o->rows;
        ret->columns = o->columns;
        ret->no_new_privileges = main->no_new_privileges;
        ret->seccomp = main->seccomp;
        ret->streams[0] = o->streams[0] >= 0 ? STREAM_GIVEN :
                          o->open_stdin      ? STREAM_PIPE :
                                               STREAM_NULL;
        for (size_t i = 1; i < 3; i++)
                ret->streams[i] = o->streams[i] >= 0 ? STREAM_GIVEN : STREAM_PIPE;
        return 0;
}

int exec_begin(Container *c, char *const *command, const ExecOptions *options,
               ExecCallback callback, void *userdata, Error *e) {
        _cleanup_(request_done) Request request = {.type = REQUEST_EXEC};
        _cleanup_(exec_freep) Exec *exec = calloc(1, sizeof(*exec));
        int fds[3], r;
        size_t n = 0;

        if (!exec)
                return error_oom(e);
        exec->manager = c->manager;
        exec->container = container_ref(c);
        exec->uid = options->uid;
        LIST_PREPEND(c->manager->execs, exec, links);
        exec->number = ++c->manager->last_process;
        if (options->check)
                exec->number |= PROCESS_CHECK;
        request.process = exec->number;
        exec->command = strv_copy(command);
        exec->tty = options->tty;
        exec->callback = callback;
        exec->userdata = userdata;
        if (!exec->command || make_spec(c, command, options, &request.exec) < 0)
                return error_oom(e);
        memcpy(request.container, c->record->spec->id, sizeof(request.container));
        for (size_t i = 0; i < 3; i++)
                if (options->streams[i] >= 0)
                        fds[n++] = options->streams[i];
        r = supervisor_call(c->manager->supervisor, &request, fds, n, on_begun, exec, e);
        if (r < 0)
                return r;
        exec = NULL;
        return 0;
}
