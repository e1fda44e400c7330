#include "engine.h"

const struct head *head;
float *memory;
static const u32 *code;
static u32 steps; // taken since the sequence began

extern u8 __heap_base; // the linker's: where free memory begins
static u32 used;       // up to where it is taken

// room takes memory, zeros, aligned for vectors; 0 when there is none.
EXPORT(room) void *room(u32 bytes) {
	u32 at = used ? used : (u32)&__heap_base;
	at = (at + 15) & ~15u;
	u32 have = __builtin_wasm_memory_size(0) << 16;
	if (bytes > 1u << 31 || at > 1u << 31)
		return 0;
	if (at + bytes > have && __builtin_wasm_memory_grow(0, (at + bytes - have + 65535) >> 16) == ~0ul)
		return 0;
	used = at + bytes;
	return (void *)at;
}

// memset is what the compiler calls to clear an array.
void *memset(void *dst, int value, unsigned long n) {
	for (u8 *p = dst; n > 0; n--)
		*p++ = (u8)value;
	return dst;
}

// copy fills dst, dense, from a strided tensor: axes is their number, then size and stride of each, the first slowest.
static void copy(float *dst, const float *src, u32 add, const u32 *axes) {
	u32 n = *axes++, at[32] = {0};
	u32 last = axes[2 * n - 2], stride = axes[2 * n - 1];
	for (;;) {
		if (add)
			for (u32 i = 0; i < last; i++)
				dst[i] += src[i * stride];
		else
			for (u32 i = 0; i < last; i++)
				dst[i] = src[i * stride];
		dst += last;
		u32 k = n - 1;
		for (;; k--) {
			if (k == 0)
				return;
			src += axes[2 * k - 1];
			if (++at[k - 1] < axes[2 * k - 2])
				break;
			src -= axes[2 * k - 1] * axes[2 * k - 2];
			at[k - 1] = 0;
		}
	}
}

// products multiplies for every combination of the loops: how many there are, then size and strides of c, a, b of each.
static void products(const u32 *w) {
	float *c = memory + w[0];
	const float *a = memory + w[1], *b = memory + w[2];
	const u32 *loop = w + 12;
	u32 n = w[11], at[32] = {0};
	for (;;) {
		multiply(c, w[7], a, w[8], w[9], b, w[10], w[4], w[5], w[6], w[3]);
		u32 k = n;
		for (;; k--) {
			if (k == 0)
				return;
			const u32 *l = loop + 4 * (k - 1);
			c += l[1], a += l[2], b += l[3];
			if (++at[k - 1] < l[0])
				break;
			c -= l[1] * l[0], a -= l[2] * l[0], b -= l[3] * l[0];
			at[k - 1] = 0;
		}
	}
}

// mean writes the mean of the states so far.
static void mean(float *dst, float *sum, const float *h, u32 n) {
	float share = 1 / (float)(steps + 1);
	for (u32 i = 0; i < n; i++) {
		sum[i] += h[i];
		dst[i] = sum[i] * share;
	}
}

// run executes from a word of the program on.
void run(u32 at) {
	for (const u32 *w = code + at;;) {
		switch (*w++) {
		case COPY: // dst src add axes...
			copy(memory + w[0], memory + w[1], w[2], w + 3);
			w += 4 + 2 * w[3];
			break;
		case MUL: // c a b add M N K c_row a_row a_col b_row loops...
			products(w);
			w += 12 + 4 * w[11];
			break;
		case CLEAR: // dst n
			for (u32 i = 0; i < w[1]; i++)
				memory[w[0] + i] = 0;
			w += 2;
			break;
		case LSTM: // z c h H
			lstm(memory + w[0], memory + w[1], memory + w[2], w[3]);
			w += 4;
			break;
		case GRU: // z u h H
			gru(memory + w[0], memory + w[1], memory + w[2], w[3]);
			w += 4;
			break;
		case RNN: // z h H
			elman(memory + w[0], memory + w[1], w[2]);
			w += 3;
			break;
		case MEAN: // dst sum h H
			mean(memory + w[0], memory + w[1], memory + w[2], w[3]);
			w += 4;
			break;
		default:
			return;
		}
	}
}

// start takes a program with its weights behind it and readies them; 0 when the memory is not to be had.
EXPORT(start) u32 start(const u32 *program) {
	head = (const struct head *)program;
	code = program;
	memory = room(4 * head->memory);
	if (!memory)
		return 0;
	const float *weights = (const float *)(program + head->words);
	for (u32 i = 0; i < head->weights; i++)
		memory[i] = weights[i];
	run(head->setup);
	return 1;
}

EXPORT(input) float *input(void) { return memory + head->x; }
EXPORT(logits) float *logits(void) { return memory + head->logits; }

// put standardises the input row and keeps W_x x + b in a slot.
EXPORT(put) void put(u32 slot) {
	float *x = memory + head->x;
	const float *mean = memory + head->mean, *inverse = memory + head->inverse;
	if (head->scales == 1)
		for (u32 i = 0; i < head->inputs; i++)
			x[i] = x[i] * inverse[0] - mean[0] * inverse[0];
	else if (head->scales > 1)
		for (u32 i = 0; i < head->inputs; i++)
			x[i] = (x[i] - mean[i]) * inverse[i];
	run(head->input);
	float *kept = memory + head->slot + slot * head->rows;
	for (u32 i = 0; i < head->rows; i++)
		kept[i] = memory[head->z + i];
}

// reset begins a sequence.
EXPORT(reset) void reset(void) {
	steps = 0;
	run(head->reset);
}

// step goes on with what put left in a slot; logits are those of the sequence so far.
EXPORT(step) void step(u32 slot) {
	const float *kept = memory + head->slot + slot * head->rows;
	for (u32 i = 0; i < head->rows; i++)
		memory[head->z + i] = kept[i];
	run(head->step);
	steps++;
}
