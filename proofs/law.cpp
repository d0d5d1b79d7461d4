/* SPDX-License-Identifier: MIT
 *
 * The law of a single bit, whole: src/pci/bits.h is compiled with a type in the place of uint32_t that has the bitwise
 * operators and no others, so that what compiles treats each bit alone. A bit's value is its truth table over the five
 * inputs at its place: 32 rows, one a bit of `rows`. There is nothing else that pci_law could be asked.
 */
#include <cstdio>
#include <stdint.h>

struct word {
    struct {
        uint32_t rows; /* bit n: what the bit is in row n */
    } bit[32];
    word() = default;
    word(unsigned value)
    {
        for (unsigned i = 0; i < 32; i++)
            bit[i].rows = value >> i & 1 ? 0xffffffffu : 0;
    }
};

template <typename F> static word each(const word &a, const word &b, F f)
{
    word result;
    for (unsigned i = 0; i < 32; i++)
        result.bit[i].rows = f(a.bit[i].rows, b.bit[i].rows);
    return result;
}
static word operator&(const word &a, const word &b)
{
    return each(a, b, [](uint32_t x, uint32_t y) { return x & y; });
}
static word operator|(const word &a, const word &b)
{
    return each(a, b, [](uint32_t x, uint32_t y) { return x | y; });
}
static word operator~(const word &a)
{
    return each(a, a, [](uint32_t x, uint32_t) { return ~x; });
}

#define uint32_t word
#include "pci/bits.h"
#undef uint32_t

enum { OLD, VALUE, RW, W1C, TRIGGER }; /* bit k of a row's number is input k */

static bool input(unsigned row, unsigned which)
{
    return row >> which & 1;
}

/* The same bit of every place in all 32 rows. */
static word any_word(unsigned which)
{
    word result(0);
    for (unsigned row = 0; row < 32; row++)
        for (unsigned i = 0; i < 32; i++)
            result.bit[i].rows |= (uint32_t)input(row, which) << row;
    return result;
}

/* The sentence: a byte that is not enabled keeps, read-only never changes, writable takes, W1C only clears. */
static bool lawful(unsigned row, bool enabled)
{
    bool old = input(row, OLD), value = input(row, VALUE);
    if (!enabled)
        return old;
    return input(row, RW) ? value : input(row, W1C) ? old && !value : old;
}

int main()
{
    const pci_masks masks = {any_word(RW), any_word(W1C), any_word(TRIGGER)};
    unsigned wrong = 0, checked = 0;
    for (unsigned enables = 0; enables < 16; enables++) {
        word after = pci_law(any_word(OLD), any_word(VALUE), enables, masks);
        word pulled = pci_law_triggered(any_word(VALUE), enables, masks);
        for (unsigned i = 0; i < 32; i++)
            for (unsigned row = 0; row < 32; row++) {
                if (input(row, RW) + input(row, W1C) + input(row, TRIGGER) > 1)
                    continue; /* the loader lets no bit have two kinds */
                bool enabled = enables >> i / 8 & 1;
                bool starts = enabled && input(row, TRIGGER) && input(row, VALUE);
                checked++;
                wrong += (after.bit[i].rows >> row & 1) != lawful(row, enabled);
                wrong += (pulled.bit[i].rows >> row & 1) != starts;
            }
    }
    printf("1..1\n%sok 1 - the_law_of_a_single_bit_holds_in_all_of_its_truth_table\n# %u cases, %u wrong\n",
           wrong ? "not " : "", checked, wrong);
    return wrong != 0;
}
