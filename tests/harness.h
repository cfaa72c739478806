/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Integration tests: what every test program needs. A program runs as root inside tools/sandbox, beside a mydocker
 * of its own, and has an image "busybox". After each test the sandbox must look as before it: no container,
 * layer, mount, control group, process or descriptor more (leaks.c).
 *
 * Checks that fail here mark the test as failed and go on, so that one run shows as much as possible; only what
 * nothing can go on without is asserted. */

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <stdbool.h>
#include <sys/types.h>

#define MANAGER_NAME "org.mydocker.Manager"
#define MANAGER_PATH "/org/mydocker/Manager"

/* Whether this is a build with sanitizers, where memory and time say nothing. */
#ifdef __SANITIZE_ADDRESS__
#define HARNESS_SANITIZED true
#else
#define HARNESS_SANITIZED false
#endif

/* Whether everything takes many times as long, so that the same can be seen with less. */
#define HARNESS_SLOW (HARNESS_SANITIZED || g_getenv("MYDOCKER_TEST_PATIENCE"))

/* How long something may take that happens soon, in seconds; generous, it is waited out only in a failure. Where everything
 * takes longer, MYDOCKER_TEST_PATIENCE says how long. */
#define HARNESS_PATIENCE harness_patience()
int harness_patience(void);
#define HARNESS_PATIENCE_USEC ((gint64)HARNESS_PATIENCE * G_USEC_PER_SEC)

