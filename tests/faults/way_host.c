/* SPDX-License-Identifier: MIT
 *
 * The host of a run.
 */
#include "life.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vfplane/fault.h>
#include <vfplane/vmm.h>

#include "host/internal.h"

#define COMMAND  0x04
#define EJECT_MS 2000

struct place {
    struct vfp_pf *pf;
    struct vfp_driver *driver, *vbd;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf;
    struct vfp_channel *channel;
    _Atomic bool ended;
};

static void on_ended(void *context, bool orderly, const char *reason)
{
    struct place *place = context;
    (void)orderly, (void)reason;
    atomic_store(&place->ended, true);
}

/* Called by the PF driver that keeps requests (pending.c). */
void faults_kept(bool read);
void faults_kept(bool read)
{
    __atomic_add_fetch(&shared->way.kept, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&shared->way.kept_reads, read, __ATOMIC_RELAXED);
}

/* ---- cards ---------------------------------------------------------------------------------------------------------
 */

/* A virtual bus driver attaches before the PF driver. */
static bool attach_vbd(struct vfp_host *host, const struct place *place)
{
    if (!place->vbd)
        return true;
    HOST_ENTER(host);
    NTSTATUS status = nt_pnp_add_device(place->vbd->object, place->pf->pdo);
    HOST_LEAVE();
    if (!NT_SUCCESS(status))
        failed_without_error("AddDevice of a VBD", "its status");
    return NT_SUCCESS(status);
}

/* Whoever attached it removes it, when there is no adapter whose end does. */
static void detach_vbd(struct vfp_host *host, const struct place *place)
{
    HOST_ENTER(host);
    if (place->pf->pdo->AttachedDevice)
        nt_pnp_simple(place->pf->pdo, IRP_MN_REMOVE_DEVICE);
    HOST_LEAVE();
}

/* A card with its driver; false: a documented failure. */
static bool place_card(struct vfp_host *host, struct place *place, const char *driver, const char *vbd,
                       const char *address)
{
    const char *step = "vfp_pf_add";
    place->pf = vfp_pf_add(host, getenv("REFNIC_PROFILE"), address);
    if (place->pf && (step = "vfp_driver_load"))
        place->driver = vfp_driver_load(host, driver);
    if (place->driver && vbd)
        place->vbd = vfp_driver_load(host, vbd);
    if (!place->driver || (vbd && !place->vbd)) {
        failed_without_error(step, vfp_host_error(host));
        return false;
    }
    if (!attach_vbd(host, place))
        return false;
    place->adapter = vfp_adapter_start(place->driver, place->pf);
    if (!place->adapter) {
        detach_vbd(host, place);
        failed_without_error("vfp_adapter_start", vfp_host_error(host));
        return false;
    }
    int result = vfp_switch_create(place->adapter, 4);
    if (result)
        failed("vfp_switch_create", result, vfp_host_error(host));
    return result == 0;
}

static bool place_vf(struct vfp_host *host, struct place *place)
{
    int result = vfp_vf_allocate(place->adapter, &place->vf);
    if (result) {
        place->vf = NULL;
        failed("vfp_vf_allocate", result, vfp_host_error(host));
    }
    return result == 0;
}

static bool place_guest(struct vfp_host *host, struct place *place, int socket, const char *name)
{
    int result = -1;
    if (place_vf(host, place)) {
        result = vfp_channel_attach(place->vf, socket, name, on_ended, place, &place->channel);
        if (result) {
            place->channel = NULL;
            failed("vfp_channel_attach", result, vfp_host_error(host));
        }
    }
    if (result)
        close(socket);
    return result == 0;
}

/* What the host program does itself. */
static void use_vf_of(struct vfp_host *host, struct vfp_vf *vf)
{
    uint8_t block[8] = {0}, seen[8]; /* a VF driver that has no agents says so in block 0 */
    uint16_t command = 0;
    const char *call = "vfp_vf_config_read";
    int result = vfp_vf_config_read(vf, COMMAND, &command, 2);
    if (!result) {
        call = "vfp_vf_block_write";
        result = vfp_vf_block_write(vf, 0, block, sizeof block);
    }
    if (!result) {
        call = "vfp_vf_block_read";
        result = vfp_vf_block_read(vf, 0, seen, sizeof seen);
    }
    if (result)
        failed(call, result, vfp_host_error(host));
}

