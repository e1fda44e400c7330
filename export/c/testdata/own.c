/* Runs the model that is in the export: rows of floats on stdin, the logits and the label on stdout. */
#include "net_7.h"

#include <stdio.h>

int main(void)
{
    static net_7_workspace memory;
    static float row[NET_7_INPUT], logits[NET_7_CLASSES];
    net_7_state s;
    int32_t k, best = -1;
    if (sizeof memory != NET_7_WORKSPACE_BYTES)
        return 7;
    net_7_init(&s, &memory);
    while (fread(row, sizeof row[0], NET_7_INPUT, stdin) == NET_7_INPUT)
        if (net_7_step(&s, row) != 1)
            return 8;
    best = net_7_predict(&s, logits);
    for (k = 0; k < NET_7_CLASSES; k++)
        printf("%.9g ", (double)logits[k]);
    if (net_7_label(NET_7_CLASSES) || net_7_label(-1))
        return 9;
    printf("%s\n", net_7_label(best));
    return 0;
}
