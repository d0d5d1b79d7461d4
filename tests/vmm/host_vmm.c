/* SPDX-License-Identifier: MIT
 *
 * include/vfplane/vmm.h as a host program calls it, with the example's VMM side at the other end.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"
#include "vmm.h"
#include <vfplane/vmm.h>

#define FRAMES 32

struct machine {
    struct vfp_host *host;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf;
    struct vfp_vmm *vmm;
    char folder[32], path[64];
    int stop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended; /* under lock */
    bool orderly;
    /* what the observer saw, under lock: type, and bit 31 for the VMM's */
    uint32_t seen[FRAMES];
    unsigned seen_count;
};

static void on_ended(void *context, bool orderly, const char *reason)
{
    struct machine *machine = context;
    (void)reason;
    pthread_mutex_lock(&machine->lock);
    machine->ended++;
    machine->orderly = orderly;
    pthread_cond_broadcast(&machine->changed);
    pthread_mutex_unlock(&machine->lock);
}

static void on_frame(void *context, bool from_vmm, const struct vfp_vmm_frame *frame)
{
    struct machine *machine = context;
    pthread_mutex_lock(&machine->lock);
    if (machine->seen_count < FRAMES)
        machine->seen[machine->seen_count++] = frame->type | (uint32_t)from_vmm << 31;
    pthread_mutex_unlock(&machine->lock);
}

static void *serve(void *context)
{
    struct machine *machine = context;
    assert_int_equal(vfp_host_run(machine->host, machine->stop), 0);
    return NULL;
}

static int set_up(void **state)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    machine->host = vfp_host_create(&(struct vfp_host_options){0});
    struct vfp_pf *pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), NULL);
    struct vfp_driver *driver = vfp_driver_load(machine->host, getenv("REFNIC_PF"));
    assert_true(pf && driver);
    machine->adapter = vfp_adapter_start(driver, pf);
    assert_non_null(machine->adapter);
    assert_int_equal(vfp_switch_create(machine->adapter, 2), 0);
    assert_int_equal(vfp_vf_allocate(machine->adapter, &machine->vf), 0);
    pthread_mutex_init(&machine->lock, NULL);
    pthread_cond_init(&machine->changed, NULL);
    strcpy(machine->folder, "/tmp/vfplane-vmm-XXXXXX");
    assert_non_null(mkdtemp(machine->folder));
    snprintf(machine->path, sizeof(machine->path), "%s/vm", machine->folder);
    machine->vmm = vfp_channel_listen(machine->host, machine->path);
    assert_non_null(machine->vmm);
    machine->stop = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pthread_create(&machine->thread, NULL, serve, machine), 0);
    *state = machine;
    return 0;
}

static int take_down(void **state)
{
    struct machine *machine = *state;
    assert_int_equal(write(machine->stop, &(uint64_t){1}, 8), 8);
    pthread_join(machine->thread, NULL);
    close(machine->stop);
    assert_int_equal(vfp_violations(machine->host), 0);
    assert_int_equal(vfp_host_destroy(machine->host), 0);
    assert_int_equal(rmdir(machine->folder), 0); /* the socket went with the host */
    free(machine);
    return 0;
}

static struct vfp_channel *offer(struct machine *machine)
{
    const struct vfp_channel_options options = {.name = "vm", .context = machine, .ended = on_ended};
    struct vfp_channel *channel;
    assert_int_equal(vfp_channel_offer(machine->vmm, machine->vf, &options, &channel), 0);
    return channel;
}

static void no_packet(void *context, const struct vfp_vmm_packet *packet, uint32_t length)
{
    (void)context;
    fail_msg("a packet of type %u, %u bytes", packet->type, length);
}

static void where_nobody_can_listen_is_said(void **state)
{
    struct machine *machine = *state;
    char path[256];
    assert_null(vfp_channel_listen(machine->host, machine->path));
    assert_non_null(strstr(vfp_host_error(machine->host), machine->path));
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = 0;
    assert_null(vfp_channel_listen(machine->host, path));
    assert_null(vfp_channel_listen(machine->host, "/no/such/folder/vm"));
    assert_non_null(strstr(vfp_host_error(machine->host), "/no/such/folder/vm: cannot listen: No such file"));
    assert_false(vfp_vmm_connected(machine->vmm));
}

