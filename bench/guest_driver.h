/* SPDX-License-Identifier: MIT
 *
 * Between the VF driver that the guest process loads and the program that loads it.
 */
#ifndef VFPLANE_BENCH_GUEST_DRIVER_H
#define VFPLANE_BENCH_GUEST_DRIVER_H

/* What the driver can be asked to do, as often as wanted, while it is in MiniportInitializeEx. True: it worked. */
struct bench_guest_driver {
    void *adapter;
    unsigned char (*set_bus_data)(void *adapter, unsigned value); /* NdisMSetBusData, 4 bytes at 0x04 */
    unsigned char (*get_bus_data)(void *adapter);                 /* NdisMGetBusData, 4 bytes at 0x04 */
    unsigned char (*read_block)(void *adapter);                   /* NdisMReadConfigBlock, 32 bytes of block 1 */
    unsigned char (*write_block)(void *adapter);                  /* NdisMWriteConfigBlock, 128 bytes of block 2 */
};

/* The program's; called once by the driver. */
void bench_in_guest(const struct bench_guest_driver *driver);

/* guests.c: true: this process is one of many guests, and has done what it is for. */
_Bool bench_in_one_of_many(const struct bench_guest_driver *driver);

#endif
