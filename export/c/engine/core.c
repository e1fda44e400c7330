/* Places of a program's first numbers. */
enum {
    P_VERSION, P_CELL, P_INPUT, P_HIDDEN, P_LAYERS, P_CLASSES, P_POOLING, P_HEAD, P_BIAS, P_RANK, P_PIXELS, P_FRAME, P_SCALE,
    P_X, P_A, P_B, P_H, P_Z, P_U, P_C, P_POOLED, P_MEAN, P_BIAS_SHIFT, P_HEAD_SHIFT, P_TABLE
};

/* Sums that are made side by side: as many as there are registers for. */
#ifndef FDHT_LANES
#define FDHT_LANES 16
#endif

enum { AXES = 16, LANES = FDHT_LANES, MOST_LAGS = 8 };

/* The arithmetic, which comes after. */
static fdht_data stored(total_t total, int32_t shift);                                  /* the result of a step */
static fdht_sum rescaled(fdht_sum y, fdht_data v, int32_t multiplier, int32_t shift);   /* y + v */
static fdht_sum widened(const fdht_state *s, fdht_bias bias);
static fdht_sum pooled(fdht_sum before, fdht_data h);
static fdht_data input(const fdht_state *s, float v, int32_t i);                        /* number i of a row, standardised */
static void cell(fdht_state *s, int32_t number, fdht_data *h);                          /* the hidden state of a layer from its pre-activations */

/* walk goes over the places of axes, pairs of size and stride, the last axis fastest. */
typedef struct {
    int32_t at[AXES], offset;
} walk;

static void start(walk *w, int32_t axes)
{
    int32_t k;
    for (k = 0; k < axes; k++)
        w->at[k] = 0;
    w->offset = 0;
}

static void next(walk *w, const int32_t *axis, int32_t axes)
{
    int32_t k;
    for (k = axes - 1; k >= 0; k--) {
        w->offset += axis[2 * k + 1];
        if (++w->at[k] < axis[2 * k])
            return;
        w->offset -= axis[2 * k] * axis[2 * k + 1];
        w->at[k] = 0;
    }
}

static int32_t places(const int32_t *axis, int32_t axes)
{
    int32_t k, n = 1;
    for (k = 0; k < axes; k++)
        n *= axis[2 * k];
    return n;
}

/* gather: to[k] = from[place k]. */
static void gather(fdht_data *to, const fdht_data *from, const int32_t *axis, int32_t axes)
{
    const int32_t size = axis[2 * axes - 2], stride = axis[2 * axes - 1];
    int32_t rows = places(axis, axes - 1), i;
    walk w;
    for (start(&w, axes - 1); rows > 0; rows--, next(&w, axis, axes - 1), to += size)
        for (i = 0; i < size; i++)
            to[i] = from[w.offset + i * stride];
}

/* scatter: y[k] += from[place k], brought to the scale of y. */
static void scatter(fdht_sum *y, const fdht_data *from, const int32_t *term)
{
    const int32_t axes = term[2], *axis = term + 3;
    const int32_t size = axis[2 * axes - 2], stride = axis[2 * axes - 1];
    int32_t rows = places(axis, axes - 1), i;
    walk w;
    for (start(&w, axes - 1); rows > 0; rows--, next(&w, axis, axes - 1), y += size)
        for (i = 0; i < size; i++)
            y[i] = rescaled(y[i], from[w.offset + i * stride], term[0], term[1]);
}

/* A step of a program: see `contract`. */
typedef struct {
    int32_t at, div, mod, stride, outer, sum, inner, out, youter, yt, yinner, packed, shift, taxes;
} step_code;

/* pack brings a factor into one piece: [T, S], or [S, T] with the first axes and the last changed over. */
static void pack(fdht_weight *to, const fdht_weight *w, const int32_t *slow, int32_t slow_axes, const int32_t *fast, int32_t fast_axes)
{
    const int32_t rows = places(slow, slow_axes), columns = places(fast, fast_axes);
    int32_t i, j;
    walk r, c;
    start(&r, slow_axes);
    for (i = 0; i < rows; i++, next(&r, slow, slow_axes)) {
        start(&c, fast_axes);
        for (j = 0; j < columns; j++, next(&c, fast, fast_axes))
            *to++ = w[r.offset + c.offset];
    }
}

/* data_lanes and weight_lanes are made for each number of lanes that is worth it. */
static inline void data_lanes(total_t *total, const fdht_weight *w, int32_t ws, const fdht_data *x, int32_t xs, int32_t sum, int32_t n)
{
    total_t t[LANES];
    int32_t s, l;
    for (l = 0; l < n; l++)
        t[l] = 0;
    for (s = 0; s < sum; s++, w += ws, x += xs) {
        const total_t v = *w;
        for (l = 0; l < n; l++)
            t[l] += v * x[l];
    }
    for (l = 0; l < n; l++)
        total[l] = t[l];
}

