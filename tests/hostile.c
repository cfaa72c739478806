/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "hostile.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static GRand *random_numbers;
static GPtrArray *options; /* "KEY SIGNATURE", as documented */
static GPtrArray *paths;

guint hostile_index(guint n) {
        return g_rand_int_range(random_numbers, 0, n);
}

bool hostile_chance(guint n) {
        return hostile_index(n) == 0;
}

/* Every `key` (signature) of the documentation. */
static void read_options(const char *interfaces) {
        g_autoptr(GRegex) option = g_regex_new("`([a-z-]+)` \\(([a-z(){}]+)\\)", 0, 0, NULL);
        g_autoptr(GDir) dir = g_dir_open(interfaces, 0, NULL);
        g_autoptr(GPtrArray) files = g_ptr_array_new();

        g_assert_nonnull(dir);
        for (const char *name; (name = g_dir_read_name(dir));) {
                g_autofree char *xml = read_file("%s/%s", interfaces, name);
                g_autoptr(GMatchInfo) match = NULL;

                if (!g_str_has_suffix(name, ".xml"))
                        continue;
                for (g_regex_match(option, xml, 0, &match); g_match_info_matches(match);
                     g_match_info_next(match, NULL)) {
                        g_autofree char *key = g_match_info_fetch(match, 1);
                        g_autofree char *signature = g_match_info_fetch(match, 2);

                        if (g_variant_type_string_is_valid(signature))
                                g_ptr_array_add(options, g_strconcat(key, " ", signature, NULL));
                }
        }
        g_assert_cmpuint(options->len, >, 50);
        /* Not in the order of the directory: a seed means the same everywhere. */
        g_ptr_array_sort(options, (GCompareFunc)g_strcmp0);
}

void hostile_init(guint32 seed, const char *interfaces) {
        random_numbers = g_rand_new_with_seed(seed);
        options = g_ptr_array_new_with_free_func(g_free);
        paths = g_ptr_array_new_with_free_func(g_free);
        read_options(interfaces);
}

void hostile_done(void) {
        g_rand_free(random_numbers);
        g_ptr_array_unref(options);
        g_ptr_array_unref(paths);
}

void hostile_set_paths(GPtrArray *objects) {
        g_ptr_array_unref(paths);
        paths = g_ptr_array_ref(objects);
}

static char *hostile_string(void) {
        static const char *const strings[] = {
                "",
                " ",
                "a",
                ".",
                "..",
                "/",
                "//",
                "/..",
                "/.",
                "-",
                "--help",
                ":",
                "=",
                "%s%n%d",
                "\n",
                "\x01\x1b[2J\x7f",
                "\t\r",
                "\xe2\x80\xae",
                "\xf4\x8f\xbf\xbf",
                "\xc3\xa9",
                "busybox",
                "scratch",
                "scratch:latest",
                "scratch:",
                ":latest",
                "a/b:c/d",
                "a@sha256:0",
                "localhost:5000/a/b:1",
                "../../../../etc/passwd",
                "/proc/self/root",
                "/proc/1/fd/0",
                "/etc/passwd",
                "/data",
                "/dev/null",
                "bin",
                "true",
                "sh",
                "/bin/sleep",
                "1000",
                "KEY=VALUE",
                "KEY",
                "=VALUE",
                "PATH=",
                "LD_PRELOAD=/x",
                "CMD []",
                "CMD [\"a\"",
                "ENV A=B",
                "USER",
                "WORKDIR /",
                "LABEL a=b c=\"d",
                "EXPOSE 99999/tcp",
                "ENTRYPOINT sh",
                "root",
                "alice",
                "0:0",
                "4294967295",
                "4294967296:1",
                "-1",
                "alice:staff",
                "nobody:",
                "0",
                "0-1",
                "0-1023",
                "1-0",
                "0,,1",
                "99999999999999999999",
                "no",
                "always",
                "on-failure:3",
                "on-failure:99999999999",
                "unless-stopped",
                "file",
                "journald",
                "none",
                "host",
                "private",
                "unconfined",
                "default",
                "ALL",
                "NET_RAW",
                "CAP_SYS_ADMIN",
                "SIGTERM",
                "running",
                "ro",
                "rw,exec",
                "oci-archive",
                "rootfs",
                "0000000000000000000000000000000000000000000000000000000000000000",
        };
        guint kind = hostile_index(40);

        if (kind == 0)
                return g_strnfill(1 + hostile_index(300), 'a');
        if (kind == 1)
                return g_strnfill(1 + hostile_index(hostile_chance(10) ? 4000000 : 70000), '/');
        if (kind <= 4 && paths->len > 0) {
                const char *path = paths->pdata[hostile_index(paths->len)];

                return g_strdup(kind == 2 ? path : strrchr(path, '/') + 1);
        }
        if (kind == 5) {
                char bytes[64];
                guint n = hostile_index(sizeof(bytes));

                for (guint i = 0; i < n; i++)
                        bytes[i] = 1 + hostile_index(255);
                return g_utf8_make_valid(bytes, n);
        }
        return g_strdup(strings[hostile_index(G_N_ELEMENTS(strings))]);
}

