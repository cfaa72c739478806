/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/registry.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/child.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "shared/fd.h"
#include "shared/strutil.h"

#define ARGUMENTS_MAX 24
#define DIGEST_MAX 256

/* Images are large: as skopeo itself, not in a /tmp that may be memory. */
#define TEMPORARY_DIRECTORY "/var/tmp"

int option_tls(const char *value, void *target) {
        const char **ret = target;
        bool verify;
        int r = option_bool(value, &verify);

        if (r >= 0)
                *ret = verify ? "true" : "false";
        return r;
}

static int report_skopeo(const Client *client, int r) {
        if (r != -ENOENT)
                return report_errno(client, r, "cannot run skopeo");
        r = report(client, "registries take skopeo(1), which is not installed");
        fputs("To install it: apt-get install skopeo\n", stderr);
        return r;
}

int registry_init(Client *client, Registry *registry) {
        const char *base = getenv("TMPDIR");
        _cleanup_free_ char *template = NULL;

        /* skopeo takes a colon for the end of the path. */
        if (!base || !*base || strchr(base, ':'))
                base = TEMPORARY_DIRECTORY;
        template = strf("%s/mydocker-XXXXXX", base);
        if (!template)
                return report_errno(client, ENOMEM, "cannot go on");
        if (!mkdtemp(template))
                return report_errno(client, errno, base);
        registry->directory = TAKE_PTR(template);
        registry->layout = strf("%s/layout", registry->directory);
        registry->digest_file = strf("%s/digest", registry->directory);
        if (!registry->layout || !registry->digest_file)
                return report_errno(client, ENOMEM, "cannot go on");
        if (mkdir(registry->layout, 0700) < 0)
                return report_errno(client, errno, registry->layout);
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        /* skopeo may leave directories that cannot be written to. */
        (void)remove(path);
        return 0;
}

void registry_done(Registry *registry) {
        if (registry->directory)
                (void)nftw(registry->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        free(registry->directory);
        free(registry->layout);
        free(registry->digest_file);
        registry->directory = registry->layout = registry->digest_file = NULL;
}

char *registry_reference(const Client *client, const char *operand) {
        const char *digest = strchr(operand, '@');
        _cleanup_free_ char *name =
                digest ? strndup(operand, (size_t)(digest - operand)) : strdup(operand);
        char *normal = NULL;
        int r = name ? image_reference_normalize(name, &normal) : -ENOMEM;

        if (r == -EINVAL)
                report(client, "invalid reference format: %s", operand);
        else if (r < 0)
                report_errno(client, r, "cannot go on");
        else if (digest) {
                free(normal);
                normal = strdup(operand);
                if (!normal)
                        report_errno(client, ENOMEM, "cannot go on");
        }
        return normal;
}

/* Adds --override-os and so on. `text` becomes the parts, and has to live as long as `argv`. */
static size_t add_platform(char *text, char **argv, size_t n) {
        static const char *const names[] = {"--override-os", "--override-arch",
                                            "--override-variant"};

        for (size_t i = 0; text && i < ELEMENTSOF(names); i++) {
                argv[n++] = (char *)names[i];
                argv[n++] = strsep(&text, "/");
        }
        return n;
}

static int copy(const Client *client, const Registry *registry, const char *from, const char *to,
                const char *tls_option) {
        const ChildFd fds[] = {{STDERR_FILENO, STDOUT_FILENO}, {-1, 0}};
        _cleanup_free_ char *tls = NULL, *platform = NULL;
        char *argv[ARGUMENTS_MAX] = {(char *)"skopeo", (char *)"--tmpdir", registry->directory};
        size_t n = 3;
        pid_t pid;
        int r;

        if (registry->platform) {
                platform = strdup(registry->platform);
                if (!platform)
                        return report_errno(client, ENOMEM, "cannot go on");
                n = add_platform(platform, argv, n);
        }
        argv[n++] = (char *)"copy";
        argv[n++] = (char *)"--digestfile";
        argv[n++] = registry->digest_file;
        if (registry->quiet || !progress_is_wanted())
                argv[n++] = (char *)"--quiet";
        if (registry->tls) {
                tls = strf("%s=%s", tls_option, registry->tls);
                if (!tls)
                        return report_errno(client, ENOMEM, "cannot go on");
                argv[n++] = tls;
        }
        argv[n++] = (char *)from;
        argv[n++] = (char *)to;
        r = child_start(argv, fds, &pid);
        if (r < 0)
                return report_skopeo(client, r);
        r = child_wait(pid);
        if (r < 0)
                return report_errno(client, r, "cannot wait for skopeo");
        /* It has said why. */
        return r == 0 ? 0 : client->verb->failure;
}

int registry_pull(const Client *client, const Registry *registry, const char *reference) {
        _cleanup_free_ char *from = strf("docker://%s", reference),
                            *to = strf("oci:%s", registry->layout);

        if (!from || !to)
                return report_errno(client, ENOMEM, "cannot go on");
        return copy(client, registry, from, to, "--src-tls-verify");
}

int registry_push(const Client *client, const Registry *registry, const char *reference) {
        _cleanup_free_ char *from = strf("oci:%s", registry->layout),
                            *to = strf("docker://%s", reference);

        if (!from || !to)
                return report_errno(client, ENOMEM, "cannot go on");
        return copy(client, registry, from, to, "--dest-tls-verify");
}

char *registry_digest(const Registry *registry) {
        char *text = NULL;

        if (fd_read_file_at(AT_FDCWD, registry->digest_file, DIGEST_MAX, &text, NULL) < 0)
                return NULL;
        text[strcspn(text, "\n")] = '\0';
        return text;
}

int registry_run_remotely(Client *client, const Registry *registry, char *const *operands) {
        _cleanup_strv_free_ char **words = NULL;
        int r = remote_add(&words, client->verb->name, registry->quiet ? "--quiet" : NULL, NULL);

        if (r >= 0 && registry->platform)
                r = remote_add(&words, "--platform", registry->platform, NULL);
        if (r >= 0 && registry->tls)
                r = strv_consume(&words, strf("--tls-verify=%s", registry->tls));
        if (r >= 0)
                r = remote_add(&words, "--", operands[0], operands[1], NULL);
        return r < 0 ? report_errno(client, r, "cannot go on") : remote_exec(client, words, false);
}

int registry_exec(Client *client, char *const *argv) {
        /* Our own verbs have skopeo's options. */
        if (client->host)
                return remote_exec(client, argv + 1, isatty(STDIN_FILENO));
        execvp(argv[0], argv);
        return report_skopeo(client, -errno);
}
