/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* push, pull, login and logout, with skopeo and a registry of our own on the loopback interface. */

#include "harness.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEX64 "????????????????????????????????????????????????????????????????"

static GPid registry;
static int port;

static int free_port(void) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(bind(fd, (struct sockaddr *)&address, size), ==, 0);
        g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
        close(fd);
        return ntohs(address.sin_port);
}

static bool answers(void) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                      .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

        close(fd);
        return connected;
}

/* `auth` is a part of its configuration. The commands find its address in $R. */
static void registry_start(const char *auth) {
        g_autofree char *here = g_get_current_dir(), *config = NULL, *address = NULL;
        char *argv[] = {(char *)"docker-registry", (char *)"serve", (char *)"registry.yml", NULL};
        g_autoptr(GError) error = NULL;

        port = free_port();
        config = g_strdup_printf("version: 0.1\n"
                                 "log: {level: error}\n"
                                 "storage: {filesystem: {rootdirectory: %s/registry}}\n"
                                 "http: {addr: '127.0.0.1:%d'}\n%s",
                                 here, port, auth);
        g_assert_true(g_file_set_contents("registry.yml", config, -1, NULL));
        g_spawn_async(NULL, argv, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                              G_SPAWN_STDERR_TO_DEV_NULL,
                      NULL, NULL, &registry, &error);
        g_assert_no_error(error);
        WAIT_UNTIL(answers());
        address = g_strdup_printf("localhost:%d", port);
        g_setenv("R", address, true);
        expect(0, "", "", "mkdir -m 1777 tmp");
        g_setenv("TMPDIR", "tmp", true);
}

static void registry_stop(void) {
        kill(registry, SIGTERM);
        while (waitpid(registry, NULL, 0) < 0 && errno == EINTR)
                ;
        g_unsetenv("TMPDIR");
        /* Nothing of an image is left beside the daemon's store. */
        expect(0, "", "", "ls tmp; rm -r registry registry.yml tmp");
}

static void test_round_trip(void) {
        static const ShellCase cases[] = {
                {"mydocker run --name c busybox sh -c 'echo pushed > /file; chown 1000:50 /file; chmod 4711 /file'",
                 0, "", ""},
                {"mydocker commit -c 'ENV A=b' -c 'CMD stat -c \"%n %u %g %a\" /file' c $R/lab/x:1; mydocker rm c",
                 0, "sha256:" HEX64 "\nc\n", ""},
                {"mydocker push --tls-verify=false $R/lab/x:1 > said", 0, "", ""},
                {"cat said", 0, "1: digest: sha256:" HEX64 "\n", ""},
                /* The registry, and who else asks it, see the same. */
                {"[ \"1: digest: $(skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://$R/lab/x:1)\" = \"$(cat said)\" ]",
                 0, "", ""},
                {"skopeo inspect --config --tls-verify=false docker://$R/lab/x:1 | python3 -c '"
                 "import json, sys; c = json.load(sys.stdin); print(c[\"config\"][\"Env\"], c[\"config\"][\"Cmd\"][0], c[\"os\"])'",
                 0, "*A=b* linux\n", ""},
                {"mydocker rmi $R/lab/x:1 | grep -c Deleted", 0, "1\n", ""},
                {"mydocker pull --tls-verify=false $R/lab/x:1", 0,
                 "Digest: sha256:" HEX64
                 "\nStatus: Downloaded newer image for localhost:*/lab/x:1\nlocalhost:*/lab/x:1\n",
                 ""},
                {"mydocker run --rm $R/lab/x:1", 0, "/file 1000 50 4711\n", ""},
                {"mydocker run --rm $R/lab/x:1 sh -c 'cat /file; echo $A'", 0, "pushed\nb\n", ""},
                {"mydocker rmi $R/lab/x:1 | grep -c Deleted", 0, "1\n", ""},
                /* By its digest, and quietly. */
                {"mydocker pull -q --tls-verify=false $R/lab/x@$(sed 's,.* ,,' said) | tee id", 0,
                 "sha256:" HEX64 "\n", ""},
                {"mydocker run --rm $(cat id) cat /file; mydocker rmi $(cat id) | grep -c Deleted",
                 0, "pushed\n1\n", ""},
                /* Elsewhere it is an image like any other. Some runtimes want one hierarchy of control groups only. */
                {"podman pull -q --tls-verify=false $R/lab/x:1", 0, HEX64 "\n", NULL},
                {"unshare -m sh -c \"umount /sys/fs/cgroup/unified 2>/dev/null; podman run --rm --network none --cgroups disabled $R/lab/x:1\"",
                 0, "/file 1000 50 4711\n", NULL},
                {"podman rmi -f $R/lab/x:1 | grep -c Deleted", 0, "1\n", NULL},
                /* Under another name, with the default tag. */
                {"mydocker push -q --tls-verify=false busybox $R/b && mydocker pull -q --tls-verify=false $R/b",
                 0, "localhost:*/b:latest\n", ""},
                {"mydocker run --rm $R/b echo works; mydocker rmi $R/b", 0, "works\nUntagged: *",
                 ""},
                {"rm said id", 0, "", ""},
        };

        registry_start("");
        RUN_SHELL_CASES(cases);
        registry_stop();
}

