/* SPDX-License-Identifier: MIT
 *
 * A machine's life over the VMM's socket: what a stock guest does, and its end at every step.
 */
#include "far.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void a_guest_comes_up_works_and_leaves_and_comes_again(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_header exit = {VPCI_BUS_D0EXIT};
    far_up(far);
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_true(far_alive(far));
        assert_int_equal(far_request(far, &exit, sizeof exit), VPCI_STATUS_SUCCESS);
        assert_false(far->mapped[VFP_VMM_REGION_WINDOW]);
        far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
        const struct vfp_vmm_frame *closed = far_hear(far, VFP_VMM_CLOSED);
        assert_int_equal(closed->id, far->frame_id);
        assert_int_equal(closed->length, 16);
        assert_int_equal(far_ended(far), 0);              /* it may open again */
        far_open(far, 4096u << turn, 4096u * (turn + 1)); /* another ring, of any size */
        far_up(far);
    }
    assert_true(far_alive(far));
}

static void a_close_without_leaving_d0_unmaps_everything_before_closed(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
    far_hear(far, VFP_VMM_CLOSED);
    for (unsigned i = 0; i < 7; i++)
        assert_false(far->mapped[i]);
    assert_int_equal(far_ended(far), 0);
}

static void bars_are_mapped_with_memory_enable_and_unmapped_with_it(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    uint64_t config = WINDOW + VPCI_WINDOW_CONFIG;
    far_window(far, true, WINDOW, 4, 0);
    far_window(far, true, config + 0x10, 4, 0xE0000000);
    far_window(far, true, config + 0x14, 4, 0x1);
    far_window(far, true, config + 0x04, 2, 2);
    assert_true(far->mapped[0]);
    assert_true(far->regions[0].guest_address == 0x1E0000000ull);
    assert_true(far->regions[0].size == vstack_vf_bar_size(far->vf, 0));
    assert_true(far->regions[0].system_address != 0);
    far_window(far, true, config + 0x04, 2, 0);
    assert_false(far->mapped[0]); /* before the write was answered */
}

static void a_window_that_moves_is_unmapped_and_mapped(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_d0_entry entry = {.type = VPCI_BUS_D0ENTRY, .mmio_base = WINDOW + 0x100000};
    assert_int_equal(far_request(far, &entry, sizeof entry), VPCI_STATUS_SUCCESS);
    assert_true(far->mapped[VFP_VMM_REGION_WINDOW]);
    assert_true(far->regions[VFP_VMM_REGION_WINDOW].guest_address == WINDOW + 0x100000);
    assert_true(far_window(far, false, WINDOW + VPCI_WINDOW_CONFIG, 4, 0) == UINT64_MAX);
    far_window(far, true, WINDOW + 0x100000, 4, 0);
    assert_int_equal(far_window(far, false, WINDOW + 0x100000 + VPCI_WINDOW_CONFIG, 2, 0) & 0xFFFF, 0x8086);
}

static void an_interrupt_is_sent_with_its_vector_and_processors(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_create_interrupt2 create = {
        .type = VPCI_CREATE_INTERRUPT2,
        .interrupt = {.vector = 0x51, .delivery = 1, .vector_count = 2, .processor_count = 2, .processors = {3, 5}},
    };
    struct vpci_create_interrupt_completion made;
    uint64_t transaction = ++far->transaction;
    far_packet(far, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, transaction, &create, sizeof create);
    memcpy(&made, far_completion(far, transaction) + 1, sizeof made);
    assert_int_equal(made.status, VPCI_STATUS_SUCCESS);
    assert_int_equal(vsp_interrupt(far->channel, made.interrupt.address, made.interrupt.data + 1), 0);
    assert_int_equal(vsp_interrupt(far->channel, made.interrupt.address, made.interrupt.data + 2), -ENOENT);
    far_hear(far, VFP_VMM_INTERRUPT);
    assert_int_equal(far->interrupt.vector, 0x52);
    assert_int_equal(far->interrupt.lowest_priority, 1);
    assert_int_equal(far->interrupt.processor_count, 2);
    assert_int_equal(far->interrupt.processors[0], 3);
    assert_int_equal(far->interrupt.processors[1], 5);
    assert_int_equal(far->interrupt.processors[2], 0);
    assert_true(far_alive(far));
    assert_int_equal(far->interrupts, 1);
    assert_int_equal(host->second.interrupts, 0);
}

