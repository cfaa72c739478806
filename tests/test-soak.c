/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random calls and random deaths, for as long as $MYDOCKER_SOAK_SECONDS says; see soak.h. The same $MYDOCKER_SOAK_SEED
 * makes the same choices, as far as the answers come in the same order. */

#include "soak.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a round. */
#define OPERATIONS 300
/* So many calls at the same time. */
#define RUNNING_MAX 12

guint soak_random(Soak *s, guint n) {
        return (guint)g_rand_int_range(s->random, 0, (gint32)n);
}

bool soak_chance(Soak *s, guint percent) {
        return soak_random(s, 100) < percent;
}

static guint64 number_from_environment(const char *name, guint64 otherwise) {
        const char *text = g_getenv(name);

        return text ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

static void work_off(Soak *s) {
        do {
                faults_tick(s);
                if (!g_main_context_iteration(NULL, FALSE))
                        g_usleep(500);
        } while (s->running->len >= RUNNING_MAX);
}

static void round_of(Soak *s) {
        /* Some without any fault: nothing may be lost, and no descriptor left, by a restart unseen. */
        guint faults = soak_random(s, 6);

        s->daemon_died = s->supervisor_died = s->worker_died = s->scarce = false;
        for (int i = 0; i < OPERATIONS; i++) {
                soak_operate(s);
                if (faults > 0 && soak_chance(s, 4))
                        soak_disturb(s);
                work_off(s);
                if (soak_chance(s, 10))
                        g_usleep(soak_random(s, 20000));
        }
        soak_check(s);
}

/* Of the whole service, and after each restart of it. */
static void allow_users(void) {
        g_autoptr(GDBusConnection) nobody = bus_connect_as(65534), daemon = bus_connect_as(1);

        rule_set_text(
                "polkit.addRule(function(action, subject) {\n"
                "        var nobodys = ['container.run', 'container.lifecycle', 'workspace.commit',\n"
                "                       'image.import', 'image.export', 'image.remove'];\n"
                "        var name = action.id.replace('org.mydocker.', '');\n"
                "        if ((subject.user == 'nobody' && nobodys.indexOf(name) >= 0) ||\n"
                "            (subject.user == 'daemon' && name == 'container.run'))\n"
                "                return polkit.Result.YES;\n"
                "});\n");
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.workspace.commit", "yes"));
        WAIT_UNTIL(permission_is(daemon, "org.mydocker.container.run", "yes"));
}

static Soak *soak_new(void) {
        static const uid_t users[] = {0, 0, 65534, 1};
        static char *contents[] = {(char *)"", NULL};
        g_autofree char *image = image_import("small.tar", "base", NULL);
        Soak *s = g_new0(Soak, 1);

        g_assert_nonnull(image);
        s->seed = (guint32)number_from_environment("MYDOCKER_SOAK_SEED", 1);
        s->random = g_rand_new_with_seed(s->seed);
        g_test_message("MYDOCKER_SOAK_SEED=%u", s->seed);
        model_init(s);
        contents[0] = (char *)"small";
        model_add_image(s, image, contents);
        for (guint i = 0; i < G_N_ELEMENTS(users); i++)
                s->clients[i] = client_new(users[i]);
        s->waiter = client_new(0);
        s->watching = bus_connect_as(0);
        s->cache = g_dbus_object_manager_client_new_sync(
                s->watching, G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_DO_NOT_AUTO_START, MANAGER_NAME,
                "/org/mydocker", NULL, NULL, NULL, NULL, NULL);
        g_assert_nonnull(s->cache);
        s->streams = g_array_new(FALSE, FALSE, sizeof(int));
        s->commands = g_array_new(FALSE, FALSE, sizeof(GPid));
        faults_begin(s);
        return s;
}

static void soak_free(Soak *s) {
        for (guint i = 0; i < G_N_ELEMENTS(s->clients); i++)
                client_free(s->clients[i]);
        client_free(s->waiter);
        g_object_unref(s->cache);
        g_object_unref(s->watching);
        g_array_unref(s->streams);
        g_array_unref(s->commands);
        g_rand_free(s->random);
        model_done(s);
        g_free(s);
}

/* With nothing left of what the calls have made, the service must be as in the beginning. */
static void start_over(Soak *s, char *const *before) {
        GHashTableIter iterator;
        gpointer r;

        shell(NULL, NULL, "mydocker ps -aq | xargs -r mydocker rm -f");
        shell(NULL, NULL,
              "mydocker images -q --no-trunc | sed s/^sha256:// | sort -u | while read -r id; do"
              " [ \"$id\" = \"%s\" ] || mydocker rmi -f \"$id\"; done",
              strrchr(((Image *)g_ptr_array_index(s->images, 0))->path, '/') + 1);
        g_ptr_array_set_size(s->containers, 0);
        g_ptr_array_set_size(s->images, 1);
        g_hash_table_iter_init(&iterator, s->names);
        while (g_hash_table_iter_next(&iterator, NULL, &r))
                register_settle(r, "");
        expect(0, "", "", "rm -rf copied.*; find volume -mindepth 1 ! -name canary -delete");
        s->was_scarce = false;
        leaks_check(before);
}

/* The cache of the tree warns when the daemon dies while it asks it for all, and asks the next one. */
static gboolean is_fatal(const char *domain, GLogLevelFlags level, const char *message,
                         gpointer data) {
        return !strstr(message, "Error calling GetManagedObjects()");
}

static void test_soak(void) {
        guint64 seconds = number_from_environment("MYDOCKER_SOAK_SECONDS", 30);
        gint64 end = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
        g_auto(GStrv) before = NULL;
        guint rounds = 0;
        Soak *s;

        g_test_log_set_fatal_handler(is_fatal, NULL);
        small_disk_begin(200);
        allow_users();
        s = soak_new();
        before = leaks_baseline();
        while (!g_test_failed() && g_get_monotonic_time() < end) {
                round_of(s);
                if (++rounds % 4 == 0 && !g_test_failed())
                        start_over(s, before);
        }
        if (g_test_failed())
                g_test_message("failed in round %u of MYDOCKER_SOAK_SEED=%u", rounds, s->seed);
        else
                start_over(s, before);
        g_test_message("%u rounds, %" G_GUINT64_FORMAT " calls: %" G_GUINT64_FORMAT
                       " answered, %" G_GUINT64_FORMAT " refused, %" G_GUINT64_FORMAT
                       " lost; %" G_GUINT64_FORMAT " faults",
                       rounds, s->n_ops, s->n_answered, s->n_refused, s->n_lost, s->n_faults);
        soak_free(s);
        rule_clear();
        small_disk_end();
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        signal(SIGPIPE, SIG_IGN);
        expect(0, "", "",
               "mkdir -p small/bin small/dev small/proc small/sys small/etc small/tmp volume;"
               "cp rootfs/bin/busybox small/bin;"
               "for name in sh cat true sleep mv; do ln -s busybox small/bin/$name; done;"
               "echo small > small/soak; tar -C small -cf small.tar .;"
               "echo canary sings > volume/canary; chown 1000:1000 volume/canary");
        harness_add("/soak", test_soak);
        return harness_run();
}
