/* SPDX-License-Identifier: MIT
 *
 * The victim in a machine whose VMM is at the other end of a path: the example's, with its guest.
 */
#include "life.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "guest.h"

static int machine_line;
static bool machine_up;

static int on_step(struct guest *guest, enum guest_step step)
{
    (void)guest;
    if (step && step == shared->way.machine_killed) {
        sites->done = true;
        kill(getpid(), SIGKILL);
    }
    if (step == GUEST_RUNNING) {
        machine_up = true;
        say(machine_line, 'k');
    }
    return 0;
}

void machine_life(struct talk *talk)
{
    static struct guest guest;
    close(talk->guest[1]);
    if (hear(talk->guest_line[1]) != 'g')
        return;
    machine_line = talk->guest_line[1];
    guest.at = on_step;
    int error = guest_run(&guest, shared->path);
    shared->way.mitigated = guest.mitigated;
    HOLDS(error == 0 || sites->done || shared->way.host_fault, "the VMM ends with %d, rule %u", error, guest.vmm.error);
    HOLDS(error != -ETIMEDOUT, "the host does not answer its VMM");
    HOLDS(!guest.lost, "more packets than credit");
    if (!machine_up)
        say(machine_line, 'f');
}
