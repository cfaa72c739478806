/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the soak test's clients do. Names are few, so that they are often in use or free again. */

#include "soak.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMES 8
#define CONTAINERS_MAX 12

static const char lasting[] = "trap 'exit 4' TERM; sleep 1000 & wait";
static const char brief[] = "i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); done; exit 7";

static char *new_value(Soak *s) {
        return g_strdup_printf("%u", ++s->last_value);
}

static char *random_name(Soak *s) {
        return g_strdup_printf("n%u", soak_random(s, NAMES));
}

void keep_streams(Soak *s, GUnixFDList *list) {
        g_autofree int *fds = NULL;
        int n = 0;

        if (list)
                fds = g_unix_fd_list_steal_fds(list, &n);
        for (int i = 0; i < n; i++) {
                int fd = fds[i];

                /* Who has gone, and who is there and never reads. */
                if (soak_chance(s, 50))
                        close(fd);
                else
                        g_array_append_val(s->streams, fd);
        }
}

void on_streams(Op *op, GVariant *reply, GUnixFDList *fds) {
        keep_streams(op->soak, fds);
}

/* Containers come */

static void on_created(Op *op, GVariant *reply, GUnixFDList *fds) {
        const char *path;
        Container *c;

        g_variant_get(reply, "(&o)", &path);
        c = model_add_container(op->soak, op->creation, path);
        if (g_str_equal(op->call->method, "Create"))
                register_settle(&c->state, "down");
        g_ptr_array_remove(op->soak->creations, op->creation);
}

static void create(Soak *s, Client *client, Container *unused) {
        static const Call calls[] = {
                {"Run", "NameInUse", "org.mydocker.container.run", true},
                {"Create", "NameInUse", "org.mydocker.container.run", true},
        };
        static const char *const policies[] = {"no",     "no",           "no",
                                               "always", "on-failure:5", "unless-stopped"};
        Op *op = op_new(s, client, &calls[soak_chance(s, 25)], NULL);
        Image *image = random_image(s);
        ContainerKind kind = soak_chance(s, 40) ? BRIEF : LASTING;
        const char *policy = kind == LASTING ? policies[soak_random(s, 6)] : "no";
        g_autofree char *name = random_name(s), *volumes = g_canonicalize_filename("volume", NULL);
        Creation *creation = creation_new(name, client->uid, kind);
        GVariantBuilder options;
        bool has_init;

        g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&options, "{sv}", "name", g_variant_new_string(name));
        g_variant_builder_add(&options, "{sv}", "restart", g_variant_new_string(policy));
        g_free(creation->policy);
        creation->policy = g_strdup(policy);
        creation->contents = g_strdupv(image->contents);
        creation->auto_remove = kind == BRIEF && soak_chance(s, 30);
        creation->has_volume = client->uid == 0 && soak_chance(s, 50);
        if (creation->auto_remove)
                g_variant_builder_add(&options, "{sv}", "auto-remove", g_variant_new_boolean(TRUE));
        if (creation->has_volume)
                g_variant_builder_add(&options, "{sv}", "volumes",
                                      g_variant_new_parsed("[(%s, '/v', '')]", volumes));
        if (soak_chance(s, 20)) {
                g_variant_builder_add(&options, "{sv}", "memory", g_variant_new_uint64(16 << 20));
                g_free(creation->memory);
                creation->memory = g_strdup_printf("%d", 16 << 20);
        }
        has_init = soak_chance(s, 20);
        if (has_init)
                g_variant_builder_add(&options, "{sv}", "init", g_variant_new_boolean(TRUE));
        if (soak_chance(s, 20) && kind == LASTING) {
                g_variant_builder_add(&options, "{sv}", "tty", g_variant_new_boolean(TRUE));
                creation->hangs_up = has_init;
        }
        g_ptr_array_add(s->creations, creation);
        op->creation = creation;
        op->image = image;
        op->answered = on_created;
        op_issue(op, NULL,
                 g_variant_new(
                         "(s@asa{sv})", strrchr(image->path, '/') + 1,
                         g_variant_new_parsed("['sh', '-c', %s]", kind == BRIEF ? brief : lasting),
                         &options),
                 NULL);
}