static void close_once(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- the victim ----------------------------------------------------------------------------------------------------
 */

/* A machine whose channel has ended waits for another one, and says nothing. */
static void hear_victim(const struct place *place, const struct talk *talk)
{
    struct pollfd line = {.fd = talk->guest_line[0], .events = POLLIN};
    sites_pause();
    while (poll(&line, 1, 10) <= 0 && !(shared->way.road == ROAD_VMM && atomic_load(&place->ended)))
        ;
    char said = poll(&line, 1, 0) > 0 ? hear(line.fd) : 0;
    sites_resume();
    if (said != 'k')
        failed_without_error("the victim", "it says so");
}

static void take_back(struct place *place)
{
    bool attached = place->channel != NULL;
    if (place->channel)
        vfp_channel_close(place->channel);
    HOLDS(!attached || atomic_load(&place->ended), "the end of the channel was not told");
    if (place->vf)
        vfp_vf_free(place->vf);
}

/* Its VF, its channel, its life. */
static void serve_victim(struct vfp_host *host, struct place *place, struct talk *talk)
{
    bool attached = place_guest(host, place, talk->guest[0], "guest");
    say(talk->guest_line[0], 'g');
    if (attached) {
        hear_victim(place, talk);
        use_vf_of(host, place->vf);
    }
    take_back(place);
}

/* The thread that serves the VMM. */
struct server {
    struct vfp_host *host;
    pthread_t thread;
    int stop[2]; /* a pipe */
};

/* Where it failed once it is called again. */
static void *serve(void *context)
{
    struct server *server = context;
    for (int result = -1; result;) {
        result = vfp_host_run(server->host, server->stop[0]);
        if (result)
            failed("vfp_host_run", result, "its errno");
    }
    return NULL;
}

static void start_server(struct server *server)
{
    sites_pause();
    if (pipe(server->stop) || pthread_create(&server->thread, NULL, serve, server))
        abort();
    sites_resume();
}

static void stop_server(struct server *server)
{
    sites_pause();
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    sites_resume();
}

/* The machine gives its VF back when it is asked to. */
static void eject(struct place *place)
{
    vfp_channel_eject(place->channel, EJECT_MS);
    for (unsigned waited = 0; !atomic_load(&place->ended) && waited < RUN_MS / 8; waited++)
        usleep(1000);
}

static void serve_machine(struct vfp_host *host, struct place *place, struct talk *talk)
{
    struct server server = {.host = host};
    struct vfp_vmm *vmm = vfp_channel_listen(host, shared->path);
    if (!vmm) {
        failed_without_error("vfp_channel_listen", vfp_host_error(host));
        return;
    }
    start_server(&server);
    if (place_vf(host, place)) {
        const struct vfp_channel_options options = {.name = "vm", .context = place, .ended = on_ended};
        int result = vfp_channel_offer(vmm, place->vf, &options, &place->channel);
        if (result) {
            place->channel = NULL;
            failed("vfp_channel_offer", result, vfp_host_error(host));
        }
    }
    if (place->channel) {
        say(talk->guest_line[0], 'g');
        hear_victim(place, talk);
        use_vf_of(host, place->vf);
        eject(place);
    }
    take_back(place);
    vfp_vmm_close(vmm);
    stop_server(&server);
}

/* ---- the other guest, and all of it --------------------------------------------------------------------------------
 */

static bool serve_other(struct vfp_host *host, struct place *place, struct talk *talk)
{
    if (!place_guest(host, place, talk->other[0], "other"))
        return false;
    say(talk->other_line[0], 'g');
    if (hear(talk->other_line[0]) == 'k')
        return true;
    failed_without_error("the other guest", "it says so");
    return false;
}

/* A fault of this time may meet its next request; the one after that must succeed, unless its channel has ended. */
static void ask_other(struct place *other, struct talk *talk)
{
    char said = 0;
    for (unsigned i = 0; i < 2 && said != 'k'; i++) {
        say(talk->other_line[0], 'c');
        said = hear(talk->other_line[0]);
        if (said != 'k')
            failed_without_error("the other guest", "it says so");
        if (!over_fails())
            break;
    }
    HOLDS(said == 'k' || (over_fails() && atomic_load(&other->ended)), "the other guest's next request fails");
}

static void note_driver_calls(struct vfp_host *host)
{
    struct way *way = &shared->way;
    bool did = false;
    if (!way->counts && !way->host_fault)
        return;
    way->host_calls = vfp_fault_sites(host, &did);
    way->driver_failed |= did;
    for (unsigned i = 0; i < way->host_calls && i < DRIVER_CALLS; i++)
        vfp_fault_site_name(host, i + 1, shared->calls.name[0][i], sizeof shared->calls.name[0][i]);
    vfp_fault_disarm(host);
}

/* A driver that is loaded already is loaded from a copy of its file. */
static bool load_again(struct vfp_host *host, const char *path)
{
    struct vfp_driver *driver = vfp_driver_load(host, path);
    if (driver)
        vfp_driver_unload(driver);
    else
        failed_without_error("vfp_driver_load", vfp_host_error(host));
    return driver != NULL;
}

static bool set_keyword(struct vfp_host *host)
{
    int result = vfp_keyword_set(host, "*NumVFs", "8");
    if (result)
        failed("vfp_keyword_set", result, vfp_host_error(host));
    return result == 0;
}

static bool start_other(struct vfp_host *host, struct place *other, struct talk *talk)
{
    bool vbd = shared->way.road == ROAD_VMM;
    const char *driver = getenv(vbd ? "VBD_PF" : "REFNIC_PF");
    if (set_keyword(host) && place_card(host, other, driver, vbd ? getenv("REFVBD") : NULL, NULL) &&
        load_again(host, driver))
        return serve_other(host, other, talk);
    close(talk->other[0]);
    return false;
}

static void start_victim(struct vfp_host *host, const struct place *other, struct place *victim, struct talk *talk)
{
    const char *driver = shared->way.road == ROAD_VMM ? getenv("REFGEN") : shared->way.pf_driver;
    victim->adapter = other->adapter;
    if (driver && !place_card(host, victim, driver, NULL, "0000:04:00.0")) {
        close_once(&talk->guest[0]);
        return;
    }
    sites->phase = PHASE_SERVED;
    if (shared->way.road == ROAD_VMM)
        serve_machine(host, victim, talk);
    else
        serve_victim(host, victim, talk);
}

static void host_work(struct vfp_host *host, struct place *other, struct talk *talk)
{
    struct way *way = &shared->way;
    struct place victim = {0};
    if (way->counts || way->host_fault)
        vfp_fault_arm(host, way->host_fault);
    if (start_other(host, other, talk)) {
        start_victim(host, other, &victim, talk);
        sites->phase = PHASE_OVER;
        ask_other(other, talk);
    } else {
        close_once(&talk->guest[0]);
    }
    note_driver_calls(host);
}

void host_life(struct talk *talk)
{
    static struct place other;
    /* Both channels' sockets are gone in the end, whoever had them. */
    unsigned fds = sites_open_fds() - 2, maps = sites_shared_maps();
    if (shared->way.road == ROAD_VMM)
        close_once(&talk->guest[0]);
    sites->phase = PHASE_START;
    sites_begin(ROLE_HOST);
    struct vfp_host *host = vfp_host_create(&(struct vfp_host_options){.workers = 1});
    if (host) {
        host_work(host, &other, talk);
        say(talk->other_line[0], 'q');
        vfp_host_destroy(host);
    } else {
        failed_without_error("vfp_host_create", "NULL");
    }
    unsigned leaks = sites_leaks("host");
    sites_end();
    HOLDS(!leaks, "%u allocations leaked", leaks);
    HOLDS(!host || sites_open_fds() == fds, "%u descriptors, %u before", sites_open_fds(), fds);
    HOLDS(sites_shared_maps() == maps, "%u mappings of shared memory, %u before", sites_shared_maps(), maps);
}