static void a_vf_of_another_guest_is_not_offered(void **state)
{
    struct machine *machine = *state;
    const struct vfp_channel_options options = {.name = "vm"};
    struct vfp_channel *channel, *other = NULL;
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(vfp_channel_open(machine->vf, sockets[0], &options, &channel), 0);
    assert_int_equal(vfp_channel_offer(machine->vmm, machine->vf, &options, &other), -EBUSY);
    assert_null(other);
    vfp_channel_close(channel);
    close(sockets[1]);
    channel = offer(machine);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(vfp_channel_open(machine->vf, sockets[0], &options, &other), -EBUSY);
    close(sockets[0]);
    close(sockets[1]);
    vfp_channel_close(channel);
}

static void the_observer_sees_both_directions_in_order(void **state)
{
    static const uint32_t expected[] = {1u << 31 | VFP_VMM_HELLO, VFP_VMM_HELLO, VFP_VMM_OFFER, 1u << 31 | VFP_VMM_OPEN,
                                        VFP_VMM_OPENED,           1u << 31 | 99, VFP_VMM_ERROR};
    static struct vmm far;
    struct machine *machine = *state;
    offer(machine);
    vfp_vmm_observe(machine->vmm, on_frame, machine);
    far = (struct vmm){.packet = no_packet};
    assert_int_equal(vmm_connect(&far, machine->path), 0);
    assert_int_equal(vmm_offered(&far), 0);
    assert_true(vfp_vmm_connected(machine->vmm));
    assert_int_equal(vmm_open(&far, 4096, 4096), 0);
    struct vfp_vmm_frame wrong = vmm_header(&far, 99, sizeof(wrong));
    assert_int_equal(vmm_send(&far, &wrong, sizeof(wrong)), 0);
    assert_int_equal(vmm_step(&far, VMM_PATIENCE_MS), 0);
    assert_int_equal(far.error, VFP_VMM_RULE_FRAME_TYPE);
    vfp_vmm_observe(machine->vmm, NULL, NULL);
    assert_int_equal(vmm_close(&far), 0);
    pthread_mutex_lock(&machine->lock);
    assert_int_equal(machine->seen_count, sizeof(expected) / sizeof(expected[0]));
    assert_memory_equal(machine->seen, expected, sizeof(expected));
    pthread_mutex_unlock(&machine->lock);
    vmm_disconnect(&far);
}

static void closing_the_vmm_closes_its_channels_and_frees_their_vfs(void **state)
{
    static struct vmm far;
    struct machine *machine = *state;
    offer(machine);
    far = (struct vmm){.packet = no_packet};
    assert_int_equal(vmm_connect(&far, machine->path), 0);
    assert_int_equal(vmm_offered(&far), 0);
    assert_int_equal(vmm_open(&far, 4096, 8192), 0);
    vfp_vmm_close(machine->vmm);
    assert_int_equal(machine->ended, 1); /* all is done when it returns */
    assert_true(machine->orderly);
    while (vmm_step(&far, VMM_PATIENCE_MS) == 0)
        ;
    assert_int_equal(far.channel.id, 0); /* it was rescinded before the end */
    vmm_disconnect(&far);
    assert_int_not_equal(access(machine->path, F_OK), 0);
    machine->vmm = vfp_channel_listen(machine->host, machine->path);
    assert_non_null(machine->vmm);
    offer(machine);
    far = (struct vmm){.packet = no_packet};
    assert_int_equal(vmm_connect(&far, machine->path), 0);
    assert_int_equal(vmm_offered(&far), 0);
    vmm_disconnect(&far);
    pthread_mutex_lock(&machine->lock);
    while (machine->ended < 2)
        pthread_cond_wait(&machine->changed, &machine->lock);
    assert_false(machine->orderly);
    pthread_mutex_unlock(&machine->lock);
}

static void a_stop_that_cannot_be_waited_for_is_an_error(void **state)
{
    struct vfp_host *host = vfp_host_create(&(struct vfp_host_options){0});
    (void)state;
    assert_int_equal(vfp_host_run(host, 1 << 20), -EBADF);
    vfp_host_destroy(host);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
    const struct CMUnitTest tests[] = {
        CASE(where_nobody_can_listen_is_said),
        CASE(a_vf_of_another_guest_is_not_offered),
        CASE(the_observer_sees_both_directions_in_order),
        CASE(closing_the_vmm_closes_its_channels_and_frees_their_vfs),
        cmocka_unit_test(a_stop_that_cannot_be_waited_for_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