static void an_invalidation_arrives_and_not_at_the_other_machine(void **state)
{
    struct far_host *host = *state;
    fake_pf_invalidate(host->raw->pf, vstack_vf_id(host->first.vf), 5);
    struct vpci_invalidate_block block;
    do
        memcpy(&block, (const struct vfp_vmm_packet *)far_hear(&host->first, VFP_VMM_PACKET) + 1, sizeof block);
    while (block.type != VPCI_INVALIDATE_BLOCK);
    assert_true(block.block_mask == 5);
    assert_true(far_alive(&host->second));
    assert_int_equal(host->second.invalidates, 0);
}

static void a_channel_taken_back_is_rescinded_and_what_crosses_is_dropped(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    uint32_t old = far->id;
    far_take_back(far);
    far_hear(far, VFP_VMM_RESCIND);
    far_send(far, VFP_VMM_CREDIT, sizeof(struct vfp_vmm_credit), (uint32_t[2]){8, 0});
    far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
    far_offer(far);
    far_offered(far);
    assert_int_not_equal(far->id, old); /* never used again in a connection */
    far_open(far, FAR_RING, FAR_RING);
    far_up(far);
    assert_true(far_alive(far));
}

static void a_channel_taken_back_before_anybody_connected_is_never_offered(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_take_back(far);
    far_connect(far);
    far_hello(far);
    far_offer(far);
    far_offered(far);
    assert_int_equal(far->id, 2);
}

static void eject_is_a_packet_and_its_answer_a_rescind(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_ejection_complete complete = {.type = VPCI_EJECTION_COMPLETE};
    uint32_t type;
    vsp_channel_eject(far->channel, 60000);
    do
        memcpy(&type, (const struct vfp_vmm_packet *)far_hear(far, VFP_VMM_PACKET) + 1, sizeof type);
    while (type != VPCI_EJECT);
    far_packet(far, VFP_VMM_PACKET_DATA, 0, 0, &complete, sizeof complete);
    far_hear(far, VFP_VMM_RESCIND);
    far_wait_ended(far);
    assert_true(far->orderly);
}

/* ---- the connection's end at every step ------------------------------------------------------------------------- */

static void d0(struct far *far)
{
    struct vpci_d0_entry entry = {.type = VPCI_BUS_D0ENTRY, .mmio_base = WINDOW};
    assert_int_equal(far_request(far, &entry, sizeof entry), VPCI_STATUS_SUCCESS);
}

static void version(struct far *far)
{
    struct vpci_query_version query = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION_1_4};
    assert_int_equal(far_request(far, &query, sizeof query), VPCI_STATUS_SUCCESS);
}

static void open_rings(struct far *far)
{
    far_open(far, FAR_RING, FAR_RING);
}

static void half_a_header(struct far *far)
{
    far_say(far, "\x20\0\0\0\4", 5);
}

static void half_a_packet(struct far *far)
{
    struct vfp_vmm_frame frame = {.length = 4000, .type = VFP_VMM_PACKET, .channel = far->id};
    far_say(far, &frame, sizeof frame);
}

static void read_unanswered(struct far *far)
{
    struct vpci_read_block read = {VPCI_READ_BLOCK_MESSAGE, 7, 0, 4};
    far->host->raw->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    far_packet(far, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, 77, &read, sizeof read);
    fake_pf_wait_pended(far->host->raw->pf);
}

static void answer_read(struct far *far)
{
    far->host->raw->pf->pend_oid = 0;
    fake_pf_complete(far->host->raw->pf, NDIS_STATUS_SUCCESS);
}

static void close_unanswered(struct far *far)
{
    far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
}

static const struct step {
    const char *name;
    void (*act)(struct far *far);
    bool offered, undo; /* the channel was the VMM's; the PF owes an answer */
} steps[] = {
    {"connected", far_connect, false, false},
    {"half a header", half_a_header, false, false},
    {"HELLO", far_hello, true, false}, /* the offer follows it at once */
    {"OFFER", far_offered, true, false},
    {"OPEN", open_rings, true, false},
    {"half a packet", half_a_packet, true, false},
    {"version", version, true, false},
    {"D0", d0, true, false},
    {"block being read", read_unanswered, true, true},
    {"CLOSE", close_unanswered, true, false},
};
#define STEPS (sizeof steps / sizeof steps[0])

/* Those that end the stream of whole frames are last steps only. */
static bool goes_on(unsigned step)
{
    return steps[step].act != half_a_header && steps[step].act != half_a_packet && steps[step].act != read_unanswered;
}

static void a_vmm_that_goes_after_any_step_leaves_nothing(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_up(&host->second);
    for (unsigned last = 0; last < STEPS; last++) {
        for (unsigned i = 0; i <= last; i++) {
            if (i == last || goes_on(i))
                steps[i].act(far);
        }
        far_disconnect(far);
        if (steps[last].offered) {
            far_wait_ended(far);
            assert_true(far->orderly == (steps[last].act == close_unanswered));
        }
        if (steps[last].undo)
            answer_read(far);
        assert_true(far_alive(&host->second));
        if (steps[last].offered) {
            assert_int_equal(far_ended(far), 1);
            far_take_back(far);
            far_offer(far); /* the VF is free again, and another VMM is served */
        }
        assert_int_equal(far_ended(far), 0);
    }
    far_up(far);
    assert_true(far_alive(far));
}

