/* Reads a clip of the host's file clip.bin, a line of pixels at a time, and prints the logits, their bits first, and the label.
 *
 * clip.bin: int32 frames; of each frame line by line the line, and for each lag the same line of the frame so long before.
 */
#include "board.h"
#include "fdht.h"

enum { LINE = FDHT_FRAME_BYTES / FDHT_HEIGHT };

static fdht_workspace memory;
static fdht_state state;
static uint8_t lines[(1 + FDHT_LAGS) * LINE]; /* one, and those that it is compared with */
static float logits[FDHT_CLASSES];

static void print_hex(uint32_t v)
{
    char text[9];
    int32_t i;
    for (i = 0; i < 8; i++)
        text[i] = "0123456789abcdef"[v >> (28 - 4 * i) & 15];
    text[8] = 0;
    board_print(text);
}

static void print_number(uint32_t v)
{
    char text[11], *p = text + 10;
    for (*p = 0; v > 9 || p == text + 10; v /= 10)
        *--p = (char)('0' + v % 10);
    if (v > 0)
        *--p = (char)('0' + v);
    board_print(p);
}

int main(void)
{
    const int32_t file = board_open("clip.bin");
    int32_t frames = 0, t, y, k, best;
    uint32_t ticks = 0;
    union {
        float value;
        uint32_t bits;
    } logit;
    if (file < 0 || !board_read(file, &frames, sizeof frames) || frames < 1) {
        board_print("clip.bin is missing or empty\n");
        return 1;
    }
    fdht_init(&state, &memory);
    for (t = 0; t < frames; t++) {
        for (y = 0; y < FDHT_HEIGHT; y++) {
            uint32_t before;
            if (!board_read(file, lines, sizeof lines)) {
                board_print("clip.bin is cut short\n");
                return 1;
            }
            before = board_ticks();
            fdht_pixels(&state, lines, lines + LINE, LINE);
            ticks += (board_ticks() - before) & 0xffffff;
        }
    }
    best = fdht_predict(&state, logits);
    for (k = 0; k < FDHT_CLASSES; k++) {
        logit.value = logits[k];
        print_hex(logit.bits);
        board_print(" ");
        board_print(fdht_label(k));
        board_print("\n");
    }
    board_print("label ");
    board_print(fdht_label(best));
    board_print("\n# clock ticks a frame: ");
    print_number(ticks / (uint32_t)frames);
    board_print("\n");
    return 0;
}