/* Where root may let a container write, and where a directory may be made. */
static char *hostile_source(void) {
        g_autofree char *work = g_get_current_dir();
        static const char *const sources[] = {
                "/proc", "/dev/null", "/sys", "relative", "", "/proc/self/ns/mnt",
        };

        if (hostile_chance(2))
                return g_strdup(sources[hostile_index(G_N_ELEMENTS(sources))]);
        return g_build_filename(work, hostile_chance(2) ? "shared" : "shared/../shared/new", NULL);
}

/* Open files that are no usual ones. */
static int hostile_fd(void) {
        int pair[2];

        switch (hostile_index(12)) {
        case 0:
                return open("/dev/null", O_RDWR | O_CLOEXEC);
        case 1:
                return open("/dev/zero", O_RDONLY | O_CLOEXEC);
        case 2:
                return open("shared", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        case 3:
                return open("shared", O_PATH | O_CLOEXEC);
        case 4:
                return open("busybox.tar", O_PATH | O_CLOEXEC);
        case 5:
                return open("busybox.tar", O_RDONLY | O_CLOEXEC);
        case 6:
                return eventfd(0, EFD_CLOEXEC);
        case 7:
                return epoll_create1(EPOLL_CLOEXEC);
        case 8:
                return memfd_create("hostile", MFD_CLOEXEC);
        case 9:
                return open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        case 10:
                g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
                break;
        default:
                g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), ==, 0);
        }
        close(pair[1]);
        return pair[0];
}

static GVariant *hostile_handle(GUnixFDList *fds) {
        int fd, handle;

        /* More than a message may have would cost the connection. */
        if (hostile_chance(6) || g_unix_fd_list_get_length(fds) >= 8)
                return g_variant_new_handle(hostile_chance(2) ? -1 : (gint32)hostile_index(256));
        fd = hostile_fd();
        g_assert_cmpint(fd, >=, 0);
        handle = g_unix_fd_list_append(fds, fd, NULL);
        close(fd);
        return g_variant_new_handle(handle);
}

static guint64 hostile_integer(void) {
        static const guint64 integers[] = {
                0,
                1,
                2,
                9,
                15,
                19,
                64,
                65,
                100,
                127,
                128,
                255,
                1000,
                4096,
                32767,
                32768,
                65535,
                65536,
                524287,
                524288,
                8388608,
                1073741824,
                2147483647,
                2147483648,
                4294967295,
                4294967296,
                G_MAXINT64,
                G_MAXINT64 + 1ULL,
                G_MAXUINT64 - 1,
                G_MAXUINT64,
        };

        return integers[hostile_index(G_N_ELEMENTS(integers))];
}

static double hostile_double(void) {
        static const double doubles[] = {
                0.0, -0.0, 0.5, 1.0, -1.0, 1e-320, 1e308, -1e308, NAN, INFINITY, -INFINITY, 1e9,
        };

        return doubles[hostile_index(G_N_ELEMENTS(doubles))];
}

static GVariant *hostile_value(const GVariantType *type, GUnixFDList *fds, guint depth);

/* A type that was not asked for. */
static GVariant *hostile_variant(GUnixFDList *fds, guint depth) {
        static const char *const types[] = {"s", "as", "b", "t",      "i", "d", "h",
                                            "y", "ay", "v", "a(sss)", "g", "o", "a{sv}"};

        if (depth > 20)
                return g_variant_new_boolean(true);
        if (hostile_chance(40)) {
                GVariant *nested = g_variant_new_string("deep");

                /* More than 64 levels of all kinds would cost the connection. */
                for (guint i = 4 * depth; i < 56; i++)
                        nested = g_variant_new_variant(nested);
                return nested;
        }
        return hostile_value(
                G_VARIANT_TYPE(types[hostile_index(G_N_ELEMENTS(types) - (depth > 3 ? 4 : 0))]),
                fds, depth + 1);
}

