/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A journald of our own is at the other end. */

#include <endian.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "shared/strutil.h"
#include "shared/test.h"
#include "supervisor/journal.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char dir[] = "/tmp/test-journal-XXXXXX";
static char path[sizeof(dir) + 16];
static EventLoop *loop;
static int journald = -EBADF;
static char entry[65536];
static bool is_ready;

static void start_journald(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        memcpy(address.sun_path, path, sizeof(path));
        unlink(path);
        journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(journald >= 0);
        CHECK_INT(bind(journald, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* Return: the next entry's message; its other fields are in `entry`. */
static const char *next_entry(void) {
        struct pollfd pollfd = {.fd = journald, .events = POLLIN};
        ssize_t n;
        char *message;
        uint64_t size;

        CHECK_INT(poll(&pollfd, 1, 60000), 1);
        n = recv(journald, entry, sizeof(entry) - 1, 0);
        CHECK(n > 0);
        entry[n] = '\0';
        message = strstr(entry, "\nMESSAGE\n");
        CHECK(message);
        message += strlen("\nMESSAGE\n");
        memcpy(&size, message, sizeof(size));
        size = le64toh(size);
        message += sizeof(size);
        CHECK_INT(message + size + 1 - entry, n);
        CHECK(message[size] == '\n');
        message[size] = '\0';
        return message;
}

static bool has_entry(void) {
        struct pollfd pollfd = {.fd = journald, .events = POLLIN};

        return poll(&pollfd, 1, 0) > 0;
}

static void on_ready(void *data) {
        is_ready = true;
        event_loop_stop(loop);
}

static Journal *new_journal(const char *tag) {
        const LogSpec log = {
                .name = (char *)"web",
                .image = (char *)"busybox:latest",
                .tag = (char *)tag,
        };
        const JournalConfig config = {
                .socket = path,
                .id = ID,
                .log = &log,
                .priority = 6,
                .ready = on_ready,
        };
        Journal *journal;

        CHECK_INT(journal_new(loop, &config, &journal), 0);
        return journal;
}

static bool write_text(Journal *journal, const char *text) {
        return journal_write(journal, text, strlen(text));
}

static void test_fields(void) {
        Journal *journal = new_journal(NULL);

        CHECK(write_text(journal, "one\ntwo"));
        CHECK_STR(next_entry(), "one");
        CHECK(startswith(entry, "PRIORITY=6\nCONTAINER_ID=0123456789ab\nCONTAINER_ID_FULL=" ID
                                "\nCONTAINER_NAME=web\nCONTAINER_TAG=0123456789ab\n"
                                "IMAGE_NAME=busybox:latest\nSYSLOG_IDENTIFIER=0123456789ab\n"));
        CHECK(!strstr(entry, "CONTAINER_PARTIAL_MESSAGE"));
        CHECK(!has_entry());
        CHECK(write_text(journal, " and a half\n\nthree"));
        CHECK_STR(next_entry(), "two and a half");
        CHECK_STR(next_entry(), "");
        CHECK(!has_entry());
        journal_release(journal);
        CHECK_STR(next_entry(), "three");
        CHECK(!has_entry());

        journal = new_journal("a tag");
        CHECK(write_text(journal, "text\n"));
        next_entry();
        CHECK(strstr(entry, "\nCONTAINER_TAG=a tag\n"));
        CHECK(strstr(entry, "\nSYSLOG_IDENTIFIER=a tag\n"));
        journal_release(journal);
        CHECK(!has_entry());
}

/* A long line comes in pieces, each but the last marked as one. */
static void test_partial(void) {
        Journal *journal = new_journal(NULL);
        _cleanup_free_ char *text = malloc(40001);

        memset(text, 'x', 40000);
        text[39999] = '\n';
        CHECK(journal_write(journal, text, 10000));
        CHECK(journal_write(journal, text, 10000));
        CHECK_INT(strlen(next_entry()), 16384);
        CHECK(strstr(entry, "\nCONTAINER_PARTIAL_MESSAGE=true\n"));
        CHECK(journal_write(journal, text + 20000, 20000));
        CHECK_INT(strlen(next_entry()), 16384);
        CHECK(strstr(entry, "\nCONTAINER_PARTIAL_MESSAGE=true\n"));
        CHECK_INT(strlen(next_entry()), 39999 - 2 * 16384);
        CHECK(!strstr(entry, "\nCONTAINER_PARTIAL_MESSAGE=true\n"));
        journal_release(journal);
        CHECK(!has_entry());
}

static char *numbered_lines(int n) {
        char *text = malloc(n * 16), *end = text;

        CHECK(text);
        for (int i = 0; i < n; i++)
                end += sprintf(end, "line %d\n", i);
        return text;
}

/* Runs the loop until it is stopped, by a handler or after some milliseconds. */
static void on_timeout(void *data) {
        event_loop_stop(loop);
}

static void run(unsigned msec) {
        EventTimer timer = {};

        event_timer_set(loop, &timer, msec, on_timeout, NULL);
        CHECK_INT(event_loop_run(loop), 0);
        event_timer_cancel(&timer);
}

static void on_journald(void *data, uint32_t events) {
        int *next = data;
        char text[32];

        snprintf(text, sizeof(text), "line %d", (*next)++);
        CHECK_STR(next_entry(), text);
}

/* A journald that is slower than the process gets every line in order; the writer is told to wait. */
static void test_slow(void) {
        Journal *journal = new_journal(NULL);
        _cleanup_free_ char *text = numbered_lines(2000);
        EventSource source;
        int next = 0;

        is_ready = false;
        CHECK(!write_text(journal, text));
        CHECK_INT(event_source_add(loop, &source, journald, EPOLLIN, on_journald, &next), 0);
        run(10000);
        CHECK(is_ready);
        journal_release(journal);
        while (next < 2000)
                on_journald(&next, 0);
        CHECK(!has_entry());

        /* Also when the writer has gone meanwhile. */
        next = 0;
        journal = new_journal(NULL);
        CHECK(!write_text(journal, text));
        journal_release(journal);
        for (unsigned i = 0; i < 1000 && next < 2000; i++)
                run(20);
        CHECK_INT(next, 2000);
        event_source_remove(&source);
        CHECK(!has_entry());
}

/* One that takes nothing is waited for no longer than a moment, and hears what was lost. */
static void test_stalled(void) {
        Journal *journal = new_journal(NULL);
        _cleanup_free_ char *text = numbered_lines(2000);
        int taken = 0;

        is_ready = false;
        CHECK(!write_text(journal, text));
        run(10000);
        CHECK(is_ready);
        CHECK(write_text(journal, text));
        while (has_entry()) {
                next_entry();
                taken++;
        }
        CHECK(taken < 2000);
        CHECK(write_text(journal, "again\n"));
        CHECK(strstr(next_entry(), " bytes of output could not be logged]"));
        CHECK_STR(next_entry(), "again");
        journal_release(journal);
        CHECK(!has_entry());
}

/* Nobody listens; then somebody does; then somebody else. */
static void test_restarted(void) {
        Journal *journal;

        close(journald);
        unlink(path);
        journal = new_journal(NULL);
        CHECK(write_text(journal, "nobody\n"));
        start_journald();
        run(1100);
        CHECK(write_text(journal, "somebody\n"));
        CHECK_STR(next_entry(), "[6 bytes of output could not be logged]");
        CHECK_STR(next_entry(), "somebody");
        close(journald);
        start_journald();
        CHECK(write_text(journal, "else\n"));
        CHECK_STR(next_entry(), "else");
        journal_release(journal);
        CHECK(!has_entry());
}

/* In the place of the new program. */
static _Noreturn void go_on(int fd) {
        State *state;
        Json *json;
        Journal *journal;

        CHECK_INT(state_read(fd, &state), 0);
        CHECK_INT(json_get_object(state_root(state), "journal", &json), 1);
        CHECK_INT(journal_load(loop, state, json, on_ready, NULL, &journal), 0);
        state_free(state);
        CHECK(!journal_is_full(journal));
        CHECK(write_text(journal, " a line\nrest"));
        journal_release(journal);
        _exit(0);
}

/* Another program goes on in the middle of a line. */
static void test_passed_on(void) {
        Journal *journal = new_journal("passed");
        State *state;
        Json *json;
        int fd, status;
        pid_t pid;

        CHECK(write_text(journal, "one\nhalf"));
        CHECK_STR(next_entry(), "one");
        CHECK_INT(state_new(&state), 0);
        CHECK_INT(journal_save(journal, state, &json), 0);
        CHECK_INT(json_add(state_root(state), "journal", json), 0);
        fd = state_pass(state);
        CHECK(fd >= 0);
        pid = fork();
        if (pid == 0)
                go_on(fd);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK_INT(status, 0);
        CHECK_STR(next_entry(), "half a line");
        CHECK(strstr(entry, "\nCONTAINER_NAME=web\nCONTAINER_TAG=passed\n"));
        CHECK_STR(next_entry(), "rest");
        CHECK(!has_entry());
        /* It could not be executed: the old one has what it had. */
        state_keep(state);
        state_free(state);
        close(fd);
        CHECK(write_text(journal, " way\n"));
        CHECK_STR(next_entry(), "half way");
        journal_release(journal);
        CHECK(!has_entry());
}

int main(void) {
        CHECK(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/socket", dir);
        CHECK_INT(event_loop_new(&loop), 0);
        start_journald();
        test_fields();
        test_partial();
        test_slow();
        test_stalled();
        test_restarted();
        test_passed_on();
        close(journald);
        event_loop_free(loop);
        CHECK_INT(unlink(path), 0);
        CHECK_INT(rmdir(dir), 0);
        return 0;
}
