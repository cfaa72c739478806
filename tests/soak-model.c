/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be: registers, containers, images and their names. */

#include "soak.h"

#include <string.h>

#define NEVER G_MAXUINT64

guint64 model_now(void) {
        static guint64 now;

        return ++now;
}

static void write_free(gpointer data) {
        Write *write = data;

        g_free(write->value);
        g_free(write);
}

void register_init(Register *r, const char *value) {
        r->writes = g_ptr_array_new_with_free_func(write_free);
        register_settle(r, value);
}

void register_done(Register *r) {
        g_clear_pointer(&r->writes, g_ptr_array_unref);
}

Write *register_write(Register *r, const char *value) {
        Write *write = g_new(Write, 1);

        *write = (Write){g_strdup(value), model_now(), NEVER, false};
        g_ptr_array_add(r->writes, write);
        return write;
}

void write_happened(Write *write) {
        write->sure = true;
        write->end = model_now();
}

void write_failed(Register *r, Write *write) {
        g_ptr_array_remove(r->writes, write);
}

/* Whether another one has certainly happened after it and before that time. */
static bool is_overwritten(const Register *r, const Write *write, guint64 before) {
        for (guint i = 0; i < r->writes->len; i++) {
                const Write *later = g_ptr_array_index(r->writes, i);

                if (later->sure && later->begin > write->end && later->end < before)
                        return true;
        }
        return false;
}

char **register_values(const Register *r, guint64 from, guint64 to) {
        GPtrArray *values = g_ptr_array_new();

        for (guint i = 0; i < r->writes->len; i++) {
                const Write *write = g_ptr_array_index(r->writes, i);

                if (write->begin < to && !is_overwritten(r, write, from))
                        g_ptr_array_add(values, g_strdup(write->value));
        }
        g_ptr_array_add(values, NULL);
        return (char **)g_ptr_array_free(values, FALSE);
}

bool register_allows(const Register *r, const char *value, guint64 from, guint64 to) {
        g_auto(GStrv) values = register_values(r, from, to);

        return g_strv_contains((const char *const *)values, value) ||
               g_strv_contains((const char *const *)values, "*");
}

bool register_can_be(const Register *r, const char *value) {
        return register_allows(r, value, NEVER, NEVER);
}

void register_settle(Register *r, const char *value) {
        g_ptr_array_set_size(r->writes, 0);
        write_happened(register_write(r, value));
}

Creation *creation_new(const char *name, uid_t owner, ContainerKind kind) {
        Creation *creation = g_new(Creation, 1);

        *creation = (Creation){
                .name = g_strdup(name),
                .owner = owner,
                .kind = kind,
                .policy = g_strdup("no"),
                .memory = g_strdup("*"),
        };
        return creation;
}

void creation_free(Creation *creation) {
        if (!creation)
                return;
        g_free(creation->name);
        g_free(creation->policy);
        g_free(creation->memory);
        g_strfreev(creation->contents);
        g_free(creation);
}

static void container_free(gpointer data) {
        Container *c = data;

        register_done(&c->name);
        register_done(&c->state);
        register_done(&c->policy);
        register_done(&c->memory);
        register_done(&c->content);
        register_done(&c->volume);
        g_free(c->path);
        g_free(c);
}

static void image_free(gpointer data) {
        Image *image = data;

        g_strfreev(image->contents);
        g_free(image->path);
        g_free(image);
}

static void name_free(gpointer data) {
        register_done(data);
        g_free(data);
}

/* Whether somebody just removes all that is not used, also what comes meanwhile. */
static bool is_pruning(Soak *s) {
        for (guint i = 0; i < s->running->len; i++) {
                const Op *op = g_ptr_array_index(s->running, i);

                if (g_str_equal(op->call->method, "Prune"))
                        return true;
        }
        return false;
}

Container *model_add_container(Soak *s, const Creation *creation, const char *path) {
        Container *c = g_new0(Container, 1);

        c->path = g_strdup(path);
        c->owner = creation->owner;
        c->kind = creation->kind;
        c->auto_remove = creation->auto_remove;
        c->may_go = creation->auto_remove || is_pruning(s);
        c->has_volume = creation->has_volume;
        c->hangs_up = creation->hangs_up;
        register_init(&c->name, creation->name);
        register_init(&c->policy, creation->policy);
        register_init(&c->memory, creation->memory);
        register_init(&c->state, "up");
        register_init(&c->volume, "");
        register_init(&c->content, "");
        /* Which one of the image's is not known yet. */
        for (char **content = creation->contents; content && *content; content++) {
                if (content == creation->contents)
                        register_settle(&c->content, *content);
                else
                        register_write(&c->content, *content);
        }
        if (creation->contents && g_strv_length(creation->contents) > 1)
                ((Write *)g_ptr_array_index(c->content.writes, 0))->end = NEVER;
        g_ptr_array_add(s->containers, c);
        return c;
}

Container *model_container(Soak *s, const char *path) {
        for (guint i = 0; i < s->containers->len; i++) {
                Container *c = g_ptr_array_index(s->containers, i);

                if (g_str_equal(c->path, path))
                        return c;
        }
        return NULL;
}

Image *model_image(Soak *s, const char *path) {
        for (guint i = 0; i < s->images->len; i++) {
                Image *image = g_ptr_array_index(s->images, i);

                if (g_str_equal(image->path, path))
                        return image;
        }
        return NULL;
}

Image *model_add_image(Soak *s, const char *path, char *const *contents) {
        Image *image = model_image(s, path);

        if (image)
                return image;
        image = g_new0(Image, 1);
        image->path = g_strdup(path);
        image->may_go = is_pruning(s);
        image->contents = g_strdupv((char **)contents);
        g_ptr_array_add(s->images, image);
        return image;
}

Register *model_name(Soak *s, const char *name) {
        Register *r = g_hash_table_lookup(s->names, name);

        if (!r) {
                r = g_new0(Register, 1);
                register_init(r, "");
                g_hash_table_insert(s->names, g_strdup(name), r);
        }
        return r;
}

void model_init(Soak *s) {
        s->running = g_ptr_array_new();
        s->containers = g_ptr_array_new_with_free_func(container_free);
        s->images = g_ptr_array_new_with_free_func(image_free);
        s->creations = g_ptr_array_new_with_free_func((GDestroyNotify)creation_free);
        s->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, name_free);
}

void model_done(Soak *s) {
        g_ptr_array_unref(s->running);
        g_ptr_array_unref(s->containers);
        g_ptr_array_unref(s->images);
        g_ptr_array_unref(s->creations);
        g_hash_table_unref(s->names);
}

void model_sweep(Soak *s) {
        for (guint i = s->containers->len; i-- > 0;)
                if (((Container *)g_ptr_array_index(s->containers, i))->is_gone)
                        g_ptr_array_remove_index(s->containers, i);
        for (guint i = s->images->len; i-- > 0;)
                if (((Image *)g_ptr_array_index(s->images, i))->is_gone)
                        g_ptr_array_remove_index(s->images, i);
        g_ptr_array_set_size(s->creations, 0);
}
