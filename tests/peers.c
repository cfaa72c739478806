/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What buildah and podman need to work in a test's directory. */

#include "harness.h"

static void write_file(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void write_file(const char *name, const char *format, ...) {
        g_autofree char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = g_strdup_vprintf(format, ap);
        va_end(ap);
        g_assert_true(g_file_set_contents(name, text, -1, NULL));
}

void peers_prepare(void) {
        g_autofree char *here = g_get_current_dir(), *lists = NULL;

        write_file(
                "storage.conf",
                "[storage]\ndriver = \"overlay\"\ngraphroot = \"%s/peers/root\"\nrunroot = \"%s/peers/run\"\n",
                here, here);
        write_file("containers.conf",
                   "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n"
                   "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n");
        lists = g_strconcat(here, "/storage.conf", NULL);
        g_setenv("CONTAINERS_STORAGE_CONF", lists, TRUE);
        g_free(lists);
        lists = g_strconcat(here, "/containers.conf", NULL);
        g_setenv("CONTAINERS_CONF", lists, TRUE);
        g_setenv("TMPDIR", here, TRUE);
}

void peers_clean_up(void) {
        expect(0, NULL, NULL,
               "podman image unmount --all; podman rmi --all --force; umount peers/root/overlay; true");
        expect(0, "", "", "rm -rf --one-file-system peers storage.conf containers.conf");
}
