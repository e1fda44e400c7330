/* What comes before main on an ARMv7-M, and the way out through a debugger or emulator (semihosting). */
#include "board.h"

extern uint32_t data_begin[], data_end[], data_from[], bss_begin[], bss_end[], stack_top[];

int main(void);
void reset(void);

static volatile uint32_t *word(uint32_t address) { return (volatile uint32_t *)address; }

static int32_t host(uint32_t call, const void *argument)
{
    register uint32_t r0 __asm__("r0") = call;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

int32_t board_open(const char *path)
{
    uint32_t n = 0;
    while (path[n])
        n++;
    {
        const uint32_t call[] = {(uint32_t)path, 1, n}; /* for reading, binary */
        return host(0x01, call);
    }
}

int32_t board_read(int32_t file, void *to, uint32_t count)
{
    const uint32_t call[] = {(uint32_t)file, (uint32_t)to, count};
    return host(0x06, call) == 0; /* what is left to read */
}

void board_print(const char *text) { host(0x04, text); }

void board_exit(int32_t failed)
{
    host(0x18, (const void *)(failed ? 0x20023 : 0x20026)); /* run time error; stopped in order */
    for (;;)
        ;
}

/* SysTick counts the processor's clock down from 2^24 - 1. */
uint32_t board_ticks(void) { return 0xffffff - *word(0xe000e018); }

void reset(void)
{
    uint32_t *to, *from;
    *word(0xe000ed88) |= 0xf << 20; /* the floating-point unit on */
    __asm__ volatile("dsb\n isb");
    for (to = data_begin, from = data_from; to < data_end;)
        *to++ = *from++;
    for (to = bss_begin; to < bss_end;)
        *to++ = 0;
    *word(0xe000e014) = 0xffffff;
    *word(0xe000e018) = 0;
    *word(0xe000e010) = 5;
    board_exit(main());
}

static void fault(void)
{
    board_print("fault\n");
    board_exit(1);
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    handler handlers[15];
} vectors = {stack_top, {reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault}};

/* What a compiler may call. */
void *memset(void *to, int value, uint32_t n)
{
    uint8_t *p = to;
    while (n-- > 0)
        *p++ = (uint8_t)value;
    return to;
}

void *memcpy(void *to, const void *from, uint32_t n)
{
    uint8_t *p = to;
    const uint8_t *q = from;
    while (n-- > 0)
        *p++ = *q++;
    return to;
}
