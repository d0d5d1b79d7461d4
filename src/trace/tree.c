/* SPDX-License-Identifier: MIT
 *
 * Records as trees, one a request: a line a door, indented under the door it was called from, across partitions by the
 * link keys. Repetition is folded only where it tells nothing new: children alike in door and without notes, and whole
 * requests that took the way of the request before.
 */
#include "trace/internal.h"

#include <stdlib.h>
#include <string.h>

#define NONE       UINT32_MAX
#define DEPTH_MAX  64                       /* records from a guest may claim any nesting */
#define NUMBER(id) ((unsigned)((id) >> 48)) /* of the partition */

struct node {
    const struct trace_record *record;
    uint32_t first, next; /* children in order of time; NONE ends */
    uint32_t last;
    bool child; /* has a parent that is here */
    bool plain; /* no note and nothing refused in it or below */
};

static int by_time(const void *a, const void *b)
{
    const struct node *left = a, *right = b;
    const struct trace_record *l = left->record, *r = right->record;
    if (l->start_ns != r->start_ns)
        return l->start_ns < r->start_ns ? -1 : 1;
    return (l->id > r->id) - (l->id < r->id);
}

struct key {
    uint64_t key;
    uint32_t node;
};

static int by_key(const void *a, const void *b)
{
    const struct key *left = a, *right = b;
    return (left->key > right->key) - (left->key < right->key);
}

static uint32_t find(const struct key *keys, size_t count, uint64_t key)
{
    const struct key wanted = {.key = key};
    const struct key *found = key && count ? bsearch(&wanted, keys, count, sizeof(*keys), by_key) : NULL;
    return found ? found->node : NONE;
}

/* A record from outside may name itself or a descendant as its parent: only an older one is accepted, so no loops. */
static void adopt(struct node *nodes, uint32_t parent, uint32_t child)
{
    if (parent == NONE || parent >= child)
        return;
    nodes[child].child = true;
    if (nodes[parent].first == NONE)
        nodes[parent].first = child;
    else
        nodes[nodes[parent].last].next = child;
    nodes[parent].last = child;
}

static void link_nodes(struct node *nodes, size_t count, struct key *ids, struct key *outs)
{
    size_t links = 0;
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = (struct key){nodes[i].record->id, i};
        if (nodes[i].record->link_out)
            outs[links++] = (struct key){nodes[i].record->link_out, i};
    }
    qsort(ids, count, sizeof(*ids), by_key);
    qsort(outs, links, sizeof(*outs), by_key);
    for (uint32_t i = 0; i < count; i++) {
        const struct trace_record *record = nodes[i].record;
        adopt(nodes, record->parent ? find(ids, count, record->parent) : find(outs, links, record->link_in), i);
    }
    /* Children come after their parent in time, so going backwards sees every child before its parent. */
    for (uint32_t i = (uint32_t)count; i-- > 0;) {
        nodes[i].plain = nodes[i].record->kind == TRACE_SPAN;
        for (uint32_t c = nodes[i].first; c != NONE; c = nodes[c].next)
            nodes[i].plain = nodes[i].plain && nodes[c].plain;
    }
}

static void print_line(const struct trace_record *record, unsigned depth, const char *more, FILE *stream)
{
    static const char *const marks[] = {
        [TRACE_SPAN] = "", [TRACE_NOTE] = "\u00b7 ", [TRACE_REFUSED] = "\u2717 ", [TRACE_HEADING] = ""};
    fprintf(stream, "%-8s %-7s %*s%s", record->partition, record->room, (int)(depth * 2), "", marks[record->kind]);
    if (record->kind == TRACE_REFUSED)
        fprintf(stream, "refused by %s: %s", record->rule, record->detail);
    else
        fprintf(stream, "%s%s%s", record->door, *record->door && *record->detail ? "  " : "", record->detail);
    if (*record->result)
        fprintf(stream, "  \u2192 %s", record->result);
    fprintf(stream, "%s\n", more);
}

static bool alike(const struct node *a, const struct node *b)
{
    return a->plain && b->plain && strcmp(a->record->door, b->record->door) == 0 &&
           strcmp(a->record->partition, b->record->partition) == 0 && strcmp(a->record->result, b->record->result) == 0;
}

static void print_node(const struct node *nodes, uint32_t index, unsigned depth, FILE *stream)
{
    print_line(nodes[index].record, depth, "", stream);
    for (uint32_t c = depth < DEPTH_MAX ? nodes[index].first : NONE; c != NONE;) {
        print_node(nodes, c, depth + 1, stream);
        uint32_t run = nodes[c].next, last = NONE;
        unsigned more = 0;
        for (; run != NONE && alike(&nodes[c], &nodes[run]); run = nodes[run].next, more++)
            last = run;
        if (more == 1)
            run = last;
        else if (more)
            fprintf(stream, "%-8s %-7s %*s\u2026 and %u more like it, the last: %s\n", nodes[c].record->partition,
                    nodes[c].record->room, (int)((depth + 1) * 2), "", more, nodes[last].record->detail);
        c = run;
    }
}

struct root {
    uint32_t node, heading; /* heading: index of the last one before it, NONE = none */
    unsigned partition;
};

static int by_part(const void *a, const void *b)
{
    const struct root *left = a, *right = b;
    if (left->heading != right->heading)
        return left->heading + 1 < right->heading + 1 ? -1 : 1; /* NONE first */
    if (left->partition != right->partition)
        return left->partition < right->partition ? -1 : 1;
    return (left->node > right->node) - (left->node < right->node);
}

static size_t find_roots(const struct node *nodes, size_t count, struct root *roots)
{
    size_t found = 0;
    uint32_t heading = NONE;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].record->kind == TRACE_HEADING)
            heading = i;
        if (!nodes[i].child)
            roots[found++] = (struct root){i, heading, NUMBER(nodes[i].record->id)};
    }
    qsort(roots, found, sizeof(*roots), by_part);
    return found;
}

static void print_roots(const struct node *nodes, const struct root *roots, size_t count, FILE *stream)
{
    const struct node *before = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct node *node = &nodes[roots[i].node];
        if (node->record->kind == TRACE_HEADING) {
            fprintf(stream, "\n%s\n\n", node->record->detail);
            before = NULL;
        } else if (before && alike(before, node) && node->first != NONE) {
            print_line(node->record, 0, "  (the same way)", stream);
        } else {
            print_node(nodes, roots[i].node, 0, stream);
            before = node;
        }
    }
}

void trace_tree_print(const struct trace_record *records, size_t count, FILE *stream)
{
    if (!count)
        return;
    struct node *nodes = calloc(count, sizeof(*nodes));
    struct key *ids = calloc(count, sizeof(*ids)), *outs = calloc(count, sizeof(*outs));
    struct root *roots = calloc(count, sizeof(*roots));
    if (nodes && ids && outs && roots && count < NONE) {
        for (size_t i = 0; i < count; i++)
            nodes[i] = (struct node){.record = &records[i], .first = NONE, .next = NONE, .last = NONE};
        qsort(nodes, count, sizeof(*nodes), by_time);
        link_nodes(nodes, count, ids, outs);
        print_roots(nodes, roots, find_roots(nodes, count, roots), stream);
    } else {
        fprintf(stream, "(%zu trace records not shown: out of memory)\n", count);
    }
    free(nodes);
    free(roots);
    free(ids);
    free(outs);
}