static inline void weight_lanes(total_t *total, const fdht_data *x, const fdht_weight *w, int32_t ws, int32_t sum, int32_t n)
{
    total_t t[LANES];
    int32_t s, l;
    for (l = 0; l < n; l++)
        t[l] = 0;
    for (s = 0; s < sum; s++, w += ws) {
        const total_t v = x[s];
        for (l = 0; l < n; l++)
            t[l] += v * w[l];
    }
    for (l = 0; l < n; l++)
        total[l] = t[l];
}

/* lanes_of_data: total[l] = sum_s w[s ws] x[s xs + l] for n lanes. */
static void lanes_of_data(total_t *total, const fdht_weight *w, int32_t ws, const fdht_data *x, int32_t xs, int32_t sum, int32_t n)
{
    if (n == LANES)
        data_lanes(total, w, ws, x, xs, sum, LANES);
    else if (n == LANES / 2)
        data_lanes(total, w, ws, x, xs, sum, LANES / 2);
    else
        data_lanes(total, w, ws, x, xs, sum, n);
}

/* lanes_of_weights: total[l] = sum_s x[s] w[s ws + l] for n lanes. */
static void lanes_of_weights(total_t *total, const fdht_data *x, const fdht_weight *w, int32_t ws, int32_t sum, int32_t n)
{
    if (n == LANES)
        weight_lanes(total, x, w, ws, sum, LANES);
    else if (n == LANES / 2)
        weight_lanes(total, x, w, ws, sum, LANES / 2);
    else
        weight_lanes(total, x, w, ws, sum, n);
}

/* dot is sum_s w[s] x[s]. */
static total_t dot(const fdht_weight *w, const fdht_data *x, int32_t sum)
{
    total_t total[LANES];
    int32_t s, l;
    for (l = 0; l < LANES; l++)
        total[l] = 0;
    for (s = 0; s + LANES <= sum; s += LANES)
        for (l = 0; l < LANES; l++)
            total[l] += (total_t)w[s + l] * x[s + l];
    for (l = 0; s < sum; s++, l++)
        total[l] += (total_t)w[s] * x[s];
    for (l = 1; l < LANES; l++)
        total[0] += total[l];
    return total[0];
}

/* once is a step with one place outside of the sum: y[t] = sum_s w[t, s] x[s]. */
static void once(fdht_data *y, const fdht_data *x, const fdht_weight *w, const step_code *p, const int32_t *taxis, const int32_t *saxis, int32_t saxes)
{
    walk t, s;
    int32_t i, j;
    start(&t, p->taxes);
    for (i = 0; i < p->out; i++, next(&t, taxis, p->taxes)) {
        const fdht_weight *row = w + t.offset;
        total_t total = 0;
        if (saxes == 1 && saxis[1] == 1) {
            total = dot(row, x, p->sum);
        } else {
            start(&s, saxes);
            for (j = 0; j < p->sum; j++, next(&s, saxis, saxes))
                total += (total_t)row[s.offset] * x[j];
        }
        y[i * p->yt] = stored(total, p->shift);
    }
}

/* contract multiplies the data x [outer, sum, inner] with a factor w[t, s] = w[t wt + s ws]:
 *     y[o youter + t yt + i yinner] = sum_s w[t, s] x[o, s, i] */
static void contract(fdht_data *y, const fdht_data *x, const fdht_weight *w, int32_t wt, int32_t ws, const step_code *p)
{
    total_t total[LANES];
    int32_t o, t, i, l, n;
    for (o = 0; o < p->outer; o++, x += p->sum * p->inner, y += p->youter) {
        if (p->inner == 1) {
            for (t = 0; t < p->out; t += LANES) {
                n = p->out - t < LANES ? p->out - t : LANES;
                lanes_of_weights(total, x, w + t, ws, p->sum, n);
                for (l = 0; l < n; l++)
                    y[(t + l) * p->yt] = stored(total[l], p->shift);
            }
            continue;
        }
        for (t = 0; t < p->out; t++) {
            for (i = 0; i < p->inner; i += LANES) {
                n = p->inner - i < LANES ? p->inner - i : LANES;
                lanes_of_data(total, w + t * wt, ws, x + i, p->inner, p->sum, n);
                for (l = 0; l < n; l++)
                    y[t * p->yt + (i + l) * p->yinner] = stored(total[l], p->shift);
            }
        }
    }
}

