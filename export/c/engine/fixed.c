/* Arithmetic in integers: activations are int16 with a scale for each step, pre-activations and cell states int32 of 2^-16, hidden states and gates of 2^-15. The few float
 * operations, of input and logits, are one to a statement; compile with -std=c99 or -ffp-contract=off and no fast-math, and all machines give the same bits. */

enum { ONE = 1 << 15, STATE_MOST = ONE - 1, SUM_MOST = (1 << 30) - 1 };

/* tanh from 0 to 8 in steps of 1/64. */
static const int16_t table[] = {/*TABLE*/};

/* halved is v / 2^n rounded to nearest, ties up. */
static total_t halved(total_t v, int32_t n)
{
    if (n > 0)
        v += (total_t)1 << (n - 1);
    return v < 0 ? ~(~v >> n) : v >> n;
}

static int64_t halved_wide(int64_t v, int32_t n)
{
    v += (int64_t)1 << (n - 1);
    return v < 0 ? ~(~v >> n) : v >> n;
}

static int16_t stored(total_t total, int32_t shift)
{
    const total_t v = halved(total, shift);
    return (int16_t)(v > 32767 ? 32767 : v < -32767 ? -32767 : v);
}

static int32_t held(int64_t v) { return (int32_t)(v > SUM_MOST ? SUM_MOST : v < -SUM_MOST ? -SUM_MOST : v); }

static int32_t rescaled(int32_t y, int16_t v, int32_t multiplier, int32_t shift)
{
    int32_t p = v * multiplier;
    if (shift > 0)
        p += 1 << (shift - 1);
    p = y + (p < 0 ? ~(~p >> shift) : p >> shift);
    return p > SUM_MOST ? SUM_MOST : p < -SUM_MOST ? -SUM_MOST : p;
}

static int32_t widened(const fdht_state *s, int16_t bias) { return bias * (1 << s->model.program[P_BIAS_SHIFT]); }
static int32_t pooled(int32_t before, int16_t h) { return before + h; }

/* hyperbolic is tanh(x / 2^bits), 6 < bits, of scale 2^-15. */
static int32_t hyperbolic(int32_t x, int32_t bits)
{
    const int32_t m = x < 0 ? -x : x, fraction = bits - 6, i = m >> fraction;
    int32_t v = STATE_MOST;
    if (i < 512)
        v = table[i] + (int32_t)halved((table[i + 1] - table[i]) * (m & ((1 << fraction) - 1)), fraction);
    return x < 0 ? -v : v;
}

/* sigmoid is that of x / 2^16, of scale 2^-15. */
static int32_t sigmoid(int32_t x) { return (ONE + hyperbolic(x, 17)) >> 1; }

static int16_t state(int32_t v) { return (int16_t)(v > STATE_MOST ? STATE_MOST : v < -STATE_MOST ? -STATE_MOST : v); }

static void cell(fdht_state *s, int32_t number, int16_t *h)
{
    const int32_t *const program = s->model.program;
    const int32_t n = program[P_HIDDEN];
    const int32_t *const z = s->sums + program[P_Z], *const u = s->sums + program[P_U];
    int32_t *const c = s->sums + program[P_C] + number * n;
    int32_t k;
    for (k = 0; k < n; k++) {
        if (program[P_CELL] == 0) { /* gates i, f, g, o */
            const int64_t kept = halved_wide((int64_t)sigmoid(z[n + k]) * c[k], 15);
            c[k] = held(kept + halved_wide((int64_t)sigmoid(z[k]) * hyperbolic(z[2 * n + k], 16), 14));
            h[k] = state((int32_t)halved_wide((int64_t)sigmoid(z[3 * n + k]) * hyperbolic(c[k], 16), 15));
        } else if (program[P_CELL] == 1) { /* gates r, z, n */
            const int32_t r = sigmoid(z[k] + u[k]), g = sigmoid(z[n + k] + u[n + k]);
            const int32_t v = hyperbolic(z[2 * n + k] + (int32_t)halved_wide((int64_t)r * u[2 * n + k], 15), 16);
            h[k] = state((int32_t)halved_wide((int64_t)(ONE - g) * v + (int64_t)g * h[k], 15));
        } else {
            h[k] = (int16_t)hyperbolic(z[k], 16);
        }
    }
}

static int16_t input(const fdht_state *s, float v, int32_t i)
{
    const int32_t n = s->model.program[P_SCALE];
    const float *const mean = s->model.numbers + 2;
    if (n == 1)
        i = 0;
    v = v - mean[i];
    v = v * mean[n + i];
    if (v < 0) {
        v = v - 0.5f;
        return (int16_t)(v > -32767 ? v : -32767);
    }
    v = v + 0.5f;
    return (int16_t)(v < 32767 ? v : 32767);
}

/* mean is sum / n rounded to nearest, ties up. */
static int16_t mean_of(int32_t sum, int32_t n)
{
    const int32_t v = sum + n / 2;
    return (int16_t)(v / n - (v % n < 0));
}

int32_t fdht_predict(const fdht_state *s, float *logits)
{
    const int32_t *const program = s->model.program;
    const int32_t n = program[P_HIDDEN], classes = program[P_CLASSES], rank = program[P_RANK];
    const float *const scale = s->model.numbers + 2 + 2 * program[P_SCALE];
    const fdht_weight *w = s->model.weights + program[P_HEAD];
    const int32_t *const sums = s->sums + program[P_POOLED];
    fdht_data *in = s->data + program[P_MEAN], *middle = in + n;
    int32_t k, width = n, best = 0;
    if (s->steps == 0)
        return -1;
    for (k = 0; k < n; k++)
        in[k] = program[P_POOLING] ? mean_of(sums[k], s->steps) : (int16_t)sums[k];
    if (rank > 0) {
        for (k = 0; k < rank; k++)
            middle[k] = stored(dot(w + classes * rank + k * n, in, n), program[P_HEAD_SHIFT]);
        in = middle;
        width = rank;
    }
    for (k = 0; k < classes; k++) {
        float v = (float)dot(w + k * width, in, width);
        float b = s->model.biases[program[P_BIAS] + k];
        v = v * scale[k];
        b = b * scale[classes];
        logits[k] = v + b;
        if (logits[k] > logits[best])
            best = k;
    }
    return best;
}
