/* SPDX-License-Identifier: MIT
 *
 * What the bits of the registers are called, for people. A register without a row is shown as a number only.
 */
#include <string.h>

#include "pci/internal.h"

#define RESERVED "|"

static const struct {
    const char *name, *bits;
} names[] = {
    {"Command", "I/O|Memory|Bus Master|Special Cycle|MWI|VGA Snoop|Parity Error|Stepping|SERR|Fast B2B|INTx Disable"},
    {"Status", RESERVED RESERVED RESERVED "INTx Status|Capability List|66 MHz|" RESERVED
                                          "Fast B2B|Master Data Parity Error|DEVSEL|DEVSEL|Signaled Target Abort|"
                                          "Received Target Abort|Received Master Abort|Signaled System Error|"
                                          "Detected Parity Error"},
    {"PM Control", "PowerState|PowerState|" RESERVED "No Soft Reset|" RESERVED RESERVED RESERVED RESERVED
                   "PME Enable|" RESERVED RESERVED RESERVED RESERVED RESERVED RESERVED "PME Status"},
    {"MSI Control", "MSI Enable|" RESERVED RESERVED RESERVED
                    "Multiple Message Enable|Multiple Message Enable|Multiple Message Enable"},
    {"MSI-X Control", RESERVED RESERVED RESERVED RESERVED RESERVED RESERVED RESERVED RESERVED RESERVED RESERVED RESERVED
                          RESERVED RESERVED RESERVED "Function Mask|MSI-X Enable"},
    {"Device Control", "Correctable Error Reporting|Non-Fatal Error Reporting|Fatal Error Reporting|"
                       "Unsupported Request Reporting|Relaxed Ordering|Max Payload Size|Max Payload Size|"
                       "Max Payload Size|Extended Tag|Phantom Functions|Aux Power PM|No Snoop|Max Read Request|"
                       "Max Read Request|Max Read Request|Initiate FLR"},
    {"Device Status", "Correctable Error|Non-Fatal Error|Fatal Error|Unsupported Request|Aux Power|"
                      "Transactions Pending"},
    {"Link Control", "ASPM|ASPM|" RESERVED "RCB|Link Disable|Retrain Link|Common Clock|Extended Synch|Clock PM|"
                     "Autonomous Width Disable"},
    {"ATS Control", "Smallest Translation Unit|Smallest Translation Unit|Smallest Translation Unit|"
                    "Smallest Translation Unit|Smallest Translation Unit|" RESERVED RESERVED RESERVED RESERVED RESERVED
                        RESERVED RESERVED RESERVED RESERVED RESERVED "ATS Enable"},
    {"SR-IOV Control", "VF Enable|VF Migration Enable|VF Migration Interrupt Enable|VF MSE|ARI Capable Hierarchy|"
                       "10-Bit Tag Requester Enable"},
    {"SR-IOV Status", "VF Migration Status"},
};

const char *pci_bit_names(const char *register_name)
{
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, register_name) == 0)
            return names[i].bits;
    return NULL;
}
