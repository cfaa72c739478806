/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Doubly linked lists whose links lie inside the objects, so that linking cannot fail. `head` is a
 * pointer variable, NULL for the empty list; an object's `links` is a LIST_LINKS() member. */

#define LIST_LINKS(type)                                                                           \
        struct {                                                                                   \
                type *next, *prev;                                                                 \
        }

#define LIST_PREPEND(head, item, links)                                                            \
        do {                                                                                       \
                (item)->links.prev = NULL;                                                         \
                (item)->links.next = (head);                                                       \
                if (head)                                                                          \
                        (head)->links.prev = (item);                                               \
                (head) = (item);                                                                   \
        } while (0)

/* Walks to the end: for lists that stay short. */
#define LIST_APPEND(head, item, links)                                                             \
        do {                                                                                       \
                __typeof__(head) _last = (head);                                                   \
                while (_last && _last->links.next)                                                 \
                        _last = _last->links.next;                                                 \
                (item)->links.prev = _last;                                                        \
                (item)->links.next = NULL;                                                         \
                if (_last)                                                                         \
                        _last->links.next = (item);                                                \
                else                                                                               \
                        (head) = (item);                                                           \
        } while (0)

/* The item must be in the list. */
#define LIST_REMOVE(head, item, links)                                                             \
        do {                                                                                       \
                if ((item)->links.prev)                                                            \
                        (item)->links.prev->links.next = (item)->links.next;                       \
                else                                                                               \
                        (head) = (item)->links.next;                                               \
                if ((item)->links.next)                                                            \
                        (item)->links.next->links.prev = (item)->links.prev;                       \
                (item)->links.next = (item)->links.prev = NULL;                                    \
        } while (0)

/* The body may remove and free `item`, and nothing else. */
#define LIST_FOREACH(item, head, links)                                                            \
        for (__typeof__((head) + 0) item = (head), _next_##item;                                   \
             item && (_next_##item = item->links.next, 1); item = _next_##item)
