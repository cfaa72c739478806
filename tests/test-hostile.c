/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Archives that mean harm (hostile-archive makes them). Each is refused, with an error that names the entry, and nothing
 * is left of it; or it is contained: then what it became is looked at. */

#include "harness.h"

#include <string.h>

/* What must never come to be, from whatever depth an archive tried. */
static void check_outside(const char *kind) {
        if (shell(NULL, NULL, "find %s / /tmp /var/tmp /etc -maxdepth 1 -name '*escaped*' | grep .",
                  sandbox_dir()) == 0)
                test_fails("%s: something lies outside", kind);
}

static int generate(const char *kind) {
        return shell(NULL, NULL, "$MYDOCKER_TEST_HOSTILE_ARCHIVE %s > hostile", kind);
}

static void check_refused(const char *kind, const char *error, bool through_pipe) {
        g_auto(GStrv) before = leaks_baseline();
        g_autofree char *expected = g_strdup_printf("Error: *%s*\n", error);

        g_assert_cmpint(generate(kind), ==, 0);
        g_test_message("%s", kind);
        /* From a file and from a pipe in turns. */
        expect(1, "", expected,
               through_pipe ? "cat hostile | mydocker load" : "mydocker import hostile hostile");
        leaks_check(before);
        check_outside(kind);
        bus_check_property(NULL, "ImagesCount", "1");
}

static void check_contained(const char *kind, const char *command, const char *out) {
        g_auto(GStrv) before = leaks_baseline();

        g_assert_cmpint(generate(kind), ==, 0);
        g_test_message("%s", kind);
        expect(0, "sha256:*", "", "mydocker import hostile hostile");
        check_outside(kind);
        expect(0, "", "", "mkdir x && mydocker save --format rootfs hostile | tar -xp -C x");
        expect(0, out, "", "cd x && { %s; }", command);
        expect(0, NULL, "", "mydocker rmi hostile && rm -r x");
        leaks_check(before);
}

typedef struct Case {
        const char *kind;
        const char *error; /* in the message; NULL: it is contained */
        /* What then shows in the tree. */
        const char *command, *out;
} Case;

static void run_cases(const Case *cases, guint n) {
        for (guint i = 0; i < n; i++)
                if (cases[i].error)
                        check_refused(cases[i].kind, cases[i].error, i % 2);
                else
                        check_contained(cases[i].kind, cases[i].command, cases[i].out);
        expect(0, "", "", "rm hostile");
}

static void test_names(void) {
        static const Case cases[] = {
                {"absolute", NULL, "cat escaped", "inside"},
                {"dots", "../escaped: the name has \"..\" in it"},
                {"dots-inside", "bin/../../escaped: the name has"},
                {"dots-absolute", "/../escaped: the name has"},
                {"dots-directory", "bin/..: the name has"},
                {"dots-in-long-name", "a/a/*…*/../escaped: the name has"},
                {"through-link", "out/escaped: "},
                {"through-relative-link", "out/escaped: "},
                {"through-two-links", "a/escaped: "},
                {"through-link-loop", "loop/escaped: "},
                {"through-proc", "p/escaped: "},
                {"hard-outside", "escaped: the name has \"..\" in it"},
                {"hard-absolute", "escaped: a link to what is not there"},
                {"hard-through-link", "escaped: a link to what is not there"},
                {"hard-to-link-then-write", NULL, "readlink l; cat h", "/var/tmp/escaped\nx"},
                {"hard-to-directory", "escaped: a link to what can't have two names"},
                {"hard-to-itself", "escaped: a link to what is not there"},
                {"long-name", "escaped-n/n*: the name is too long"},
                {"long-gnu-name", "escaped-n/n*: the name is too long"},
                {"long-component", "escaped-n*: a part of the name is too long"},
                {"long-link", "escaped: "},
                {"deep", "escaped: it lies too deep"},
                {"name-for-terminals", "../?]0;escaped??: the name has"},
                {"name-no-utf8", "../escaped-?: the name has"},
                {"empty-name", "it has no name"},
        };

        run_cases(cases, G_N_ELEMENTS(cases));
}

