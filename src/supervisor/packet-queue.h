/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packets that a peer has not taken yet, in order. */

#include "shared/fd.h"
#include "shared/list.h"
#include "supervisor/state.h"

typedef struct Packet Packet;

/* Zero-initialized it is empty. */
typedef struct PacketQueue {
        Packet *first, *last;
        size_t n;
} PacketQueue;

/* Drops all that is in it. */
void packet_queue_done(PacketQueue *queue);

/* Adds one; takes the descriptors when it succeeds. Return: 0, -ENOBUFS when there are too many, or -ENOMEM. */
int packet_queue_add(PacketQueue *queue, Json *json, const int *fds, size_t n_fds);

/* Sends as much as the socket takes. Return: 0, or a negative errno when the connection is lost. */
int packet_queue_flush(PacketQueue *queue, int socket);

/* To and from the program that takes our place. Return: 0 or a negative errno. */
int packet_queue_save(const PacketQueue *queue, State *state, Json **ret);
int packet_queue_load(PacketQueue *queue, State *state, Json *array);
