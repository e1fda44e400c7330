/* Runs models that come on stdin, one after the other, and writes the logits after each step to stdout. All numbers as this machine has them.
 *
 * A model: int32 counts of the program, weights, biases, numbers; elements of data, sums and pack; classes, steps, numbers of a row, bytes of a part, lags; the four arrays;
 * the lags; then the rows: floats, or bytes where lags >= 0. A part of 0 is the whole row.
 * To stderr go the seconds that each model took.
 */
#include "fdht.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *take(size_t size, int32_t count)
{
    void *p = malloc(size * (size_t)count + 1);
    if (!p || fread(p, size, (size_t)count, stdin) != (size_t)count)
        exit(3);
    return p;
}

static void *room(size_t size, int32_t count)
{
    void *p = malloc(size * (size_t)count);
    if (!p)
        exit(4);
    return p;
}

static int32_t feed_rows(fdht_state *s, const float *row, int32_t count, int32_t part)
{
    int32_t at, n, done = 0;
    if (part == 0)
        return fdht_step(s, row);
    for (at = 0; at < count; at += n) {
        n = count - at < part ? count - at : part;
        done = fdht_rows(s, row + at, n);
    }
    return done;
}

/* feed_bytes takes frame t, beside the parts of older ones one behind the other in old. */
static int32_t feed_bytes(fdht_state *s, const uint8_t *frames, int32_t t, const int32_t *lag, int32_t lags, uint8_t *old, int32_t count, int32_t part)
{
    int32_t at, n, k, done = 0;
    for (at = 0; at < count; at += n) {
        n = part == 0 || count - at < part ? count - at : part;
        for (k = 0; k < lags; k++)
            memcpy(old + k * n, frames + (t < lag[k] ? 0 : t - lag[k]) * count + at, (size_t)n);
        done = fdht_pixels(s, frames + t * count + at, lags > 0 ? old : 0, n);
    }
    return done;
}

int main(void)
{
    enum { PROGRAM, WEIGHTS, BIASES, NUMBERS, DATA, SUMS, PACK, CLASSES, STEPS, ROW, PART, LAGS, COUNTS };
    int32_t n[COUNTS], t, i;
    while (fread(n, sizeof n[0], COUNTS, stdin) == COUNTS) {
        int32_t *program = take(sizeof *program, n[PROGRAM]);
        fdht_weight *weights = take(sizeof *weights, n[WEIGHTS]);
        fdht_bias *biases = take(sizeof *biases, n[BIASES]);
        float *numbers = take(sizeof *numbers, n[NUMBERS]);
        int32_t *lag = take(sizeof *lag, n[LAGS] < 0 ? 0 : n[LAGS]);
        uint8_t *rows = take(n[LAGS] < 0 ? sizeof(float) : 1, n[STEPS] * n[ROW]);
        uint8_t *old = room(1, n[LAGS] > 0 ? n[LAGS] * n[ROW] : 1);
        fdht_data *data = room(sizeof *data, n[DATA]);
        fdht_sum *sums = room(sizeof *sums, n[SUMS]);
        fdht_weight *pack = room(sizeof *pack, n[PACK]);
        float *logits = room(sizeof *logits, n[CLASSES]);
        fdht_model model;
        fdht_state s;
        clock_t begin;
        model.program = program, model.weights = weights, model.biases = biases, model.numbers = numbers;
        fdht_open(&s, &model, data, sums, pack);
        begin = clock();
        for (t = 0; t < n[STEPS]; t++) {
            int32_t done;
            if (n[LAGS] < 0)
                done = feed_rows(&s, (const float *)(const void *)rows + t * n[ROW], n[ROW], n[PART]);
            else
                done = feed_bytes(&s, rows, t, lag, n[LAGS], old, n[ROW], n[PART]);
            i = fdht_predict(&s, logits);
            if (done != 1 || i < 0)
                return 5;
            fwrite(logits, sizeof *logits, (size_t)n[CLASSES], stdout);
        }
        fprintf(stderr, "%g\n", (double)(clock() - begin) / CLOCKS_PER_SEC);
        fdht_reset(&s);
        if (fdht_predict(&s, logits) != -1 || fdht_pixels(&s, rows, rows, -1) != -1 || fdht_rows(&s, numbers, -1) != -1 || fdht_rows(&s, numbers, 0) != 0)
            return 6;
        if (n[LAGS] > 0 && fdht_pixels(&s, rows, 0, n[ROW]) != -1)
            return 8;
        if (n[LAGS] >= 0 && (fdht_rows(&s, numbers, 1) != 0 || fdht_pixels(&s, rows, rows, n[ROW]) != -1)) /* a whole frame does not fit behind a number */
            return 7;
        free(program), free(weights), free(biases), free(numbers), free(lag), free(rows), free(old), free(data), free(sums), free(pack), free(logits);
    }
    return 0;
}
