/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names for containers that were given none. */

/* Makes up "adjective_noun", with a number behind it from the second `attempt` on, so that a free name
 * is found also when all pairs are taken. Return: a string to be freed, or NULL when out of memory. */
char *name_make(unsigned attempt);
