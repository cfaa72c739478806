/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/human.h"

#define INTERVAL_USEC (200 * 1000)

bool progress_is_wanted(void) {
        return isatty(STDERR_FILENO);
}

static uint64_t now_monotonic(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void begin_line(Progress *progress, const char *what) {
        progress->shown = true;
        progress->told = now_monotonic();
        if (progress->started == 0)
                progress->started = progress->told;
        fprintf(stderr, "\r%s …", what);
}

/* At first it would say nothing. */
static void show_rate(const Progress *progress, double bytes) {
        double seconds = (double)(progress->told - progress->started) / 1e6;
        _cleanup_free_ char *rate = NULL;

        if (seconds >= 0.5)
                rate = human_size((uint64_t)(bytes / seconds));
        if (rate)
                fprintf(stderr, " %s/s", rate);
}

static void end_line(void) {
        fputs("\033[K", stderr);
        fflush(stderr);
}

void progress_show(Progress *progress, const char *what) {
        if (!what || !progress_is_wanted())
                return;
        begin_line(progress, what);
        if (progress->valid)
                fprintf(stderr, " %3.0f%%", progress->fraction * 100);
        if (progress->valid && progress->size > 0)
                show_rate(progress, progress->fraction * (double)progress->size);
        end_line();
}

void progress_count(Progress *progress, const char *what, uint64_t bytes) {
        _cleanup_free_ char *size = NULL;

        if (!progress_is_wanted() ||
            (progress->shown && now_monotonic() - progress->told < INTERVAL_USEC))
                return;
        begin_line(progress, what);
        size = human_size(bytes);
        if (size)
                fprintf(stderr, " %s", size);
        show_rate(progress, (double)bytes);
        end_line();
}

void progress_clear(Progress *progress) {
        if (!progress->shown)
                return;
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->shown = false;
}