/* Something is killed in it, and it is no surprise that it exits in another way. */
static void lifecycle(Soak *s, Client *client, Container *c, const Call *call, const char *value,
                      GVariant *arguments) {
        Op *op = op_new(s, client, call, c);

        c->disturbed = true;
        if (value) {
                op_writes(op, &c->state, value);
        }
        op_issue(op, c->path, arguments, NULL);
}

#define LIFECYCLE "org.mydocker.container.lifecycle"

static void start(Soak *s, Client *client, Container *c) {
        static const Call call = {"Start", "ContainerPaused", LIFECYCLE};

        c->log_checked = true;
        lifecycle(s, client, c, &call, "up", g_variant_new_parsed("(@a{sv} {},)"));
}

static void stop(Soak *s, Client *client, Container *c) {
        static const Call call = {"Stop", NULL, LIFECYCLE, .half = true};

        lifecycle(s, client, c, &call, "down",
                  g_variant_new_parsed("({'timeout': <%u>},)", soak_random(s, 2)));
}

static void restart(Soak *s, Client *client, Container *c) {
        static const Call call = {"Restart", "ContainerPaused", LIFECYCLE, .half = true};

        c->log_checked = true;
        lifecycle(s, client, c, &call, "up",
                  g_variant_new_parsed("({'timeout': <%u>},)", soak_random(s, 2)));
}

static void kill_it(Soak *s, Client *client, Container *c) {
        static const Call call = {"Kill", "ContainerNotRunning ContainerPaused", LIFECYCLE};

        lifecycle(s, client, c, &call, "down", g_variant_new_parsed("(9, @a{sv} {})"));
}

static void signal_it(Soak *s, Client *client, Container *c) {
        static const Call call = {"Kill", "ContainerNotRunning ContainerPaused", LIFECYCLE};

        register_write(&c->state, "down");
        lifecycle(s, client, c, &call, NULL, g_variant_new_parsed("(15, @a{sv} {})"));
}

static void pause_it(Soak *s, Client *client, Container *c) {
        static const Call call = {"Pause", "ContainerNotRunning ContainerPaused", LIFECYCLE};

        lifecycle(s, client, c, &call, "paused", g_variant_new_parsed("(@a{sv} {},)"));
}

static void resume(Soak *s, Client *client, Container *c) {
        static const Call call = {"Resume", "ContainerNotRunning", LIFECYCLE};

        lifecycle(s, client, c, &call, "up", g_variant_new_parsed("(@a{sv} {},)"));
}

static void rename_it(Soak *s, Client *client, Container *c) {
        static const Call call = {"Rename", "NameInUse", LIFECYCLE};
        g_autofree char *name = random_name(s);
        Op *op = op_new(s, client, &call, c);

        op_writes(op, &c->name, name);
        op_issue(op, c->path, g_variant_new_parsed("(%s, @a{sv} {})", name), NULL);
}

static void update(Soak *s, Client *client, Container *c) {
        static const Call call = {"Update", NULL, "org.mydocker.cgroup.limit"};
        static const char *const policies[] = {"no", "on-failure", "always", "unless-stopped"};
        Op *op = op_new(s, client, &call, c);

        if (c->kind == LASTING && !c->auto_remove && soak_chance(s, 50)) {
                const char *policy = policies[soak_random(s, 4)];

                op_writes(op, &c->policy, policy);
                op_issue(op, c->path, g_variant_new_parsed("({'restart': <%s>},)", policy), NULL);
        } else {
                guint64 memory = (32 + soak_random(s, 32)) * 1024UL * 1024;
                g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, memory);

                op_writes(op, &c->memory, text);
                op_issue(op, c->path, g_variant_new_parsed("({'memory': <%t>},)", memory), NULL);
        }
}

