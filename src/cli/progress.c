/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

bool progress_is_wanted(void) {
        return isatty(STDERR_FILENO);
}

void progress_show(Progress *progress, const char *what) {
        if (!what || !progress_is_wanted())
                return;
        progress->shown = true;
        fprintf(stderr, "\r%s …", what);
        if (progress->valid)
                fprintf(stderr, " %3.0f%%", progress->fraction * 100);
        fputs("\033[K", stderr);
        fflush(stderr);
}

void progress_clear(Progress *progress) {
        if (!progress->shown)
                return;
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->shown = false;
}
