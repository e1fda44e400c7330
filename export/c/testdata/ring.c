/* Runs the model of differences that is in the export on videos: frames on stdin, a byte before each that says what to do with it; the logits of each step, as this machine
 * has them, on stdout.
 */
#include "fdht.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    enum { KEEP, STEP, FIRST }; /* no step; a step; a step of a new video */
    static fdht_workspace memory;
    static uint8_t frame[1 + FDHT_FRAME_BYTES];
    static float logits[FDHT_CLASSES];
    fdht_ring *const ring = malloc(sizeof *ring); /* not cleared: fdht_forget readies it */
    fdht_state s;
    if (!ring || sizeof *ring != FDHT_RING_BYTES || sizeof memory != FDHT_WORKSPACE_BYTES)
        return 2;
    fdht_init(&s, &memory);
    while (fread(frame, 1, sizeof frame, stdin) == sizeof frame) {
        if (frame[0] == KEEP) {
            fdht_keep(ring, frame + 1);
            continue;
        }
        if (frame[0] == FIRST) {
            fdht_reset(&s);
            fdht_forget(ring);
        }
        if (fdht_frame(&s, ring, frame + 1) != 1 || fdht_predict(&s, logits) < 0)
            return 3;
        fwrite(logits, sizeof logits, 1, stdout);
    }
    if (fdht_rows(&s, logits, 1) != 0 || fdht_frame(&s, ring, frame + 1) != -1) /* a frame does not fit behind a number */
        return 4;
    free(ring);
    return 0;
}