/* step does one step for a block of x and returns where the program goes on. *x becomes the result, in the buffer that *to names. */
static const int32_t *step(fdht_state *s, const int32_t *code, int32_t block, const fdht_data **x, int32_t *to)
{
    const int32_t *const program = s->model.program;
    const int32_t *taxis, *saxis;
    const fdht_weight *w;
    fdht_data *y;
    step_code p;
    int32_t saxes;
    if (code[0] > 0) {
        y = s->data + program[*to];
        gather(y, *x, code + 1, code[0]);
        *x = y;
        *to = P_A + P_B - *to;
    }
    code += 1 + 2 * code[0];
    p.at = code[0], p.div = code[1], p.mod = code[2], p.stride = code[3], p.outer = code[4], p.sum = code[5], p.inner = code[6], p.out = code[7];
    p.youter = code[8], p.yt = code[9], p.yinner = code[10], p.packed = code[11], p.shift = code[12], p.taxes = code[13];
    taxis = code + 14;
    saxes = taxis[2 * p.taxes];
    saxis = taxis + 2 * p.taxes + 1;
    w = s->model.weights + p.at + block / p.div % p.mod * p.stride;
    y = s->data + program[*to];
    if (p.outer * p.inner == 1) {
        once(y, *x, w, &p, taxis, saxis, saxes);
    } else if (!p.packed) {
        contract(y, *x, w, taxis[1], saxis[1], &p);
    } else if (p.inner == 1) {
        pack(s->pack, w, saxis, saxes, taxis, p.taxes);
        contract(y, *x, s->pack, 1, p.out, &p);
    } else {
        pack(s->pack, w, taxis, p.taxes, saxis, saxes);
        contract(y, *x, s->pack, p.sum, 1, &p);
    }
    *x = y;
    *to = P_A + P_B - *to;
    return saxis + 2 * saxes;
}

/* A matrix in the program: width of x, blocks, numbers of a block, where x begins in it, terms; then the terms. */
enum { M_WIDTH, M_BLOCKS, M_BOX, M_FIRST, M_TERMS, M_CODE };

/* multiply adds to y what a block of x, which is at P_X, adds to the product with the matrix. */
static void multiply(fdht_state *s, const int32_t *matrix, int32_t block, fdht_sum *y)
{
    const int32_t *code = matrix + M_CODE;
    int32_t term, steps;
    for (term = 0; term < matrix[M_TERMS]; term++) {
        const fdht_data *x = s->data + s->model.program[P_X];
        int32_t to = P_A;
        for (steps = *code++; steps > 0; steps--)
            code = step(s, code, block, &x, &to);
        scatter(y, x, code);
        code += 3 + 2 * code[2];
    }
}

/* product adds to y the product of a matrix with x, which is elsewhere than at P_X. */
static void product(fdht_state *s, const int32_t *matrix, const fdht_data *x, fdht_sum *y)
{
    fdht_data *to = s->data + s->model.program[P_X];
    int32_t block, i, n, left = matrix[M_WIDTH];
    for (block = 0; block < matrix[M_BLOCKS]; block++) {
        n = left < matrix[M_BOX] - matrix[M_FIRST] ? left : matrix[M_BOX] - matrix[M_FIRST];
        for (i = 0; i < matrix[M_BOX]; i++)
            to[i] = 0;
        for (i = 0; i < n; i++)
            to[matrix[M_FIRST] + i] = x[i];
        multiply(s, matrix, block, y);
        x += n;
        left -= n;
    }
}

/* layer is the table's line of a layer: input matrix, recurrent matrix, bias, hidden bias. */
static const int32_t *layer(const fdht_state *s, int32_t number) { return s->model.program + P_TABLE + 4 * number; }

static int32_t gates(int32_t kind) { return kind == 0 ? 4 : kind == 1 ? 3 : 1; }

/* begin sets pre-activations to their bias. */
static void begin(fdht_state *s, int32_t number)
{
    const int32_t *const program = s->model.program, *const line = layer(s, number);
    const int32_t rows = gates(program[P_CELL]) * program[P_HIDDEN];
    int32_t i;
    for (i = 0; i < rows; i++)
        s->sums[program[P_Z] + i] = widened(s, s->model.biases[line[2] + i]);
    if (line[3] >= 0)
        for (i = 0; i < rows; i++)
            s->sums[program[P_U] + i] = widened(s, s->model.biases[line[3] + i]);
}

/* finish does what comes after the inputs of a step. */
static void finish(fdht_state *s)
{
    const int32_t *const program = s->model.program;
    const int32_t hidden = program[P_HIDDEN];
    fdht_data *h = s->data + program[P_H];
    int32_t number, i;
    for (number = 0; number < program[P_LAYERS]; number++, h += hidden) {
        const int32_t *const line = layer(s, number);
        if (number > 0) {
            begin(s, number);
            product(s, program + line[0], h - hidden, s->sums + program[P_Z]);
        }
        if (s->steps > 0)
            product(s, program + line[1], h, s->sums + program[line[3] >= 0 ? P_U : P_Z]);
        cell(s, number, h);
    }
    h -= hidden;
    for (i = 0; i < hidden; i++)
        s->sums[program[P_POOLED] + i] = pooled(program[P_POOLING] ? s->sums[program[P_POOLED] + i] : 0, h[i]);
    s->steps++;
    s->fed = 0;
}

