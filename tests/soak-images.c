/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the soak test's clients do with images. */

#include "soak.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_NAMES 5

Image *random_image(Soak *s) {
        Image *image = g_ptr_array_index(s->images, soak_random(s, s->images->len));

        return image->is_gone ? g_ptr_array_index(s->images, 0) : image;
}

static char *random_image_name(Soak *s) {
        return g_strdup_printf("i%u", soak_random(s, IMAGE_NAMES));
}

/* A name that the image made by this job gets. */
static void on_image(Op *op, GVariant *results) {
        g_autofree char *path = NULL;
        const char *id;

        if (!g_variant_lookup(results, "image", "&s", &id)) {
                test_fails("%s made no image", op->call->method);
                return;
        }
        path = g_strconcat("/org/mydocker/images/", id, NULL);
        if (op->container)
                op->contents = register_values(&op->container->content, op->begin, model_now());
        model_add_image(op->soak, path, op->contents);
        g_free(op->write->value);
        op->write->value = g_steal_pointer(&path);
}

void operate_commit(Soak *s, Client *client, Container *c) {
        static const Call call = {"Commit", "ImageExists ContainerNotRunning",
                                  "org.mydocker.workspace.commit", true, .is_job = true};
        g_autofree char *name = random_image_name(s);
        Op *op = op_new(s, client, &call, c);

        op_writes(op, model_name(s, name), "*");
        op->ended = on_image;
        op_issue(op, c->path,
                 g_variant_new_parsed(
                         "(%s, {'replace': <%b>, 'pause': <%b>, 'include-volumes': <false>})", name,
                         soak_chance(s, 60), soak_chance(s, 75)),
                 NULL);
}

void operate_import(Soak *s, Client *client, Container *unused) {
        static const Call call = {"Import", "ImageExists", "org.mydocker.image.import", true,
                                  .is_job = true};
        g_autofree char *name = random_image_name(s);
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
        Op *op = op_new(s, client, &call, NULL);
        int fd = open("small.tar", O_RDONLY | O_CLOEXEC);

        g_unix_fd_list_append(fds, fd, NULL);
        close(fd);
        op_writes(op, model_name(s, name), "*");
        op->contents = g_strsplit("small", " ", 0);
        op->ended = on_image;
        op_issue(op, NULL,
                 g_variant_new_parsed("(%s, {'source': <handle 0>, 'replace': <%b>})", name,
                                      soak_chance(s, 60)),
                 fds);
}

/* A call to an image, but not the first one, which everything is made of. Return: NULL if there is no other. */
static Op *op_new_for_image(Soak *s, Client *client, const Call *call) {
        Op *op;

        if (s->images->len < 2)
                return NULL;
        op = op_new(s, client, call, NULL);
        op->image = g_ptr_array_index(s->images, 1 + soak_random(s, s->images->len - 1));
        return op;
}

void operate_tag(Soak *s, Client *client, Container *unused) {
        static const Call call = {"Tag", "ImageExists", "org.mydocker.image.import", true};
        g_autofree char *name = random_image_name(s);
        Op *op = op_new_for_image(s, client, &call);

        if (!op)
                return;
        op_writes(op, model_name(s, name), op->image->path);
        op_issue(op, op->image->path,
                 g_variant_new_parsed("(%s, {'replace': <%b>})", name, soak_chance(s, 60)), NULL);
}

void operate_untag(Soak *s, Client *client, Container *unused) {
        static const Call call = {"Untag", "NoSuchImage", "org.mydocker.image.remove", true};
        g_autofree char *name = random_image_name(s);
        Op *op = op_new_for_image(s, client, &call);

        if (!op)
                return;
        op_writes(op, model_name(s, name), "");
        op_issue(op, op->image->path, g_variant_new_parsed("(%s, @a{sv} {})", name), NULL);
}

/* Names that it has may go with it. */
static void names_may_go(Soak *s, const char *path) {
        GHashTableIter iterator;
        gpointer r;

        g_hash_table_iter_init(&iterator, s->names);
        while (g_hash_table_iter_next(&iterator, NULL, &r))
                if (!path || register_can_be(r, path))
                        register_write(r, "");
}

void operate_remove_image(Soak *s, Client *client, Container *unused) {
        static const Call call = {"Remove", "ImageInUse", "org.mydocker.image.remove", true};
        Op *op = op_new_for_image(s, client, &call);

        if (!op)
                return;
        op->removal = true;
        names_may_go(s, op->image->path);
        op_issue(op, op->image->path,
                 g_variant_new_parsed("({'force': <%b>},)", soak_chance(s, 30)), NULL);
}

void operate_save(Soak *s, Client *client, Container *unused) {
        static const Call call = {"Save", NULL, "org.mydocker.image.export", true};
        Image *image = random_image(s);
        Op *op = op_new(s, client, &call, NULL);

        op->image = image;
        op->answered = on_streams;
        op_issue(op, image->path, g_variant_new_parsed("(@a{sv} {},)"), NULL);
}
