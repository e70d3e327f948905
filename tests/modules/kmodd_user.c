// SPDX-License-Identifier: MIT
/* It needs a symbol of kmodd_sleep: kmodd_sleep is its dependency, and it is a holder of kmodd_sleep. */
#include <linux/module.h>
#include "kmodd_sleep.h"

static int __init kmodd_user_init(void)
{
	kmodd_sleep_used();
	return 0;
}
module_init(kmodd_user_init);

static void __exit kmodd_user_exit(void)
{
}
module_exit(kmodd_user_exit);

MODULE_DESCRIPTION("kmodd's tests: needs kmodd_sleep");
MODULE_LICENSE("Dual MIT/GPL");
