/* SPDX-License-Identifier: MIT
 *
 * The inline list functions. None of them locks: the caller holds whatever guards the list. Any IRQL, if list and
 * entries are in nonpaged memory. A corrupt ring stops the process, as the kernel stops the machine.
 */
#ifndef VFPLANE_WDK_LIST_H
#define VFPLANE_WDK_LIST_H

#include "types.h"

VFPLANE_BEGIN_C

/* Makes Head an empty ring. */
VFPLANE_INLINE VOID InitializeListHead(PLIST_ENTRY Head)
{
    Head->Flink = Head->Blink = Head;
}

/* TRUE if nothing but the head is on the ring. */
VFPLANE_INLINE BOOLEAN IsListEmpty(const LIST_ENTRY *Head)
{
    return (BOOLEAN)(Head->Flink == Head);
}

/* Takes Entry off the ring it is on; TRUE if the ring is empty then. */
VFPLANE_INLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)
{
    PLIST_ENTRY next = Entry->Flink, previous = Entry->Blink;

    if (next->Blink != Entry || previous->Flink != Entry)
        __builtin_trap();
    previous->Flink = next;
    next->Blink = previous;
    return (BOOLEAN)(next == previous);
}

/* Takes the first entry off and returns it; the head itself when the ring is empty. */
VFPLANE_INLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY Head)
{
    PLIST_ENTRY entry = Head->Flink;

    RemoveEntryList(entry);
    return entry;
}

/* Takes the last entry off and returns it; the head itself when the ring is empty. */
VFPLANE_INLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY Head)
{
    PLIST_ENTRY entry = Head->Blink;

    RemoveEntryList(entry);
    return entry;
}

/* Puts Entry in front of all others. */
VFPLANE_INLINE VOID InsertHeadList(PLIST_ENTRY Head, PLIST_ENTRY Entry)
{
    PLIST_ENTRY next = Head->Flink;

    if (next->Blink != Head)
        __builtin_trap();
    Entry->Flink = next;
    Entry->Blink = Head;
    next->Blink = Entry;
    Head->Flink = Entry;
}

/* Puts Entry behind all others. */
VFPLANE_INLINE VOID InsertTailList(PLIST_ENTRY Head, PLIST_ENTRY Entry)
{
    PLIST_ENTRY previous = Head->Blink;

    if (previous->Flink != Head)
        __builtin_trap();
    Entry->Flink = Head;
    Entry->Blink = previous;
    previous->Flink = Entry;
    Head->Blink = Entry;
}

/* Splices the entries of a headless ring behind those of Head. */
VFPLANE_INLINE VOID AppendTailList(PLIST_ENTRY Head, PLIST_ENTRY List)
{
    PLIST_ENTRY end = Head->Blink;

    Head->Blink->Flink = List;
    Head->Blink = List->Blink;
    List->Blink->Flink = Head;
    List->Blink = end;
}

/* Takes the newest entry off a singly linked list; NULL when there is none. */
VFPLANE_INLINE PSINGLE_LIST_ENTRY PopEntryList(PSINGLE_LIST_ENTRY Head)
{
    PSINGLE_LIST_ENTRY first = Head->Next;

    if (first != NULL)
        Head->Next = first->Next;
    return first;
}

/* Puts Entry in front of a singly linked list. */
VFPLANE_INLINE VOID PushEntryList(PSINGLE_LIST_ENTRY Head, PSINGLE_LIST_ENTRY Entry)
{
    Entry->Next = Head->Next;
    Head->Next = Entry;
}

VFPLANE_END_C

#endif
