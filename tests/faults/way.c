/* SPDX-License-Identifier: MIT */
#include "way.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vfplane/fault.h>

#include "host/internal.h"

#define ANSWER_MS  1500  /* of a guest's patience with its host: a lost wake-up costs a run that much */
#define RUN_MS     60000 /* for a process that hangs */
#define COMMAND    0x04
#define BUS_MASTER 0x0004

/* Between the processes of a run. */
struct talk {
    int guest[2], other[2]; /* channels: host's end, guest's end */
    int guest_line[2], other_line[2];
};

static struct shared {
    struct way way;
    char wrong[4][512]; /* by process */
} * shared;
enum process { HOST, GUEST, OTHER, PARENT };
static enum process self;
static const char *const process_name[] = {"host", "guest", "other guest", "parent"};

static void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void wrong(const char *format, ...)
{
    char *text = shared->wrong[self];
    va_list arguments;
    if (text[0])
        return;
    va_start(arguments, format);
    int used = snprintf(text, sizeof(shared->wrong[0]), "%s: ", process_name[self]);
    vsnprintf(text + used, sizeof(shared->wrong[0]) - (size_t)used, format, arguments);
    va_end(arguments);
}

#define HOLDS(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            wrong(__VA_ARGS__);                                                                                        \
    } while (0)

/* ---- lines between processes ---------------------------------------------------------------------------------------
 */

static void say(int line, char what)
{
    if (send(line, &what, 1, MSG_NOSIGNAL) != 1)
        return; /* nobody listens any more */
}

/* What the other end said, or 0: it is gone. */
static char hear(int line)
{
    char what = 0;
    ssize_t got;
    do
        got = recv(line, &what, 1, 0);
    while (got < 0 && errno == EINTR);
    return got == 1 ? what : 0;
}

/* ---- what is documented --------------------------------------------------------------------------------------------
 */

static bool is_documented(int error)
{
    static const int errors[] = {ENOMEM,    EMFILE,       ENFILE, EAGAIN,  ENOSPC,   EPROTO,     EPIPE,
                                 ETIMEDOUT, EIO,          ENOENT, ENOEXEC, ENODEV,   EINTR,      EBUSY,
                                 ENOBUFS,   ECONNREFUSED, EINVAL, ENXIO,   ENOTCONN, EOPNOTSUPP, ECANCELED};
    for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (error == -errors[i])
            return true;
    return false;
}

/* A routine failed in a documented way: a reason is given. */
static void failed(const char *what, int error, const char *text)
{
    HOLDS(is_documented(error), "%s gave %d", what, error);
    HOLDS(text && text[0], "%s failed without a word", what);
}

/* ---- guests --------------------------------------------------------------------------------------------------------
 */

/* A guest waits less long than 30 seconds for an answer. */
int __real_vsc_connect(struct nt_partition *partition, int socket, struct vsc **vsc);
int __wrap_vsc_connect(struct nt_partition *partition, int socket, struct vsc **vsc);
int __wrap_vsc_connect(struct nt_partition *partition, int socket, struct vsc **vsc)
{
    struct vsc_options options = {.timeout_ms = ANSWER_MS, .spin = vmbus_spin_default()};
    return vsc_connect_with(partition, socket, &options, vsc);
}

/* A guest's partition, in which its driver's calls are made to fail. */
static struct nt_partition *partition_made;
struct nt_partition *__real_nt_partition_create(const struct nt_partition_options *options);
struct nt_partition *__wrap_nt_partition_create(const struct nt_partition_options *options);
struct nt_partition *__wrap_nt_partition_create(const struct nt_partition_options *options)
{
    return partition_made = __real_nt_partition_create(options);
}

/* True: the guest can use its VF through the window. */
static bool use_vf(struct vfp_guest *guest)
{
    uint32_t vendor = vfp_guest_config_read(guest, 0, 0, 2);
    if (vendor == 0xFFFF)
        return false;
    HOLDS(vendor == 0x8086, "vendor ID %04x", vendor);
    uint32_t command = vfp_guest_config_read(guest, 0, COMMAND, 2);
    vfp_guest_config_write(guest, 0, COMMAND, 2, command | BUS_MASTER);
    return vfp_guest_config_read(guest, 0, COMMAND, 2) == (command | BUS_MASTER);
}

