/* SPDX-License-Identifier: MIT */
#include <vfplane/host.h>

int main(int argc, char **argv)
{
    struct vfp_host *host = vfp_host_create(&(struct vfp_host_options){0});
    struct vfp_pf *pf = argc == 3 ? vfp_pf_add(host, argv[1], NULL) : NULL;
    if (!pf || !vfp_driver_load(host, argv[2])) {
        fprintf(stderr, "%s\n", vfp_host_error(host));
        return 1;
    }
    printf("%u VFs\n", vfp_pf_total_vfs(pf));
    return vfp_host_destroy(host) != 0;
}
