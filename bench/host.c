/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <stdlib.h>
#include <unistd.h>

#include <vfplane/profile.h>

#define VFS 4u

const char *bench_pf_driver = BENCH_PF_DRIVER;

static bool start(struct bench_host *opened, const char *profile, unsigned vfs)
{
    struct vfp_pf *pf = vfp_pf_add(opened->host, profile, NULL);
    struct vfp_driver *driver = pf ? vfp_driver_load(opened->host, bench_pf_driver) : NULL;
    opened->adapter = driver ? vfp_adapter_start(driver, pf) : NULL;
    return opened->adapter && vfp_switch_create(opened->adapter, vfs) == 0;
}

static bool open_host(struct bench_host *opened, enum vfp_contracts contracts, const char *profile, unsigned vfs)
{
    *opened = (struct bench_host){.why = "no memory"};
    opened->host = vfp_host_create(&(struct vfp_host_options){.workers = 1, .contracts = contracts});
    if (!opened->host)
        return false;
    if (start(opened, profile, vfs))
        return true;
    snprintf(opened->why, sizeof(opened->why), "%s", vfp_host_error(opened->host));
    bench_host_close(opened);
    return false;
}

bool bench_host_open(struct bench_host *opened, enum vfp_contracts contracts)
{
    if (!open_host(opened, contracts, BENCH_PROFILE, VFS))
        return false;
    if (vfp_vf_allocate(opened->adapter, &opened->vf) == 0)
        return true;
    snprintf(opened->why, sizeof(opened->why), "%s", vfp_host_error(opened->host));
    bench_host_close(opened);
    return false;
}

bool bench_host_open_many(struct bench_host *opened, enum vfp_contracts contracts, unsigned vfs)
{
    char profile[] = "/tmp/vfplane-bench-XXXXXX";
    int fd = mkstemp(profile);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    *opened = (struct bench_host){.why = "no profile"};
    bool written = stream && vfp_profile_synth((uint16_t)vfs, stream) == 0;
    written = stream && fclose(stream) == 0 && written;
    bool open = written && open_host(opened, contracts, profile, vfs);
    if (fd >= 0)
        unlink(profile);
    return open;
}

bool bench_host_attach(struct bench_host *opened, int socket)
{
    struct vfp_vf *vf;
    struct vfp_channel *channel;
    if (vfp_vf_allocate(opened->adapter, &vf) != 0) {
        close(socket);
        return false;
    }
    return vfp_channel_attach(vf, socket, "guest", NULL, NULL, &channel) == 0; /* closes it */
}

void bench_host_close(struct bench_host *opened)
{
    vfp_host_destroy(opened->host);
    opened->host = NULL;
}