static bool bring_up(struct vfp_guest *guest, int socket)
{
    int result = vfp_guest_connect(guest, socket);
    if (result) {
        failed("vfp_guest_connect", result, vfp_guest_error(guest));
        return false;
    }
    result = vfp_guest_start(guest, getenv("REFNIC_VF"));
    if (result)
        failed("vfp_guest_start", result, vfp_guest_error(guest));
    return result == 0;
}

/* The victim: its whole life. */
static void guest_life(struct talk *talk)
{
    struct way *way = &shared->way;
    if (hear(talk->guest_line[1]) != 'g') {
        close(talk->guest[1]);
        return;
    }
    unsigned fds = sites_open_fds(), maps = sites_shared_maps();
    sites_begin(ROLE_GUEST);
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
    if (!guest) {
        sites_end();
        close(talk->guest[1]);
        return;
    }
    if (way->counts || way->guest_fault)
        nt_fault_arm(partition_made, way->guest_fault);
    bool up = bring_up(guest, talk->guest[1]);
    if (up)
        up = use_vf(guest);
    vfp_guest_stop(guest);
    if (way->counts || way->guest_fault) {
        bool did;
        way->guest_calls = nt_fault_sites(partition_made, &did);
        way->driver_failed |= did;
        nt_fault_disarm(partition_made);
    }
    vfp_guest_destroy(guest);
    unsigned leaks = sites_leaks("guest");
    sites_end();
    HOLDS(!leaks, "%u allocations leaked", leaks);
    HOLDS(sites_open_fds() == fds - 1, "%u descriptors, %u before", sites_open_fds(), fds - 1);
    HOLDS(sites_shared_maps() == maps, "%u mappings of shared memory, %u before", sites_shared_maps(), maps);
    say(talk->guest_line[1], up ? 'k' : 'f');
}

/* The other guest: comes up, then does what it is told: 'c' a request of each kind must succeed. */
static void other_life(struct talk *talk)
{
    if (hear(talk->other_line[1]) != 'g') {
        close(talk->other[1]);
        return;
    }
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "other", .number = 2});
    bool up = guest && bring_up(guest, talk->other[1]) && use_vf(guest);
    say(talk->other_line[1], up ? 'k' : 'f');
    char told;
    while ((told = hear(talk->other_line[1])) == 'c') {
        vfp_guest_stop(guest);
        int result = vfp_guest_start(guest, getenv("REFNIC_VF"));
        HOLDS(result == 0, "its next request fails: %s", vfp_guest_error(guest));
        HOLDS(use_vf(guest), "its window does not answer");
        say(talk->other_line[1], 'k');
    }
    if (up && !told) { /* the host is gone */
        HOLDS(vfp_guest_wait(guest, RUN_MS / 2) == -EPIPE, "it does not learn of the host's end");
        HOLDS(vfp_guest_config_read(guest, 0, 0, 4) == UINT32_MAX, "a window answers that is no more");
    }
    vfp_guest_destroy(guest);
}

/* ---- host ----------------------------------------------------------------------------------------------------------
 */

struct place {
    struct vfp_pf *pf;
    struct vfp_driver *driver;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf;
    struct vfp_channel *channel;
};

static void on_ended(void *context, bool orderly, const char *reason)
{
    (void)orderly, (void)reason;
    atomic_store((_Atomic bool *)context, true);
}

/* A card with its driver; false: a documented failure. */
static bool place_card(struct vfp_host *host, struct place *place, const char *driver, const char *address)
{
    place->pf = vfp_pf_add(host, getenv("REFNIC_PROFILE"), address);
    place->driver = place->pf ? vfp_driver_load(host, driver) : NULL;
    place->adapter = place->driver ? vfp_adapter_start(place->driver, place->pf) : NULL;
    if (!place->adapter) {
        HOLDS(vfp_host_error(host)[0], "failed without a word");
        return false;
    }
    int result = vfp_switch_create(place->adapter, 4);
    if (result)
        failed("vfp_switch_create", result, vfp_host_error(host));
    return result == 0;
}

