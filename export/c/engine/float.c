/* Arithmetic in floats: there are no scales. */
static float stored(float total, int32_t shift)
{
    (void)shift;
    return total;
}

static float rescaled(float y, float v, int32_t multiplier, int32_t shift)
{
    (void)multiplier;
    (void)shift;
    return y + v;
}

static float widened(const fdht_state *s, float bias)
{
    (void)s;
    return bias;
}

static float pooled(float before, float h) { return before + h; }

/* exponential is e^x, x held between -87 and 87, with a relative error below 2e-7: x = n ln 2 + r, and Cephes' polynomial for e^r. */
static float exponential(float x)
{
    union {
        float f;
        int32_t i;
    } power;
    float n, r, p;
    int32_t whole;
    x = x < -87 ? -87 : x > 87 ? 87 : x;
    n = x * 1.44269504f;
    whole = (int32_t)(n < 0 ? n - 0.5f : n + 0.5f);
    n = (float)whole;
    r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    p = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r + 1.6666665459e-1f) * r + 5.0000001201e-1f;
    power.i = (whole + 127) * (1 << 23);
    return (p * r * r + r + 1) * power.f;
}

/* sigmoid and hyperbolic are wrong by at most 3e-7. */
static float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

static float hyperbolic(float x)
{
    const float m = x < 0 ? -x : x;
    float z;
    if (m < 0.625f) {
        z = x * x;
        return ((((-5.70498872745e-3f * z + 2.06390887954e-2f) * z - 5.37397155531e-2f) * z + 1.33314422036e-1f) * z - 3.33332819422e-1f) * z * x + x;
    }
    z = 1 - 2 / (1 + exponential(2 * m));
    return x < 0 ? -z : z;
}

static void cell(fdht_state *s, int32_t number, float *h)
{
    const int32_t *const program = s->model.program;
    const int32_t n = program[P_HIDDEN];
    const float *const z = s->sums + program[P_Z], *const u = s->sums + program[P_U];
    float *const c = s->sums + program[P_C] + number * n;
    int32_t k;
    for (k = 0; k < n; k++) {
        if (program[P_CELL] == 0) { /* gates i, f, g, o */
            c[k] = sigmoid(z[n + k]) * c[k] + sigmoid(z[k]) * hyperbolic(z[2 * n + k]);
            h[k] = sigmoid(z[3 * n + k]) * hyperbolic(c[k]);
        } else if (program[P_CELL] == 1) { /* gates r, z, n */
            const float g = sigmoid(z[n + k] + u[n + k]);
            h[k] = (1 - g) * hyperbolic(z[2 * n + k] + sigmoid(z[k] + u[k]) * u[2 * n + k]) + g * h[k];
        } else {
            h[k] = hyperbolic(z[k]);
        }
    }
}

static float input(const fdht_state *s, float v, int32_t i)
{
    const int32_t n = s->model.program[P_SCALE];
    const float *const mean = s->model.numbers + 2;
    if (n == 0)
        return v;
    if (n == 1)
        i = 0;
    return (v - mean[i]) * mean[n + i];
}

int32_t fdht_predict(const fdht_state *s, float *logits)
{
    const int32_t *const program = s->model.program;
    const int32_t n = program[P_HIDDEN], classes = program[P_CLASSES];
    const float *const p = s->sums + program[P_POOLED];
    const float share = program[P_POOLING] ? 1 / (float)s->steps : 1;
    int32_t k, best = 0;
    if (s->steps == 0)
        return -1;
    for (k = 0; k < classes; k++) {
        logits[k] = s->model.biases[program[P_BIAS] + k] + share * dot(s->model.weights + program[P_HEAD] + k * n, p, n);
        if (logits[k] > logits[best])
            best = k;
    }
    return best;
}
