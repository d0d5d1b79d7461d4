/* SPDX-License-Identifier: MIT */
#include "host.h"

#define VFS 4

static bool start(struct bench_host *opened)
{
    struct vfp_pf *pf = vfp_pf_add(opened->host, BENCH_PROFILE, NULL);
    struct vfp_driver *driver = pf ? vfp_driver_load(opened->host, BENCH_PF_DRIVER) : NULL;
    opened->adapter = driver ? vfp_adapter_start(driver, pf) : NULL;
    return opened->adapter && vfp_switch_create(opened->adapter, VFS) == 0 &&
           vfp_vf_allocate(opened->adapter, &opened->vf) == 0;
}

bool bench_host_open(struct bench_host *opened, enum vfp_contracts contracts)
{
    *opened = (struct bench_host){.why = "no memory"};
    /* one worker: there is one channel */
    opened->host = vfp_host_create(&(struct vfp_host_options){.workers = 1, .contracts = contracts});
    if (!opened->host)
        return false;
    if (start(opened))
        return true;
    snprintf(opened->why, sizeof(opened->why), "%s", vfp_host_error(opened->host));
    bench_host_close(opened);
    return false;
}

void bench_host_close(struct bench_host *opened)
{
    vfp_host_destroy(opened->host);
    opened->host = NULL;
}