static void test_failures(void) {
        static const ShellCase cases[] = {
                {"mydocker pull --tls-verify=false $R/none", 1, "", "?*"},
                {"mydocker pull $R/none", 1, "", "?*"},
                {"mydocker push --tls-verify=false none", 1, "", "Error: No such image: none\n"},
                {"mydocker pull Upper", 1, "", "Error: invalid reference format: Upper\n"},
                {"mydocker push busybox x@sha256:1", 1, "",
                 "Error: cannot push a digest reference\n"},
                {"mydocker pull", 1, "", "*requires 1 argument*"},
                {"mydocker pull --tls-verify=perhaps x", 125, "", "*perhaps*"},
                {"cli=$(command -v mydocker); PATH=/nonexistent $cli pull x", 1, "",
                 "Error: registries take skopeo(1), which is not installed\nTo install it: apt-get install skopeo\n"},
                {"cli=$(command -v mydocker); PATH=/nonexistent $cli login x", 1, "",
                 "Error: registries take skopeo(1), which is not installed\n*"},
                {"mydocker push -q --tls-verify=false busybox $R/b", 0, "", ""},
                /* Everything is done with the user's own rights, and it is not theirs to add an image. */
                {AS_NOBODY
                 "env HOME=/nonexistent XDG_RUNTIME_DIR=$PWD/tmp mydocker pull --tls-verify=false $R/b",
                 1, "", "Error: permission denied: *org.mydocker.image.import*"},
                {AS_NOBODY
                 "env HOME=/nonexistent XDG_RUNTIME_DIR=$PWD/tmp mydocker push --tls-verify=false busybox $R/c",
                 1, "", "Error: permission denied: *org.mydocker.image.export*"},
                {"mydocker images -q | wc -l", 0, "1\n", ""},
        };

        registry_start("");
        RUN_SHELL_CASES(cases);
        registry_stop();
}

/* One name for several machines: ours is chosen, another one can be asked for. */
static void test_platforms(void) {
        static const ShellCase cases[] = {
                {"for a in ours theirs; do mydocker run --name c busybox sh -c \"echo $a > /which\";"
                 " mydocker commit c $R/m:$a; mydocker rm c; mydocker push -q --tls-verify=false $R/m:$a; done | grep -c sha256",
                 0, "2\n", ""},
                {"python3 list.py $R $(skopeo inspect --config --tls-verify=false docker://$R/m:ours | python3 -c '"
                 "import json, sys; print(json.load(sys.stdin)[\"architecture\"])')",
                 0, "", ""},
                {"mydocker pull -q --tls-verify=false $R/m:all && mydocker run --rm $R/m:all cat /which",
                 0, "localhost:*/m:all\nours\n", ""},
                {"mydocker pull -q --tls-verify=false --platform linux/s390x $R/m:all && mydocker run --rm $R/m:all cat /which",
                 0, "localhost:*/m:all\ntheirs\n", ""},
                {"mydocker rmi -f $(mydocker images -q | sort -u | grep -v \"$(mydocker images -q busybox)\") > list",
                 0, "", ""},
                {"mydocker image prune -f > list", 0, "", ""},
                {"rm list list.py", 0, "", ""},
        };

        registry_start("");
        g_assert_true(g_file_set_contents(
                "list.py",
                "import hashlib, json, sys, urllib.request\n"
                "base = 'http://' + sys.argv[1] + '/v2/m/manifests/'\n"
                "kind = 'application/vnd.oci.image.manifest.v1+json'\n"
                "manifests = []\n"
                "for tag, machine in ('ours', sys.argv[2]), ('theirs', 's390x'):\n"
                "    request = urllib.request.Request(base + tag, headers={'Accept': kind})\n"
                "    data = urllib.request.urlopen(request).read()\n"
                "    manifests.append({'mediaType': kind, 'size': len(data),\n"
                "                      'digest': 'sha256:' + hashlib.sha256(data).hexdigest(),\n"
                "                      'platform': {'os': 'linux', 'architecture': machine}})\n"
                "kind = 'application/vnd.oci.image.index.v1+json'\n"
                "index = {'schemaVersion': 2, 'mediaType': kind, 'manifests': manifests}\n"
                "urllib.request.urlopen(urllib.request.Request(base + 'all', json.dumps(index).encode(),\n"
                "                                              {'Content-Type': kind}, method='PUT'))\n",
                -1, NULL));
        RUN_SHELL_CASES(cases);
        registry_stop();
}

static void test_login(void) {
        static const ShellCase cases[] = {
                {"mydocker push -q --tls-verify=false busybox $R/b", 1, "", "?*"},
                {"echo wrong | mydocker login --tls-verify=false -u me --password-stdin $R", 1, "*",
                 "?*"},
                {"echo secret | mydocker login --tls-verify=false -u me --password-stdin $R", 0,
                 "Login Succeeded!\n", ""},
                {"mydocker push -q --tls-verify=false busybox $R/b", 0, "", ""},
                {"mydocker logout $R", 0, "Removed login credentials *\n", ""},
                {"mydocker pull -q --tls-verify=false $R/b", 1, "", "?*"},
                {"rm -f auth.json passwords", 0, "", ""},
        };
        g_autofree char *here = g_get_current_dir(), *auth = NULL, *file = NULL;

        expect(0, "", NULL,
               "python3 -c 'import crypt; print(\"me:\" + crypt.crypt(\"secret\", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)).replace(\"$2b$\", \"$2y$\"))' > passwords");
        auth = g_strdup_printf("auth: {htpasswd: {realm: here, path: %s/passwords}}\n", here);
        file = g_build_filename(here, "auth.json", NULL);
        registry_start(auth);
        /* skopeo's; the registry would take it for a setting of its own. */
        g_setenv("REGISTRY_AUTH_FILE", file, true);
        RUN_SHELL_CASES(cases);
        registry_stop();
        g_unsetenv("REGISTRY_AUTH_FILE");
}

int main(int argc, char *argv[]) {
        int status;

        harness_init(&argc, &argv);
        peers_prepare();
        harness_add("/registry/round-trip", test_round_trip);
        harness_add("/registry/failures", test_failures);
        harness_add("/registry/platforms", test_platforms);
        harness_add("/registry/login", test_login);
        status = harness_run();
        peers_clean_up();
        return status;
}
