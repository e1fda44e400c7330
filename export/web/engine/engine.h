// The engine of the exported page: a small machine that runs the program which package web writes for a model. One instance of the
// module runs one model. Freestanding C, compiled for WebAssembly by build.sh, with vectors of four where the compiler has them.
#ifndef ENGINE_H
#define ENGINE_H

typedef unsigned char u8;
typedef unsigned int u32;

// EXPORT makes a function visible to the page.
#define EXPORT(name) __attribute__((export_name(#name)))

// What a program begins with. Numbers without another word are words; places are floats from the start of the memory.
struct head {
	u32 words, weights, memory;                 // of the program, of the weights behind it, of the memory that both want
	u32 inputs, rows, classes, slots;           // I, M, C; how many frames' input halves are kept
	u32 x, z, slot, logits;                     // places: of the input row [I], of W_x x + b [M], of the kept ones [slots][M], of the logits [C]
	u32 scales, mean, inverse;                  // entries of the standardisation: 0, 1 or I; their places
	u32 setup, input, step, reset;              // where in the program its parts begin
	u32 kind, height, width, frames, gain;      // frames: rgb, grey, diff or grey+diff; how many are kept; the bits of a float
};

enum kind { RGB, GREY, DIFF, GREY_DIFF };

// Instructions, each a word with its operands behind it. Package web says what they are.
enum { END, COPY, MUL, CLEAR, LSTM, GRU, RNN, MEAN };

extern const struct head *head;
extern float *memory;

void *room(u32 bytes);
void run(u32 at);

// c[M,N] = a[M,K] b[K,N], or added to c. Strides in floats; the columns of b and c are adjacent.
void multiply(float *c, u32 c_row, const float *a, u32 a_row, u32 a_col, const float *b, u32 b_row, u32 M, u32 N, u32 K, u32 add);

// The cells in place: z [G][H] pre-activations, h and c [H] states.
void lstm(float *z, float *c, float *h, u32 H);
void gru(float *z, const float *u, float *h, u32 H);
void elman(const float *z, float *h, u32 H);

#endif
