// SPDX-License-Identifier: MIT
/* It has no exit function, so the kernel never lets it go. */
#include <linux/module.h>

static int __init kmodd_no_exit_init(void)
{
	return 0;
}
module_init(kmodd_no_exit_init);

MODULE_DESCRIPTION("kmodd's tests: a module without an exit function");
MODULE_LICENSE("Dual MIT/GPL");
