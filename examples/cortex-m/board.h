#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

int32_t board_open(const char *path);                          /* a file of the host, -1 when there is none */
int32_t board_read(int32_t file, void *to, uint32_t count);    /* 1 when all of it was read */
void board_print(const char *text);
void board_exit(int32_t failed);
uint32_t board_ticks(void);                                    /* of the clock, modulo 2^24 */

#endif