/* What changes files */

#define EXEC_ERRORS "ContainerNotRunning ContainerPaused"

static void on_written(Op *op, GVariant *reply, GUnixFDList *fds) {
        int status;

        g_variant_get_child(reply, 0, "i", &status);
        if (status != 0) {
                op->write->sure = false;
                op->write->end = G_MAXUINT64;
        }
}

static void write_by_exec(Soak *s, Client *client, Container *c) {
        static const Call call = {"ExecCollect", EXEC_ERRORS, "org.mydocker.container.exec"};
        bool in_volume = c->has_volume && soak_chance(s, 40);
        g_autofree char *value = new_value(s), *command = NULL;
        Op *op = op_new(s, client, &call, c);
        const char *id = strrchr(c->path, '/') + 1;

        command = g_strdup_printf(in_volume ? "echo %s > /v/.%s.$$ && mv /v/.%s.$$ /v/%s" :
                                              "echo %s > /.soak.$$ && mv /.soak.$$ /soak",
                                  value, id, id, id);
        op_writes(op, in_volume ? &c->volume : &c->content, value);
        op->answered = on_written;
        op_issue(op, c->path, g_variant_new_parsed("(['sh', '-c', %s], @a{sv} {})", command), NULL);
}

/* A tar archive of one file. */
static gsize make_tar(char archive[static 2048], const char *value) {
        unsigned sum = 0;

        memset(archive, 0, 2048);
        strcpy(archive, "soak");
        strcpy(archive + 100, "0000644");
        strcpy(archive + 108, "0000000");
        strcpy(archive + 116, "0000000");
        sprintf(archive + 124, "%011o", (unsigned)strlen(value));
        strcpy(archive + 136, "00000000000");
        memset(archive + 148, ' ', 8);
        archive[156] = '0';
        memcpy(archive + 257, "ustar\00000", 8);
        for (int i = 0; i < 512; i++)
                sum += (unsigned char)archive[i];
        sprintf(archive + 148, "%06o", sum);
        memcpy(archive + 512, value, strlen(value));
        return 2048;
}

static void on_copy_in(Op *op, GVariant *reply, GUnixFDList *fds) {
        char archive[2048];
        int fd = g_unix_fd_list_get(fds, 0, NULL);

        make_tar(archive, op->text);
        /* Fails if the worker has gone. */
        (void)!write(fd, archive, sizeof(archive));
        close(fd);
}

static void write_by_copy(Soak *s, Client *client, Container *c) {
        static const Call call = {"CopyIn", "Cancelled ContainerNotRunning",
                                  "org.mydocker.container.exec", .is_job = true, .half = true};
        Op *op = op_new(s, client, &call, c);

        op->text = new_value(s);
        op_writes(op, &c->content, op->text);
        /* The file of before goes first. */
        op->meanwhile = register_write(op->of, "");
        op->answered = on_copy_in;
        op_issue(op, c->path, g_variant_new_parsed("('/', @a{sv} {})"), NULL);
}

/* Containers go */

static void remove_it(Soak *s, Client *client, Container *c) {
        static const Call call = {"Remove", "ContainerRunning ContainerPaused",
                                  "org.mydocker.container.remove"};
        Op *op = op_new(s, client, &call, c);
        bool force = soak_chance(s, 60);

        op->removal = true;
        c->disturbed |= force;
        if (force)
                register_write(&c->state, "down");
        op_issue(op, c->path, g_variant_new_parsed("({'force': <%b>},)", force), NULL);
}

