/* SPDX-License-Identifier: MIT
 *
 * The guarded copy of an information buffer (decisions.md "guard page and canary"):
 *
 *     data pages:  ... canary | buffer, 8-byte aligned | slack, canary too |
 *     guard pages: no access: one byte too many stops the driver there
 *     label page:  says that the pages before it are a guard; found from a fault address without any list
 *
 * An adapter has one request in flight and so one copy. When the next request has the same length the canary stands
 * already.
 */
#include "ndis/guard.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ndis/internal.h"

#define PAGE            4096u
#define GUARD_PAGES     4u
#define CANARY          64u /* bytes before the buffer */
#define CANARY_BYTE     0xC5
#define ALIGNMENT       8u
#define LARGEST         (1u << 20)                   /* a larger buffer is not copied */
#define LABEL_MAGIC     UINT64_C(0x6472617567706676) /* "vfpguard" */
#define ROUND_UP(n, to) (((n) + (to)-1) / (to) * (to))

struct label {
    uint64_t magic, not_magic;
    uintptr_t first, end; /* of the guard */
};

static bool map(struct ndis_guard *guard, size_t data)
{
    size_t size = data + (GUARD_PAGES + 1) * PAGE;
    UCHAR *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct label *label;

    if (base == MAP_FAILED)
        return false;
    label = (void *)(base + data + GUARD_PAGES * PAGE);
    *label = (struct label){LABEL_MAGIC, ~LABEL_MAGIC, (uintptr_t)base + data, (uintptr_t)label};
    if (mprotect(label, PAGE, PROT_READ) != 0 || mprotect(base + data, GUARD_PAGES * PAGE, PROT_NONE) != 0) {
        munmap(base, size);
        return false;
    }
    ndis_guard_free(guard);
    guard->base = base;
    guard->data = data;
    return true;
}

void ndis_guard_free(struct ndis_guard *guard)
{
    if (guard->base)
        munmap(guard->base, guard->data + (GUARD_PAGES + 1) * PAGE);
    *guard = (struct ndis_guard){0};
}

/* Length of the buffer and of the slack behind it. */
static ULONG slack(ULONG length)
{
    return ROUND_UP(length, ALIGNMENT) - length;
}

static void plant(struct ndis_guard *guard)
{
    if (guard->canary == guard->copy && guard->canary_length == guard->length)
        return;
    memset(guard->copy - CANARY, CANARY_BYTE, CANARY);
    memset(guard->copy + guard->length, CANARY_BYTE, slack(guard->length));
    guard->canary = guard->copy;
    guard->canary_length = guard->length;
}

static bool is_intact(const UCHAR *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != CANARY_BYTE)
            return false;
    return true;
}

static bool canary_stands(struct ndis_guard *guard)
{
    static const UCHAR canary[CANARY] = {[0 ... CANARY - 1] = CANARY_BYTE};

    if (memcmp(guard->copy - CANARY, canary, CANARY) == 0 &&
        is_intact(guard->copy + guard->length, slack(guard->length)))
        return true;
    guard->canary = NULL;
    return false;
}

void ndis_guard_enter(struct ndis_guard *guard, PNDIS_OID_REQUEST request)
{
    void *issuer = ndis_oid_buffer(request);
    ULONG length = ndis_oid_capacity(request);
    size_t needed = (size_t)ROUND_UP(length, ALIGNMENT) + CANARY;

    if (!issuer || length > LARGEST || (needed > guard->data && !map(guard, ROUND_UP(needed, PAGE))))
        return;
    guard->active = true;
    guard->issuer = issuer;
    guard->length = length;
    guard->copy = guard->base + guard->data - ROUND_UP(length, ALIGNMENT);
    plant(guard);
    memcpy(guard->copy, issuer, length);
    request->DATA.QUERY_INFORMATION.InformationBuffer = guard->copy;
}

bool ndis_guard_leave(struct ndis_guard *guard, PNDIS_OID_REQUEST request)
{
    guard->active = false;
    request->DATA.QUERY_INFORMATION.InformationBuffer = guard->issuer;
    if (request->RequestType != NdisRequestSetInformation)
        memcpy(guard->issuer, guard->copy, guard->length);
    return canary_stands(guard);
}

/* A signal mask is read from `address`; the operation asked for does not exist, so nothing changes. Async-signal-safe,
 * as no lock and no list is involved. */
static bool is_readable(const void *address)
{
    int saved = errno;
    bool readable = syscall(SYS_rt_sigprocmask, -1, address, NULL, (size_t)8) == 0 || errno != EFAULT;

    errno = saved;
    return readable;
}

/* What is looked at may be anybody's, also red zones of a stack that overflowed: a sanitizer has no say in it. */
__attribute__((no_sanitize("address"))) bool ndis_is_guard_address(const void *address)
{
    uintptr_t page = (uintptr_t)address & ~(uintptr_t)(PAGE - 1);

    for (unsigned i = 1; i <= GUARD_PAGES; i++) {
        const struct label *label = (const void *)(page + i * PAGE);

        if ((uintptr_t)label < page || !is_readable(label))
            continue;
        if (label->magic == LABEL_MAGIC && label->not_magic == ~LABEL_MAGIC)
            return (uintptr_t)address >= label->first && (uintptr_t)address < label->end;
    }
    return false;
}
