/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The soak test: several clients call at random while processes are killed at random, and after each round what is
 * there is compared with what can be.
 *
 * Calls run at the same time and some are never answered, so what must be there is not one state but a set. What a
 * container has that calls change (its name, whether it runs, a file in it) is a register: a list of writes, each with the
 * time when it was asked for and when it was answered. The value in the end must be that of a write after which no other
 * one certainly happened. A write that was refused did not happen; one that nobody answered did or did not. */

#include "harness.h"

typedef struct Write {
        char *value;
        guint64 begin, end; /* of the model's clock */
        bool sure;
} Write;

typedef struct Register {
        GPtrArray *writes;
} Register;

/* The time; no two calls return the same. */
guint64 model_now(void);

void register_init(Register *r, const char *value);
void register_done(Register *r);
/* A write that begins now. Return: owned by the register, until it fails or the register is settled. */
Write *register_write(Register *r, const char *value);
void write_happened(Write *write);
void write_failed(Register *r, Write *write);
/* Whether a look between these two times can have seen it. */
bool register_allows(const Register *r, const char *value, guint64 from, guint64 to);
/* The values that it can have seen, to be freed with g_strfreev(). */
char **register_values(const Register *r, guint64 from, guint64 to);
/* Whether it can be the value now, all calls being answered or lost. */
bool register_can_be(const Register *r, const char *value);
/* It is the value. */
void register_settle(Register *r, const char *value);

typedef struct Client {
        GDBusConnection *connection;
        uid_t uid;
        unsigned life;     /* how often the daemon has gone */
        GHashTable *jobs;  /* path → Op that waits for its end */
        GHashTable *ended; /* path → JobRemoved's arguments, of those that nobody waits for yet */
        guint job_subscription, name_watch;
} Client;

typedef enum ContainerKind {
        LASTING, /* runs until it is told to end */
        BRIEF,   /* says some lines, and exits with BRIEF_STATUS */
} ContainerKind;

#define BRIEF_STATUS 7
#define BRIEF_LINES 300

typedef struct Container {
        char *path;
        uid_t owner;
        ContainerKind kind;
        bool auto_remove, has_volume;
        bool hangs_up; /* ends with its terminal, and that with the supervisor: the first process ignores it, but not init's */
        bool may_go, is_gone; /* somebody has asked to remove it; has been told that it was */
        bool disturbed;       /* how it ends is not known */
        bool log_checked;
        Register name, state, policy, memory, content, volume;
} Container;

typedef struct Image {
        char *path;
        bool may_go, is_gone;
        char **contents; /* of the file, one of them */
} Image;

/* A Run or Create that has not been answered. */
typedef struct Creation {
        char *name;
        uid_t owner;
        ContainerKind kind;
        bool auto_remove, has_volume, hangs_up;
        char *policy, *memory, **contents;
} Creation;

typedef struct Op Op;

typedef struct Soak {
        GRand *random;
        guint32 seed;
        Client *clients[4];
        Client *waiter;            /* its calls are never waited for */
        GDBusConnection *watching; /* of the cache */
        GDBusObjectManager *cache; /* the tree, as signals tell it */
        GPtrArray *containers, *images, *creations;
        GHashTable *names;  /* of images → Register of their paths */
        GPtrArray *running; /* Op */
        GArray *streams;    /* descriptors, some of them never read */
        GArray *commands;   /* pids of command lines */
        guint64 n_ops, n_faults, n_answered, n_refused, n_lost;
        unsigned last_name, last_value;
        /* What has happened in this round. */
        bool daemon_died, supervisor_died, scarce, worker_died;
        bool was_scarce; /* since the last time all was removed */
} Soak;

/* Random numbers */
guint soak_random(Soak *s, guint n); /* below n */
bool soak_chance(Soak *s, guint percent);

/* soak-model.c */
Container *model_add_container(Soak *s, const Creation *creation, const char *path);
Container *model_container(Soak *s, const char *path);
Image *model_add_image(Soak *s, const char *path, char *const *contents);
Image *model_image(Soak *s, const char *path);
Register *model_name(Soak *s, const char *name);
Creation *creation_new(const char *name, uid_t owner, ContainerKind kind);
void creation_free(Creation *creation);
void model_init(Soak *s);
void model_done(Soak *s);
/* Forgets what is gone. */
void model_sweep(Soak *s);

/* soak-calls.c: one call, its answer and the end of its job */
typedef struct Call {
        const char *method;
        const char *allowed; /* short names of errors, separated by spaces */
        const char *action;  /* for others than the owner; or NULL */
        bool always_asked;   /* the owner, too */
        bool is_job;         /* what the write is done at the end of */
        bool half;           /* an error can come after the half */
} Call;

struct Op {
        Soak *soak;
        Client *client;
        const Call *call;
        Container *container;
        Image *image;
        Creation *creation;
        Register *of;
        Write *write;
        Write *meanwhile; /* what is there while it is written, or when that was broken off */
        char *text;
        char **contents;
        guint64 begin;
        unsigned life;
        bool removal;
        void (*answered)(Op *op, GVariant *reply, GUnixFDList *fds);
        void (*ended)(Op *op, GVariant *results);
};

Client *client_new(uid_t uid);
Client *client_free(Client *client);
Op *op_new(Soak *s, Client *client, const Call *call, Container *container);
/* If it happens it writes that. */
void op_writes(Op *op, Register *of, const char *value);
/* The arguments are taken over if they float. */
void op_issue(Op *op, const char *path, GVariant *arguments, GUnixFDList *fds);
/* Ends of jobs that nobody will hear of any more. */
void jobs_lose(Client *client);

/* soak-operations.c: the random operation */
void soak_operate(Soak *s);
/* Answers with descriptors: some are closed at once, some kept and never read. */
void keep_streams(Soak *s, GUnixFDList *list);
void on_streams(Op *op, GVariant *reply, GUnixFDList *fds);

/* soak-images.c */
Image *random_image(Soak *s);
void operate_commit(Soak *s, Client *client, Container *c);
void operate_import(Soak *s, Client *client, Container *unused);
void operate_tag(Soak *s, Client *client, Container *unused);
void operate_untag(Soak *s, Client *client, Container *unused);
void operate_remove_image(Soak *s, Client *client, Container *unused);
void operate_save(Soak *s, Client *client, Container *unused);

/* soak-faults.c */
void faults_begin(Soak *s);
void soak_disturb(Soak *s);
/* Ends what is due to end. */
void faults_tick(Soak *s);
/* Ends all, and has both daemons running. */
void faults_lift(Soak *s);

/* soak-report.c: says what is known of a container that is stuck, and of the daemons with all there is */
void report_container(const Container *c);
void report_service(void);

/* soak-check.c */
void soak_check(Soak *s);
