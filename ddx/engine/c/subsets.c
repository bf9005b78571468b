/* The subset programme of noisy_or_layer.py */

#include "kernel.h"

/* made = now, then each finding switched on or not by one cause; transposed, what a cause leaves to be completed. */
INLINE void switch_links(const Subsets *s, int64_t cause, const double *now, double *RESTRICT made, int transposed)
{
    memcpy(made, now, sizeof(double) * s->size);
    for (int64_t i = s->link_start[cause]; i < s->link_start[cause + 1]; i++) {
        const int64_t step = (int64_t)1 << s->bit[i];
        const double on = s->weight[i], off = 1.0 - on;
        for (int64_t block = 0; block < s->size; block += 2 * step) {
            double *RESTRICT low = made + block, *RESTRICT high = made + block + step;
            if (transposed)
                for (int64_t j = 0; j < step; j++) low[j] = off * low[j] + on * high[j];
            else
                for (int64_t j = 0; j < step; j++) {
                    high[j] += on * low[j];
                    low[j] *= off;
                }
        }
    }
}

CLONED double run_subsets(const Subsets *s, const double *start, double *forward, double *RESTRICT made,
                          double *RESTRICT after, double *found)
{
    const double *now = start;
    for (int64_t c = 0; c < s->causes; c++) {
        double *next = forward + c * s->size;
        switch_links(s, c, now, made, 0);
        for (int64_t j = 0; j < s->size; j++) next[j] = s->absent[c] * now[j] + s->present[c] * made[j];
        now = next;
    }
    const double total = now[s->size - 1];
    memset(after, 0, sizeof(double) * s->size);
    after[s->size - 1] = 1.0;
    for (int64_t c = s->causes - 1; c >= 0; c--) {
        const double *before = c ? forward + (c - 1) * s->size : start;
        double with_it = 0.0, without = 0.0;
        switch_links(s, c, after, made, 1);
        for (int64_t j = 0; j < s->size; j++) {
            with_it += before[j] * made[j];
            without += before[j] * after[j];
        }
        with_it *= s->present[c];
        without *= s->absent[c];
        found[c] = with_it + without > 0.0 ? with_it / (with_it + without) : 0.0;
        for (int64_t j = 0; j < s->size; j++) after[j] = s->absent[c] * after[j] + s->present[c] * made[j];
    }
    return total;
}