static void prune(Soak *s, Client *client, Container *unused) {
        static const Call call = {"Prune", NULL, NULL, .is_job = true};
        bool others = client->uid == 0 && soak_chance(s, 30), images = client->uid == 0;

        for (guint i = 0; i < s->containers->len; i++) {
                Container *c = g_ptr_array_index(s->containers, i);

                c->may_go |= others || c->owner == client->uid;
        }
        for (guint i = 1; images && i < s->images->len; i++)
                ((Image *)g_ptr_array_index(s->images, i))->may_go = true;
        /* A container that a lost call has made. */
        for (guint i = 0; i < s->creations->len; i++) {
                Creation *creation = g_ptr_array_index(s->creations, i);

                creation->auto_remove |= others || creation->owner == client->uid;
        }
        op_issue(op_new(s, client, &call, NULL), NULL,
                 g_variant_new_parsed("({'containers': <true>, 'others': <%b>, 'images': <%b>},)",
                                      others, images),
                 NULL);
}

/* What only looks, or talks */

static void on_process(Op *op, GVariant *reply, GUnixFDList *fds) {
        static const Call call = {"Kill",
                                  "UnknownObject UnknownMethod ContainerNotRunning"
                                  " ProcessNotRunning NoSuchProcess NoSuchContainer",
                                  NULL};
        const char *path;

        g_variant_get(reply, "(&o@a{sv})", &path, NULL);
        keep_streams(op->soak, fds);
        if (soak_chance(op->soak, 50))
                op_issue(op_new(op->soak, op->client, &call, op->container), path,
                         g_variant_new_parsed("(9, @a{sv} {})"), NULL);
}

static void exec(Soak *s, Client *client, Container *c) {
        static const Call call = {"Exec", EXEC_ERRORS, "org.mydocker.container.exec"};
        Op *op = op_new(s, client, &call, c);

        op->answered = on_process;
        op_issue(op, c->path,
                 g_variant_new_parsed("(['sleep', '0.5'], {'tty': <%b>, 'open-stdin': <true>})",
                                      soak_chance(s, 30)),
                 NULL);
}

/* More than many of them may. */
static void take_memory(Soak *s, Client *client, Container *c) {
        static const Call call = {"ExecCollect", EXEC_ERRORS, "org.mydocker.container.exec"};

        c->disturbed = true;
        register_write(&c->state, "down");
        op_issue(
                op_new(s, client, &call, c), c->path,
                g_variant_new_parsed(
                        "(['sh', '-c', 'head -c 30000000 /dev/zero | tail -c 29000000 | wc -c'], @a{sv} {})"),
                NULL);
}

static void look(Soak *s, Client *client, Container *c) {
        static const Call calls[] = {
                {"GetChanges", "ContainerNotRunning", "org.mydocker.container.inspect"},
                {"GetConfig", NULL, "org.mydocker.container.inspect"},
                {"GetProcesses", "ContainerNotRunning", "org.mydocker.container.inspect"},
                {"GetStats", "ContainerNotRunning", NULL},
                {"OpenLogs", NULL, "org.mydocker.container.inspect"},
                {"Attach", "LimitsExceeded ContainerNotRunning NotSupported",
                 "org.mydocker.container.exec"},
                {"Export", "ContainerNotRunning", "org.mydocker.workspace.commit", true},
                {"Mount", "ContainerNotRunning", "org.mydocker.workspace.mount", true},
                {"Unmount", NULL, "org.mydocker.workspace.mount", true},
        };
        const Call *call = &calls[soak_random(s, G_N_ELEMENTS(calls))];
        Op *op = op_new(s, client, call, c);

        op->answered = on_streams;
        op_issue(op, c->path,
                 g_str_equal(call->method, "OpenLogs") ?
                         g_variant_new_parsed("({'follow': <%b>},)", soak_chance(s, 70)) :
                         g_variant_new_parsed("(@a{sv} {},)"),
                 NULL);
}

static void on_waited(Op *op, GVariant *reply, GUnixFDList *fds) {
        int status;

        g_variant_get(reply, "(i)", &status);
        /* 0: it has not been started. */
        if (op->container->kind == BRIEF && status != BRIEF_STATUS && status != 0 &&
            !op->container->disturbed && !op->soak->supervisor_died)
                test_fails("%s exited with %d", op->container->path, status);
}

