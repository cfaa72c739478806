/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervisor/packet-queue.h"
#include "protocol/message.h"

#define QUEUE_MAX 16384

struct Packet {
        Json *json;
        int fds[FD_PASS_MAX];
        size_t n_fds;
        LIST_LINKS(Packet) packets;
};

static void packet_free(Packet *packet) {
        fd_close_many(packet->fds, packet->n_fds);
        json_object_put(packet->json);
        free(packet);
}

static void remove_first(PacketQueue *queue) {
        Packet *packet = queue->first;

        LIST_REMOVE(queue->first, packet, packets);
        if (!queue->first)
                queue->last = NULL;
        queue->n--;
        packet_free(packet);
}

void packet_queue_done(PacketQueue *queue) {
        while (queue->first)
                remove_first(queue);
}

int packet_queue_add(PacketQueue *queue, Json *json, const int *fds, size_t n_fds) {
        Packet *packet;

        if (queue->n >= QUEUE_MAX)
                return -ENOBUFS;
        packet = calloc(1, sizeof(Packet));
        if (!packet)
                return -ENOMEM;
        packet->json = json_object_get(json);
        if (n_fds > 0)
                memcpy(packet->fds, fds, n_fds * sizeof(int));
        packet->n_fds = n_fds;
        packet->packets.prev = queue->last;
        if (queue->last)
                queue->last->packets.next = packet;
        else
                queue->first = packet;
        queue->last = packet;
        queue->n++;
        return 0;
}

int packet_queue_flush(PacketQueue *queue, int socket) {
        while (queue->first) {
                const Packet *packet = queue->first;
                int r = message_send(socket, packet->json, packet->fds, packet->n_fds);

                if (r == -EAGAIN)
                        return 0;
                if (r < 0)
                        return r;
                remove_first(queue);
        }
        return 0;
}

static int save_packet(const Packet *packet, State *state, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *fds = json_object_new_array();

        if (!json || !fds)
                return -ENOMEM;
        TRY(json_add(json, "packet", json_object_get(packet->json)));
        for (size_t i = 0; i < packet->n_fds; i++) {
                Json *item = json_object_new_object();

                TRY(json_append(fds, item));
                TRY(state_add_fd(state, item, "fd", packet->fds[i]));
        }
        TRY(json_add(json, "fds", TAKE_PTR(fds)));
        *ret = TAKE_PTR(json);
        return 0;
}

int packet_queue_save(const PacketQueue *queue, State *state, Json **ret) {
        _cleanup_json_ Json *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        LIST_FOREACH(packet, queue->first, packets) {
                Json *item;

                TRY(save_packet(packet, state, &item));
                TRY(json_append(array, item));
        }
        *ret = TAKE_PTR(array);
        return 0;
}

static int load_packet(PacketQueue *queue, State *state, Json *json) {
        int fds[FD_PASS_MAX], r = 1;
        Json *content, *list;
        size_t n = 0;

        if (json_get_object(json, "packet", &content) <= 0 ||
            json_get_array(json, "fds", &list) <= 0 || json_object_array_length(list) > FD_PASS_MAX)
                return -EBADMSG;
        while (r > 0 && n < json_object_array_length(list)) {
                r = state_take_fd(state, json_object_array_get_idx(list, n), "fd", &fds[n]);
                n += r > 0;
        }
        r = r > 0 ? packet_queue_add(queue, content, fds, n) : r < 0 ? r : -EBADMSG;
        if (r < 0)
                fd_close_many(fds, n);
        return r;
}

int packet_queue_load(PacketQueue *queue, State *state, Json *array) {
        for (size_t i = 0; i < json_object_array_length(array); i++)
                TRY(load_packet(queue, state, json_object_array_get_idx(array, i)));
        return 0;
}
