/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What --help prints. */

#include "cli/client.h"

void help_print(void);
void help_print_group(const char *group);
void help_print_verb(const Client *client);
