/* SPDX-License-Identifier: MIT
 *
 * Watching what happens: a trace takes a record for every door a request goes through, in this process and in the guest
 * processes joined to it, and prints them as one tree a request, as JSON lines, or only counts them.
 *
 * Threads: any.
 */
#ifndef VFP_TRACE_H
#define VFP_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfp_trace;

/* The stream stays the caller's and must outlive the trace. NULL on lack of memory. */
struct vfp_trace *vfp_trace_text(FILE *stream);   /* trees, printed by vfp_trace_flush */
struct vfp_trace *vfp_trace_json(FILE *stream);   /* one JSON object a record, printed as it comes */
struct vfp_trace *vfp_trace_chrome(FILE *stream); /* one JSON array that Perfetto and chrome://tracing open; complete
                                                   * once the trace is destroyed */
struct vfp_trace *vfp_trace_count(void);          /* prints nothing, counts */
struct vfp_trace *
vfp_trace_forward(int fd); /* a guest process: to the pipe that its host joined; fd stays the caller's */
/* Everything that used it must be gone; joined processes must have closed their end. Flushes. */
void vfp_trace_destroy(struct vfp_trace *trace);

/* Prints every request that ended since the last flush: by heading, then by partition, then oldest first. */
void vfp_trace_flush(struct vfp_trace *trace);
/* From now on is a new part of the run: its requests come under that heading, those of one partition together. */
void vfp_trace_heading(struct vfp_trace *trace, const char *text);
/* Takes the records of another process from the reading end of its pipe, which becomes the trace's, until the other end
 * closes. The pipe's writer is not trusted. 0 or -errno. */
int vfp_trace_join(struct vfp_trace *trace, int fd);
/* Waits until every joined process has closed its end. */
void vfp_trace_drain(struct vfp_trace *trace);

/* How often a door was left since `since_ns` (CLOCK_MONOTONIC, 0 = ever). NULL matches every partition; a result prefix
 * of NULL matches every result ("SUCCESS", "4", ...). */
unsigned vfp_trace_doors(struct vfp_trace *trace, const char *partition, const char *door, const char *result,
                         uint64_t since_ns);

/* Requests by door and result, then what was refused by which rule. `prefix` starts each line. */
void vfp_trace_summary(struct vfp_trace *trace, FILE *stream);

#ifdef __cplusplus
}
#endif
#endif