static bool place_guest(struct vfp_host *host, struct place *place, int socket, const char *name, _Atomic bool *ended)
{
    int result = vfp_vf_allocate(place->adapter, &place->vf);
    if (result) {
        place->vf = NULL;
        failed("vfp_vf_allocate", result, vfp_host_error(host));
        close(socket);
        return false;
    }
    result = vfp_channel_attach(place->vf, socket, name, on_ended, (void *)ended, &place->channel);
    if (result) {
        place->channel = NULL;
        failed("vfp_channel_attach", result, vfp_host_error(host));
        close(socket);
    }
    return result == 0;
}

/* What the host program does itself. */
static void use_vf_of(struct vfp_host *host, struct vfp_vf *vf)
{
    uint8_t block[8] = {1, 2, 3, 4, 5, 6, 7, 8}, seen[8];
    uint16_t command = 0;
    int result = vfp_vf_config_read(vf, COMMAND, &command, 2);
    result = result ? result : vfp_vf_block_write(vf, 2, block, sizeof block);
    result = result ? result : vfp_vf_block_read(vf, 2, seen, sizeof seen);
    if (result)
        failed("a request of the host program", result, vfp_host_error(host));
}

/* The victim's part: its VF, its channel, its life. */
static void serve_victim(struct vfp_host *host, struct place *place, struct talk *talk)
{
    _Atomic bool ended = false;
    bool attached = place_guest(host, place, talk->guest[0], "guest", &ended);
    say(talk->guest_line[0], 'g');
    if (attached) {
        char said = hear(talk->guest_line[0]);
        HOLDS(said == 'k' || sites->done || shared->way.host_fault || shared->way.guest_fault ||
                  shared->way.pf_driver || shared->way.lossy,
              "the guest could not use its VF, and nothing had failed");
        use_vf_of(host, place->vf);
    }
    if (place->channel)
        vfp_channel_close(place->channel);
    HOLDS(!attached || atomic_load(&ended), "the end of the channel was not told");
    if (place->vf)
        vfp_vf_free(place->vf);
}

static bool serve_other(struct vfp_host *host, struct place *place, struct talk *talk)
{
    static _Atomic bool ended;
    if (!place_guest(host, place, talk->other[0], "other", &ended))
        return false;
    say(talk->other_line[0], 'g');
    return hear(talk->other_line[0]) == 'k';
}

static void note_driver_calls(struct vfp_host *host)
{
    struct way *way = &shared->way;
    bool did = false;
    if (!way->counts && !way->host_fault)
        return;
    way->host_calls = vfp_fault_sites(host, &did);
    way->driver_failed |= did;
    vfp_fault_disarm(host);
}

static void host_work(struct vfp_host *host, struct talk *talk)
{
    struct way *way = &shared->way;
    struct place other = {0}, victim = {0};
    if (way->counts || way->host_fault)
        vfp_fault_arm(host, way->host_fault);
    if (!place_card(host, &other, getenv("REFNIC_PF"), NULL) || !serve_other(host, &other, talk)) {
        note_driver_calls(host);
        close(talk->guest[0]);
        return;
    }
    victim = (struct place){.adapter = other.adapter};
    if (way->pf_driver)
        place_card(host, &victim, way->pf_driver, "0000:04:00.0");
    sites->phase = PHASE_SERVED;
    serve_victim(host, &victim, talk);
    sites->phase = PHASE_OVER;
    say(talk->other_line[0], 'c');
    HOLDS(hear(talk->other_line[0]) == 'k', "the other guest's next request fails");
    note_driver_calls(host);
}

