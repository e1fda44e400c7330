/* Feeds a model of integers more steps than a sequence has, and prints the bits of the logits. */
#include "fdht.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    static fdht_workspace memory;
    static const float row[FDHT_INPUT] = {0.5f, 0.25f};
    float before[FDHT_CLASSES], after[FDHT_CLASSES];
    fdht_state s;
    int32_t k;
    fdht_init(&s, &memory);
    for (k = 0; k < 65535; k++)
        if (fdht_step(&s, row) != 1)
            return 1;
    fdht_predict(&s, before);
    if (fdht_step(&s, row) != -1 || fdht_rows(&s, row, 1) != -1)
        return 2;
    fdht_predict(&s, after);
    if (memcmp(before, after, sizeof before))
        return 3;
    fdht_reset(&s);
    if (fdht_step(&s, row) != 1)
        return 4;
    fwrite(after, sizeof after, 1, stdout);
    return 0;
}