/* Marks the test as failed, says why, and goes on. */
void test_fails(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Waits until the condition holds; fails the test if it never does. */
#define WAIT_UNTIL(condition)                                                                      \
        do {                                                                                       \
                gint64 _end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;                      \
                while (!(condition)) {                                                             \
                        if (g_get_monotonic_time() > _end) {                                       \
                                test_fails("%s:%d: never came true: %s", __FILE__, __LINE__,       \
                                           #condition);                                            \
                                break;                                                             \
                        }                                                                          \
                        g_usleep(10000);                                                           \
                }                                                                                  \
        } while (0)

/* Marks the test as failed unless the condition holds, and goes on. */
#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        test_fails("%s:%d: not true: %s", __FILE__, __LINE__, #condition);         \
        } while (0)

/* The program's frame (harness.c) */

/* Ends the program with 77 outside a sandbox. The working directory is then one for scratch files, which every
 * user can enter. */
void harness_init(int *argc, char ***argv);
void harness_add(const char *name, void (*function)(void));
void harness_add_data(const char *name, void (*function)(gconstpointer data), gconstpointer data);
/* Return: the exit status for main(). */
int harness_run(void);

/* The sandbox's directory. */
const char *sandbox_dir(void);
/* The control group below which each container has its own, from the root of a hierarchy. */
const char *sandbox_cgroup(void);
pid_t daemon_pid(void);
pid_t supervisor_pid(void);
/* Whether it has ended, even if nobody has collected it yet. */
bool process_is_gone(pid_t pid);
/* Sends a signal and waits until the process is gone. */
void daemon_kill(int signal);
void daemon_start(void);
/* Starts it again with more keys in its configuration, members of a JSON object; empty: none. */
void daemon_configure(const char *members);
void supervisor_kill(void);
/* The state directory becomes an empty file system of this size, made in a file, until small_disk_end(). The daemon is another
 * after either. */
void small_disk_begin(unsigned mebibytes);
void small_disk_end(void);
/* A connection of one's own. Return: a descriptor, or -1 when nobody listens. */
int supervisor_connect(void);

/* Runs a shell command line. Return: its exit status as the shell's $?. `out` and `err` may be NULL; *out and
 * *err are to be freed. */
int shell(char **out, char **err, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Runs a shell command line and compares: `out` and `err` are patterns where '*' stands for anything, NULL for
 * what does not matter. */
void expect(int status, const char *out, const char *err, const char *format, ...)
        G_GNUC_PRINTF(4, 5);

/* The same as a table; no formats. */
typedef struct ShellCase {
        const char *command;
        int status;
        const char *out, *err;
} ShellCase;

void run_shell_cases(const ShellCase *cases, guint n);
#define RUN_SHELL_CASES(cases) run_shell_cases(cases, G_N_ELEMENTS(cases))

/* As user "nobody", in front of a command line. */
#define AS_NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups "

/* Compares with a pattern, in which '*' stands for anything; NULL for what does not matter. */
void check_text(const char *what, const char *actual, const char *pattern);

/* A file's contents. Return: to be freed, NULL if it cannot be read. */
char *read_file(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* The bus (bus.c). Paths may be NULL for the manager. Arguments are GVariant text, see g_variant_new_parsed();
 * the options that end most methods are not appended for you. */

/* Root's connection. */
extern GDBusConnection *bus;

/* One more connection, of this user, to be unreferenced. */
GDBusConnection *bus_connect_as(uid_t uid);

/* Calls and expects success. Return: the reply, to be unreferenced. */
GVariant *bus_call(const char *path, const char *method, const char *format, ...);

/* Calls and returns what comes. `caller` NULL is `bus`; `fds` and `ret_fds` may be NULL.
 * Return: the reply or NULL with *error set. */
GVariant *bus_try(GDBusConnection *caller, GUnixFDList *fds, GUnixFDList **ret_fds, GError **error,
                  const char *path, const char *method, const char *format, ...);

/* Calls and expects this error; `message` is a pattern or NULL. */
void bus_refused(GDBusConnection *caller, const char *error_name, const char *message,
                 const char *path, const char *method, const char *format, ...);

#define ERROR_ACCESS "org.freedesktop.DBus.Error.AccessDenied"
#define ERROR_ARGS "org.freedesktop.DBus.Error.InvalidArgs"
#define ERROR_INTERACTIVE "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
#define ERROR_UNSUPPORTED "org.freedesktop.DBus.Error.NotSupported"
#define ERROR_LIMITS "org.freedesktop.DBus.Error.LimitsExceeded"
#define ERROR_MYDOCKER(name) "org.mydocker.Error." name

/* A property's current value, to be unreferenced; NULL if the object is gone. */
GVariant *bus_property(const char *path, const char *name);
/* Compares a property, printed as GVariant text, with a pattern. */
void bus_check_property(const char *path, const char *name, const char *pattern);
/* Waits until it matches. */
void bus_wait_property(const char *path, const char *name, const char *pattern);
bool bus_property_matches(const char *path, const char *name, const char *pattern);
guint32 bus_property_uint(const char *path, const char *name);
bool bus_object_exists(const char *path);

/* Runs `sh -c COMMAND` in a new container of the image busybox. `options` is GVariant text, NULL for none.
 * Return: its path, to be freed. */
char *container_run(const char *options, const char *command);
char *container_create(const char *options, const char *command);
/* What a command prints in a running container; it must exit with 0. Return: to be freed. */
char *container_exec(const char *path, const char *command);
/* Makes a file in a running container, which may be what it waits for to end. */
void container_touch(const char *path, const char *file);
/* Runs a command in a container of its own and returns what it printed; `status` may be NULL. */
char *container_output(const char *options, const char *command, int *status);
void container_remove(const char *path);
/* The path of the one with this name, to be freed; NULL when there is none. */
char *container_find(const char *name);
/* Waits for its end, for as long as the test may last. Return: its exit status. */
int container_wait(const char *path);
/* What it logged, without time, stream and tag, each line ended. Return: to be freed. */
char *container_log(const char *path);
/* Waits until this is in its log. */
void container_wait_log(const char *path, const char *text);
/* The log as the OpenLogs method gives it. */
char *container_raw_log(const char *path, const char *options);

/* Waits for a job's end. Return: its results, to be unreferenced; NULL if it failed, *error_name then says how (to be freed). */
GVariant *job_finish(const char *job, char **error_name);
/* Forgets the ends of jobs, also of those that commands began: a daemon that is started again counts from the
 * beginning. */
void jobs_forget(void);
/* Imports an archive. Return: the image's path, to be freed, or NULL with *error_name set as above. */
char *image_import(const char *file, const char *name, char **error_name);
/* The image's path, to be freed; NULL when there is none. */
char *image_find(const char *name);
void image_remove(const char *name);

/* What polkitd may know (rules.c): one rule, which allows what fulfils the condition, for as long as a test runs. It
 * reads its directory again by itself, a moment later. */
void rule_set(const char *condition);
/* A whole file of rules instead. */
void rule_set_text(const char *text);
void rule_clear(void);
/* The same in a file of this name, which a failed test removes if it begins with "50-". */
void rule_write(const char *name, const char *condition);
void rule_remove(const char *name);
/* Whether GetPermissions says so for `caller`. */
bool permission_is(GDBusConnection *caller, const char *action, const char *expected);
/* A denied call gets one of two errors, depending on whether a password would help. Options are not appended. */
bool is_denied(GDBusConnection *caller, const char *path, const char *method,
               const char *arguments);
void check_denied(GDBusConnection *caller, const char *path, const char *method,
                  const char *arguments);
void check_allowed(GDBusConnection *caller, const char *path, const char *method,
                   const char *arguments);

/* A storage of their own for buildah and podman (peers.c), in the working directory. */
void peers_prepare(void);
void peers_clean_up(void);

/* Reads until the end and closes. Return: to be freed. */
char *read_fd(int fd, gsize *ret_size);

/* What could leak (leaks.c): one line for each mount, control group, record, process and descriptor.
 * Return: to be freed with g_strfreev(). */
char **leaks_baseline(void);
/* Waits until nothing more is there than in the baseline, and fails the test if there always is. */
void leaks_check(char *const *before);
/* Leaves out what is still to be deleted, and who does it: for many checks one after the other. */
void leaks_leave_out_trash(bool leave_out);

/* Every message that one connection receives, in order (recorder.c), as text:
 *   "InterfacesAdded PATH" · "InterfacesRemoved PATH" · "PropertiesChanged PATH NAME=VALUE…" · "reply SERIAL" ·
 *   "error SERIAL NAME" · "MEMBER PATH" */
typedef struct Recorder Recorder;
Recorder *recorder_new(GDBusConnection *connection);
void recorder_free(Recorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recorder, recorder_free)
/* The index, from `start`, of the first line matching the pattern; waits for it. Return: -1 if it never comes. */
int recorder_wait(Recorder *recorder, guint start, const char *pattern);
/* The same among what has come already. */
int recorder_find(Recorder *recorder, guint start, const char *pattern);
guint recorder_length(Recorder *recorder);
/* All lines for a failure's message, to be freed. */
char *recorder_dump(Recorder *recorder);