static void host_life(struct talk *talk)
{
    unsigned fds = sites_open_fds(), maps = sites_shared_maps();
    sites->phase = PHASE_START;
    sites_begin(ROLE_HOST);
    struct vfp_host *host = vfp_host_create(&(struct vfp_host_options){.workers = 1});
    if (host) {
        host_work(host, talk);
        say(talk->other_line[0], 'q');
        vfp_host_destroy(host);
    }
    unsigned leaks = sites_leaks("host");
    sites_end();
    HOLDS(!leaks, "%u allocations leaked", leaks);
    /* Both channels' sockets are gone by now, whoever had them. */
    HOLDS(!host || sites_open_fds() <= fds, "%u descriptors, %u before", sites_open_fds(), fds);
    HOLDS(sites_shared_maps() == maps, "%u mappings of shared memory, %u before", sites_shared_maps(), maps);
}

/* ---- the processes -------------------------------------------------------------------------------------------------
 */

static void open_pair(int ends[2], int type)
{
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends))
        abort();
}

static void keep_one(int ends[2], unsigned kept)
{
    close(ends[!kept]);
}

struct life {
    void (*live)(struct talk *talk);
    struct talk *talk;
};

static void *live(void *context)
{
    const struct life *life = context;
    life->live(life->talk);
    return NULL;
}

/* On a thread of its own, so that a call stack ends here and not in what led to this run. */
static void live_apart(struct life life)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, live, &life))
        abort();
    pthread_join(thread, NULL);
}

static pid_t start(struct talk *talk, enum process process, void (*life)(struct talk *talk))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid)
        return pid;
    self = process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (process == HOST) {
        keep_one(talk->guest, 0), keep_one(talk->other, 0);
        keep_one(talk->guest_line, 0), keep_one(talk->other_line, 0);
    } else {
        int *own = process == GUEST ? talk->guest : talk->other,
            *not_own = process == GUEST ? talk->other : talk->guest;
        int *line = process == GUEST ? talk->guest_line : talk->other_line;
        int *not_line = process == GUEST ? talk->other_line : talk->guest_line;
        keep_one(own, 1), keep_one(line, 1);
        close(not_own[0]), close(not_own[1]), close(not_line[0]), close(not_line[1]);
    }
    live_apart((struct life){life, talk});
    fflush(NULL);
    exit(shared->wrong[process][0] ? 1 : 0); /* exit, so that LeakSanitizer looks */
}

static void await(enum process process, pid_t pid, bool may_be_killed)
{
    int status = 0, waited = 0;
    while (waitpid(pid, &status, WNOHANG) == 0 && waited++ < RUN_MS / 2)
        usleep(2000);
    if (waited >= RUN_MS / 2) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        self = process;
        wrong("hangs");
    } else if (WIFSIGNALED(status) && !(may_be_killed && WTERMSIG(status) == SIGKILL)) {
        self = process;
        wrong("killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (WIFEXITED(status) && WEXITSTATUS(status)) {
        self = process;
        wrong("exit status %d", WEXITSTATUS(status));
    }
    self = PARENT;
}

static void create_shared(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
}

const char *way_run(struct way *way)
{
    static char text[2600];
    struct talk talk;
    if (!shared)
        create_shared();
    *shared = (struct shared){.way = *way};
    sites->done = false;
    sites->seen = sites->leaks = sites->wakes_changed = 0;
    sites->where[0] = sites->leak[0] = 0;
    sites->lock = 0;
    open_pair(talk.guest, SOCK_SEQPACKET), open_pair(talk.other, SOCK_SEQPACKET);
    open_pair(talk.guest_line, SOCK_STREAM), open_pair(talk.other_line, SOCK_STREAM);
    pid_t guest = start(&talk, GUEST, guest_life), other = start(&talk, OTHER, other_life);
    pid_t host = start(&talk, HOST, host_life);
    int *const pairs[] = {talk.guest, talk.other, talk.guest_line, talk.other_line};
    for (unsigned i = 0; i < 4; i++)
        close(pairs[i][0]), close(pairs[i][1]);
    await(HOST, host, way->host_killed);
    await(GUEST, guest, way->guest_killed);
    await(OTHER, other, false);
    *way = shared->way;
    size_t used = 0;
    text[0] = 0;
    for (unsigned i = 0; i < 3; i++)
        if (shared->wrong[i][0])
            used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", shared->wrong[i]);
    if (!used)
        return NULL;
    snprintf(text + used, sizeof text - used, "%s%s", sites->leak, sites->where);
    return text;
}
