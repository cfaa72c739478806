/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The authorization matrix: which action each method asks for, and how to see that it was carried out. */

#include "harness.h"

/* How a call shows that it was carried out. */
typedef enum Effect {
        REPLIES,         /* the reply matches `shown` */
        READS,           /* from the descriptor in the reply comes something that matches `shown` */
        SETS,            /* the object's property `shown`, NAME=PATTERN */
        CHANGES,         /* the object's property `shown` is another one than before */
        REMOVES,         /* the object is gone */
        MAKES_CONTAINER, /* there is a container "made" */
        MAKES_IMAGE,     /* there is an image "made", when the job that was begun has ended */
        TAKES_NAME,      /* the image "scratch" has no name any more */
        RESIZES,         /* the terminal has 33 rows and 99 columns */
        SHOWS,           /* the container's file system is mounted on the host */
        HIDES,           /* and is not */
} Effect;

typedef struct Row {
        /* INTERFACE.METHOD without "org.mydocker.". It is called on the scene's object of this interface. */
        const char *method;
        /* In, as GVariant text. $PID is the container's; handle 0 is an archive, open for reading. */
        const char *arguments;
        /* Actions without "org.mydocker.", separated by spaces; empty: everybody may. */
        const char *needs;
        /* Whether the owner of the container, process or job may do it unasked. */
        bool owner;
        /* What a rule can rely on beside what it can for each object (see scene_details()): KEY=VALUE,
         * separated by spaces. */
        const char *details;
        Effect effect;
        const char *shown;
        /* METHOD ARGUMENTS, called by root before, on the same object. */
        const char *before;
} Row;

extern const Row matrix[];
extern const guint matrix_length;

/* The objects that the methods are called on (matrix-scene.c): a running container with a terminal, one more process
 * with a terminal in it, and a job that never ends by itself, all of user `owner`; and an image. */
typedef enum User {
        ROOT,
        OWNER,
        OTHER, /* the rules are about these two */
        NOBODY,
        N_USERS,
} User;

extern const char *const user_names[N_USERS];
extern GDBusConnection *users[N_USERS];

/* What the scene's rule has to allow, a condition of polkit's language. */
#define SCENE_RULE                                                                                 \
        "subject.user == 'daemon' &&"                                                              \
        " (action.id == 'org.mydocker.container.run' && action.lookup('container') == 'matrix' ||" \
        " action.id == 'org.mydocker.image.import' && action.lookup('image') == 'endless:latest')"

void scene_users_connect(void);
void scene_users_disconnect(void);

/* Makes what is missing, and puts back what a method has changed. */
void scene_restore(void);
void scene_remove(void);
/* The object that a row's method is called on. */
const char *scene_object(const Row *row);
/* The row's details, KEY=VALUE. Return: to be freed with g_strfreev(). */
char **scene_details(const Row *row);
/* All that anybody could change, as text, to be freed. */
char *scene_fingerprint(void);

/* A row's call. Return: the reply, or NULL with *error set. */
GVariant *scene_call(const Row *row, User user, GUnixFDList **fds, GError **error);
void scene_before(const Row *row);
/* What the effect is compared with; to be freed. */
char *scene_state(const Row *row);
/* Whether the call took effect; `reply` and `fds` NULL if it was denied. */
bool scene_shows(const Row *row, const char *state, GVariant *reply, GUnixFDList *fds);
