/* fdht: a recurrent network in C99. No allocation, no library, no global state.
 *
 *     static fdht_workspace memory;            sizeof(fdht_workspace) is FDHT_WORKSPACE_BYTES, all the RAM there is beside the state and old frames
 *     fdht_state s;
 *     float logits[FDHT_CLASSES];
 *     fdht_init(&s, &memory);
 *     for each frame:
 *         fdht_step(&s, row);                  FDHT_INPUT numbers, or in parts:
 *         fdht_rows(&s, numbers, count);       ... as often as it takes to make FDHT_INPUT of them; or
 *         fdht_pixels(&s, bytes, old, count);  ... FDHT_FRAME_BYTES bytes of a video frame, in as many parts as you like
 *         fdht_frame(&s, &ring, bytes);        ... or a whole frame of a video, which goes into a ring with those before
 *         fdht_predict(&s, logits);            at any time after a frame: the label so far
 *     fdht_reset(&s);                          before the next clip
 *
 * Numbers of a row are scaled (a frame's values to 0..1) but not standardised: that is done inside. Bytes are row-major
 * [height][width], or [height][width][3] where the model takes rgb. A model of differences (FDHT_LAGS > 0) wants in `old` the same part of the
 * frame FDHT_LAG frames before, or of the first frame while there is none so old; with several lags count bytes for each, one behind the other in the
 * order of FDHT_LAG. Keep those frames as bytes, or less often sampled ones. Other models take 0 for `old`. A state is one sequence; states share
 * nothing but the constant model.
 */
#ifndef FDHT_H
#define FDHT_H

#include <stdint.h>

/*CONSTANTS*/
/* A model: what fdht_init uses, or one that the caller has loaded. Arrays are only read. */
typedef struct {
    const int32_t *program;
    const fdht_weight *weights;
    const fdht_bias *biases;
    const float *numbers;
} fdht_model;

typedef struct {
    fdht_sum sums[FDHT_SUMS];
    fdht_data data[FDHT_DATA];
    fdht_weight pack[FDHT_PACK];
} fdht_workspace;

/* One sequence. The members are the engine's own. */
typedef struct {
    fdht_model model;
    fdht_data *data;
    fdht_sum *sums;
    fdht_weight *pack;
    int32_t fed, block, fill, steps;
} fdht_state;

/* The last frames of a video, which a model of differences looks back on: FDHT_RING_BYTES. A static one is ready for a video. The members are the engine's own. */
typedef struct {
    int32_t seen, next;
    uint8_t frames[FDHT_LONGEST_LAG][FDHT_FRAME_BYTES];
} fdht_ring;

/* fdht_init starts a sequence with the model of this file. */
void fdht_init(fdht_state *s, fdht_workspace *memory);

/* fdht_open starts a sequence with another model of the same types, and memory of the sizes that it needs. */
void fdht_open(fdht_state *s, const fdht_model *model, fdht_data *data, fdht_sum *sums, fdht_weight *pack);

/* fdht_reset goes back to the start of a sequence. */
void fdht_reset(fdht_state *s);

/* fdht_step takes a whole row. 1, or -1 in the middle of a row that was begun in parts, or where fdht_rows answers -1. */
int32_t fdht_step(fdht_state *s, const float *row);

/* fdht_rows takes the next count numbers of a row: 1 when the row is complete, 0 when it is not yet, -1 when count is below 0 or beyond
 * the end of the row, and then nothing is taken. A sequence ends after 65,535 steps in engines of integers, whose mean might overflow, and after
 * 2,147,483,647 in others: from then on it is -1 and the logits stay as they are, until fdht_reset. */
int32_t fdht_rows(fdht_state *s, const float *numbers, int32_t count);

/* fdht_pixels is fdht_rows for count bytes of a video frame; -1 too when the model does not take frames, or wants an old one and has none. */
int32_t fdht_pixels(fdht_state *s, const uint8_t *bytes, const uint8_t *old, int32_t count);

/* fdht_frame is fdht_pixels for the next frame of a video, whole, beside those that the ring has. The ring keeps the frame, whatever the answer is. */
int32_t fdht_frame(fdht_state *s, fdht_ring *ring, const uint8_t *frame);

/* fdht_keep is for a frame that is no step, where a clip's steps do not take all of its frames: lags count these too. */
void fdht_keep(fdht_ring *ring, const uint8_t *frame);

/* fdht_forget is for the ring what fdht_reset is for the state: before another video. */
void fdht_forget(fdht_ring *ring);

/* fdht_predict writes the logits of the sequence so far and returns the number of the largest, or -1 before the first step. */
int32_t fdht_predict(const fdht_state *s, float *logits);

/* fdht_label is the name of a class of the model of this file; 0 when there is no such class. */
const char *fdht_label(int32_t number);

#endif
