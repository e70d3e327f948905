/* SPDX-License-Identifier: MIT */
#ifndef KMODD_SLEEP_H
#define KMODD_SLEEP_H

/* What makes kmodd_user need kmodd_sleep. */
void kmodd_sleep_used(void);

#endif