static void wait_for_it(Soak *s, Client *client, Container *c) {
        static const Call call = {"Wait", "NoSuchContainer UnknownObject", NULL};
        Op *op = op_new(s, s->waiter, &call, c);

        op->answered = on_waited;
        op_issue(op, c->path, g_variant_new_parsed("(@a{sv} {},)"), NULL);
}

/* A command line, which may be killed at any time. */
static void command(Soak *s, Client *client, Container *c) {
        static const char *const verbs[] = {
                "logs -f $c",
                "attach $c",
                "events",
                "wait $c",
                "exec -i $c sleep 1",
                "stats $c",
                "cp $c:/bin copied.$c",
        };
        g_autofree char *text = g_strdup_printf("c=%s; exec mydocker %s", strrchr(c->path, '/') + 1,
                                                verbs[soak_random(s, G_N_ELEMENTS(verbs))]);
        const char *argv[] = {"/bin/sh", "-c", text, NULL};
        GPid pid;

        if (s->commands->len < 8 &&
            g_spawn_async(NULL, (char **)argv, NULL,
                          G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                                  G_SPAWN_STDERR_TO_DEV_NULL,
                          NULL, NULL, &pid, NULL))
                g_array_append_val(s->commands, pid);
}

static const struct {
        guint weight;
        bool needs_container;
        void (*issue)(Soak *s, Client *client, Container *c);
} operations[] = {
        {14, false, create},
        {8, true, start},
        {8, true, stop},
        {6, true, kill_it},
        {3, true, signal_it},
        {6, true, restart},
        {6, true, pause_it},
        {6, true, resume},
        {6, true, rename_it},
        {6, true, update},
        {12, true, write_by_exec},
        {5, true, write_by_copy},
        {8, true, operate_commit},
        {2, false, operate_import},
        {4, false, operate_tag},
        {3, false, operate_untag},
        {5, false, operate_remove_image},
        {10, true, remove_it},
        {1, false, prune},
        {6, true, exec},
        {2, true, take_memory},
        {10, true, look},
        {2, false, operate_save},
        {4, true, wait_for_it},
        {2, true, command},
};

/* Mostly one that is there, and one's own. */
static Container *random_container(Soak *s, const Client *client) {
        guint n = s->containers->len;
        Container *c = NULL;

        for (guint tries = 0; tries < 8; tries++) {
                /* Often the last ones, with which something goes on. */
                c = g_ptr_array_index(s->containers, soak_chance(s, 50) ?
                                                             n - 1 - soak_random(s, MIN(n, 3)) :
                                                             soak_random(s, n));
                if (!c->is_gone && (client->uid == 0 || c->owner == client->uid))
                        break;
        }
        return c;
}

static guint count_containers(Soak *s) {
        guint n = 0;

        for (guint i = 0; i < s->containers->len; i++)
                n += !((Container *)g_ptr_array_index(s->containers, i))->is_gone;
        return n;
}

void soak_operate(Soak *s) {
        Client *client = s->clients[soak_random(s, G_N_ELEMENTS(s->clients))];
        guint sum = 0, chosen;

        for (guint i = 0; i < G_N_ELEMENTS(operations); i++)
                sum += operations[i].weight;
        chosen = soak_random(s, sum);
        for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
                if (chosen >= operations[i].weight) {
                        chosen -= operations[i].weight;
                        continue;
                }
                if (operations[i].needs_container && s->containers->len == 0)
                        create(s, client, NULL);
                else if (operations[i].issue == create && count_containers(s) >= CONTAINERS_MAX)
                        remove_it(s, client, random_container(s, client));
                else
                        operations[i].issue(
                                s, client,
                                operations[i].needs_container ? random_container(s, client) : NULL);
                return;
        }
}