static void test_kinds(void) {
        static const Case cases[] = {
                {"other-kinds", NULL, "find . -not -type d | sort; cat x/escaped y z bin/file",
                 "./bin/file\n./x/escaped\n./y\n./z\n34"
                 "4again"},
                {"devices", NULL, "find . -type b -o -type c; find . -type p; stat -c %a su",
                 "./fifo\n6755\n"},
        };

        run_cases(cases, G_N_ELEMENTS(cases));

        /* Nobody on the host reaches a set-id file of an image. */
        g_assert_cmpint(generate("devices"), ==, 0);
        expect(0, "sha256:*", "", "mydocker import hostile hostile");
        expect(0, "*/su\n", "", "ls %s/state/layers/*/diff/su", sandbox_dir());
        expect(2, "", "*Permission denied*", AS_NOBODY "ls %s/state/layers", sandbox_dir());
        image_remove("hostile");

        /* What overlayfs would believe does not come in, nor anything else that is not a user's. */
        g_assert_cmpint(generate("overlay-attributes"), ==, 0);
        expect(0, "sha256:*", "", "mydocker import hostile hostile");
        expect(0, "user.kept=\"x\"\nuser.kept=\"x\"\n", "",
               "getfattr --absolute-names -d -m - %s/state/layers/*/diff/[df] | grep -v '^#' | grep .",
               sandbox_dir());
        image_remove("hostile");
        expect(0, "", "", "rm hostile");
}

static void test_sizes(void) {
        static const Case cases[] = {
                {"size-without-data", "escaped: Truncated tar archive"},
                {"size-huge", "escaped: it is too large"},
                {"size-negative", "the archive: "},
                {"size-no-number", NULL, "stat -c %s escaped", "0\n"},
                {"sparse-huge", "escaped: it is too large"},
                {"sparse-outside", "escaped: "},
                {"many-members", "too many members"},
        };
        g_autofree char *blocks = NULL;

        run_cases(cases, G_N_ELEMENTS(cases));

        /* Holes need no room. */
        g_assert_cmpint(generate("sparse-large"), ==, 0);
        expect(0, "sha256:*", "", "mydocker import hostile hostile");
        expect(0, "107374182400 16\n", "",
               "stat -c '%%s %%b' %s/state/layers/*/diff/escaped | sed 's/ [0-9]$/ 16/'",
               sandbox_dir());
        image_remove("hostile");
        expect(0, "", "", "rm hostile");
}

static void test_bombs(void) {
        static const Case cases[] = {
                {"bomb", "escaped: the archive is suspiciously well compressed"},
                {"bomb-in-layer", "escaped: the archive is suspiciously well compressed"},
        };

        run_cases(cases, G_N_ELEMENTS(cases));
}

static void test_whiteouts(void) {
        static const Case cases[] = {
                {"image-good", NULL, "find .", ".\n./bin\n"},
                {"whiteout-dots", ".wh...: a whiteout of nothing"},
                {"whiteout-dot", ".wh..: a whiteout of nothing"},
                {"whiteout-nothing", "bin/.wh.: a whiteout of nothing"},
                {"whiteout-outside", "../.wh.escaped: the name has"},
                {"whiteout-slash", "/.wh./: a whiteout of nothing"},
                {"whiteout-root", NULL, "find .", ".\n./new\n"},
                {"whiteout-below", ".wh.x/escaped: it is below a whiteout"},
                {"whiteout-through-link", "l/.wh.escaped: "},
                {"whiteout-of-own", NULL, "cat own", "x"},
                {"whiteout-device", NULL, "cat bin/file", "contents\n"},
        };

        run_cases(cases, G_N_ELEMENTS(cases));
}