/* take puts the next number of the row, standardised, in its place. */
static void take(fdht_state *s, fdht_data v)
{
    const int32_t *const program = s->model.program, *const matrix = program + layer(s, 0)[0];
    fdht_data *x = s->data + program[P_X] + matrix[M_FIRST];
    int32_t i;
    if (s->fed == 0) {
        begin(s, 0);
        s->fill = s->block = 0;
    }
    if (s->fill == 0)
        for (i = 0; i < matrix[M_BOX]; i++)
            s->data[program[P_X] + i] = 0;
    x[s->fill++] = v;
    s->fed++;
    if (s->fill == matrix[M_BOX] - matrix[M_FIRST] || s->fed == program[P_INPUT]) {
        multiply(s, matrix, s->block, s->sums + program[P_Z]);
        s->block++;
        s->fill = 0;
    }
    if (s->fed == program[P_INPUT])
        finish(s);
}

void fdht_open(fdht_state *s, const fdht_model *model, fdht_data *data, fdht_sum *sums, fdht_weight *pack_memory)
{
    s->model = *model;
    s->data = data;
    s->sums = sums;
    s->pack = pack_memory;
    fdht_reset(s);
}

void fdht_reset(fdht_state *s)
{
    const int32_t *const program = s->model.program;
    const int32_t states = program[P_LAYERS] * program[P_HIDDEN];
    int32_t i;
    for (i = 0; i < states; i++)
        s->data[program[P_H] + i] = 0;
    if (program[P_CELL] == 0)
        for (i = 0; i < states; i++)
            s->sums[program[P_C] + i] = 0;
    for (i = 0; i < program[P_HIDDEN]; i++)
        s->sums[program[P_POOLED] + i] = 0;
    s->fed = s->block = s->fill = s->steps = 0;
}

int32_t fdht_rows(fdht_state *s, const float *numbers, int32_t count)
{
    int32_t i;
    if (count < 0 || count > s->model.program[P_INPUT] - s->fed || s->steps == MOST_STEPS)
        return -1;
    for (i = 0; i < count; i++)
        take(s, input(s, numbers[i], s->fed));
    return count > 0 && s->fed == 0;
}

int32_t fdht_step(fdht_state *s, const float *row) { return s->fed == 0 ? fdht_rows(s, row, s->model.program[P_INPUT]) : -1; }

/* between holds the difference of two bytes times gain within -1..1. */
static float between(const uint8_t *bytes, const uint8_t *old, int32_t i, float gain)
{
    const float v = gain * (float)(bytes[i] - old[i]);
    return v < -1 ? -1 : v > 1 ? 1 : v;
}

/* lags is how many differences a pixel has. */
static int32_t lags(const int32_t *program)
{
    const int32_t rule = program[P_PIXELS];
    return rule < 2 ? 0 : program[P_INPUT] / program[P_FRAME] - (rule == 3);
}

/* pixels takes count bytes of a frame, beside those of the frame of each lag. */
static int32_t pixels(fdht_state *s, const uint8_t *bytes, const uint8_t *const *old, int32_t count)
{
    const int32_t *const program = s->model.program;
    const float unit = s->model.numbers[0], gain = s->model.numbers[1];
    const int32_t rule = program[P_PIXELS], n = lags(program), each = n + (rule != 2);
    int32_t i, k;
    if (rule == 0 || count < 0 || count > (program[P_INPUT] - s->fed) / each || s->steps == MOST_STEPS)
        return -1;
    for (i = 0; i < count; i++) {
        if (rule != 2)
            take(s, input(s, unit * (float)bytes[i], s->fed));
        for (k = 0; k < n; k++)
            take(s, input(s, between(bytes, old[k], i, gain), s->fed));
    }
    return count > 0 && s->fed == 0;
}

int32_t fdht_pixels(fdht_state *s, const uint8_t *bytes, const uint8_t *old, int32_t count)
{
    const uint8_t *parts[MOST_LAGS];
    const int32_t *const program = s->model.program;
    const int32_t n = lags(program);
    int32_t k;
    if (count < 0 || count > program[P_FRAME] || (n > 0 && !old))
        return -1;
    for (k = 0; k < n; k++)
        parts[k] = old + k * count;
    return pixels(s, bytes, parts, count);
}
