
void fdht_forget(fdht_ring *ring) { ring->seen = ring->next = 0; }

void fdht_keep(fdht_ring *ring, const uint8_t *frame)
{
    int32_t i;
    for (i = 0; i < FDHT_FRAME_BYTES; i++)
        ring->frames[ring->next][i] = frame[i];
    ring->next = (ring->next + 1) % FDHT_LONGEST_LAG;
    if (ring->seen < FDHT_LONGEST_LAG)
        ring->seen++;
}

int32_t fdht_frame(fdht_state *s, fdht_ring *ring, const uint8_t *frame)
{
    static const int32_t lag[FDHT_LAGS] = {FDHT_LAG};
    const uint8_t *old[FDHT_LAGS];
    int32_t k, done = -1;
    for (k = 0; k < FDHT_LAGS; k++) {
        const int32_t back = lag[k] < ring->seen ? lag[k] : ring->seen;
        old[k] = back == 0 ? frame : ring->frames[(ring->next + FDHT_LONGEST_LAG - back) % FDHT_LONGEST_LAG];
    }
    if (s->fed == 0)
        done = pixels(s, frame, old, FDHT_FRAME_BYTES);
    fdht_keep(ring, frame);
    return done;
}
