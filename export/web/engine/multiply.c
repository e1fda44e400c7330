#include "engine.h"

typedef float v4 __attribute__((vector_size(16)));
typedef float v4_any __attribute__((vector_size(16), aligned(4))); // at any float

static inline v4 load(const float *p, u32 n) {
	if (n == 4)
		return *(const v4_any *)p;
	return (v4){p[0], n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, 0};
}

static inline void store(float *p, v4 v, u32 n) {
	if (n == 4) {
		*(v4_any *)p = v;
		return;
	}
	for (u32 i = 0; i < n; i++)
		p[i] = v[i];
}

// tile is rows x 4 vecs of c; the last vector has only tail columns. With constants it is all in registers.
static inline __attribute__((always_inline)) void tile(u32 rows, u32 vecs, u32 tail, float *c, u32 c_row, const float *a, u32 a_row, u32 a_col,
                                                       const float *b, u32 b_row, u32 K, u32 add) {
	v4 sum[4][8] = {0};
#define WIDTH(j) ((j) + 1 < vecs ? 4 : tail)
	if (add) {
#pragma clang loop unroll(full)
		for (u32 i = 0; i < rows; i++)
#pragma clang loop unroll(full)
			for (u32 j = 0; j < vecs; j++)
				sum[i][j] = load(c + i * c_row + 4 * j, WIDTH(j));
	}
#pragma clang loop unroll(disable)
	for (u32 k = 0; k < K; k++, a += a_col, b += b_row) {
		v4 w[8];
#pragma clang loop unroll(full)
		for (u32 j = 0; j < vecs; j++)
			w[j] = load(b + 4 * j, WIDTH(j));
#pragma clang loop unroll(full)
		for (u32 i = 0; i < rows; i++) {
			float f = a[i * a_row];
			v4 s = {f, f, f, f};
#pragma clang loop unroll(full)
			for (u32 j = 0; j < vecs; j++)
				sum[i][j] += s * w[j];
		}
	}
#pragma clang loop unroll(full)
	for (u32 i = 0; i < rows; i++)
#pragma clang loop unroll(full)
		for (u32 j = 0; j < vecs; j++)
			store(c + i * c_row + 4 * j, sum[i][j], WIDTH(j));
#undef WIDTH
}

// strip is all rows of some columns.
#define STRIP(name, vecs, tail)                                                                                                          \
	static void name(float *c, u32 c_row, const float *a, u32 a_row, u32 a_col, const float *b, u32 b_row, u32 M, u32 K, u32 add) {      \
		for (; M >= 4; M -= 4, a += 4 * a_row, c += 4 * c_row)                                                                           \
			tile(4, vecs, tail, c, c_row, a, a_row, a_col, b, b_row, K, add);                                                            \
		for (; M > 0; M--, a += a_row, c += c_row)                                                                                       \
			tile(1, vecs, tail, c, c_row, a, a_row, a_col, b, b_row, K, add);                                                            \
	}

STRIP(eight, 2, 4)
STRIP(four, 1, 4)
STRIP(three, 1, 3)
STRIP(two, 1, 2)
STRIP(one, 1, 1)

// dot is the product of two runs of adjacent numbers.
static float dot(const float *a, const float *b, u32 n) {
	v4 sum = {0};
	for (; n >= 4; n -= 4, a += 4, b += 4)
		sum += load(a, 4) * load(b, 4);
	float s = sum[0] + sum[1] + sum[2] + sum[3];
	for (; n > 0; n--)
		s += *a++ * *b++;
	return s;
}

void multiply(float *c, u32 c_row, const float *a, u32 a_row, u32 a_col, const float *b, u32 b_row, u32 M, u32 N, u32 K, u32 add) {
	if (N == 1 && a_col == 1 && b_row == 1) {
		for (u32 i = 0; i < M; i++) {
			float s = dot(a + i * a_row, b, K);
			c[i * c_row] = add ? c[i * c_row] + s : s;
		}
		return;
	}
	if (M == 1) // one row has few sums to keep the machine busy with: more columns at once
		for (; N >= 32; N -= 32, b += 32, c += 32)
			tile(1, 8, 4, c, c_row, a, a_row, a_col, b, b_row, K, add);
	for (; N >= 8; N -= 8, b += 8, c += 8)
		eight(c, c_row, a, a_row, a_col, b, b_row, M, K, add);
	if (N >= 4) {
		four(c, c_row, a, a_row, a_col, b, b_row, M, K, add);
		N -= 4, b += 4, c += 4;
	}
	if (N == 3)
		three(c, c_row, a, a_row, a_col, b, b_row, M, K, add);
	else if (N == 2)
		two(c, c_row, a, a_row, a_col, b, b_row, M, K, add);
	else if (N == 1)
		one(c, c_row, a, a_row, a_col, b, b_row, M, K, add);
}
