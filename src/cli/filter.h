/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --filter KEY=VALUE: different keys must all hold, of the same key one. */

#include "cli/containers.h"

/* Checks that all filters have known keys. `keys` ends with NULL. Return: an exit status. */
int filters_check(const Client *client, char *const *filters, const char *const *keys);

/* Whether, for this key, no filter is given or `match` holds for one of the values given. */
bool filters_hold(char *const *filters, const char *key,
                  bool (*match)(const char *value, const void *userdata), const void *userdata);

/* Whether there is a filter with this key. */
bool filters_have(char *const *filters, const char *key);

/* Whether one of the labels, as KEY=VALUE, is the one wanted: KEY or KEY=VALUE. */
bool label_matches(char *const *labels, const char *wanted);

/* Checks the values of the filters with this key. Return: an exit status. */
int filters_check_values(const Client *client, char *const *filters, const char *key,
                         bool (*is_valid)(const char *value));
bool filter_is_bool(const char *value);

/* The filters of ps: checks keys and values; and, once there is a list, the containers that "before" and "since" name
 * there. Return: an exit status. */
int container_filters_check(const Client *client, char *const *filters);
int container_filters_look_up(const Client *client, char *const *filters,
                              const ContainerList *list);
/* `list` is what "before" and "since" look for their container in. */
bool container_filters_hold(char *const *filters, const Container *container,
                            const ContainerList *list);
