/* SPDX-License-Identifier: MIT */
#include "mitigable_pf.h"

static void reference(PVOID context)
{
    atomic_fetch_add(&((struct generic_pf *)context)->references, 1);
}

static void dereference(PVOID context)
{
    atomic_fetch_sub(&((struct generic_pf *)context)->references, 1);
}

static NTSTATUS access_register(PVOID context, USHORT vf, BOOLEAN read, USHORT bar, ULONGLONG offset, ULONG length,
                                PUCHAR data)
{
    struct mitigable_pf *pf = context;
    generic_pf_enter(&pf->pf);
    pthread_mutex_lock(&pf->lock);
    pf->access.vf = vf;
    pf->access.read = read;
    pf->access.bar = bar;
    pf->access.offset = offset;
    pf->access.length = length;
    if (read)
        memset(data, 0xA5, length);
    memcpy(pf->access.data, data, length);
    pthread_mutex_unlock(&pf->lock);
    atomic_fetch_add(&pf->accesses, 1);
    return generic_pf_leave(&pf->pf);
}

/* A change that the PF driver makes inside one of its callbacks. */
static NTSTATUS set_power(PVOID context, USHORT vf, DEVICE_POWER_STATE state, BOOLEAN wake)
{
    struct mitigable_pf *pf = context;
    (void)wake;
    generic_pf_enter(&pf->pf);
    if (pf->late) {
        mitigable_pf_range(pf, 0, state == PowerDeviceD0 ? 0 : 1, true, true);
        mitigable_pf_update(pf, vf, vf, STATUS_SUCCESS, 2);
        atomic_fetch_add(&pf->lates, 1);
    }
    return generic_pf_leave(&pf->pf);
}

/* The buffers are as long as pci.md 5.9 wants them. */
static void check_lengths(PIRP irp, ULONG input, ULONG output)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    assert_int_equal(stack->MajorFunction, IRP_MJ_INTERNAL_DEVICE_CONTROL);
    assert_int_equal(stack->Parameters.DeviceIoControl.InputBufferLength, input);
    assert_true(stack->Parameters.DeviceIoControl.OutputBufferLength >= output);
    assert_non_null(irp->AssociatedIrp.SystemBuffer);
}

static NTSTATUS count(struct mitigable_pf *pf, PIRP irp)
{
    const USHORT vf = *(USHORT *)irp->AssociatedIrp.SystemBuffer;
    check_lengths(irp, 2, 24);
    NTSTATUS status;
    pthread_mutex_lock(&pf->lock);
    status = pf->count_status;
    memcpy(irp->AssociatedIrp.SystemBuffer, pf->counts, sizeof(pf->counts));
    ULONG_PTR information = pf->count_information;
    pthread_mutex_unlock(&pf->lock);
    atomic_fetch_add(&pf->count_asks, 1);
    return status == STATUS_PENDING ? generic_pf_keep(&pf->pf, MITIGABLE_COUNT(vf), irp)
                                    : generic_pf_complete(irp, status, information);
}

static NTSTATUS list(struct mitigable_pf *pf, PIRP irp)
{
    const ULONG room = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.OutputBufferLength;
    const SRIOV_MITIGATED_RANGES_INPUT in = *(SRIOV_MITIGATED_RANGES_INPUT *)irp->AssociatedIrp.SystemBuffer;
    ULONG_PTR information;
    NTSTATUS status;
    check_lengths(irp, 4, 16);
    assert_true(in.VfIndex < PF_VFS && in.BarNumber < 6);
    pthread_mutex_lock(&pf->lock);
    status = pf->ranges_status;
    if (pf->too_small) {
        pf->too_small--;
        status = STATUS_BUFFER_TOO_SMALL;
    }
    assert_true(room % 16 == 0 && room);
    memcpy(irp->AssociatedIrp.SystemBuffer, pf->ranges, room < sizeof(pf->ranges) ? room : sizeof(pf->ranges));
    information = pf->ranges_information ? pf->ranges_information : room;
    pthread_mutex_unlock(&pf->lock);
    atomic_fetch_add(&pf->ranges_asks, 1);
    return generic_pf_complete(irp, status, information);
}

static NTSTATUS update(struct mitigable_pf *pf, PIRP irp)
{
    const USHORT vf = *(USHORT *)irp->AssociatedIrp.SystemBuffer;
    NTSTATUS status;
    pthread_mutex_lock(&pf->lock);
    status = pf->update;
    pthread_mutex_unlock(&pf->lock);
    check_lengths(irp, 2, 2);
    assert_true(vf < PF_VFS - 1);
    pthread_mutex_lock(&pf->pf.lock);
    assert_null(pf->pf.waiting[MITIGABLE_UPDATE(vf)]); /* one of a VF at a time */
    pthread_mutex_unlock(&pf->pf.lock);
    status = status == STATUS_PENDING ? generic_pf_keep(&pf->pf, MITIGABLE_UPDATE(vf), irp)
                                      : generic_pf_complete(irp, status, 0);
    atomic_fetch_add(&pf->updates, 1);
    return status;
}

NTSTATUS mitigable_pf_control(struct generic_pf *generic, ULONG code, PIRP irp)
{
    struct mitigable_pf *pf = (struct mitigable_pf *)generic;
    switch (code) {
    case IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT:
        return count(pf, irp);
    case IOCTL_SRIOV_QUERY_MITIGATED_RANGES:
        return list(pf, irp);
    case IOCTL_SRIOV_MITIGATED_RANGE_UPDATE:
        return update(pf, irp);
    default:
        return generic_pf_complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

void mitigable_pf_create(struct mitigable_pf *pf, USHORT size)
{
    memset(pf, 0, sizeof(*pf));
    generic_pf_create(&pf->pf);
    pthread_mutex_init(&pf->lock, NULL);
    pf->pf.other = mitigable_pf_control;
    pf->pf.offer.SetVfPowerState = set_power;
    pf->pf.mitigable = (MITIGABLE_DEVICE_INTERFACE){.Size = size,
                                                    .Version = 1,
                                                    .Context = pf,
                                                    .InterfaceReference = reference,
                                                    .InterfaceDereference = dereference,
                                                    .ReadWriteMitigatedRegister = access_register};
    pf->count_information = 24;
    pf->update = STATUS_PENDING;
}

void mitigable_pf_destroy(struct mitigable_pf *pf)
{
    generic_pf_destroy(&pf->pf);
    pthread_mutex_destroy(&pf->lock);
}

void mitigable_pf_range(struct mitigable_pf *pf, ULONG64 base, ULONG pages, bool reads, bool writes)
{
    pthread_mutex_lock(&pf->lock);
    pf->counts[0] = pages != 0;
    pf->ranges[0] = (SRIOV_MITIGATED_RANGES_OUTPUT){base, pages, reads, writes};
    pthread_mutex_unlock(&pf->lock);
}

void mitigable_pf_update(struct mitigable_pf *pf, USHORT vf, USHORT named, NTSTATUS status, ULONG_PTR information)
{
    PIRP irp = generic_pf_take(&pf->pf, MITIGABLE_UPDATE(vf));
    *(PUSHORT)irp->AssociatedIrp.SystemBuffer = named;
    generic_pf_complete(irp, status, information);
}
