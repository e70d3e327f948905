// SPDX-License-Identifier: MIT
/*
 * Init or exit sleeps where no signal wakes it (D state), for a time or until somebody writes to "wake": the
 * parameters can be reached while either of them runs.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/module.h>
#include "kmodd_sleep.h"

static int init_seconds;
module_param(init_seconds, int, 0444);
MODULE_PARM_DESC(init_seconds, "how long init sleeps; negative: until wake is written");

static unsigned int init_ms;
module_param(init_ms, uint, 0444);
MODULE_PARM_DESC(init_ms, "how many milliseconds init sleeps before that; nothing ends them early");

static int exit_seconds;
module_param(exit_seconds, int, 0644);
MODULE_PARM_DESC(exit_seconds, "how long exit sleeps; negative: until wake is written");

static int result;
module_param(result, int, 0444);
MODULE_PARM_DESC(result, "what init returns after its sleep");

static DECLARE_COMPLETION(woken);

static int wake_set(const char *value, const struct kernel_param *kp)
{
	complete(&woken);
	return 0;
}

static const struct kernel_param_ops wake_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = wake_set,
};
module_param_cb(wake, &wake_ops, NULL, 0200);
MODULE_PARM_DESC(wake, "each write ends one sleep, this or the next");

void kmodd_sleep_used(void)
{
}
EXPORT_SYMBOL_GPL(kmodd_sleep_used);

static void sleep_for(int seconds)
{
	if (seconds < 0)
		wait_for_completion(&woken);
	else
		wait_for_completion_timeout(&woken, seconds * HZ);
}

static int __init kmodd_sleep_init(void)
{
	msleep(init_ms);
	sleep_for(init_seconds);
	return result;
}
module_init(kmodd_sleep_init);

static void __exit kmodd_sleep_exit(void)
{
	sleep_for(exit_seconds);
}
module_exit(kmodd_sleep_exit);

MODULE_DESCRIPTION("kmodd's tests: init or exit sleeps");
MODULE_LICENSE("Dual MIT/GPL");