static void test_manifests(void) {
        static const Case cases[] = {
                {"image-escape", "../escaped: the name has"},
                {"image-digest", "blobs/sha256/* is damaged: its digest is *"},
                {"image-no-layers", "the image has no layers"},
                {"image-128-layers", "the image has too many layers"},
                {"image-layer-is-config", "blobs/sha256/*: "},
                {"image-config-is-layer",
                 "blobs/sha256/*: no image: application/vnd.oci.image.layer.v1.tar"},
                {"image-other-diff-ids", "blobs/sha256/*: it speaks of another number of layers"},
                {"image-config-is-list", "blobs/sha256/*: it is not as it should be"},
                {"image-config-of-other-types",
                 "blobs/sha256/*: its config is not as it should be"},
                {"image-config-huge", "blobs/sha256/* is too large"},
                {"image-config-large", "blobs/sha256/*: it is too large"},
                {"image-config-deep", "blobs/sha256/*: it is not as it should be"},
                {"image-config-no-utf8", "blobs/sha256/*: it is not as it should be"},
                {"image-layer-type", "blobs/sha256/*: no layer: application/vnd.in-toto+json"},
                {"image-layer-encrypted",
                 "blobs/sha256/*: no layer: application/vnd.oci.image.layer.v1.tar+encrypted"},
                {"image-config-type", "no image: application/vnd.cncf.helm.config.v1+json"},
                {"index-of-indexes", "index.json: it leads to too many others"},
                {"index-many", "the manifest: it is not as it should be"},
                {"index-inner-many", "index.json: it leads to more than one image"},
                {"index-deep", "index.json: it is not as it should be"},
                {"index-huge", "index.json is too large"},
                {"index-missing-blob", "blobs/sha256/1* is missing"},
                {"index-path", "sha256:../../../../etc/passwd: it has no SHA-256 digest"},
                {"index-md5", "md5:1*: it has no SHA-256 digest"},
                {"docker-itself", "manifest.json: it is not as it should be"},
                {"docker-link-loop", "a: a layer is missing"},
                {"docker-link-outside", "a: a layer is missing"},
                {"docker-numbers", "manifest.json: it is not as it should be"},
                {"docker-bad-name", NULL, "cat bin/file", "contents\n"},
        };

        run_cases(cases, G_N_ELEMENTS(cases));
}

/* Cut off and spoiled at every 1,000th byte: it is refused, or it is still good. */
static void test_damage(void) {
        static const struct {
                const char *what, *command;
        } archives[] = {
                {"a root file system",
                 "mkdir x && cp /bin/true x && tar -C x -cf good . && rm -r x"},
                {"an image", "$MYDOCKER_TEST_HOSTILE_ARCHIVE image-good > good"},
                {"a packed image",
                 "$MYDOCKER_TEST_HOSTILE_ARCHIVE image-good > plain && head -c 9000 /dev/urandom > x &&"
                 " tar -rf plain x && gzip -n < plain > good && rm plain x"},
        };
        g_auto(GStrv) before = leaks_baseline();

        for (guint i = 0; i < G_N_ELEMENTS(archives); i++) {
                g_autofree char *good = NULL;
                guint refused = 0, taken = 0;
                gsize size;

                expect(0, "", "", "%s", archives[i].command);
                g_assert_true(g_file_get_contents("good", &good, &size, NULL));
                for (gsize at = 0; at < size; at += 1000)
                        for (int spoil = 0; spoil < 2; spoil++) {
                                g_autofree char *image = NULL, *error_name = NULL;

                                good[at] ^= spoil ? 0x55 : 0;
                                g_assert_true(g_file_set_contents("hostile", good,
                                                                  spoil ? size : at, NULL));
                                good[at] ^= spoil ? 0x55 : 0;
                                image = image_import("hostile", "hostile", &error_name);
                                if (image)
                                        image_remove("hostile");
                                else
                                        check_text(archives[i].what, error_name,
                                                   ERROR_MYDOCKER("ImageCorrupt"));
                                refused += !image;
                                taken += !!image;
                        }
                g_test_message("%s of %zu bytes: %u refused, %u taken", archives[i].what, size,
                               refused, taken);
                /* Cut off it is never good. */
                CHECK(refused >= (size + 999) / 1000);
        }
        leaks_check(before);
        expect(0, "", "", "rm good hostile");
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/hostile/names", test_names);
        harness_add("/hostile/kinds", test_kinds);
        harness_add("/hostile/sizes", test_sizes);
        harness_add("/hostile/bombs", test_bombs);
        harness_add("/hostile/whiteouts", test_whiteouts);
        harness_add("/hostile/manifests", test_manifests);
        harness_add("/hostile/damage", test_damage);
        return harness_run();
}
