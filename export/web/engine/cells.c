#include "engine.h"

// exponential to about one unit in the last place: 2^n times a polynomial on |r| <= ln 2 / 2 (Cephes, expf).
static float exponential(float x) {
	if (x > 88)
		x = 88;
	if (x < -87)
		x = -87;
	float n = __builtin_rintf(x * 1.44269504088896341f);
	float r = x - n * 0.693359375f + n * 2.12194440e-4f;
	float p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	union {
		int bits;
		float value;
	} power = {((int)n + 127) << 23};
	return (p * r * r + r + 1) * power.value;
}

static float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

// hyperbolic tangent; near 0, where the quotient would lose digits, an odd polynomial (Cephes, tanhf)
static float tangent(float x) {
	float a = __builtin_fabsf(x);
	if (a >= 0.625f) {
		float t = 1 - 2 / (exponential(2 * a) + 1);
		return x < 0 ? -t : t;
	}
	float s = x * x;
	float p = -5.70498872745e-3f;
	p = p * s + 2.06390887954e-2f;
	p = p * s - 5.37397155531e-2f;
	p = p * s + 1.33314422036e-1f;
	p = p * s - 3.33332819422e-1f;
	return x + x * s * p;
}

// gates i, f, g, o: c = f c + i g, h = o tanh(c)
void lstm(float *z, float *c, float *h, u32 H) {
	for (u32 k = 0; k < H; k++) {
		c[k] = sigmoid(z[H + k]) * c[k] + sigmoid(z[k]) * tangent(z[2 * H + k]);
		h[k] = sigmoid(z[3 * H + k]) * tangent(c[k]);
	}
}

// gates r, z, n: h = (1 - z) tanh(z_n + r u_n) + z h
void gru(float *z, const float *u, float *h, u32 H) {
	for (u32 k = 0; k < H; k++) {
		float r = sigmoid(z[k] + u[k]), keep = sigmoid(z[H + k] + u[H + k]);
		h[k] = (1 - keep) * tangent(z[2 * H + k] + r * u[2 * H + k]) + keep * h[k];
	}
}

void elman(const float *z, float *h, u32 H) {
	for (u32 k = 0; k < H; k++)
		h[k] = tangent(z[k]);
}