static void the_host_that_stops_listening_ends_the_connection(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_take_back(far);
    vmm_close(far->vmm);
    far_hear_end(far);
    far_disconnect(far);
    assert_int_not_equal(access(far->path, F_OK), 0);
    assert_int_equal(vmm_listen(host->loop, far->path, &far->vmm), 0);
    far_offer(far);
    far_up(far);
}

/* ---- listening -------------------------------------------------------------------------------------------------- */

static void a_path_that_is_served_or_no_socket_is_refused_and_a_stale_one_replaced(void **state)
{
    struct far_host *host = *state;
    struct vmm *other = NULL;
    struct stat status;
    char path[100], longest[200];
    assert_int_equal(vmm_listen(host->loop, host->first.path, &other), -EADDRINUSE);
    assert_int_equal(stat(host->first.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    snprintf(path, sizeof path, "%s/file", host->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(vmm_listen(host->loop, path, &other), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    close(stale);
    assert_int_equal(vmm_listen(host->loop, path, &other), 0);
    vmm_close(other);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(vmm_listen(host->loop, longest, &other), -ENAMETOOLONG);
    snprintf(path, sizeof path, "%s/no/such", host->folder);
    assert_int_equal(vmm_listen(host->loop, path, &other), -ENOENT);
}

static void one_vmm_at_a_time_and_a_silent_one_gives_way(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_connect(far); /* says nothing */
    int silent = far->fd;
    far_up((far->fd = -1, far));
    assert_true(vmm_connected(far->vmm));
    char byte;
    assert_int_equal(recv(silent, &byte, 1, 0), 0);
    close(silent);
    int served = far->fd;
    static uint8_t buffer[sizeof far->buffer];
    uint32_t filled = far->filled, used = far->used;
    memcpy(buffer, far->buffer, sizeof buffer);
    far_connect(far);
    far_hear_error(far, VFP_VMM_RULE_ONE_VMM, 0, 0);
    far_hear_end(far);
    far_disconnect(far);
    far->fd = served;
    far->filled = filled;
    far->used = used;
    memcpy(far->buffer, buffer, sizeof buffer);
    assert_true(far_alive(far));
}

static void who_connects_when_no_descriptor_is_left_is_hung_up_on(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    struct rlimit before, few;
    char byte;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", far->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), free_one = dup(fd);
    assert_true(fd >= 0 && free_one >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    close(free_one);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)free_one, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int connected = connect(fd, (struct sockaddr *)&address, sizeof address);
    ssize_t got = recv(fd, &byte, 1, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(fd);
    assert_int_equal(connected, 0);
    assert_int_equal(got, 0);
    far_up(far);
    assert_true(far_alive(far));
}

int main(void)
{
#define CLOSED_CASE(name) cmocka_unit_test_setup_teardown(name, far_set_up, far_tear_down)
#define OPEN_CASE(name)   cmocka_unit_test_setup_teardown(name, far_set_up_open, far_tear_down)
    const struct CMUnitTest tests[] = {
        CLOSED_CASE(a_guest_comes_up_works_and_leaves_and_comes_again),
        OPEN_CASE(a_close_without_leaving_d0_unmaps_everything_before_closed),
        OPEN_CASE(bars_are_mapped_with_memory_enable_and_unmapped_with_it),
        OPEN_CASE(a_window_that_moves_is_unmapped_and_mapped),
        OPEN_CASE(an_interrupt_is_sent_with_its_vector_and_processors),
        OPEN_CASE(an_invalidation_arrives_and_not_at_the_other_machine),
        OPEN_CASE(a_channel_taken_back_is_rescinded_and_what_crosses_is_dropped),
        CLOSED_CASE(a_channel_taken_back_before_anybody_connected_is_never_offered),
        OPEN_CASE(eject_is_a_packet_and_its_answer_a_rescind),
        CLOSED_CASE(a_vmm_that_goes_after_any_step_leaves_nothing),
        OPEN_CASE(the_host_that_stops_listening_ends_the_connection),
        CLOSED_CASE(a_path_that_is_served_or_no_socket_is_refused_and_a_stale_one_replaced),
        CLOSED_CASE(who_connects_when_no_descriptor_is_left_is_hung_up_on),
        CLOSED_CASE(one_vmm_at_a_time_and_a_silent_one_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
