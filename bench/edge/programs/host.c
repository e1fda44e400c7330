/* Runs an exported model over the clips of a file; what is printed is said in ours.go. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fdht.h"

static fdht_workspace memory;
static fdht_state state;

static int up(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : 0;
    int32_t head[3], clip, step;
    static uint8_t frames[(1 + FDHT_LAGS) * FDHT_FRAME_BYTES]; /* one, and those that it is compared with */
    static float logits[FDHT_CLASSES];
    double *ms;
    size_t n = 0;
    if (!f || fread(head, 4, 3, f) != 3 || head[2] != FDHT_FRAME_BYTES)
        return 1;
    ms = malloc((size_t)head[0] * (size_t)head[1] * sizeof *ms);
    fdht_init(&state, &memory);
    for (clip = 0; clip < head[0]; clip++) {
        fdht_reset(&state);
        for (step = 0; step < head[1]; step++) {
            struct timespec a, b;
            if (fread(frames, 1, sizeof frames, f) != sizeof frames)
                return 1;
            clock_gettime(CLOCK_MONOTONIC, &a);
            if (fdht_pixels(&state, frames, frames + FDHT_FRAME_BYTES, FDHT_FRAME_BYTES) != 1)
                return 1;
            fdht_predict(&state, logits);
            clock_gettime(CLOCK_MONOTONIC, &b);
            ms[n++] = 1e3 * (double)(b.tv_sec - a.tv_sec) + 1e-6 * (double)(b.tv_nsec - a.tv_nsec);
        }
        fwrite(logits, sizeof logits, 1, stdout);
    }
    qsort(ms, n, sizeof *ms, up);
    fprintf(stderr, "{\"ms\": %g}\n", ms[n / 2]);
    return 0;
}