/* Keys that exist, mostly with their type, and others. */
static GVariant *hostile_options(GUnixFDList *fds, guint depth) {
        guint n = hostile_chance(400) ? 100000 : hostile_chance(3) ? 0 : 1 + hostile_index(4);
        bool many = n > 10;
        GVariantBuilder builder;

        g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
        for (guint i = 0; i < n; i++) {
                g_auto(GStrv) option =
                        g_strsplit(options->pdata[hostile_index(options->len)], " ", 2);
                g_autofree char *key = hostile_chance(15) ? hostile_string() : NULL;

                if (many)
                        g_variant_builder_add(&builder, "{sv}", option[0], g_variant_new_uint32(i));
                else
                        g_variant_builder_add(
                                &builder, "{sv}", key ?: option[0],
                                hostile_chance(12) ?
                                        hostile_variant(fds, depth) :
                                        hostile_value(G_VARIANT_TYPE(option[1]), fds, depth + 1));
        }
        return g_variant_builder_end(&builder);
}

static GVariant *hostile_array(const GVariantType *type, GUnixFDList *fds, guint depth) {
        const GVariantType *element = g_variant_type_element(type);
        guint n = hostile_index(5);
        GVariantBuilder builder;

        if (g_variant_type_equal(type, G_VARIANT_TYPE_VARDICT))
                return hostile_options(fds, depth);
        if (depth < 2 && hostile_chance(200))
                n = 20000;
        g_variant_builder_init(&builder, type);
        for (guint i = 0; i < n; i++)
                g_variant_builder_add_value(
                        &builder, n > 10 && g_variant_type_equal(element, G_VARIANT_TYPE_STRING) ?
                                          g_variant_new_string("x=y") :
                                          hostile_value(element, fds, depth + 1));
        return g_variant_builder_end(&builder);
}

static GVariant *hostile_tuple(const GVariantType *type, GUnixFDList *fds, guint depth) {
        const GVariantType *item = g_variant_type_first(type);
        /* A volume by path is the one thing that reaches out of a container. */
        bool volume = g_variant_type_equal(type, G_VARIANT_TYPE("(sss)"));
        GVariantBuilder builder;

        g_variant_builder_init(&builder, type);
        for (; item; item = g_variant_type_next(item), volume = false)
                g_variant_builder_add_value(&builder,
                                            volume ? g_variant_new_take_string(hostile_source()) :
                                                     hostile_value(item, fds, depth + 1));
        return g_variant_builder_end(&builder);
}

static GVariant *hostile_value(const GVariantType *type, GUnixFDList *fds, guint depth) {
        switch (*g_variant_type_peek_string(type)) {
        case 'a':
                return hostile_array(type, fds, depth);
        case '(':
                return hostile_tuple(type, fds, depth);
        case '{':
                return g_variant_new_dict_entry(
                        hostile_value(g_variant_type_key(type), fds, depth + 1),
                        hostile_value(g_variant_type_value(type), fds, depth + 1));
        case 'v':
                return g_variant_new_variant(hostile_variant(fds, depth));
        case 's':
                return g_variant_new_take_string(hostile_string());
        case 'o':
                return g_variant_new_object_path(
                        paths->len > 0 ? paths->pdata[hostile_index(paths->len)] : "/");
        case 'g':
                return g_variant_new_signature("a{sv}");
        case 'h':
                return hostile_handle(fds);
        case 'b':
                return g_variant_new_boolean(hostile_chance(2));
        case 'y':
                return g_variant_new_byte(hostile_integer());
        case 'n':
                return g_variant_new_int16(hostile_integer());
        case 'q':
                return g_variant_new_uint16(hostile_integer());
        case 'i':
                return g_variant_new_int32(hostile_integer());
        case 'u':
                return g_variant_new_uint32(hostile_integer());
        case 'x':
                return g_variant_new_int64(hostile_integer());
        case 't':
                return g_variant_new_uint64(hostile_integer());
        case 'd':
                return g_variant_new_double(hostile_double());
        default:
                g_assert_not_reached();
        }
}

GVariant *hostile_arguments(const char *signature, GUnixFDList *fds) {
        g_autofree char *tuple =
                g_strdup_printf("(%s%s)", signature, hostile_chance(50) ? "s" : "");

        return hostile_tuple(G_VARIANT_TYPE(tuple), fds, 0);
}
