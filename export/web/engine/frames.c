#include "engine.h"

// A picture of the browser, [h][w] RGBA bytes, becomes a frame [H][W][C] of bytes by the steps of package video: grey is made first
// (Rec. 601 luma), then it is resampled, with the area each target pixel covers when it shrinks and linearly when it grows.

// span is what one target position takes: count source positions from at on; count weights from weight on.
struct span {
	u32 at, count;
	float *weight;
};

static u8 *base;                 // memory behind everything else, for what depends on the picture's size
static u8 *picture;              // [h][w] RGBA
static u32 picture_h, picture_w; // 0: none yet
static struct span *rows, *columns;
static float *line, *sum; // [W*C] one resampled source row; a target row
static u8 *frames, *seen; // [frames][H][W][C]; RGBA [H][W]

static u32 channels(void) { return head->kind == RGB ? 3 : 1; }
static u32 frame_size(void) { return head->height * head->width * channels(); }

static double lesser(double a, double b) { return a < b ? a : b; }
static double greater(double a, double b) { return a > b ? a : b; }

// tint cuts a value to a byte.
static u8 tint(float v) { return v < 0 ? 0 : v > 255 ? 255 : (u8)v; }

// weights fills the spans from one length to another and returns the end of the weights.
static float *weights(struct span *s, float *w, u32 from, u32 to) {
	double scale = (double)from / (double)to;
	for (u32 i = 0; i < to; i++, w += s->count, s++) {
		s->weight = w;
		if (to > from) { // the two source positions around the target's centre
			double x = lesser(greater(((double)i + 0.5) * scale - 0.5, 0), (double)(from - 1));
			u32 at = (u32)x;
			if (from < 2) {
				*s = (struct span){0, 1, w};
				w[0] = 1;
				continue;
			}
			if (at > from - 2)
				at = from - 2;
			*s = (struct span){at, 2, w};
			w[1] = (float)(x - (double)at);
			w[0] = 1 - w[1];
			continue;
		}
		double lo = (double)i * scale, hi = (double)(i + 1) * scale;
		u32 at = (u32)lo, end = (u32)(hi + 0.999999);
		if (end > from)
			end = from;
		*s = (struct span){at, end - at, w};
		for (u32 k = at; k < end; k++) {
			double part = lesser(hi, (double)(k + 1)) - greater(lo, (double)k);
			w[k - at] = (float)(greater(part, 0) / scale);
		}
	}
	return w;
}

// source makes room for a picture of h x w and returns where its bytes go; 0 when there is none.
EXPORT(source) u8 *source(u32 h, u32 w) {
	if (h == picture_h && w == picture_w)
		return picture;
	u32 H = head->height, W = head->width;
	if (!frames) {
		frames = room(head->frames * frame_size());
		seen = room(4 * H * W);
		line = room(4 * W * channels());
		sum = room(4 * W * channels());
		rows = room(sizeof(struct span) * H);
		columns = room(sizeof(struct span) * W);
		base = room(0);
		if (!frames || !seen || !line || !sum || !rows || !columns || !base)
			return 0;
	}
	// At most two positions more than the source has when it shrinks, two a target when it grows.
	u32 floats = h + w + 2 * (H + W) + 4;
	static u32 have;
	u32 need = 4 * floats + 4 * h * w;
	if (need > have) {
		if (!room(need - have))
			return 0;
		have = need;
	}
	float *end = weights(rows, (float *)base, h, H);
	weights(columns, end, w, W);
	picture_h = h, picture_w = w;
	return picture = base + 4 * floats;
}

// across resamples a source row of C bytes a pixel, step bytes apart.
static void across(const u8 *src, u32 C, u32 step) {
	for (u32 x = 0; x < head->width; x++)
		for (u32 c = 0; c < C; c++) {
			float s = 0;
			const u8 *p = src + columns[x].at * step + c;
			for (u32 k = 0; k < columns[x].count; k++, p += step)
				s += columns[x].weight[k] * (float)*p;
			line[x * C + c] = s;
		}
}

EXPORT(frame) u8 *frame(u32 n) { return frames + n * frame_size(); }

// shape makes frame n of the picture, which it uses up.
EXPORT(shape) void shape(u32 n) {
	u32 C = channels(), step = 4, width = head->width * C;
	if (C == 1) {
		step = 1;
		for (u32 i = 0; i < picture_h * picture_w; i++) {
			const u8 *p = picture + 4 * i;
			picture[i] = (u8)((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + (1u << 15)) >> 16);
		}
	}
	u8 *out = frame(n);
	for (u32 y = 0; y < head->height; y++, out += width) {
		for (u32 i = 0; i < width; i++)
			sum[i] = 0;
		for (u32 k = 0; k < rows[y].count; k++) {
			across(picture + (rows[y].at + k) * picture_w * step, C, step);
			for (u32 i = 0; i < width; i++)
				sum[i] += rows[y].weight[k] * line[i];
		}
		for (u32 i = 0; i < width; i++)
			out[i] = tint(sum[i] + 0.5f);
	}
}

static u32 older[8]; // the frame that each difference is to

// before says which frame the differences of lag number k are to.
EXPORT(before) void before(u32 k, u32 n) { older[k & 7] = n; }

// difference is that of byte i of a frame to the frame of lag number k, times scale, within -1..1.
static float difference(const u8 *a, u32 k, u32 i, float scale) {
	float d = scale * (float)((int)a[i] - (int)frame(older[k])[i]);
	return d > 1 ? 1 : d < -1 ? -1 : d;
}

// row makes the input row of a frame beside those it is compared with, and the picture of it that people see: differences are
// lighter and darker than a middle grey, or warm and cold on the grey of the frame. Of several the first is in red, the last in blue.
EXPORT(row) u8 *row(u32 now) {
	union {
		u32 bits;
		float value;
	} gain = {head->gain};
	const float unit = 1.0f / 255, scale = gain.value * unit;
	const u32 C = channels(), pixels = head->height * head->width;
	const u8 *a = frame(now);
	float *x = memory + head->x;
	u8 *p = seen;
	if (head->kind == RGB || head->kind == GREY) {
		for (u32 i = 0; i < pixels * C; i++)
			x[i] = unit * a[i];
		for (u32 i = 0; i < pixels; i++, a += C, p += 4)
			p[0] = a[0], p[1] = a[C / 2], p[2] = a[C - 1], p[3] = 255;
		return seen;
	}
	const u32 each = head->inputs / pixels, lags = each - (head->kind == GREY_DIFF);
	for (u32 i = 0; i < pixels; i++, x += each, p += 4) {
		float *d = x + each - lags;
		for (u32 k = 0; k < lags; k++)
			d[k] = difference(a, k, i, scale);
		p[3] = 255;
		if (head->kind == DIFF) {
			p[0] = tint(127.5f + 127.5f * d[0]), p[1] = tint(127.5f + 127.5f * d[lags / 2]), p[2] = tint(127.5f + 127.5f * d[lags - 1]);
		} else {
			x[0] = unit * a[i];
			p[0] = tint(a[i] + 160 * d[0]), p[1] = a[i], p[2] = tint(a[i] - 160 * d[lags - 1]);
		}
	}
	return seen;
}
